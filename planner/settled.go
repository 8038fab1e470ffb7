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
	if len(p.Changes)+len(p.Waiting)+len(p.Held)+len(p.Failed)+len(p.Problems) > 0 || len(items) == 0 {
		return false
	}
	for i := range items {
		it := &items[i]
		if it.Phase != PhaseDone || it.Want == nil || it.Change != nil || len(it.Want.Imports) > 0 && !it.Record.hasAll(it.Want.Imports) || !it.Record.settledForGood() {
			return false
		}
		for k := range it.Record.Attempts {
			if a := &it.Record.Attempts[k]; a.Outcome == OutcomeAbsent && now.Sub(a.Sent) < jobLife {
				return false
			}
		}
	}
	return true
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
