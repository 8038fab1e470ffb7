package planner

import "time"

// jobLife is how long the service keeps a job pending or running before it lets
// it expire. What was sent before that can cost nothing more.
const jobLife = 48 * time.Hour

// Settled reports whether nothing that the service might show could change the
// plan: Diff gave it and its items for an observation without a live side. Every
// batch, desired or recorded, is delivered as it is wanted, with nothing to warn
// of; every send of it is answered and every job of it has ended. now is the
// local time: a create that was found to have bought nothing might still turn up
// as a second job, which is to be pointed out for as long as it can be cancelled.
//
// It says nothing about purchases: whatever buys asks the service first.
func (p *Plan) Settled(items []Item, now time.Time) bool {
	if !p.empty() || len(items) == 0 {
		return false
	}
	for i := range items {
		if !items[i].settled(now) {
			return false
		}
	}
	return true
}

func (p *Plan) empty() bool {
	return len(p.Changes)+len(p.Waiting)+len(p.Held)+len(p.Failed)+len(p.Problems) == 0
}

func (it *Item) settled(now time.Time) bool {
	if it.Phase != PhaseDone || it.Want == nil || it.Change != nil || len(it.Want.Imports) > 0 && !it.Record.hasAll(it.Want.Imports) || !it.Record.settledForGood() {
		return false
	}
	for k := range it.Record.Attempts {
		if a := &it.Record.Attempts[k]; a.Outcome == OutcomeAbsent && now.Sub(a.Sent) < jobLife {
			return false
		}
	}
	return true
}

// Settler finds out whether a plan is settled while the records of the state go
// by, and keeps none of them. Without a live side, and where each batch that is
// desired or recorded is both, no batch has to do with another: so each can be
// decided alone, as Diff decides it.
type Settler struct {
	left []*Batch // whose records are to come
	one  differ
	now  time.Time
}

// NewSettler makes a Settler for a plan of all of d, as Diff makes it with opts.
func NewSettler(d *Desired, opts Options) *Settler {
	s := &Settler{left: d.sorted(), now: opts.Now}
	s.one = differ{
		d: d, r: &Recorded{Batches: map[Address]*Record{}}, live: &Live{}, matches: &matches{}, results: map[Address]ResultSeen{},
		opts: opts, want: map[Address]*Batch{}, plan: newPlan(d, &opts),
	}
	return s
}

// Wanted gives the batch whose record has to come next, nil when all came.
func (s *Settler) Wanted() *Batch {
	if len(s.left) == 0 {
		return nil
	}
	return s.left[0]
}

// MayBeSettled tells at little cost where the batch that is wanted next, with that
// record, is not settled.
func (s *Settler) MayBeSettled(rec *Record) bool { return rec.settledForGood() }

// Settled takes the record of the batch that is wanted next, with what stands at
// its result path, and reports whether the plan may still be settled: where it
// says no, only Diff knows. It keeps nothing of the record.
func (s *Settler) Settled(rec *Record, seen ResultSeen) bool {
	b, x := s.left[0], &s.one
	s.left = s.left[1:]
	if rec.Unjudged(b) > 0 || len(b.Imports) > 0 { // which are looked at together
		return false
	}
	x.want[b.Address], x.r.Batches[b.Address], x.results[b.Address] = b, rec, seen
	x.one(b.Address)
	settled := len(x.items) == 1 && x.items[0].settled(s.now) && x.plan.empty()
	clear(x.want)
	clear(x.r.Batches)
	clear(x.results)
	clear(x.items)
	x.items, x.looking = x.items[:0], view{}
	return settled
}

// Plan gives the plan, once Settled was true for every batch; nil else, and where
// there is no batch at all.
func (s *Settler) Plan(lineage string, serial int64) *Plan {
	p := s.one.plan
	if len(s.left) > 0 || p.Summary.Done == 0 {
		return nil
	}
	p.Lineage, p.Serial = lineage, serial
	s.one.finish()
	return p
}

// MayBeSettled tells at little cost where a plan cannot be settled.
func MayBeSettled(d *Desired, r *Recorded) bool {
	for i := range d.Batches {
		if rec := r.Batches[d.Batches[i].Address]; rec == nil || !rec.settledForGood() {
			return false
		}
	}
	return true
}

// hasAll reports whether jobs and uploads that a person named are recorded.
func (r *Record) hasAll(ids []string) bool {
	for _, id := range ids {
		if !r.hasJob(id) && !r.usedFile(id) {
			return false
		}
	}
	return true
}

// settledForGood reports whether the batch is delivered and no send or job of
// it is open, an older one that turned up late included.
func (r *Record) settledForGood() bool {
	if r.Result == nil || r.SecondJob {
		return false
	}
	last := r.Last()
	if last == nil || last.Number != r.Result.Attempt {
		return false
	}
	for i := range r.Attempts {
		switch a := &r.Attempts[i]; {
		case a.Outcome == OutcomeIntent, a.Outcome == OutcomeBought && a.Ended.IsZero():
			return false
		}
	}
	return true
}
