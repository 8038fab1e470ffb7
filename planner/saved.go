package planner

import (
	"cmp"
	"slices"
)

// Saved is a saved plan that a run carries out. It restricts the run: Diff
// decides anew from what is observed now, and of that only what the plan holds
// is left. So it never makes a run do what an observation speaks against.
type Saved struct {
	plan    *Plan
	changes map[Address]*Change
	waiting map[Address]bool
	follow  bool
}

// NewSaved makes the restriction. follow tells that the run goes on with the
// plan's batches to their end: it waits for their jobs and fetches the answers,
// and still buys nothing that the plan does not hold.
func NewSaved(p *Plan, follow bool) *Saved {
	s := &Saved{plan: p, changes: make(map[Address]*Change, len(p.Changes)), waiting: make(map[Address]bool, len(p.Waiting)), follow: follow}
	for i := range p.Changes {
		s.changes[p.Changes[i].Address] = &p.Changes[i]
	}
	for i := range p.Waiting {
		s.waiting[p.Waiting[i].Address] = true
	}
	return s
}

// Standing is what became of a change since it was saved.
type Standing string

const (
	// StandsPlanned: it is still to be done, and nothing that it rests on changed.
	StandsPlanned Standing = "planned"
	// StandsDone: what it was to bring about is there, or was tried.
	StandsDone Standing = "done"
	// StandsStale: the batch is not as it was; the change is left alone.
	StandsStale Standing = "stale"
)

// Reasons of a standing; a stale change of a batch that is held or failed has
// the reason of that.
const (
	SavedBought         Reason = "bought"            // done: its job is there
	SavedSent           Reason = "sent"              // done: whether its job is there is not known yet
	SavedRefused        Reason = "refused"           // done: the service refused it for good
	SavedDelivered      Reason = "delivered"         // done
	SavedAdopted        Reason = "adopted"           // done
	SavedForgotten      Reason = "forgotten"         // done
	SavedUnknown        Reason = "not_known"         // stale: neither config nor state have the batch
	SavedSourceChanged  Reason = "source_changed"    // stale
	SavedModelChanged   Reason = "model_changed"     // stale
	SavedRowsChanged    Reason = "rows_changed"      // stale: other rows are to be bought
	SavedBoughtSince    Reason = "bought_since"      // stale: something else was bought
	SavedCancelledSince Reason = "cancelled_since"   // stale
	SavedClaimedSince   Reason = "claimed_since"     // stale: by another state
	SavedOtherProject   Reason = "other_project"     // stale: not one recorded job is visible
	SavedNothingToDo    Reason = "nothing_to_do"     // stale: Diff has no change for the batch
	SavedOtherwise      Reason = "planned_otherwise" // stale: Diff has another change for it
)

// SavedItem is where a change of a saved plan stands.
type SavedItem struct {
	Change   *Change // as it was saved
	Standing Standing
	Why      Reason // "" while it is planned
	Phase    Phase  // of the batch now
	Job      string // that was bought, where Why says so
}

// Items gives where each change of the plan stands, in the order of the plan,
// by what Diff found out about the batches.
func (s *Saved) Items(items []Item) []SavedItem {
	now := make(map[Address]*Item, len(items))
	for i := range items {
		now[items[i].Address] = &items[i]
	}
	list := make([]SavedItem, len(s.plan.Changes))
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		list[i] = stand(c, now[c.Address])
	}
	return list
}

// Others counts the batches for which there is more to do than the plan holds.
// Those that are stale are none of them.
func (s *Saved) Others(items []Item) int {
	n := 0
	for i := range items {
		it := &items[i]
		if it.Change == nil || !it.Left {
			continue
		}
		if c := s.changes[it.Address]; c == nil || stand(c, it).Standing == StandsDone {
			n++
		}
	}
	return n
}

// Buys reports whether the plan holds purchases.
func (s *Saved) Buys() bool { return s != nil && s.plan.Summary.Create > 0 }

// rerunFrom gives the attempt that a wish of the plan for another job stands
// for, 0 where it has none.
func (s *Saved) rerunFrom(a Address) int {
	if s != nil {
		if c := s.changes[a]; c != nil && c.Reason == ReasonRerun {
			return c.Attempt
		}
	}
	return 0
}

// admits reports whether the plan lets something be done for a batch, or be
// waited for.
func (s *Saved) admits(it *Item) bool {
	if s == nil {
		return true
	}
	free := it.Change == nil || !it.Change.Has(ActionCreate) && !it.Change.Has(ActionForget)
	c := s.changes[it.Address]
	if c == nil {
		return s.follow && free && s.waiting[it.Address]
	}
	switch stand(c, it).Standing {
	case StandsPlanned:
		return true
	case StandsDone:
		return s.follow && free
	}
	return false
}

// stand judges one change by itself. it is nil where neither config nor state
// know the batch.
func stand(c *Change, it *Item) SavedItem {
	out := SavedItem{Change: c, Standing: StandsDone}
	if it == nil {
		if out.Why = SavedForgotten; !c.Has(ActionForget) {
			out.Standing, out.Why = StandsStale, SavedUnknown
		}
		return out
	}
	out.Phase = it.Phase
	switch {
	case c.Has(ActionCreate):
		out.purchase(it)
	case c.Has(ActionDownload):
		out.fetch(it)
	case c.Has(ActionAdopt):
		out.adoption(it)
	case it.Change != nil && it.Change.Has(ActionForget):
		out.Standing = StandsPlanned
	default:
		out.stale(it)
	}
	return out
}

// stale says what keeps a change from being done as it was planned.
func (out *SavedItem) stale(it *Item) {
	out.Standing = StandsStale
	switch {
	case it.Phase == PhaseHeld, it.Phase == PhaseFailed:
		out.Why = it.Reason
	case it.Change == nil:
		out.Why = SavedNothingToDo
	default:
		out.Why = SavedOtherwise
	}
}

