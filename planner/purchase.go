package planner

import (
	"fmt"
	"slices"
)

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
	d := v.purchase(why)
	if v.rec.cancelledUnseen(d.SHA256) {
		return v.ended(v.rec.Last(), HoldCancelled)
	}
	if r := v.rec.refused(d.SHA256, d.Model); r != nil {
		if former {
			return v.former(string(FailRefused), "the service refuses another attempt; the former result stays: "+r.Message)
		}
		return v.fail(FailRefused, r.Message)
	}
	last := v.newest()
	switch a := v.answeredWanted(); {
	case a != nil && !former && !v.askedSince(a):
		return v.ended(a, HoldResultGone) // nothing of it is to be had, and it is not bought twice
	case !former || a == nil && !v.resultForWanted():
	case a == nil, last.fruitless():
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

// askedSince reports whether a person asked for another job after that one.
func (v *view) askedSince(a *Attempt) bool {
	return slices.ContainsFunc(v.rec.Attempts, func(later Attempt) bool { return later.Number > a.Number && later.Rerun })
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
	d := v.purchase(why)
	if !v.otherProject {
		if active := v.active(); active != nil {
			return v.wait(active)
		}
		if s := v.rec.strange(d.SHA256); s != nil && !s.Settled {
			return v.waitUnknown(s.SettleFrom)
		}
	}
	switch against := v.against(why); against {
	case "":
	case HoldOtherProject, HoldSourceGone:
		return v.holdBuying(against, v.newest())
	case HoldResultExists:
		return v.hold(against, nil)
	default:
		return v.holdBuying(against, nil)
	}
	out := verdict{reason: why, attempt: v.rec.NextNumber(), phase: PhaseAbsent, detail: d}
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
	if why == ReasonRepair {
		out.phase = PhaseSucceeded // its job did, and its answers wait for the others
	}
	if v.rec != nil && v.rec.Result != nil && v.seen == ResultOurs {
		out.phase = PhaseDone // the former result stands until the new one does
	}
	return out
}

// against gives what a person has to decide on before anything is bought, ""
// where nothing stands against it. A repair is of other bytes than those that
// another state may have bought.
func (v *view) against(why Reason) Reason {
	claimed := v.claimedRest != nil || v.restUp != nil || why != ReasonRepair && (v.claimed != nil || v.claimedUp != nil)
	switch {
	case v.otherProject && why != ReasonRerun:
		return HoldOtherProject
	case v.want.Source.Missing:
		return HoldSourceGone
	case claimed && why != ReasonRerun:
		return HoldClaimedElsewhere
	case v.stale != nil && why != ReasonRerun && v.ofOtherModel(v.stale):
		return HoldModelChanged
	case v.stale != nil && why != ReasonRerun:
		return HoldSourceChanged
	case v.maybe != nil:
		return HoldMaybeBought
	case v.seen == ResultForeign:
		return HoldResultExists
	}
	return ""
}

// ofOtherModel reports whether a job of a former state is for the source as it is,
// and for another model.
func (v *view) ofOtherModel(j *Job) bool {
	tok, ok := ParseToken(j.DisplayName)
	return ok && j.Model != v.want.Model && ContentSum(v.addr, v.want.Source.SHA256, j.Model) == tok.Sum
}

// purchase says what is bought: the whole source, or the rows of it that earlier
// attempts left open.
func (v *view) purchase(why Reason) Detail {
	w := v.want
	d := Detail{Source: w.Source.Path, SHA256: w.Source.SHA256, Bytes: w.Source.Bytes, Rows: w.Source.Rows,
		Tokens: w.Source.Tokens, Model: w.Model, Output: w.Output, Again: v.rec.Accepted() > 0}
	rest := v.rec.unreached(w)
	if why == ReasonRepair {
		rest, d.Model = v.rec.Repairable(w), v.rec.repairModel(w)
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
