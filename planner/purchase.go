package planner

import "fmt"

// nothingBought: no send of this batch bought a job.
func (v *view) nothingBought() verdict {
	if v.want.Source.Missing {
		return verdict{phase: PhaseAbsent}
	}
	if v.rec != nil && v.rec.Strange != nil && !v.rec.Strange.Settled {
		return v.waitUnknown(v.rec.Strange.SettleFrom)
	}
	if v.rec != nil && v.rec.Strange != nil && v.rec.Strange.CancelAsked {
		return v.ended(nil, HoldCancelled)
	}
	if last := v.rec.Last(); last != nil && last.Outcome == OutcomeAbsent {
		return v.buyWithin(ReasonCreateAbsent)
	}
	return v.buyWithin(ReasonNotSubmitted)
}

// buyWithin buys unless something stands against it that a person can lift by
// asking for another job.
func (v *view) buyWithin(why Reason) verdict {
	if v.rerun {
		return v.buy(ReasonRerun)
	}
	if last := v.rec.Last(); last != nil && last.Outcome == OutcomeAbsent && last.CancelAsked {
		return v.ended(last, HoldCancelled)
	}
	former := v.rec != nil && v.rec.Result != nil
	if r := v.refused(); r != nil {
		if former {
			return v.former(string(FailRefused), "the service refuses another attempt; the former result stays: "+r.Message)
		}
		return v.fail(FailRefused, r.Message)
	}
	last := v.newest()
	switch a := v.answeredWanted(); {
	case !former || a == nil:
	case last.fruitless():
		return v.ended(last, why)
	default:
		return v.former(string(why), fmt.Sprintf("attempt %d answered what is wanted now; its answers were replaced since, and only --rerun buys them again", a.Number))
	}
	if v.acceptedForWanted() >= v.want.MaxAttempts {
		if former {
			return v.ended(last, FailAttemptsUsedUp)
		}
		return v.fail(FailAttemptsUsedUp, last.Error)
	}
	return v.buy(why)
}

func (v *view) refused() *Refusal {
	if v.rec == nil || v.rec.Refused == nil || !v.rec.Refused.Final {
		return nil
	}
	if r := v.rec.Refused; r.SHA256 == v.want.Source.SHA256 && r.Model == v.want.Model {
		return r
	}
	return nil
}

// isWanted reports whether the attempt was sent for what is wanted now. Repairs
// are counted apart.
func (v *view) isWanted(a *Attempt) bool {
	return !a.Repair && a.Outcome == OutcomeBought && a.SHA256 == v.want.Source.SHA256 && a.Model == v.want.Model
}

// answeredWanted gives an attempt that succeeded for what is wanted now. It is
// never bought a second time unless a person asks for it.
func (v *view) answeredWanted() *Attempt {
	if v.rec != nil {
		for i := len(v.rec.Attempts) - 1; i >= 0; i-- {
			if a := &v.rec.Attempts[i]; v.isWanted(a) && JobState(a.State) == JobSucceeded {
				return a
			}
		}
	}
	return nil
}

// acceptedForWanted counts the sends that the service accepted for what is
// wanted now: another content or model starts anew.
func (v *view) acceptedForWanted() int {
	n := 0
	if v.rec != nil {
		for i := range v.rec.Attempts {
			if v.isWanted(&v.rec.Attempts[i]) {
				n++
			}
		}
	}
	return n
}

// buy plans a create, and the upload it needs. While any job of the batch is
// active it waits for that one: with two at work something is paid twice.
func (v *view) buy(why Reason) verdict {
	w := v.want
	active := v.active()
	switch {
	case v.otherProject && why != ReasonRerun:
		return v.holdBuying(HoldOtherProject, v.newest())
	case active != nil && !v.otherProject:
		return v.wait(active)
	case w.Source.Missing:
		return v.holdBuying(HoldSourceGone, v.newest())
	case (v.claimed != nil || v.claimedUp != nil) && why != ReasonRerun:
		return v.holdBuying(HoldClaimedElsewhere, nil)
	case v.stale != nil && why != ReasonRerun:
		return v.holdBuying(HoldSourceChanged, nil)
	case v.maybe != nil:
		return v.holdBuying(HoldMaybeBought, nil)
	case v.seen == ResultForeign:
		return v.hold(HoldResultExists, nil)
	}
	out := verdict{reason: why, attempt: v.rec.NextNumber(), phase: PhaseAbsent}
	out.detail = v.purchase(why)
	v.warnClaimed(&out)
	switch up := v.uploadOf(&out.detail); {
	case up == nil:
		out.actions = []Action{ActionUpload, ActionCreate}
		if why == ReasonNotSubmitted {
			out.reason = v.whyUpload()
		}
	case v.rec != nil && v.rec.Upload != nil && v.rec.Upload.File == up.File:
		out.phase, out.actions = PhaseUploaded, []Action{ActionCreate}
		out.detail.File = up.File
	default:
		out.phase, out.actions = PhaseUploaded, []Action{ActionAdopt, ActionCreate}
		out.detail.File = up.File
	}
	if v.rec != nil && v.rec.Result != nil && v.seen == ResultOurs {
		out.phase = PhaseDone // the former result stands until the new one does
	}
	return out
}

// purchase says what is bought: the whole source, or the rows of it that earlier
// attempts left open.
func (v *view) purchase(why Reason) Detail {
	w := v.want
	d := Detail{Source: w.Source.Path, SHA256: w.Source.SHA256, Bytes: w.Source.Bytes, Rows: w.Source.Rows,
		Tokens: w.Source.Tokens, Model: w.Model, Output: w.Output, Again: v.rec.Accepted() > 0}
	var rest *Rest
	switch why {
	case ReasonRepair:
		rest, d.Model = v.rec.repairable(w), v.rec.repairModel(w)
	case ReasonJobFailed, ReasonJobExpired, ReasonRerun, ReasonCreateAbsent:
		rest = v.rec.unreached(w)
	}
	if rest != nil {
		d.Subset, d.SHA256, d.Bytes, d.Rows, d.Tokens = true, rest.SHA256, rest.Bytes, rest.Rows, rest.Tokens
	}
	return d
}

// uploadOf gives an upload that the purchase may use.
func (v *view) uploadOf(d *Detail) *Upload {
	if d.Subset {
		return v.restUpload
	}
	return v.upload
}

// whyUpload says more of a batch for which nothing was bought: what became of
// an earlier upload.
func (v *view) whyUpload() Reason {
	rec := v.rec
	switch {
	case rec == nil || rec.Source.SHA256 == "":
		return ReasonNotSubmitted
	case rec.Source.SHA256 != v.want.Source.SHA256:
		return ReasonSourceChanged
	case rec.Upload != nil && !rec.Upload.Done:
		return ReasonUploadUnfinished
	case rec.Upload != nil || rec.UploadN > 0:
		return ReasonUploadExpired
	}
	return ReasonNotSubmitted
}
