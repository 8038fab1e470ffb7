package report

import (
	"slices"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// FileLife is how long the service keeps an upload.
const FileLife = 48 * time.Hour

// points is how many times a chart over time has.
const points = 121

// step is when a batch came into a phase.
type step struct {
	at    time.Time
	phase planner.Phase
}

// job is when a job was at work.
type job struct {
	from, to     time.Time // to is zero where it has not ended
	model        string
	tokens, rows int64
}

// history is what happened when.
type history struct {
	batches  [][]step // of each item, in order of time; the first is at the zero time
	jobs     []job
	from, to time.Time
	open     bool // something is at work
}

func newHistory(f *Facts) *history {
	h := &history{batches: make([][]step, len(f.Items))}
	for i := range f.Items {
		h.batches[i] = steps(&f.Items[i])
		for _, s := range h.batches[i] {
			h.reach(s.at)
		}
	}
	attempts(f, func(_ *planner.Item, _ int, a *planner.Attempt) {
		h.reach(a.Sent)
		if !hasJob(a) || a.Created.IsZero() {
			return
		}
		j := job{from: a.Created, to: a.Ended, model: a.Model, tokens: a.Estimate, rows: int64(a.Answered)}
		switch {
		case active(a):
			h.open = true
		case j.to.IsZero():
			return // when it ended is not known
		}
		h.jobs = append(h.jobs, j)
	})
	if f.Refreshed && h.open {
		h.reach(f.Now)
	}
	return h
}

func (h *history) reach(t time.Time) {
	if t.IsZero() {
		return
	}
	if h.from.IsZero() || t.Before(h.from) {
		h.from = t
	}
	if t.After(h.to) {
		h.to = t
	}
}

// steps reads the phases of a batch from its record. The last one is the phase
// in which it is.
func steps(it *planner.Item) []step {
	list := []step{{phase: planner.PhaseAbsent}}
	add := func(at time.Time, p planner.Phase) {
		last := &list[len(list)-1]
		if at.IsZero() || p == last.phase {
			return
		}
		if at.Before(last.at) {
			at = last.at // clocks that disagree
		}
		list = append(list, step{at, p})
	}
	if rec := it.Record; rec != nil {
		uploaded := time.Time{}
		if up := rec.Upload; up != nil && up.Done && !up.Expires.IsZero() {
			uploaded = up.Expires.Add(-FileLife)
		}
		for i := range rec.Attempts {
			a := &rec.Attempts[i]
			switch {
			case a.Outcome == planner.OutcomeIntent:
				add(a.Sent, planner.PhaseUnknown)
			case hasJob(a):
				if !uploaded.IsZero() && uploaded.Before(begun(a)) && list[len(list)-1].phase == planner.PhaseAbsent {
					add(uploaded, planner.PhaseUploaded)
				}
				add(begun(a), planner.PhaseSubmitted)
				if planner.JobState(a.State) == planner.JobSucceeded {
					add(a.Ended, planner.PhaseSucceeded)
				} else {
					add(a.Ended, planner.PhaseAbsent)
				}
			}
		}
		if list[len(list)-1].phase == planner.PhaseAbsent {
			add(uploaded, planner.PhaseUploaded)
		}
		if rec.Result != nil {
			add(rec.Result.Written, planner.PhaseDone)
		}
	}
	if last := &list[len(list)-1]; last.phase != it.Phase {
		last.phase = it.Phase
	}
	return list
}

// grid gives the times of a chart, each once, none where nothing happened.
func (h *history) grid() []time.Time {
	if h.from.IsZero() {
		return nil
	}
	var times []time.Time
	add := func(t time.Time) {
		// Runs of a few seconds have charts, too.
		if t = t.UTC().Truncate(time.Millisecond); len(times) == 0 || t.After(times[len(times)-1]) {
			times = append(times, t)
		}
	}
	every := h.to.Sub(h.from) / (points - 1)
	for i := range points - 1 {
		add(h.from.Add(every * time.Duration(i)))
	}
	add(h.to.Add(time.Millisecond)) // nothing is cut off with the rest of the millisecond
	return times
}

// timeline counts the batches by phase.
func (h *history) timeline() Timeline {
	t := Timeline{Times: []time.Time{}, Phases: map[planner.Phase][]int{}}
	type move struct {
		at       time.Time
		from, to planner.Phase
	}
	var moves []move
	now := map[planner.Phase]int{}
	for _, list := range h.batches {
		now[list[0].phase]++
		for i := 1; i < len(list); i++ {
			moves = append(moves, move{list[i].at, list[i-1].phase, list[i].phase})
		}
	}
	slices.SortStableFunc(moves, func(a, b move) int { return a.at.Compare(b.at) })
	times := h.grid()
	counts := make([]map[planner.Phase]int, 0, len(times))
	for _, at := range times {
		for len(moves) > 0 && !moves[0].at.After(at) {
			now[moves[0].from]--
			now[moves[0].to]++
			moves = moves[1:]
		}
		c := map[planner.Phase]int{}
		for p, n := range now {
			c[p] = n
		}
		counts = append(counts, c)
		t.Times = append(t.Times, at)
	}
	for _, p := range planner.Phases() {
		line, seen := make([]int, len(counts)), false
		for i := range counts {
			line[i] = counts[i][p]
			seen = seen || line[i] > 0
		}
		if seen {
			t.Phases[p] = line
		}
	}
	return t
}
