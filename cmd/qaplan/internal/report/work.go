package report

import (
	"maps"
	"slices"
	"time"
)

// work follows what was at work.
func (h *history) work() Work {
	w := Work{Times: []time.Time{}, Models: []ModelWork{}, Jobs: []int64{}}
	if len(h.jobs) == 0 {
		return w
	}
	times := h.grid()
	all, ofModel := levels{}, map[string]*levels{}
	for i := range h.jobs {
		j := &h.jobs[i]
		l := ofModel[j.model]
		if l == nil {
			l = &levels{}
			ofModel[j.model] = l
		}
		to := j.to
		if to.IsZero() {
			to = h.to.Add(time.Second) // it is at work at the last of the times
		}
		for _, l := range []*levels{&all, l} {
			*l = append(*l, change{j.from, 1, j.tokens}, change{to, -1, -j.tokens})
		}
	}
	w.Times = times
	w.Jobs, _ = all.most(times)
	w.Peak = slices.Max(w.Jobs)
	for _, name := range slices.Sorted(maps.Keys(ofModel)) {
		m := ModelWork{Model: name}
		m.Jobs, m.Tokens = ofModel[name].most(times)
		m.PeakJobs, m.PeakTokens = slices.Max(m.Jobs), slices.Max(m.Tokens)
		w.Models = append(w.Models, m)
	}
	return w
}

// change is what a job adds to what is at work, or takes from it.
type change struct {
	at           time.Time
	jobs, tokens int64
}

type levels []change

// most gives the highest levels between each time and the one before, both
// included: what a limit is compared with must not fall between two points.
func (l levels) most(times []time.Time) (jobs, tokens []int64) {
	slices.SortStableFunc(l, func(a, b change) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return int(a.jobs - b.jobs) // an end makes room for a create at the same time
	})
	var nowJobs, nowTokens int64
	for _, t := range times {
		topJobs, topTokens := nowJobs, nowTokens
		for len(l) > 0 && !l[0].at.After(t) {
			nowJobs += l[0].jobs
			nowTokens += l[0].tokens
			topJobs, topTokens = max(topJobs, nowJobs), max(topTokens, nowTokens)
			l = l[1:]
		}
		jobs, tokens = append(jobs, topJobs), append(tokens, topTokens)
	}
	return jobs, tokens
}

// mostStretches bounds the bars of a chart over time.
const mostStretches = 60

// widths are lengths of time that people think in.
func widths() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 2 * day, 7 * day, 30 * day, 90 * day, 365 * day,
	}
}

// width is the shortest of them that parts a length into at most so many.
func width(length time.Duration, most int) time.Duration {
	all := widths()
	for _, w := range all {
		if length < w*time.Duration(most) {
			return w
		}
	}
	return all[len(all)-1]
}

// throughput counts what came about in each stretch.
func (h *history) throughput() Throughput {
	t := Throughput{Stretches: []Stretch{}}
	if len(h.jobs) == 0 {
		return t
	}
	first, last := h.jobs[0].from, h.jobs[0].from
	for i := range h.jobs {
		first = earliest(first, h.jobs[i].from)
		last = latest(latest(last, h.jobs[i].from), h.jobs[i].to)
	}
	every := width(last.Sub(first), mostStretches-1)
	t.EverySeconds = int64(every / time.Second)
	first = first.UTC().Truncate(every)
	n := min(int(last.Sub(first)/every)+1, 10*mostStretches)
	for i := range n {
		t.Stretches = append(t.Stretches, Stretch{From: first.Add(every * time.Duration(i))})
	}
	in := func(at time.Time) *Stretch { return &t.Stretches[min(int(at.Sub(first)/every), n-1)] }
	for i := range h.jobs {
		j := &h.jobs[i]
		in(j.from).Created++
		if !j.to.IsZero() {
			in(j.to).Ended++
			in(j.to).Rows += j.rows
		}
	}
	return t
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
