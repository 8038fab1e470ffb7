package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/finish"
	"github.com/qaplan/qaplan/state"
)

// Canceller asks the service to end a job. Cancelling one that has ended does
// no harm.
type Canceller interface {
	CancelJob(ctx context.Context, name string) error
}

// CancelEnd is how one cancellation ended.
type CancelEnd string

const (
	// CancelEnded: the job is over.
	CancelEnded CancelEnd = "cancelled"
	// CancelTaken: the service accepted the cancel, and the job has not ended yet.
	CancelTaken CancelEnd = "asked"
	// CancelMarked: it is not known whether there is a job; nothing is sent for
	// the batch again.
	CancelMarked CancelEnd = "marked"
	// CancelLate: the job had ended by itself, and stays as it is.
	CancelLate CancelEnd = "ended"
	// CancelFailed: the service did not take the wish.
	CancelFailed CancelEnd = "failed"
	// CancelOpen: the run was interrupted before its turn.
	CancelOpen CancelEnd = "open"
)

// CancelResult is one cancellation and its end. Err is set for CancelFailed.
type CancelResult struct {
	planner.Cancellation
	End CancelEnd
	Err error
}

// PlanCancel lists what a cancel of those batches, and of those single jobs,
// would concern. A job is known when a record or a label of this state names
// it; unknown gives the others.
func (e *Engine) PlanCancel(ctx context.Context, batches []planner.Selector, jobs []string) (list []planner.Cancellation, unknown []string, err error) {
	r, err := e.survey(ctx)
	if err != nil {
		return nil, nil, err
	}
	e.shown = r
	known := map[string]bool{}
	former := formerAddresses(r.plan)
	for i := range r.items {
		it := &r.items[i]
		from, renamed := former[it.Address]
		if !renamed {
			from = it.Address
		}
		all := slices.ContainsFunc(batches, func(s planner.Selector) bool { return s.Contains(it.Address) || s.Contains(from) })
		for _, c := range it.Cancellations(r.observed.Recorded.Batches[from]) {
			if all || c.Job != "" && slices.Contains(jobs, c.Job) {
				list = append(list, c)
			}
		}
		for _, name := range it.Jobs() {
			known[name] = true
		}
	}
	for _, name := range jobs {
		if !known[name] {
			unknown = append(unknown, name)
		}
	}
	return list, unknown, nil
}

// formerAddresses gives the batches of a renamed block the addresses that they
// are recorded under until an apply: a person may name either.
func formerAddresses(p *planner.Plan) map[planner.Address]planner.Address {
	former := map[planner.Address]planner.Address{}
	for i := range p.Changes {
		var from planner.Address
		if c := &p.Changes[i]; c.Detail.From != "" && from.UnmarshalText([]byte(c.Detail.From)) == nil {
			former[c.Address] = from
		}
	}
	return former
}

// Cancel carries out what PlanCancel listed, one by one: the wish is durable
// before its call. It returns an error only when something could not be
// recorded; what was not reached then, or after an interrupt, is open.
func (e *Engine) Cancel(ctx context.Context, service Canceller, list []planner.Cancellation) ([]CancelResult, error) {
	r := e.shown
	e.shown = nil
	results := make([]CancelResult, len(list))
	for i := range list {
		results[i] = CancelResult{Cancellation: list[i], End: CancelOpen}
	}
	if err := e.adoptFor(r, list); err != nil {
		return results, err
	}
	for i := range results {
		if ctx.Err() != nil {
			break
		}
		if err := e.cancelOne(finish.Context(ctx), service, &results[i]); err != nil {
			return results, err
		}
	}
	return results, nil
}

// adoptFor records what the listing taught, and the jobs of the batches that no
// record names yet: a cancel of a job is remembered with its attempt.
func (e *Engine) adoptFor(r *round, list []planner.Cancellation) error {
	if err := e.record(r); err != nil {
		return err
	}
	adoptions := *r.plan
	adoptions.Changes = slices.Clone(r.plan.Changes)
	adoptions.AdoptOnly()
	adoptions.Changes = slices.DeleteFunc(adoptions.Changes, func(c planner.Change) bool {
		// An upload is adopted for a purchase, which a cancel does not want.
		return c.Detail.Job == "" && c.Detail.From == "" || !slices.ContainsFunc(list, func(l planner.Cancellation) bool { return l.Address == c.Address })
	})
	for i := range adoptions.Changes {
		adoptions.Changes[i].Detail.File = ""
	}
	if len(adoptions.Changes) == 0 {
		return nil
	}
	lineage, err := e.opt.Journal.Lineage()
	if err != nil {
		return fmt.Errorf("record the state's lineage: %w", err)
	}
	e.lineage6 = (&planner.Recorded{Lineage: lineage}).Lineage6()
	reduced := *r
	reduced.plan = &adoptions
	return e.takeOver(&reduced)
}

func (e *Engine) cancelOne(ctx context.Context, service Canceller, c *CancelResult) error {
	var before planner.Attempt
	unknown := false
	if rec := e.opt.Journal.Record(c.Address); rec != nil {
		unknown = c.Attempt == 0 && rec.Strange != nil
		for _, at := range rec.Attempts {
			if c.Attempt != 0 && at.Number == c.Attempt {
				before, unknown = at, at.Outcome == planner.OutcomeIntent || at.Outcome == planner.OutcomeAbsent
			}
		}
	}
	if c.Unknown && unknown {
		c.End = CancelMarked
		return e.markCancel(c, true)
	}
	if c.Job == "" {
		c.Job = before.Job // found since it was listed
	}
	if c.Job == "" {
		c.End = CancelLate
		return nil
	}
	// It may have ended while the question was on the screen.
	job, err := e.opt.Jobs.GetJob(ctx, c.Job)
	if err != nil {
		c.End, c.Err = CancelFailed, err
		return nil
	}
	if j := normaliseJob(&job); j.Final() {
		c.End, c.State = CancelLate, j.State
		return e.seeCancelled(c, &j)
	}
	if err := e.markCancel(c, true); err != nil {
		return err
	}
	if err := service.CancelJob(ctx, c.Job); err != nil {
		c.End, c.Err = CancelFailed, err
		if class := provider.ClassOf(err); class == provider.ClassRefused || class == provider.ClassQuota || class == provider.ClassGone {
			return e.markCancel(c, before.CancelAsked) // it was not taken
		}
		return nil // it may have been: the wish stands
	}
	c.End = CancelTaken
	if job, err = e.opt.Jobs.GetJob(ctx, c.Job); err != nil {
		return nil // the next listing tells
	}
	j := normaliseJob(&job)
	if c.State = j.State; j.Final() {
		c.End = CancelEnded
	}
	return e.seeCancelled(c, &j)
}

// markCancel makes the wish durable, or takes it back. A job beside the
// recorded ones has no attempt: nothing is ever bought on account of it.
func (e *Engine) markCancel(c *CancelResult, asked bool) error {
	if c.Attempt == 0 && !c.Unknown {
		return nil
	}
	rec := e.opt.Journal.Record(c.Address).Clone()
	rec.Cancel(c.Attempt, asked)
	if err := e.opt.Journal.Write("cancel_intent", state.Change{Address: c.Address, Record: rec}); err != nil {
		return fmt.Errorf("%s: record the cancel: %w", c.Address, err)
	}
	return nil
}

// seeCancelled records what the service says of the job now.
func (e *Engine) seeCancelled(c *CancelResult, j *planner.Job) error {
	if c.Attempt == 0 {
		return nil
	}
	return e.change("cancel_complete", c.Address, c.Attempt, func(_ *planner.Record, at *planner.Attempt) { at.See(j) })
}
