package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/finish"
	"github.com/qaplan/qaplan/state"
)

// recordChunk is how many batches share one journal record when a listing
// taught something about many.
const recordChunk = 256

// record makes durable what the listing taught, before anything is done on
// the strength of it.
func (e *Engine) record(r *round) error {
	for chunk := range slices.Chunk(r.learned.Updates, recordChunk) {
		changes := make([]state.Change, len(chunk))
		op := chunk[0].Op
		for i, u := range chunk {
			changes[i] = state.Change{Address: u.Address, Record: u.Record}
			if u.Op != op {
				op = "refresh"
			}
		}
		if err := e.opt.Journal.Write(op, changes...); err != nil {
			return fmt.Errorf("record what the listing shows: %w", err)
		}
		for i := range chunk {
			e.tell(&chunk[i], r.observed.Recorded.Batches[chunk[i].Address])
		}
	}
	r.learned.Updates = nil
	r.observed.Recorded = e.recorded()
	return nil
}

// tell turns an update into events.
func (e *Engine) tell(u *planner.Update, before *planner.Record) {
	a := u.Address
	if f := u.Found; f != nil {
		ev := Event{Type: EventCreateComplete, Address: &a, Attempt: f.Number, Job: f.Job, JobState: f.State, Reason: u.Op}
		if f.Outcome == planner.OutcomeAbsent {
			ev.Type = EventDiagnostic
			ev.Message = fmt.Sprintf("the create of attempt %d bought nothing: the service does not show its job after the settle time", f.Number)
		}
		e.emit(ev)
	}
	last, old := u.Record.Last(), before.Last()
	if last != nil && old != nil && last.Number == old.Number && last.State != old.State && old.State != "" {
		e.emit(Event{Type: EventJobState, Address: &a, Attempt: last.Number, Job: last.Job, JobState: last.State, OldState: old.State, Message: last.Error})
	}
}

// carryOut does what a round's plan says. It returns an error only when going
// on would be unsafe: something that was done could not be recorded.
func (e *Engine) carryOut(ctx context.Context, r *round) error {
	if err := e.record(r); err != nil {
		return err
	}
	if len(r.plan.Changes) == 0 || ctx.Err() != nil {
		e.tellOutlook(r)
		return nil
	}
	lineage, err := e.opt.Journal.Lineage()
	if err != nil {
		return fmt.Errorf("record the state's lineage: %w", err)
	}
	e.lineage6 = (&planner.Recorded{Lineage: lineage}).Lineage6()
	e.weigh(r)
	e.tellOutlook(r)
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		if !e.tried[changeKey(c)] {
			e.emit(Event{Type: EventPlannedChange, Address: &c.Address, Attempt: c.Attempt, Change: c})
		}
	}
	if err := e.takeOver(r); err != nil {
		return err
	}
	e.checkModels(ctx, r)
	if e.countSamples(ctx, r) {
		e.weigh(r) // what is active, and what is bought next, is estimated better now
	}
	return e.work(ctx, r)
}

// checkModels stops the purchases of blocks whose model does not exist, before
// anything is uploaded for them. Only the service's own no counts: a gateway
// may not know how to answer.
func (e *Engine) checkModels(ctx context.Context, r *round) {
	if e.opt.Models == nil {
		return
	}
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		if !c.Has(planner.ActionCreate) || e.blocked(c) || ctx.Err() != nil {
			continue
		}
		err, asked := e.models[c.Detail.Model]
		if !asked {
			if err = e.opt.Models.CheckModel(ctx, c.Detail.Model); provider.ClassOf(err) != provider.ClassGone {
				err = nil
			}
			e.models[c.Detail.Model] = err
		}
		if err != nil {
			e.stopBlock(c.Block, err)
		}
	}
}

// takeOver records adoptions and forgets what left the config. Neither needs a
// call.
func (e *Engine) takeOver(r *round) error {
	jobs := make(map[string]*planner.Job, len(r.observed.Live.Jobs))
	for i := range r.observed.Live.Jobs {
		jobs[r.observed.Live.Jobs[i].Name] = &r.observed.Live.Jobs[i]
	}
	files := make(map[string]*planner.File, len(r.observed.Live.Files))
	for i := range r.observed.Live.Files {
		files[r.observed.Live.Files[i].Name] = &r.observed.Live.Files[i]
	}
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		switch {
		case c.Has(planner.ActionForget):
			if err := e.opt.Journal.Write("forget", state.Change{Address: c.Address}); err != nil {
				return fmt.Errorf("%s: forget: %w", c.Address, err)
			}
			e.count(func(s *Summary) { s.Forgotten++ })
		case c.Has(planner.ActionAdopt):
			if err := e.adopt(c, jobs, files); err != nil {
				return err
			}
		}
	}
	return nil
}

