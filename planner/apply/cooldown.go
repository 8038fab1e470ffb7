package apply

import (
	"fmt"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state"
)

// Names of budgets, as events and the state have them.
const (
	BudgetCreates    = "creates"
	BudgetActiveJobs = "max_active_jobs"
	BudgetStorage    = "file_storage"
	BudgetCalls      = "calls"
	BudgetRequests   = "requests_per_minute"
	BudgetCreateRate = "creates_per_minute"
	BudgetPoll       = "poll_interval"
)

// deferral says why a purchase is left for later.
type deferral struct {
	budget string
	reason string
	until  time.Time
}

// admitPurchase decides whether one more job may be bought now, and books its
// place among the active jobs. It is asked before the upload, which would only
// grow old while it waits.
func (e *Engine) admitPurchase(c *planner.Change) *deferral {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d := e.deferralLocked(c); d != nil {
		return d
	}
	e.active++
	return nil
}

func (e *Engine) deferralLocked(c *planner.Change) *deferral {
	if e.stopped != nil {
		return &deferral{reason: "buying stopped: " + e.stopped.Error()}
	}
	if err := e.blocks[c.Block]; err != nil {
		return &deferral{reason: "buying stopped for this block: " + err.Error()}
	}
	if e.givenUp[c.Address] {
		return &deferral{reason: "it is tried again in the next run"}
	}
	if c.Reason == planner.ReasonRerun && e.reran[c.Address] {
		// The plan says so too. A second pair of eyes, since this is money.
		return &deferral{reason: "this run has sent the other job that was asked for"}
	}
	if d := e.cooling(BudgetCreates); d != nil {
		return d
	}
	if c.Has(planner.ActionUpload) {
		if d := e.cooling(BudgetStorage); d != nil {
			return d
		}
	}
	if m := e.opt.Limits.MaxActiveJobs; m > 0 && e.active >= m {
		return &deferral{budget: BudgetActiveJobs, reason: fmt.Sprintf("%d of %d jobs are active in the project", e.active, m)}
	}
	return nil
}

// cooling gives the pause that a budget is in, if it is in one.
func (e *Engine) cooling(name string) *deferral {
	b := e.opt.Journal.Budget(name)
	if b.Until.IsZero() || !time.Now().Before(b.Until) {
		return nil
	}
	return &deferral{budget: name, reason: b.Reason, until: b.Until}
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
	return c.Has(planner.ActionCreate) && (e.stopped != nil || e.blocks[c.Block] != nil)
}

// giveBack frees the place of a purchase that bought nothing.
func (e *Engine) giveBack() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active--
}

// putOff tells, once a run, that a purchase is left for later.
func (e *Engine) putOff(c *planner.Change, d *deferral) {
	e.mu.Lock()
	told := e.deferred[c.Address]
	e.deferred[c.Address] = true
	e.mu.Unlock()
	if !told {
		e.emit(Event{Type: EventDeferred, Address: &c.Address, Attempt: c.Attempt, Budget: d.budget, Reason: d.reason, Until: d.until})
	}
}

// refusedByQuota begins a pause, or makes it longer. Refusals of calls that
// were already on their way when the pause began count as the same one.
func (e *Engine) refusedByQuota(name string, err *provider.Error, sent time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.opt.Journal.Budget(name)
	strikes := old.Strikes
	if strikes == 0 || sent.After(e.refusedAt[name]) {
		strikes++
	}
	now := time.Now()
	pause := budget.Cooldown(e.opt.Cooldown, strikes, err.RetryDelay)
	since := err.Date
	if since.IsZero() {
		since = now
	}
	b := state.Budget{Until: now.Add(pause).Round(0).UTC(), Strikes: strikes, Reason: err.Message, Since: since.UTC()}
	if e.refusedAt == nil {
		e.refusedAt = map[string]time.Time{}
	}
	e.refusedAt[name] = now
	if werr := e.opt.Journal.WriteBudget(name, b); werr != nil {
		return fmt.Errorf("record the refusal: %w", werr)
	}
	if strikes != old.Strikes {
		e.emit(Event{Type: EventRateWait, Budget: name, Reason: err.Message, Until: b.Until})
	}
	return nil
}

// accepted ends a row of refusals.
func (e *Engine) accepted(name string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.opt.Journal.Budget(name).Strikes == 0 {
		return nil
	}
	if err := e.opt.Journal.WriteBudget(name, state.Budget{}); err != nil {
		return fmt.Errorf("record the end of the refusals: %w", err)
	}
	return nil
}

// probing reports whether creates go one by one: after a refusal that no success
// has followed, in this run or before it, and from then on to the end of the
// run, so that the next limit is met by one create and not by several at once.
func (e *Engine) probing() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.refusedAt[BudgetCreates].IsZero() || e.opt.Journal.Budget(BudgetCreates).Strikes > 0
}

// endCooldownEarly ends the pause of creates when any job of the project has
// finished since the refusal: what it held is free.
func (e *Engine) endCooldownEarly(r *round) error {
	b := e.opt.Journal.Budget(BudgetCreates)
	if b.Until.IsZero() || !time.Now().Before(b.Until) {
		return nil
	}
	for i := range r.observed.Live.Jobs {
		if j := &r.observed.Live.Jobs[i]; j.Final() && j.Ended.After(b.Since) {
			b.Until = time.Time{}
			if err := e.opt.Journal.WriteBudget(BudgetCreates, b); err != nil {
				return fmt.Errorf("record the end of the pause: %w", err)
			}
			return nil
		}
	}
	return nil
}
