package apply

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider"
)

// Names of budgets, as events have them.
const (
	BudgetCreates    = budget.Refusals
	BudgetActiveJobs = budget.ActiveJobs
	BudgetTokens     = budget.EnqueuedTokens
	BudgetStorage    = budget.FileStorage
	BudgetCalls      = "calls"
	BudgetTakeOver   = "take_over"
	BudgetRequests   = "requests_per_minute"
	BudgetCreateRate = budget.CreatesPerMinute
	BudgetPoll       = "poll_interval"
	BudgetMaxCost    = "max_cost"   // of a block, over all runs
	BudgetRunCost    = "--max-cost" // of this run
)

// deferral says why a purchase is left for later.
type deferral struct {
	budget string
	reason string
	until  time.Time
	early  bool // a job that ends may end the wait before until
	cause  budget.Cause
	never  bool // waiting cannot help
	money  bool // a limit on the cost stands against it
}

// deferralOf puts a decision into words; nil for one that admits.
func deferralOf(d budget.Decision) *deferral {
	if d.Admit() {
		return nil
	}
	reason := d.Reason()
	if at := d.Standing(); at != "" {
		reason = at + "; " + reason
	}
	return &deferral{budget: d.Budget, reason: reason, until: d.Until, early: d.Early, cause: d.Cause, never: d.Never()}
}

// newCreates makes the policy of this run from what former ones have learned.
func newCreates(o *Options) *budget.Creates {
	s := o.Recorded
	if o.Journal != nil {
		s = o.Journal.State()
	}
	seed, _ := strconv.ParseUint(s.Lineage[:min(16, len(s.Lineage))], 16, 64)
	return budget.NewCreates(budget.Settings{
		// The gate spaces creates: it waits before it takes a slot.
		Limits:   budget.Limits{MaxActiveJobs: o.Limits.MaxActiveJobs, MaxEnqueuedTokens: o.Limits.EnqueuedTokens, TokensByModel: o.Limits.TokensByModel},
		Cooldown: o.Cooldown, Seed: seed, Sent: s.LastSent(),
	}, s.Learned)
}

// createOf is a purchase as the policy sees it.
func (e *Engine) createOf(c *planner.Change) *budget.Create {
	return &budget.Create{
		ID: c.Address.String(), Model: c.Detail.Model, Upload: c.Has(planner.ActionUpload),
		Tokens: e.measures.Input(budget.Kind{Block: c.Block, Model: c.Detail.Model}, c.Detail.Tokens),
	}
}

// admitted takes a place for a purchase, or puts it off. It is asked before the
// upload, which would only grow old while it waits. While another create finds
// out whether more is accepted, it waits for what comes of that.
func (e *Engine) admitted(ctx context.Context, c *planner.Change) bool {
	for {
		d, told := e.admitPurchase(c)
		if d == nil {
			return true
		}
		if d.cause != budget.CauseProbe {
			e.putOff(c, d)
			return false
		}
		select {
		case <-told:
		case <-ctx.Done():
			return false
		}
	}
}

// admitPurchase books a place among what is active. told is closed when the
// outcome of another create is known.
func (e *Engine) admitPurchase(c *planner.Change) (d *deferral, told <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d := e.stoppedLocked(c); d != nil {
		return d, e.told
	}
	d = deferralOf(e.creates.Book(time.Now(), e.createOf(c)))
	if d == nil {
		e.reserve(c)
	}
	return d, e.told
}

// deferralLocked says what stands against a purchase now.
func (e *Engine) deferralLocked(c *planner.Change) *deferral {
	if d := e.stoppedLocked(c); d != nil {
		return d
	}
	return deferralOf(e.creates.Next(time.Now(), e.createOf(c)))
}

// stoppedLocked says why nothing is bought for a batch in this run, whatever the
// limits.
func (e *Engine) stoppedLocked(c *planner.Change) *deferral {
	switch {
	case e.stopped != nil:
		return &deferral{reason: "buying stopped: " + e.stopped.Error()}
	case e.blocks[c.Block] != nil:
		return &deferral{reason: "buying stopped for this block: " + e.blocks[c.Block].Error()}
	case e.givenUp[c.Address]:
		return &deferral{reason: "it is tried again in the next run"}
	case c.Reason == planner.ReasonRerun && e.reran[c.Address]:
		// The plan says so too. A second pair of eyes, since this is money.
		return &deferral{reason: "this run has sent the other job that was asked for"}
	}
	return e.unaffordable(c)
}