// adopt records jobs, or an upload, that this state had no record of.
func (e *Engine) adopt(c *planner.Change, jobs map[string]*planner.Job, files map[string]*planner.File) error {
	want := e.want(c.Address)
	rec := e.opt.Journal.Record(c.Address).Clone()
	changes := make([]state.Change, 0, 2)
	if c.Detail.From != "" {
		var from planner.Address
		if err := from.UnmarshalText([]byte(c.Detail.From)); err != nil {
			return err
		}
		rec = e.opt.Journal.Record(from).Clone()
		changes = append(changes, state.Change{Address: from})
	}
	var found []*planner.Job
	for _, name := range append(slices.Clone(c.Detail.Jobs), c.Detail.Job) {
		if j := jobs[name]; j != nil {
			found = append(found, j)
		}
	}
	if len(found) > 0 {
		rec = planner.AdoptJobs(rec, want, found)
	}
	if rec == nil {
		rec = &planner.Record{Source: want.Source.Record()}
	}
	if f := files[c.Detail.File]; f != nil {
		planner.AdoptUpload(rec, want, f, e.lineage6)
	}
	changes = append(changes, state.Change{Address: c.Address, Record: rec})
	if err := e.opt.Journal.Write("adopt", changes...); err != nil {
		return fmt.Errorf("%s: record the adoption: %w", c.Address, err)
	}
	e.count(func(s *Summary) { s.Adopted++ })
	e.emit(Event{Type: EventAdopted, Address: &c.Address, Attempt: c.Attempt, Job: c.Detail.Job, File: c.Detail.File})
	return nil
}

// work hands the changes to workers: what was paid for first, since it can be
// lost, then purchases. The two run side by side, so that a purchase that
// waits for its minute holds up no download.
func (e *Engine) work(ctx context.Context, r *round) error {
	// Answers that are on their way come and are delivered though the run is to end,
	// unless nothing can be recorded any more.
	inFlight, breakOff := context.WithCancel(finish.Context(ctx))
	defer breakOff()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var downloads, purchases []*planner.Change
	for i := range r.plan.Changes {
		c := &r.plan.Changes[i]
		switch {
		case e.shownToNobody(c), e.isGivenUp(c.Address):
		case c.Has(planner.ActionDownload):
			downloads = append(downloads, c)
		case c.Has(planner.ActionCreate):
			purchases = append(purchases, c)
		default:
			e.tried[changeKey(c)] = true
		}
	}
	for _, c := range slices.Concat(downloads, purchases) {
		e.tried[changeKey(c)] = true
	}
	slices.SortStableFunc(purchases, e.soonestLost(r))
	var fatal error
	var once sync.Once
	stop := func(err error) {
		once.Do(func() { fatal = err; cancel(err); breakOff() })
	}
	var wg sync.WaitGroup
	always := func(context.Context, *planner.Change) bool { return true }
	e.start(ctx, &wg, r, downloads, stop, always, func(ctx context.Context, r *round, c *planner.Change) error {
		return e.fetch(ctx, inFlight, r, c)
	})
	if e.anyUnproven(downloads) {
		wg.Wait()
		if e.isUnbound() {
			e.untry(purchases) // one of them may be what the wrong job has answered
			return fatal
		}
	}
	// Places under a limit are given in the order of the plan, not to the worker
	// that happens to be first.
	e.start(ctx, &wg, r, purchases, stop, e.admitted, e.buy)
	wg.Wait()
	return fatal
}

// soonestLost puts creates whose uploads expire first before the others, and
// those that still need an upload last: an upload is made just in time.
func (e *Engine) soonestLost(r *round) func(a, b *planner.Change) int {
	expires := map[string]time.Time{}
	for i := range r.observed.Live.Files {
		expires[r.observed.Live.Files[i].Name] = r.observed.Live.Files[i].Expires
	}
	return func(a, b *planner.Change) int {
		if x, y := a.Has(planner.ActionUpload), b.Has(planner.ActionUpload); x != y {
			if x {
				return 1
			}
			return -1
		}
		return expires[a.Detail.File].Compare(expires[b.Detail.File])
	}
}

// start lets workers carry out changes one by one. While waiting for jobs a
// round hands nothing out after its poll interval, so that downloads of jobs
// that finished meanwhile are not kept waiting behind a long queue.
func (e *Engine) start(ctx context.Context, wg *sync.WaitGroup, r *round, list []*planner.Change, stop func(error), admit func(context.Context, *planner.Change) bool, do func(context.Context, *round, *planner.Change) error) {
	next := make(chan *planner.Change)
	for range min(cap(e.opt.Gate.slots), len(list)) {
		wg.Go(func() {
			for c := range next {
				if err := do(ctx, r, c); err != nil {
					stop(err)
				}
			}
		})
	}
	wg.Go(func() {
		defer close(next)
		began := time.Now()
		for i, c := range list {
			if e.opt.Wait && i > 0 && time.Since(began) > e.opt.PollInterval {
				e.untry(list[i:])
				return
			}
			if !admit(ctx, c) {
				continue
			}
			select {
			case next <- c:
			case <-ctx.Done():
				return
			}
		}
	})
}

// untry makes changes that were not handed out count as fresh ones.
func (e *Engine) untry(list []*planner.Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range list {
		delete(e.tried, changeKey(c))
	}
}

func (e *Engine) isGivenUp(a planner.Address) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.givenUp[a]
}

func (e *Engine) count(f func(*Summary)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.sum)
}

// want finds the desired side of a batch.
func (e *Engine) want(a planner.Address) *planner.Batch {
	return e.wants[a]
}

// temporary reports whether waiting may help.
func temporary(err error) bool {
	pe, ok := errors.AsType[*provider.Error](err)
	return ok && (pe.Class == provider.ClassTemporary || pe.Class == provider.ClassQuota || pe.Class == provider.ClassUnknown)
}
