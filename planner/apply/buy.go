package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state"
)

// sendWithin is how old an intent may be when its call goes out, by the wall
// clock: a machine that slept in between must not send into a listing that
// another run has settled meanwhile.
const sendWithin = 5 * time.Second

// maxRepeats is how often a refusal without a known cause is met before it
// counts as final.
const maxRepeats = 3

// buy uploads what is to be uploaded and sends the create. It returns an
// error only when something that was done could not be recorded.
func (e *Engine) buy(ctx context.Context, r *round, c *planner.Change) error {
	// A refusal may have come while it waited for its turn.
	if d := e.stillStands(c); d != nil || ctx.Err() != nil {
		e.giveBack(c)
		if d != nil {
			e.putOff(c, d)
		}
		return nil
	}
	spent, err := e.purchase(ctx, r, c)
	if !spent {
		e.giveBack(c)
	}
	return err
}

// purchase reports whether a job was, or may have been, bought.
func (e *Engine) purchase(ctx context.Context, r *round, c *planner.Change) (spent bool, err error) {
	up := c.Has(planner.ActionUpload)
	for {
		if up {
			ok, err := e.upload(ctx, r, c)
			if !ok || err != nil {
				return false, err
			}
		}
		out, err := e.create(ctx, c)
		if err != nil || out != createFileGone {
			return out == createSpent, err
		}
		e.mu.Lock()
		once := e.again[c.Address]
		e.again[c.Address] = true
		e.mu.Unlock()
		if once {
			e.failed(c.Address, errors.New("the service says twice in a row that the upload is gone; it is uploaded again in the next run"), true)
			return false, nil
		}
		if d, _ := e.admitPurchase(c); d != nil { // its place was given back with the refusal
			e.putOff(c, d)
			return false, nil
		}
		up = true
		next := *c
		next.Attempt++ // a new number for each send
		c = &next
	}
}

type createResult int

const (
	createNothing  createResult = iota // nothing was bought
	createSpent                        // a job was, or may have been, bought
	createFileGone                     // nothing was bought, since the upload is gone
)

// create buys one job: intent, call, outcome, each durable before the next.
func (e *Engine) create(ctx context.Context, c *planner.Change) (createResult, error) {
	// The call outlives an interrupt, but it does not begin after one.
	call, done, err := e.opt.Gate.Reserve(ctx)
	if err != nil {
		return createNothing, nil
	}
	done = sync.OnceFunc(done)
	defer done()
	rec := e.opt.Journal.Record(c.Address).Clone()
	if rec == nil || rec.Upload == nil || !rec.Upload.Done || rec.Upload.SHA256 != c.Detail.SHA256 {
		e.failed(c.Address, errors.New("its upload is no longer the planned one; it is planned again in the next run"), true)
		return createNothing, nil
	}
	if rec.NextNumber() > c.Attempt {
		return createNothing, nil // that attempt exists: somebody was faster
	}
	if d := e.sending(c); d != nil {
		e.putOff(c, d)
		return createNothing, nil
	}
	want := e.want(c.Address)
	began := time.Now().Round(0)
	at := e.newAttempt(rec, c, began)
	if err := e.opt.Journal.Write("create_intent", state.Change{Address: c.Address, Record: rec}); err != nil {
		return createNothing, fmt.Errorf("%w; nothing was sent", err)
	}
	e.mu.Lock()
	e.reran[c.Address] = e.reran[c.Address] || at.Rerun
	e.mine[c.Address] = append(e.mine[c.Address], at.Number)
	e.mu.Unlock()
	e.emit(Event{Type: EventCreateIntent, Address: &c.Address, Attempt: at.Number, File: at.File})
	if time.Now().Round(0).Sub(began) > sendWithin {
		return createNothing, e.withdraw(c, at.Number)
	}
	job, err := e.opt.Jobs.CreateJob(context.WithoutCancel(call), provider.CreateRequest{
		Model: c.Detail.Model, InputFile: at.File,
		DisplayName: planner.JobDisplayName(want.DisplayName, planner.NewToken(e.lineage6, c.Address, at.Number, c.Detail.SHA256, c.Detail.Model)),
	})
	done() // what follows may call the service, and would wait for this very slot
	if err != nil {
		return e.notBought(ctx, c, at.Number, err)
	}
	return createSpent, e.bought(c, at.Number, &job)
}

// newAttempt appends the intent to the record. Refused sends and withdrawn
// intents before it are dropped: they bought nothing, and their numbers stay
// used. Absent ones stay: their jobs may still turn up.
func (e *Engine) newAttempt(rec *planner.Record, c *planner.Change, sent time.Time) *planner.Attempt {
	kept := rec.Attempts[:0]
	for _, a := range rec.Attempts {
		if a.Outcome != planner.OutcomeRefused && a.Outcome != planner.OutcomeNotSent {
			kept = append(kept, a)
		}
	}
	rec.Source = e.want(c.Address).Source.Record()
	rec.Attempts = append(kept, planner.Attempt{
		Number: c.Attempt, Outcome: planner.OutcomeIntent, Model: c.Detail.Model, SHA256: rec.Source.SHA256, Rows: c.Detail.Rows,
		Repair: c.Reason == planner.ReasonRepair, Estimate: c.Detail.Tokens, OutputLimit: e.outputLimit(c, rec),
		Token: planner.NewToken(e.lineage6, c.Address, c.Attempt, c.Detail.SHA256, c.Detail.Model).String(),
		File:  rec.Upload.File, Sent: sent.UTC(), ServiceTime: e.lastDate.UTC(), Rerun: c.Reason == planner.ReasonRerun,
	})
	at := rec.Last()
	if c.Detail.Subset {
		at.Input = c.Detail.SHA256
	}
	return at
}

