package apply

import (
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// weigh counts what already weighs on the limits, with the sizes that finished
// batches have shown.
func (e *Engine) weigh(r *round) {
	m := e.measured(&r.observed.Recorded, sortedAddresses(r.observed.Recorded.Batches)).all
	o := budget.Observation{Since: r.mark, Active: e.activeJobs(r, &m), Ends: endsSince(r.observed.Live.Jobs, e.weighed)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.measures, e.costs.measures = m, m
	e.weighed = r.observed.Live.Last
	e.creates.Observe(time.Now(), o)
	if e.opt.Journal != nil {
		e.keepLearned()
	}
	e.uploads = planner.HighestUploads(&r.observed.Recorded, r.observed.Live.Files)
}

// measures compare estimates with what the service counted in finished batches.
type measures struct {
	all budget.Measures
	// Those of attempts that are no repair, and those that are.
	whole, repairs budget.Measures
}

// measured compares with all that the service has counted: in finished batches, and
// in samples.
func (e *Engine) measured(r *planner.Recorded, order []planner.Address) measures {
	m := measured(r, order)
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.creates.Knowledge()
	for k, s := range known.Samples() {
		m.all.Count(k, s)
	}
	return m
}

// measured goes through the batches in their order, on which sums depend.
func measured(r *planner.Recorded, order []planner.Address) (m measures) {
	for _, a := range order {
		rec := r.Batches[a]
		for i := range rec.Attempts {
			at := &rec.Attempts[i]
			if at.Answered == 0 {
				continue
			}
			f := budget.Finished{Kind: budget.Kind{Block: a.Block, Model: at.Model}, Rows: at.Rows, Answered: at.Answered, Estimate: at.Estimate, Tokens: at.Tokens}
			m.all.Add(f)
			if at.Repair {
				m.repairs.Add(f)
			} else {
				m.whole.Add(f)
			}
		}
	}
	return m
}

// activeJobs lists what counts against limits: the service's active jobs, ours
// with their own sizes, and creates that it does not show yet.
func (e *Engine) activeJobs(r *round, m *budget.Measures) []budget.Active {
	live := make(map[string]bool, len(r.observed.Live.Jobs))
	for i := range r.observed.Live.Jobs {
		live[r.observed.Live.Jobs[i].Name] = true
	}
	var active []budget.Active
	ours := map[string]budget.Estimate{}
	for a, rec := range r.observed.Recorded.Batches {
		for i := range rec.Attempts {
			at := &rec.Attempts[i]
			size := m.Input(budget.Kind{Block: a.Block, Model: at.Model}, at.Estimate)
			switch {
			case at.Outcome == planner.OutcomeIntent: // it may have bought a job
				active = append(active, budget.Active{Model: at.Model, Tokens: size})
			case at.Outcome != planner.OutcomeBought:
			case live[at.Job]:
				ours[at.Job] = size
			case !at.Gone && at.Ended.IsZero(): // bought, and not in the listing yet
				active = append(active, budget.Active{Model: at.Model, Tokens: size})
			}
		}
	}
	typical := typicalRows(e.opt.Desired.Batches)
	for i := range r.observed.Live.Jobs {
		j := &r.observed.Live.Jobs[i]
		if !j.Active() {
			continue
		}
		size, known := ours[j.Name]
		if !known {
			size = m.Foreign(j.Model, int(j.Stats.Requests), typical[j.Model])
		}
		active = append(active, budget.Active{Model: j.Model, Tokens: size})
	}
	return active
}

// typicalRows is how many tokens a row of each model's batches is estimated at.
func typicalRows(batches []planner.Batch) map[string]float64 {
	type sum struct{ tokens, rows int64 }
	sums := map[string]sum{}
	for i := range batches {
		b := &batches[i]
		s := sums[b.Model]
		sums[b.Model] = sum{s.tokens + b.Source.Tokens, s.rows + int64(b.Source.Rows)}
	}
	typical := make(map[string]float64, len(sums))
	for model, s := range sums {
		if s.rows > 0 {
			typical[model] = float64(s.tokens) / float64(s.rows)
		}
	}
	return typical
}

// slackOfEnds is how much later than its end a job may be seen to have ended.
const slackOfEnds = 15 * time.Minute

// endsSince gives when jobs of the project ended, as far as an earlier look may
// not have told.
func endsSince(jobs []planner.Job, looked time.Time) []time.Time {
	var ends []time.Time
	for i := range jobs {
		if j := &jobs[i]; j.Final() && !j.Ended.IsZero() && (looked.IsZero() || j.Ended.After(looked.Add(-slackOfEnds))) {
			ends = append(ends, j.Ended)
		}
	}
	return ends
}

// fewJobs is how many jobs of a model must have finished until their durations
// say when to look again.
const fewJobs = 3

// nextLook is when a waiting run looks at the service again: not as long as
// nothing is expected to have happened, and no later than the interval where
// something is to be settled or fetched again.
func (e *Engine) nextLook(r *round, p *planner.Plan, items []planner.Item) time.Time {
	now := time.Now()
	soon := now.Add(e.opt.PollInterval)
	speed := e.clockSpeed(now, r.observed.Live.Last)
	if speed == 0 {
		return soon
	}
	fetching := fetching(p)
	for i := range items {
		if ph := items[i].Phase; ph == planner.PhaseUnknown || ph == planner.PhaseSucceeded && fetching[items[i].Address] {
			return soon
		}
	}
	var w budget.Waiting
	for i := range p.Changes {
		c := &p.Changes[i]
		if !c.Has(planner.ActionCreate) {
			return soon
		}
		e.mu.Lock()
		d := e.deferralLocked(c)
		e.mu.Unlock()
		switch {
		case d == nil:
			return soon
		case d.until.IsZero():
			w.Finish = w.Finish || d.budget != ""
		case w.Until.IsZero() || d.until.Before(w.Until):
			w.Until = d.until
		}
	}
	history := durations(&r.observed.Recorded)
	youngest := time.Duration(-1)
	var unsure bool
	for i := range r.observed.Live.Jobs {
		j := &r.observed.Live.Jobs[i]
		if !j.Active() {
			continue
		}
		age := max(r.observed.Live.Last.Sub(j.Created), 0)
		w.Running = append(w.Running, budget.Running{Model: j.Model, Age: age})
		if youngest < 0 || age < youngest {
			youngest = age
		}
		unsure = unsure || history[j.Model] == nil || history[j.Model].Count() < fewJobs
	}
	if len(w.Running) == 0 && w.Until.IsZero() {
		return soon // what was bought is not in the listing yet
	}
	pause := budget.NextLook(now, e.opt.PollInterval, history, w).Sub(now)
	// Where little is known of durations, a job is given as long again as it has
	// taken: short ones are not kept waiting, and long ones cost few looks.
	if unsure {
		pause = min(pause, max(e.opt.PollInterval, youngest))
	}
	return now.Add(max(e.opt.PollInterval, time.Duration(float64(pause)/speed)))
}

// clockSpeed is how many seconds pass at the service for each one here, at least
// 1: in a rehearsal its clock may run fast, and jobs take as long by that clock.
// It is 0 as long as this process has looked once only.
func (e *Engine) clockSpeed(now, service time.Time) float64 {
	if e.firstLook.IsZero() {
		e.firstLook, e.firstService = now, service
		return 0
	}
	here, there := now.Sub(e.firstLook), service.Sub(e.firstService)-clockSlack
	if here <= 0 {
		return 1
	}
	return max(1, float64(there)/float64(here))
}

// durations is how long the jobs of each model took.
func durations(r *planner.Recorded) budget.History {
	h := budget.History{}
	for _, rec := range r.Batches {
		for i := range rec.Attempts {
			at := &rec.Attempts[i]
			if planner.JobState(at.State) != planner.JobSucceeded || at.Created.IsZero() || !at.Ended.After(at.Created) {
				continue
			}
			if h[at.Model] == nil {
				h[at.Model] = &budget.Durations{}
			}
			h[at.Model].Add(at.Ended.Sub(at.Created))
		}
	}
	return h
}
