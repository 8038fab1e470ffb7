package planner

import "fmt"

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

// unfetched gives the oldest attempt of the series before last whose answers
// were not fetched, where those of last are not in hand either. There is one
// when an older state was restored, and several jobs were found again at once.
func (v *view) unfetched(last *Attempt) *Attempt {
	if !last.partial() || last.active() || last.OutputRead {
		return nil
	}
	for _, a := range v.rec.Series(last.Number) {
		if a != last && a.hasOutput() && !a.Gone && !a.Wrong {
			return a
		}
	}
	return nil
}

// noOutput reports whether a job that succeeded has named no output for so long
// that none is to be expected.
func (v *view) noOutput(a *Attempt) bool {
	return v.live.Refreshed && !a.Ended.IsZero() && v.live.Last.After(a.Ended.Add(outputDelay))
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

// lost gives an attempt of the series that ends with a whose answers were read
// and are not to be had any more, nil where all are.
func (v *view) lost(a *Attempt) *Attempt {
	series := v.rec.Series(a.Number)
	if series == nil {
		series = []*Attempt{a}
	}
	read := 0
	for _, a := range series {
		if !a.OutputRead || a.Wrong {
			continue // nothing of it is in the result
		}
		if read++; a.lost() {
			return a
		}
	}
	if read == 0 && a.lost() {
		return a
	}
	return nil
}

// lost reports whether a job's answers are not to be had.
func (a *Attempt) lost() bool {
	return a.Gone || a.OutputGone || a.Output == "" && !a.Inline && a.Part == nil
}