// change rewrites the attempt in the newest record and makes that durable.
func (e *Engine) change(op string, a planner.Address, number int, f func(*planner.Record, *planner.Attempt)) error {
	rec := e.opt.Journal.Record(a).Clone()
	for i := range rec.Attempts {
		if rec.Attempts[i].Number == number {
			f(rec, &rec.Attempts[i])
		}
	}
	return e.opt.Journal.Write(op, state.Change{Address: a, Record: rec}) // its error names both
}

// withdraw records that an intent was not followed by its call.
func (e *Engine) withdraw(c *planner.Change, number int) error {
	e.warn(&c.Address, "more than %s passed between the intent and its call; nothing was sent, and it is planned again", sendWithin)
	return e.change("create_not_sent", c.Address, number, func(_ *planner.Record, at *planner.Attempt) {
		at.Outcome = planner.OutcomeNotSent
	})
}

func (e *Engine) bought(c *planner.Change, number int, job *provider.Job) error {
	j := normaliseJob(job)
	e.outcome(func(p *budget.Creates, now time.Time) { p.Accepted(now, c.Address.String(), j.Created) })
	if err := e.change("create_complete", c.Address, number, func(rec *planner.Record, at *planner.Attempt) {
		at.Outcome = planner.OutcomeBought
		at.See(&j)
		rec.Refused = nil
	}); err != nil {
		return err
	}
	e.mended(c.Address)
	e.count(func(s *Summary) { s.Created++ })
	e.emit(Event{Type: EventCreateComplete, Address: &c.Address, Attempt: number, Job: j.Name, JobState: string(j.State)})
	return nil
}

// notBought sorts a create that did not answer with a job. Only the service's
// own refusal proves that nothing was bought.
func (e *Engine) notBought(ctx context.Context, c *planner.Change, number int, err error) (createResult, error) {
	pe, ok := errors.AsType[*provider.Error](err)
	if ok && pe.NotSent {
		e.failed(c.Address, fmt.Errorf("%w; nothing was sent", err), false)
		return createNothing, e.change("create_not_sent", c.Address, number, func(_ *planner.Record, at *planner.Attempt) {
			at.Outcome = planner.OutcomeNotSent
		})
	}
	if !ok || pe.Class != provider.ClassRefused && pe.Class != provider.ClassQuota && pe.Class != provider.ClassGone {
		e.outcome(func(p *budget.Creates, now time.Time) { p.Unknown(now, c.Address.String()) })
		e.emit(Event{Type: EventCreateUnknown, Severity: planner.SeverityWarning, Address: &c.Address, Attempt: number, Message: err.Error()})
		return createSpent, e.change("create_unknown", c.Address, number, func(_ *planner.Record, at *planner.Attempt) {
			at.Error = err.Error()
		})
	}
	refusal := e.judge(ctx, pe, e.opt.Journal.Record(c.Address).Upload)
	said := e.saidOf(ctx, c, refusal, pe)
	if refusal == refusalQuota {
		e.refusedByQuota(c, pe)
	} else {
		e.giveBack(c)
	}
	if werr := e.change("create_refused", c.Address, number, func(rec *planner.Record, at *planner.Attempt) {
		at.Outcome = planner.OutcomeRefused
		at.Error = said
		refusal.note(rec, c.Detail.SHA256, c.Detail.Model, said)
	}); werr != nil {
		return createNothing, werr
	}
	e.emit(Event{Type: EventCreateRefused, Severity: planner.SeverityWarning, Address: &c.Address, Attempt: number, Message: said, Reason: string(refusal)})
	switch refusal {
	case refusalRun:
		e.stop(pe)
	case refusalModel:
		e.stopBlock(c.Block, pe)
	case refusalFileGone:
		return createFileGone, nil
	case refusalOther:
		e.refusedOnce(c.Address, pe)
	}
	return createNothing, nil
}

// refusedOnce tells of a refusal without a known cause. The last one makes the
// batch fail, which is told as such.
func (e *Engine) refusedOnce(a planner.Address, pe *provider.Error) {
	if r := e.opt.Journal.Record(a).Refused; r == nil || !r.Final {
		e.failed(a, fmt.Errorf("%w; it is sent again in the next run, %d times in all", pe, maxRepeats), true)
	}
}

func (e *Engine) stop(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopped == nil {
		e.stopped = err
	}
}

func (e *Engine) stopBlock(block string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.blocks[block] == nil {
		e.blocks[block] = fmt.Errorf("batch %q: %w", block, err)
	}
}
