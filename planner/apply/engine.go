package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// Engine brings what is live to what is desired. It is for one goroutine; what
// it starts below has ended when its methods return.
type Engine struct {
	opt   Options
	log   *slog.Logger
	wants map[planner.Address]*planner.Batch

	outputs folders

	lineage6 string // known from the first round that acts

	// What one process knows beyond the state.
	lastDate    time.Time // the newest time that the service told
	localClock  bool      // the service's times are not to be relied on
	marks       map[string]time.Time
	asked       map[string]*planner.Job                // answers to gets that do not change
	samples     map[string]sample                      // keys of answers that were looked at, by job; guarded by mu
	seed        maphash.Seed                           // of the samples
	thorough    bool                                   // look at everything, whatever is to be done
	oldTold     map[string]bool                        // jobs that were pointed out
	uncountable bool                                   // the service did not count when it was asked
	claims      []planner.Claim                        // to be looked at
	former      []string                               // lineages that count as the state's own
	shown       *round                                 // what Plan showed, for Apply to carry out
	results     map[planner.Address]planner.ResultSeen // of the newest look
	sound       bool                                   // what this run did is in the state, all of it
	hooks       hooks
	unwritten   []error // manifests and datasets

	mu        sync.Mutex     // guards what the workers of a round share
	uploads   map[string]int // highest number in use, by the content's first 24 digits
	sum       Summary
	stopped   error            // buying ended for the whole run
	blocks    map[string]error // buying ended for a block
	tried     map[string]bool  // changes that this run has carried out, or tried to
	deferred  map[planner.Address]bool
	models    map[string]error          // what the service said of each model
	again     map[planner.Address]bool  // uploaded again after the service lost the file
	unbound   bool                      // an adopted job turned out to be another batch's since the last look
	givenUp   map[planner.Address]bool  // what waiting cannot mend within this run
	errs      map[planner.Address]error // what went wrong and was not mended yet
	reran     map[planner.Address]bool  // sent once more because a person asked
	approved  map[planner.Address]int   // attempts that a person was shown, nil for all
	creates   *budget.Creates           // decides when jobs are created
	learnedAt int                       // the revision of its knowledge that was handed on
	told      chan struct{}             // closed when the outcome of a create is known
	toldWait  string                    // the pause that was told last
	measures  budget.Measures           // of finished batches
	costs     costs                     // what purchases cost
	money     money                     // what may still be spent
	limits    map[planner.Address]int64 // of the output of what is planned
	hopeless  map[planner.Address]bool  // creates that only a higher limit lets go
	sampled   map[budget.Kind]bool      // kinds that the service was asked to count in this run
	mine      map[planner.Address][]int // attempts that this run has sent
	weighed   time.Time                 // the service's time of the listing that was weighed last

	whole   *walk          // the newest walk of this process through all pages
	earlier *walk          // the one of the look before, where that went through all pages too
	files   []planner.File // that were listed last
	filesAt time.Time

	firstLook, firstService time.Time // when a pause was first reckoned, by either clock

	emitMu sync.Mutex

	outlookMu sync.Mutex // taken before mu
	outlook   Outlook    // the newest one of a round, without its items
}

