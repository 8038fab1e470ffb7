package planner

import (
	"cmp"
	"fmt"
	"time"
)

// verdict is the decision for one batch.
type verdict struct {
	phase    Phase
	actions  []Action
	reason   Reason
	attempt  int
	detail   Detail
	waiting  *Waiting
	held     *Held
	failed   *Failed
	problems []Problem
}

func (out *verdict) warn(a Address, code, summary string) {
	out.problems = append(out.problems, Problem{Severity: SeverityWarning, Code: code, Summary: summary, Address: &a})
}

func (v *view) download(a *Attempt, why Reason) verdict {
	d := v.detailFor(a)
	if r := v.rec.Result; r != nil && (why == ReasonResultMissing || why == ReasonResultChanged) {
		d.Rows = r.Rows // it is made anew, of every attempt that is in it
	}
	return verdict{phase: PhaseSucceeded, actions: []Action{ActionDownload}, reason: why, attempt: a.Number, detail: d}
}

func (v *view) detailFor(a *Attempt) Detail {
	d := Detail{Job: a.Job, Rows: a.Rows, SHA256: a.content(), Model: a.Model, Subset: a.partial()}
	if v.want != nil {
		d.Output = v.want.Output
	}
	return d
}

func (v *view) wait(a *Attempt) verdict {
	out := verdict{phase: PhaseSubmitted, waiting: &Waiting{Address: v.addr, Job: a.Job, JobState: a.State, Since: at(a.Created)}}
	v.warnChanged(&out, a)
	if a.CancelAsked {
		out.warn(v.addr, "cancel_pending", fmt.Sprintf("a person asked to cancel %s, and it has not ended; qaplan cancel '%s' asks again", a.Job, v.addr))
	}
	if v.rerun {
		out.warn(v.addr, "rerun_refused", fmt.Sprintf("a job is active (%s); cancel it before asking for another", a.Job))
	}
	return out
}

// waitUnknown waits for a create that may have bought a job.
func (v *view) waitUnknown(since time.Time) verdict {
	out := verdict{phase: PhaseUnknown, waiting: &Waiting{Address: v.addr, JobState: "UNKNOWN", Since: at(since)}}
	if v.cancelMarked() {
		out.warn(v.addr, "cancel_pending", "a person asked to cancel; nothing is sent for it again, and should its job turn up, qaplan cancel ends it")
	}
	if v.rerun {
		out.warn(v.addr, "rerun_refused", "a create whose outcome is not known yet may have bought a job; ask for another once it is known")
	}
	return out
}

// warnChanged says that what was bought is no longer what is wanted; the job
// is followed all the same.
func (v *view) warnChanged(out *verdict, a *Attempt) {
	w, model := v.want, v.rec.boughtWith(a)
	switch {
	case w.Source.Missing:
		out.warn(v.addr, "source_gone", "the source file is gone; the answers will be kept until it is back")
	case w.Source.SHA256 != a.SHA256:
		out.warn(v.addr, "source_changed", "the source changed after its job was bought; the answers fit the former content")
	case w.Model != model:
		out.warn(v.addr, "model_changed", fmt.Sprintf("the job was bought with %s; the config now says %s", model, w.Model))
	}
	v.warnClaimed(out)
}

// warnClaimed says that another state has a job for what is bought here.
func (v *view) warnClaimed(out *verdict) {
	if v.claimed != nil {
		out.warn(v.addr, "claimed_elsewhere", fmt.Sprintf("another state made a job for this batch too (%s)", v.claimed.Name))
	}
}

func (v *view) hold(why Reason, a *Attempt) verdict {
	h := &Held{Address: v.addr, Reason: why}
	if a != nil {
		h.Job, h.Message = a.Job, a.Error
	}
	switch why {
	case HoldMaybeBought:
		h.Job = v.maybe.Name
	case HoldClaimedElsewhere:
		if claimed := cmp.Or(v.claimed, v.claimedRest); claimed != nil {
			h.Job = claimed.Name
		}
	case HoldWrongJob:
		if h.Exit = Exit(why, v.addr, "", ""); v.offer != nil {
			h.Exit = Exit(why, v.addr, v.offer.Name, "")
		}
		return verdict{phase: PhaseHeld, held: h}
	case HoldSourceChanged, HoldModelChanged:
		if a == nil && v.stale != nil {
			h.Job = v.stale.Name
		}
	}
	h.Exit = Exit(why, v.addr, h.Job, v.outputPath())
	return verdict{phase: PhaseHeld, held: h}
}

// holdBuying holds what is to be bought. A batch whose result is on disk stays
// done, and the hold becomes a warning.
func (v *view) holdBuying(why Reason, a *Attempt) verdict {
	held := v.hold(why, a)
	if v.rec == nil || v.rec.Result == nil || v.seen != ResultOurs {
		return held
	}
	out := verdict{phase: PhaseDone}
	out.warn(v.addr, string(why), fmt.Sprintf("another attempt is wanted, and is held (%s) until a person decides: %s", why, held.held.Exit))
	return out
}

func (v *view) fail(why Reason, message string) verdict {
	return verdict{phase: PhaseFailed, failed: &Failed{Address: v.addr, Reason: why, Message: message, Exit: Exit(why, v.addr, "", v.outputPath())}}
}

func (v *view) outputPath() string {
	if v.want == nil {
		return ""
	}
	return v.want.Output
}

// Exit gives what ends a hold or a failure: a command to type, or what to put
// right first.
func Exit(why Reason, a Address, job, output string) string {
	rerun := "qaplan apply --rerun '" + a.String() + "'"
	switch why {
	case HoldMaybeBought:
		if job == "" {
			job = "JOB"
		}
		return "qaplan import '" + a.String() + "' " + job + ", qaplan import --from FILE, or set unclaimed = \"ignore\" in batch \"" + a.Block + "\""
	case HoldClaimedElsewhere:
		if job == "" {
			job = "JOB"
		}
		return "qaplan import '" + a.String() + "' " + job + ", apply with the state that made it, qaplan state rebuild if that one is lost, or " + rerun
	case HoldSourceGone:
		return "restore the source file, or put another in its place and " + rerun
	case HoldSourceChanged:
		return "restore the source file, or " + rerun
	case HoldModelChanged:
		return "name the former model again, or " + rerun
	case HoldResultExists:
		return "move " + output + " away"
	case HoldLeftConfig:
		return "put the batch back into the config, or qaplan state rm '" + a.String() + "'"
	case HoldOtherProject:
		return "set GEMINI_API_KEY to a key of the project that made the jobs, or, if they were deleted, " + rerun
	case HoldWrongJob:
		if job == "" {
			job = "JOB"
		}
		return "qaplan import '" + a.String() + "' " + job + ", or " + rerun
	}
	return rerun
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