// purchase: the change buys a job. The number of the attempt is no part of it:
// a refused send uses one up and buys nothing.
func (out *SavedItem) purchase(it *Item) {
	c, now := out.Change, it.Change
	if why, job := sentSince(c, it.Record); why != "" {
		out.Why, out.Job = why, job
		return
	}
	prior := it.prior
	switch same := now != nil && now.Has(ActionCreate); {
	case it.Phase == PhaseHeld, it.Phase == PhaseFailed:
		out.stale(it)
		return
	case it.Want != nil && !c.Detail.Subset && it.Want.Source.SHA256 != c.Detail.SHA256:
		out.Why = SavedSourceChanged
	case it.Want != nil && c.Reason != ReasonRepair && it.Want.Model != c.Detail.Model:
		out.Why = SavedModelChanged
	case prior.OtherProject != c.Prior.OtherProject:
		out.Why = SavedOtherProject
	case prior.Cancelled != c.Prior.Cancelled:
		out.Why = SavedCancelledSince
	case prior.Bought != c.Prior.Bought, prior.Job != c.Prior.Job:
		out.Why = SavedBoughtSince
	case prior.Claimed != c.Prior.Claimed:
		out.Why = SavedClaimedSince
	case !same:
		out.stale(it)
		return
	case now.Detail.SHA256 != c.Detail.SHA256, now.Detail.Subset != c.Detail.Subset:
		out.Why = SavedRowsChanged
	case now.Detail.Model != c.Detail.Model:
		out.Why = SavedModelChanged
	case (now.Reason == ReasonRerun) != (c.Reason == ReasonRerun), (now.Reason == ReasonRepair) != (c.Reason == ReasonRepair):
		out.Why = SavedOtherwise
	default:
		out.Standing = StandsPlanned
		return
	}
	out.Standing = StandsStale
}

// sentSince finds the send that the change stands for: one for the same content
// and model that was not there when it was planned.
func sentSince(c *Change, rec *Record) (why Reason, job string) {
	if rec == nil {
		return "", ""
	}
	for i := len(rec.Attempts) - 1; i >= 0; i-- {
		at := &rec.Attempts[i]
		// One that counted as absent may turn up late, under an earlier number.
		late := at.Outcome == OutcomeBought && rec.sends() > c.Prior.Bought && at.Job != c.Prior.Job && at.Job == rec.newestJobName()
		if at.content() != c.Detail.SHA256 || at.Model != c.Detail.Model || at.Number < c.Attempt && !late {
			continue
		}
		switch {
		case at.Outcome == OutcomeBought:
			return SavedBought, at.Job
		case at.Outcome == OutcomeIntent:
			return SavedSent, ""
		case rec.refusedForGood(at):
			return SavedRefused, ""
		}
	}
	return "", ""
}

// fetch: the change downloads answers.
func (out *SavedItem) fetch(it *Item) {
	c, now := out.Change, it.Change
	if now != nil && now.Has(ActionDownload) && now.Attempt == c.Attempt && now.Detail.Job == c.Detail.Job {
		out.Standing = StandsPlanned
		return
	}
	read := c.Reason == ReasonJobSucceeded || c.Reason == ReasonPartialOutput
	if rec := it.Record; rec != nil {
		read = read && slices.ContainsFunc(rec.Attempts, func(at Attempt) bool { return at.Job == c.Detail.Job && at.OutputRead })
		if read || it.Phase == PhaseDone && rec.Result != nil && rec.Result.Attempt >= c.Attempt {
			out.Why = SavedDelivered
			return
		}
	}
	out.stale(it)
}

// adoption: the change takes over a job, or the record of a renamed batch.
func (out *SavedItem) adoption(it *Item) {
	c, now := out.Change, it.Change
	switch {
	case now != nil && now.Has(ActionAdopt) && !now.Has(ActionCreate) && now.Detail.Job == c.Detail.Job && now.Detail.From == c.Detail.From:
		out.Standing = StandsPlanned
	case now != nil && now.Has(ActionAdopt):
		out.stale(it) // and something is to be bought with it
	case c.Detail.Job != "" && it.Record.hasJob(c.Detail.Job), c.Detail.Job == "" && it.Record != nil:
		out.Why = SavedAdopted
	default:
		out.stale(it)
	}
}

// prior is what had been bought for the batch by now.
func (v *view) prior() Prior {
	p := Prior{Bought: v.rec.sends(), Job: v.rec.newestJobName(), OtherProject: v.otherProject}
	if claimed := cmp.Or(v.claimed, v.claimedRest); claimed != nil {
		p.Claimed = claimed.Name
	}
	if v.rec == nil {
		return p
	}
	for i := range v.rec.Attempts {
		if at := &v.rec.Attempts[i]; at.CancelAsked || JobState(at.State) == JobCancelled {
			p.Cancelled++
		}
	}
	if v.rec.Strange != nil && v.rec.Strange.CancelAsked {
		p.Cancelled++
	}
	return p
}

// sends counts the attempts that have a job, or may have one.
func (r *Record) sends() int {
	n := 0
	if r != nil {
		for i := range r.Attempts {
			if o := r.Attempts[i].Outcome; o == OutcomeBought || o == OutcomeIntent {
				n++
			}
		}
	}
	return n
}

// newestJobName names the job of the newest attempt that has one.
func (r *Record) newestJobName() string {
	if r != nil {
		for i := len(r.Attempts) - 1; i >= 0; i-- {
			if r.Attempts[i].Outcome == OutcomeBought {
				return r.Attempts[i].Job
			}
		}
	}
	return ""
}