// New makes an engine.
func New(o Options) *Engine {
	if o.Emit == nil {
		o.Emit = func(Event) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Cooldown <= 0 {
		o.Cooldown = 2 * time.Minute
	}
	if o.PollInterval <= 0 {
		o.PollInterval = 30 * time.Second
	}
	if o.Gate == nil {
		o.Gate = NewGate(o.Limits, time.Time{})
	}
	if o.Recorded == nil {
		o.Recorded = &state.State{}
	}
	wants := make(map[planner.Address]*planner.Batch, len(o.Desired.Batches))
	for i := range o.Desired.Batches {
		wants[o.Desired.Batches[i].Address] = &o.Desired.Batches[i]
	}
	e := &Engine{
		opt: o, log: o.Log, wants: wants,
		marks: map[string]time.Time{}, asked: map[string]*planner.Job{}, samples: map[string]sample{}, seed: maphash.MakeSeed(),
		told: make(chan struct{}), blocks: map[string]error{}, tried: map[string]bool{}, deferred: map[planner.Address]bool{}, models: map[string]error{}, reran: map[planner.Address]bool{},
		again: map[planner.Address]bool{}, givenUp: map[planner.Address]bool{}, errs: map[planner.Address]error{},
	}
	e.mine, e.sampled, e.oldTold = map[planner.Address][]int{}, map[budget.Kind]bool{}, map[string]bool{}
	e.outputs.opens, e.outputs.known = o.OpenDir, cmp.Or(o.Recognised, &Recognised{})
	e.costs = newCosts(&e.opt)
	e.creates = newCreates(&e.opt)
	o.Gate.waits = func(budget string, until time.Time) {
		e.emit(Event{Type: EventRateWait, Budget: budget, Reason: "the declared limit", Until: until})
	}
	return e
}

// round is one observation and what follows from it.
type round struct {
	mark     budget.Mark // taken before the look began
	observed *planner.Observed
	learned  planner.Learned
	plan     *planner.Plan
	items    []planner.Item
	at       time.Time
}

// look observes and plans. Only here do settle marks move on: a listing counts
// for a send only when it began after the send was over, and every call of a
// round is over before the next look.
func (e *Engine) look(ctx context.Context) (*round, error) {
	e.mu.Lock()
	mark := e.creates.Mark()
	e.mu.Unlock()
	o, err := e.observeHere(ctx)
	if err != nil {
		return nil, err
	}
	if e.opt.Refresh {
		if r := e.settled(o); r != nil {
			r.mark = mark
			return r, nil
		}
		if o, err = e.observeLive(ctx, o); err != nil {
			return nil, err
		}
	}
	r := e.think(o)
	r.mark = mark
	e.marks = r.learned.Marks
	return r, nil
}

// lookPatiently looks until it works, when the run waits: an outage, or a
// refusal of the listing itself, is waited out like any other.
func (e *Engine) lookPatiently(ctx context.Context) (*round, error) {
	for n := 1; ; n++ {
		r, err := e.look(ctx)
		if err == nil || !e.opt.Wait || ctx.Err() != nil || !temporary(err) {
			return r, err
		}
		pause := budget.Cooldown(e.opt.PollInterval, n, 0)
		e.emit(Event{Type: EventRateWait, Budget: BudgetCalls, Reason: err.Error(), Until: time.Now().Add(pause)})
		if sleepUntil(ctx, time.Now().Add(pause)) != nil {
			return nil, err
		}
	}
}

// think plans from an observation.
func (e *Engine) think(o *planner.Observed) *round {
	r := &round{observed: o, learned: planner.Learn(&e.opt.Desired, o), at: time.Now()}
	if poor := e.diff(r, &e.opt.Desired); len(poor) > 0 {
		e.diff(r, withoutRepair(&e.opt.Desired, poor))
	}
	return r
}

// diff plans, and reckons what that costs.
func (e *Engine) diff(r *round, d *planner.Desired) (unaffordable []planner.Address) {
	opts := e.opt.Plan
	opts.Now = r.at
	r.plan, r.items = planner.Diff(d, r.observed, opts)
	if e.opt.AdoptOnly {
		r.plan.AdoptOnly()
	}
	return e.reckon(r)
}

// withoutRepair wants no repair for batches that can have none within the limit on
// their cost: what is in hand is delivered. A higher limit repairs them later.
func withoutRepair(d *planner.Desired, batches []planner.Address) *planner.Desired {
	out := *d
	out.Batches = slices.Clone(d.Batches)
	for i := range out.Batches {
		if slices.Contains(batches, out.Batches[i].Address) {
			out.Batches[i].Repair = nil
		}
	}
	return &out
}

// Plan observes and says what Apply would do. It changes nothing, neither at
// the service nor in the state.
func (e *Engine) Plan(ctx context.Context) (*planner.Plan, []planner.Item, error) {
	if err := e.outlast(ctx); err != nil {
		return nil, nil, err
	}
	r, err := e.lookPatiently(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := wrongImports(r.plan); err != nil {
		return nil, nil, err
	}
	e.opt.Plan.FixReruns(r.items)
	if r.plan.Forecast = e.forecast(r); r.plan.Forecast != nil {
		r.plan.Estimate.Waves = r.plan.Forecast.Waves
	}
	e.shown = r
	return r.plan, r.items, nil
}

// Restrict limits what Apply does to a plan that Plan gave: nothing else is
// bought, with Options.Wait neither.
func (e *Engine) Restrict(p *planner.Plan) { e.opt.Plan.Saved = planner.NewSaved(p, e.opt.Wait) }

// outlast waits, after a lock was taken by force, until no send of the former
// run can still be on its way: a listing counts for a send only when it began
// after that.
func (e *Engine) outlast(ctx context.Context) error {
	if !e.opt.TookOver {
		return nil
	}
	r := e.recorded()
	for _, rec := range r.Batches {
		for i := range rec.Attempts {
			if rec.Attempts[i].Outcome == planner.OutcomeIntent {
				until := time.Now().Add(state.SendTime)
				e.emit(Event{Type: EventRateWait, Budget: BudgetTakeOver, Reason: "the former run's last create may still be on its way", Until: until})
				return sleepUntil(ctx, until)
			}
		}
	}
	return nil
}

// wrongImports collects what contradicts the config's import blocks.
func wrongImports(p *planner.Plan) error {
	var errs []error
	for i := range p.Problems {
		if pr := &p.Problems[i]; pr.Code == planner.CodeImport && pr.Severity == planner.SeverityError {
			errs = append(errs, fmt.Errorf("%s: %s", pr.Address, pr.Summary))
		}
	}
	return errors.Join(errs...)
}

// shownFor is how long an observation that a person was shown is acted on.
const shownFor = time.Minute

// Apply carries out what Plan showed; with Options.Wait it goes on until every
// batch is done, failed or held. Cancelling ctx lets the calls in flight
// finish, starts nothing new and records what is known.
func (e *Engine) Apply(ctx context.Context) (Report, error) {
	r, err := e.rounds(ctx)
	if err == nil {
		e.complete(ctx, r)
	}
	e.hooks.wait()
	if e.sound && !e.opt.AdoptOnly {
		e.writeManifests(ctx, true)
		if err == nil {
			e.writeDatasets(ctx, r)
		}
	}
	return e.report(ctx, r), err
}

// rounds goes on from what was shown until nothing is left for this run, and
// gives what stands there then.
func (e *Engine) rounds(ctx context.Context) (*round, error) {
	r := e.shown
	e.shown = nil
	if r != nil {
		e.approve(r.plan)
		e.tellOld(r, false)
	}
	if r == nil || time.Since(r.at) > shownFor {
		var err error
		if r, err = e.lookPatiently(ctx); err != nil {
			return r, err
		}
		if err := wrongImports(r.plan); err != nil {
			return r, err
		}
		e.opt.Plan.FixReruns(r.items)
	}
	e.sweep()
	e.tellOld(r, true)
	for {
		e.complete(ctx, r)
		before := e.sum.Downloaded
		err := e.carryOut(ctx, r)
		if e.sound = err == nil; err != nil {
			return e.rethink(r), err
		}
		more, pause := e.goesOn(ctx, r)
		if !more {
			break
		}
		if e.sum.Downloaded > before {
			e.writeManifests(ctx, false)
		}
		e.tellPause(r, pause)
		if sleepUntil(ctx, time.Now().Add(pause)) != nil {
			break
		}
		next, err := e.lookPatiently(ctx)
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return e.rethink(r), err
		}
		r = next
		e.tellOld(r, true)
	}
	r, err := e.lastLook(ctx, r)
	e.sound = err == nil
	return r, err
}

// sweep removes temporary files that a killed run left in the output folders.
func (e *Engine) sweep() {
	for _, d := range e.outputs.opened() {
		if _, err := d.Sweep(); err != nil {
			e.log.Warn("remove temporary files of an earlier run", "error", err)
		}
	}
}

// approve notes the purchases that a person was shown.
func (e *Engine) approve(p *planner.Plan) {
	e.approved = map[planner.Address]int{}
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Has(planner.ActionCreate) {
			e.approved[c.Address] = c.Attempt
		}
	}
}