// stillStands asks once more, just before work is done for a purchase that has
// its place: a refusal may have come since.
func (e *Engine) stillStands(c *planner.Change) *deferral {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.deferralLocked(c)
}

// sending admits the one call of a create, which follows at once.
func (e *Engine) sending(c *planner.Change) *deferral {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d := e.stoppedLocked(c); d != nil {
		return d
	}
	return deferralOf(e.creates.Send(time.Now(), c.Address.String()))
}

// outcome tells the policy what came of a create; what it has learned goes into
// the state with the next transition.
func (e *Engine) outcome(tell func(p *budget.Creates, now time.Time)) {
	e.mu.Lock()
	tell(e.creates, time.Now())
	e.keepLearned()
	close(e.told)
	e.told = make(chan struct{})
	e.mu.Unlock()
	e.tellLimits()
}

func (e *Engine) keepLearned() {
	if rev := e.creates.Revision(); rev != e.learnedAt {
		e.learnedAt = rev
		e.opt.Journal.Learn(e.creates.Knowledge())
	}
}

// giveBack frees the place of a purchase that bought nothing.
func (e *Engine) giveBack(c *planner.Change) {
	e.outcome(func(p *budget.Creates, _ time.Time) {
		p.Release(c.Address.String())
		e.unreserve(c)
	})
}

// refusedByQuota takes a 429 on a create in, and tells how long it pauses what.
func (e *Engine) refusedByQuota(c *planner.Change, err *provider.Error) {
	e.outcome(func(p *budget.Creates, now time.Time) { p.Refused(now, c.Address.String(), refusalOf(err)) })
	e.mu.Lock()
	d := deferralOf(e.creates.Next(time.Now(), e.createOf(c)))
	e.mu.Unlock()
	if d != nil {
		e.tellWait(d)
	}
}

// storageFull takes a 429 on an upload in. It pauses uploads alone.
func (e *Engine) storageFull(c *planner.Change, err *provider.Error) {
	e.outcome(func(p *budget.Creates, now time.Time) {
		p.UploadRefused(now, refusalOf(err))
		p.Release(c.Address.String())
	})
	e.mu.Lock()
	d := deferralOf(e.creates.Next(time.Now(), e.createOf(c)))
	e.mu.Unlock()
	if d != nil {
		e.tellWait(d)
	}
}

func refusalOf(err *provider.Error) budget.Refusal {
	return budget.Refusal{Quotas: err.Quotas, Delay: err.RetryDelay, Date: err.Date, Message: err.Message}
}

// tellWait tells of a pause once: creates that meet it together say nothing new.
func (e *Engine) tellWait(d *deferral) {
	e.mu.Lock()
	key := d.budget + " " + d.until.String()
	known := e.toldWait == key
	e.toldWait = key
	e.mu.Unlock()
	if !known {
		e.emit(Event{Type: EventRateWait, Budget: d.budget, Reason: d.reason, Until: d.until, Early: d.early, Cause: d.cause})
	}
}

// blocked reports whether a change cannot be carried out now.
func (e *Engine) blocked(c *planner.Change) bool {
	if !c.Has(planner.ActionCreate) {
		return e.blockedForGood(c)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.deferralLocked(c) != nil
}

// blockedForGood reports whether waiting cannot help a change in this run.
func (e *Engine) blockedForGood(c *planner.Change) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.givenUp[c.Address] {
		return true
	}
	if !c.Has(planner.ActionCreate) {
		return false
	}
	// Where money stands against it, only a job that ends changes that.
	return e.stopped != nil || e.blocks[c.Block] != nil || e.unaffordable(c) != nil
}

// putOff tells, once a run, that a purchase is left for later, or that it can
// never be made as things are declared.
func (e *Engine) putOff(c *planner.Change, d *deferral) {
	if d.never && !d.money {
		e.failed(c.Address, errors.New(d.reason), true)
		return
	}
	e.mu.Lock()
	told := e.deferred[c.Address]
	e.deferred[c.Address] = true
	e.mu.Unlock()
	if !told {
		e.emit(Event{Type: EventDeferred, Address: &c.Address, Attempt: c.Attempt, Budget: d.budget, Reason: d.reason, Until: d.until})
	}
}
