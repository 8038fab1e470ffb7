package planner

import (
	"fmt"
	"slices"
)

// repaired: the newest job bought rows again that were not good. Whatever
// becomes of it, what is in hand is delivered: the rest of the batch waits for
// nobody.
func (v *view) repaired(last *Attempt) verdict {
	switch {
	case last.active():
		return v.wait(last)
	case last.Gone, last.Wrong, last.OutputRead, last.OutputGone:
	case last.Output != "" || last.Inline:
		out := v.fetch(last)
		v.warnChanged(&out, last)
		return out
	case JobState(last.State) == JobSucceeded && !v.noOutput(last):
		return v.wait(last)
	}
	if !v.rec.resultIn(last) || v.rec.partsBeyond() {
		return v.inHand(last)
	}
	// Nothing came of it, and the result stands as it was.
	out := v.done(last)
	if out.phase == PhaseDone && len(out.actions) == 0 {
		out.warn(v.addr, "repair_ended", fmt.Sprintf("attempt %d bought rows again and ended without answers (%s); the result stays as it was", last.Number, last.State))
	}
	return out
}

// fetch downloads what a job left.
func (v *view) fetch(a *Attempt) verdict {
	if a.unsuccessful() {
		return v.download(a, ReasonPartialOutput)
	}
	return v.download(a, ReasonJobSucceeded)
}

// unfinished gives the oldest attempt of the series before last, where last has
// ended, whose answers are still to come or to be fetched. There is one when a
// create turned up late, or an older state was restored and several jobs were
// found again.
func (v *view) unfinished(last *Attempt) *Attempt {
	if !last.partial() || last.active() {
		return nil
	}
	for _, a := range v.rec.Series(last.Number) {
		if a != last && (a.active() || a.hasOutput() && !a.Gone && !a.Wrong) {
			return a
		}
	}
	return nil
}

// broken reports whether last was sent some rows only, and the answers that its
// own stand beside are not to be had any more: then they make no result.
func (v *view) broken(last *Attempt) bool {
	if !last.partial() || last.active() || !last.Repair && last.unsuccessful() {
		return false
	}
	base := v.rec.baseOf(last)
	return base == nil || !base.OutputRead || v.lost(base) != nil
}

// emptyRepair reports whether a job that bought rows again ended, and no answers
// are to be expected of it.
func (v *view) emptyRepair(a *Attempt) bool {
	return a.Repair && !a.active() && a.Output == "" && !a.Inline && (JobState(a.State) != JobSucceeded || v.noOutput(a))
}

// noOutput reports whether a job that succeeded has named no output for so long
// that none is to be expected.
func (v *view) noOutput(a *Attempt) bool {
	return v.live.Refreshed && !a.Ended.IsZero() && v.live.Last.After(a.Ended.Add(outputDelay))
}

// inHand: the answers are in hand but do not make a result yet.
func (v *view) inHand(last *Attempt) verdict {
	switch {
	case v.rec.resultIn(last) && v.seen != ResultOurs:
		return v.fetchAgain(last)
	case !last.Repair && (last.CancelAsked || last.RowsCancelled):
		return v.ended(last, HoldCancelled)
	case v.rerun:
		return v.buy(ReasonRerun)
	case !v.forWanted(last) && v.resultForWanted():
		return v.former(string(ReasonSourceChanged), fmt.Sprintf("the answers of attempt %d are to another content or model; the result of attempt %d is what is wanted now", last.Number, v.rec.Result.Attempt))
	case v.want.Source.Missing:
		return v.stays(HoldSourceGone, last)
	case v.want.Source.SHA256 != last.SHA256 && v.want.OnChange == OnChangeRerun:
		return v.buyWithin(ReasonSourceChanged)
	case v.want.Source.SHA256 != last.SHA256 && v.want.OnChange != OnChangeKeep:
		return v.stays(HoldSourceChanged, last)
	case v.seen == ResultForeign:
		return v.hold(HoldResultExists, last)
	case v.want.Source.SHA256 != last.SHA256 && last.kept():
		return v.download(last, ReasonSourceChanged)
	case v.repairable(last) != nil:
		return v.buyRepair(last)
	case v.rec.judgement(v.want) != nil || last.Repair:
		return v.deliverInHand(last)
	}
	return v.download(last, ReasonSourceBack)
}

// complete gives the end of the series for what is wanted now, where all its
// rows are in hand and are no result yet, and nobody cancelled it.
func (v *view) complete() *Attempt {
	base := v.rec.baseFor(v.want)
	if base == nil || base.Model != v.want.Model || v.rec.resultIn(base) || !v.rec.reachedAll(v.want) {
		return nil
	}
	end := v.rec.endOf(base)
	if slices.ContainsFunc(v.rec.Series(end.Number), func(a *Attempt) bool {
		return !a.Repair && (a.CancelAsked || a.RowsCancelled || JobState(a.State) == JobCancelled)
	}) {
		return nil
	}
	return end
}

// forWanted reports whether an attempt is of a series for what is wanted now.
func (v *view) forWanted(a *Attempt) bool {
	return a.SHA256 == v.want.Source.SHA256 && v.rec.boughtWith(a) == v.want.Model
}

// resultForWanted reports whether the result answers what is wanted now.
func (v *view) resultForWanted() bool {
	res := v.rec.Result
	if res == nil || res.Source != v.want.Source.SHA256 {
		return false
	}
	a := v.rec.attempt(res.Attempt)
	return a != nil && v.forWanted(a)
}

// repairable gives the rows that are to be bought again, where last ends the
// series that they belong to.
func (v *view) repairable(last *Attempt) *Rest {
	rest := v.rec.Repairable(v.want)
	if rest == nil || v.rec.baseOf(last) != v.rec.baseFor(v.want) {
		return nil
	}
	return rest
}

// buyRepair buys rows again that are not good. Where something stands against
// it, what is in hand is delivered first: a result that is done is repaired as
// well, later.
func (v *view) buyRepair(last *Attempt) verdict {
	why := v.against(ReasonRepair)
	if why == "" || v.active() != nil || v.rec.resultIn(last) && !v.rec.partsBeyond() {
		return v.buy(ReasonRepair)
	}
	out := v.deliverInHand(last)
	out.warn(v.addr, string(why), fmt.Sprintf("rows that are not good are not bought again now (%s); the result is made of what is in hand", why))
	return out
}

// deliverInHand makes the result of what is in hand, whatever rows are open.
func (v *view) deliverInHand(last *Attempt) verdict {
	out := v.download(last, ReasonRowsInHand)
	v.warnChanged(&out, last)
	return out
}

// stays holds answers that cannot be delivered now. Where a repair brought
// them, the former result goes on standing for the batch.
func (v *view) stays(why Reason, last *Attempt) verdict {
	if last.Repair && v.rec.Result != nil {
		return v.former(string(why), fmt.Sprintf("the answers of attempt %d are kept (%s); the result of attempt %d stays", last.Number, why, v.rec.Result.Attempt))
	}
	return v.hold(why, last)
}

// lost gives an attempt whose answers are needed to deliver those of a, and are
// not to be had any more; nil where all are.
func (v *view) lost(a *Attempt) *Attempt {
	inResult, add := v.rec.Pieces(a.Number, v.seen)
	for _, piece := range add {
		if piece.lost() {
			return piece
		}
	}
	if !inResult && len(add) == 0 && a.lost() {
		return a
	}
	return nil
}

// lost reports whether a job's answers are not to be had.
func (a *Attempt) lost() bool {
	return a.Part == nil && (a.Gone || a.OutputGone || a.Output == "" && !a.Inline)
}