// shownToNobody reports whether a purchase came up after the plan was shown. A
// run that does not wait leaves it to the next plan; one that waits was asked
// to go on until all is done.
func (e *Engine) shownToNobody(c *planner.Change) bool {
	if e.opt.Wait || e.approved == nil || !c.Has(planner.ActionCreate) {
		return false
	}
	return e.approved[c.Address] != c.Attempt
}

// goesOn decides whether another round follows, and after what pause.
func (e *Engine) goesOn(ctx context.Context, r *round) (more bool, pause time.Duration) {
	if ctx.Err() != nil {
		return false, 0
	}
	now := e.rethink(r)
	immediate := e.takeUnbound()
	for i := range now.plan.Changes {
		c := &now.plan.Changes[i]
		if !e.tried[changeKey(c)] && !e.shownToNobody(c) && !e.blocked(c) {
			immediate = true
		}
	}
	if immediate {
		return true, 0
	}
	if !e.opt.Wait {
		return false, 0
	}
	// What was tried and did not come about is tried again after the pause.
	clear(e.tried)
	if e.stoppedBuying() && now.plan.Summary.InProgress == 0 {
		return false, 0
	}
	open := e.awaits(now.items, fetching(now.plan)) || now.plan.Unsure()
	for i := range now.plan.Changes {
		open = open || !e.blockedForGood(&now.plan.Changes[i])
	}
	return open, time.Until(e.nextLook(now, now.plan, now.items))
}

