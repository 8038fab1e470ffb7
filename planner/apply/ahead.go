package apply

import (
	"slices"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// Ahead is what is expected to happen next, without anybody's help but a run's.
type Ahead struct {
	// Downloads are results that are ready to be fetched, and Creates batches that
	// are ready to be bought.
	Downloads, Creates int
	// Left says why other batches are not bought now, most first.
	Left []Left
	// Limits are those on active jobs and tokens, where something is to be bought.
	Limits []budget.Use
	Purses []Purse
	// Running are jobs of this state at work. First and Last are in what time the
	// first and the last of them are expected to end, zero where nothing is known.
	Running     int
	First, Last budget.Span
}

// Ahead says what follows from what Plan showed. It changes nothing.
func (e *Engine) Ahead() Ahead {
	r := e.shown
	if r == nil {
		return Ahead{}
	}
	e.weigh(r)
	var a Ahead
	var waiting []planner.Change
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		switch {
		case c.Has(planner.ActionDownload):
			a.Downloads++
		case !c.Has(planner.ActionCreate):
		case e.blocked(c):
			waiting = append(waiting, *c)
		default:
			a.Creates++
		}
	}
	a.Left = e.left(&planner.Plan{Changes: waiting})
	running := e.running(r)
	a.Running = len(running)
	a.First, a.Last = budget.Ends(durations(&r.learned.Recorded), running)
	e.mu.Lock()
	defer e.mu.Unlock()
	if a.Creates+len(waiting) > 0 {
		a.Limits = e.creates.Uses()
	}
	a.Purses = e.pursesLocked()
	return a
}

// running are the jobs of this state that are at work, as the service lists them,
// or as far as the state knows where it was not asked.
func (e *Engine) running(r *round) []budget.Running {
	live := map[string]*planner.Job{}
	for i := range r.observed.Live.Jobs {
		live[r.observed.Live.Jobs[i].Name] = &r.observed.Live.Jobs[i]
	}
	var list []budget.Running
	for _, address := range sortedAddresses(r.learned.Recorded.Batches) {
		rec := r.learned.Recorded.Batches[address]
		for i := range rec.Attempts {
			at := &rec.Attempts[i]
			job, now := live[at.Job], r.observed.Live.Last
			if !r.observed.Live.Refreshed {
				job, now = &planner.Job{State: planner.JobState(at.State)}, time.Now()
			}
			if at.Outcome != planner.OutcomeBought || at.Gone || !at.Ended.IsZero() || job == nil || !job.Active() {
				continue
			}
			list = append(list, budget.Running{Model: at.Model, Age: max(now.Sub(at.Created), 0)})
		}
	}
	return slices.Clip(list)
}