// awaits reports whether something is in progress that may still get on in this
// run: an answer that there is no place for, say on a full disk, does not, nor does
// one that a selection or a saved plan leaves out. Answers in hand that wait for a
// purchase get on with it.
func (e *Engine) awaits(items []planner.Item, fetching map[planner.Address]bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(items, func(i planner.Item) bool {
		switch i.Phase {
		case planner.PhaseUnknown, planner.PhaseSubmitted:
			return !i.Left
		case planner.PhaseSucceeded:
			return !e.givenUp[i.Address] && fetching[i.Address]
		}
		return false
	})
}

// fetching gives the batches whose answers are to be delivered.
func fetching(p *planner.Plan) map[planner.Address]bool {
	set := map[planner.Address]bool{}
	for i := range p.Changes {
		if p.Changes[i].Has(planner.ActionDownload) {
			set[p.Changes[i].Address] = true
		}
	}
	return set
}

// tellPause says what a waiting run waits for until it looks again.
func (e *Engine) tellPause(r *round, pause time.Duration) {
	if pause < time.Second {
		return
	}
	ev := Event{Type: EventRateWait, Budget: BudgetPoll, Reason: "jobs are running; the next listing shows which have ended", Until: time.Now().Add(pause)}
	if left := e.left(e.rethink(r).plan); len(left) > 0 && left[0].Budget != "" {
		ev.Budget, ev.Reason, ev.Early, ev.Cause = left[0].Budget, left[0].Reason, left[0].Early, left[0].Cause
		if left[0].Until.After(ev.Until) {
			ev.Until = left[0].Until
		}
	}
	e.emit(ev)
}

// lastLook sees where everything stands at the end. A run that leaves unknown
// creates ends with one complete listing, so that runs of any length bring them
// nearer to being settled.
func (e *Engine) lastLook(ctx context.Context, r *round) (*round, error) {
	now := e.rethink(r)
	if ctx.Err() != nil || !hasUnknown(now.items) {
		return now, nil
	}
	last, err := e.look(ctx)
	if err != nil {
		return now, nil // nothing is lost: the next run begins with a listing
	}
	if err := e.record(last); err != nil {
		return now, err
	}
	return e.rethink(last), nil
}

func (e *Engine) stoppedBuying() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stopped != nil
}

// changeKey names one change within a run. The number of the attempt is no part
// of it: a refused send must not make the next one look like fresh work.
func changeKey(c *planner.Change) string {
	return fmt.Sprintf("%s %v %s", c.Address, c.Actions, c.Reason)
}
