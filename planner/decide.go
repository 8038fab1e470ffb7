package planner

import (
	"fmt"
	"time"
)

// outputDelay is how long after its end a successful job may name no output
// before a person is asked; some jobs name it late (ellmer, 2026-05-21).
const outputDelay = 24 * time.Hour

// view is all that the decision for one batch depends on.
type view struct {
	addr         Address
	want         *Batch  // nil: out of the config
	rec          *Record // learned, with adopted jobs; nil: nothing is known
	live         *Live
	seen         ResultSeen
	upload       *Upload // usable for what is wanted
	adopted      []*Job
	extra        []*Job
	claimed      *Job
	claimedUp    *File
	maybe        *Job
	from         Address // former address of a renamed batch
	rerun        bool
	otherProject bool
}

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

// decide goes through the transitions in the order of the phases: what is
// unknown comes first, then what is delivered, then what was bought, and only
// then what may be bought.
func (v *view) decide() verdict {
	out := v.state()
	if len(v.adopted) > 0 || v.from != (Address{}) {
		if len(out.actions) == 0 || out.actions[0] != ActionAdopt {
			out.actions = append([]Action{ActionAdopt}, out.actions...)
		}
		if len(out.actions) == 1 {
			out.reason = ReasonJobFound
			out.attempt = v.rec.Last().Number
			out.detail = v.detailFor(v.rec.Last())
		}
		v.describeAdoption(&out)
	}
	for _, j := range v.extra {
		out.extra(v.addr, j.Name, string(j.State))
	}
	if last := v.lastBought(); last != nil && v.want != nil {
		for i := range v.rec.Attempts {
			// A send that was settled as absent and whose job turned up after all.
			if a := &v.rec.Attempts[i]; a.Number < last.Number && a.Outcome == OutcomeBought && a.Ended.IsZero() && !a.Gone {
				out.extra(v.addr, a.Job, a.State)
			}
		}
	}
	return out
}

func (out *verdict) extra(a Address, job, state string) {
	out.problems = append(out.problems, Problem{Severity: SeverityWarning, Code: "extra_job", Address: &a, Job: job,
		Summary: fmt.Sprintf("a second job for this batch exists (%s, %s); it is left alone and its answers are not used", job, state)})
}

func (v *view) describeAdoption(out *verdict) {
	if v.from != (Address{}) {
		out.detail.From = v.from.String()
		if len(out.actions) == 1 {
			out.reason = ReasonRenamed
		}
	}
	if n := len(v.adopted); n > 0 {
		out.detail.Job = v.adopted[n-1].Name
		for _, j := range v.adopted[:n-1] {
			out.detail.Jobs = append(out.detail.Jobs, j.Name)
		}
	}
}

func (v *view) state() verdict {
	if v.rec != nil {
		if open := v.openSend(); open != nil {
			return verdict{phase: PhaseUnknown, waiting: &Waiting{Address: v.addr, JobState: "UNKNOWN", Since: at(open.Sent)}}
		}
	}
	if v.want == nil {
		return v.leftConfig()
	}
	last := v.lastBought()
	switch {
	case last == nil:
		return v.nothingBought()
	case v.delivered(last):
		return v.done(last)
	case v.otherProject && !v.rerun:
		return v.hold(HoldOtherProject, last)
	default:
		return v.purchased(last)
	}
}

// openSend gives a send whose outcome is not known, if there is one.
func (v *view) openSend() *Attempt {
	for i := range v.rec.Attempts {
		if v.rec.Attempts[i].Outcome == OutcomeIntent {
			return &v.rec.Attempts[i]
		}
	}
	return nil
}

// lastBought gives the newest attempt that has a job.
func (v *view) lastBought() *Attempt {
	if v.rec != nil {
		for i := len(v.rec.Attempts) - 1; i >= 0; i-- {
			if v.rec.Attempts[i].Outcome == OutcomeBought {
				return &v.rec.Attempts[i]
			}
		}
	}
	return nil
}

// delivered reports whether the result answers the newest job.
func (v *view) delivered(last *Attempt) bool {
	return v.rec.Result != nil && v.rec.Result.Attempt >= last.Number
}

func (v *view) undelivered() bool {
	last := v.lastBought()
	return last != nil && !v.delivered(last) && !last.spent()
}

// spent reports whether a job has nothing more to give: it ended without
// success and what it left behind was fetched.
func (a *Attempt) spent() bool {
	switch JobState(a.State) {
	case JobFailed, JobExpired, JobCancelled:
		return !a.hasOutput() && a.Part == nil
	}
	return false
}

// hasOutput reports whether there are answers to fetch.
func (a *Attempt) hasOutput() bool {
	return (a.Output != "" || a.Inline) && !a.OutputGone && !a.OutputRead
}

// leftConfig: a batch that is no longer declared is forgotten only when
// nothing that was paid for is lost with it.
func (v *view) leftConfig() verdict {
	last := v.lastBought()
	if last != nil && !v.delivered(last) && !last.spent() {
		return v.hold(HoldLeftConfig, last)
	}
	phase := PhaseAbsent
	if v.rec.Result != nil {
		phase = PhaseDone
	}
	return verdict{phase: phase, actions: []Action{ActionForget}, reason: ReasonLeftConfig}
}

// done: the newest job is delivered.
func (v *view) done(last *Attempt) verdict {
	res := v.rec.Result
	if v.seen == ResultNone || v.seen == ResultChanged {
		return v.fetchAgain(last)
	}
	if v.rerun {
		return v.buy(ReasonRerun)
	}
	out := verdict{phase: PhaseDone}
	if v.want.Source.Missing {
		out.warn(v.addr, "source_gone", "the source file is gone; the result stays as it is")
		return out
	}
	sourceChanged := v.want.Source.SHA256 != res.Source
	if !sourceChanged && v.want.Model == last.Model {
		return out
	}
	switch v.want.OnChange {
	case OnChangeKeep:
		return out
	case OnChangeRerun:
		if sourceChanged {
			return v.buy(ReasonSourceChanged)
		}
		return v.buy(ReasonModelChanged)
	}
	if sourceChanged {
		out.warn(v.addr, "source_changed", "the source changed after its answers were delivered; the result answers the former content")
	} else {
		out.warn(v.addr, "model_changed", fmt.Sprintf("the result was made with %s; the config now says %s", last.Model, v.want.Model))
	}
	return out
}

// fetchAgain: the delivered file is gone or was changed.
func (v *view) fetchAgain(last *Attempt) verdict {
	res := v.rec.Result
	switch {
	case v.rerun:
		return v.buy(ReasonRerun)
	case last.Gone || last.OutputGone || last.Output == "" && !last.Inline && last.Part == nil:
		return v.hold(HoldResultGone, last)
	case v.want.Source.Missing:
		return v.hold(HoldSourceGone, last)
	case v.want.Source.SHA256 != res.Source && v.want.OnChange != OnChangeKeep:
		if v.want.OnChange == OnChangeRerun {
			return v.buy(ReasonSourceChanged)
		}
		return v.hold(HoldSourceChanged, last)
	case v.seen == ResultChanged:
		return v.download(last, ReasonResultChanged)
	}
	return v.download(last, ReasonResultMissing)
}

// purchased: the newest job is not delivered.
func (v *view) purchased(last *Attempt) verdict {
	switch {
	case last.Wrong:
		return v.ended(last, HoldWrongJob)
	case last.Gone:
		return v.ended(last, HoldJobGone)
	}
	state := JobState(last.State)
	switch state {
	case JobPending, JobRunning:
		return v.wait(last)
	case JobSucceeded:
		return v.answered(last)
	case JobFailed, JobExpired:
		if last.hasOutput() {
			return v.download(last, ReasonPartialOutput)
		}
		if state == JobFailed {
			return v.again(last, ReasonJobFailed)
		}
		return v.again(last, ReasonJobExpired)
	case JobCancelled:
		if last.hasOutput() {
			return v.download(last, ReasonPartialOutput)
		}
		return v.ended(last, HoldCancelled)
	default: // a word that this version does not know
		if last.Ended.IsZero() {
			return v.wait(last)
		}
		if last.Output != "" || last.Inline {
			return v.answered(last)
		}
		return v.ended(last, HoldStateUnknown)
	}
}

// answered: the job ended with answers, or says so.
func (v *view) answered(last *Attempt) verdict {
	switch {
	case last.OutputGone && last.Part == nil:
		return v.ended(last, HoldResultGone)
	case last.Output == "" && !last.Inline && last.Part == nil:
		if v.live.Refreshed && !last.Ended.IsZero() && v.live.Last.After(last.Ended.Add(outputDelay)) {
			return v.ended(last, HoldNoOutput)
		}
		return v.wait(last)
	case last.OutputRead && last.Part != nil:
		return v.kept(last)
	}
	out := v.download(last, ReasonJobSucceeded)
	v.warnChanged(&out, last)
	return out
}

// kept: the answers are in hand but do not make a result yet.
func (v *view) kept(last *Attempt) verdict {
	switch {
	case last.CancelAsked:
		return v.ended(last, HoldCancelled)
	case v.rerun:
		return v.buy(ReasonRerun)
	case v.want.Source.Missing:
		return v.hold(HoldSourceGone, last)
	case v.want.Source.SHA256 != last.SHA256 && v.want.OnChange == OnChangeRerun:
		return v.buy(ReasonSourceChanged)
	case v.want.Source.SHA256 != last.SHA256 && v.want.OnChange != OnChangeKeep:
		return v.hold(HoldSourceChanged, last)
	case v.seen == ResultForeign:
		return v.hold(HoldResultExists, last)
	case v.want.Source.SHA256 == last.SHA256:
		return v.download(last, ReasonSourceBack)
	}
	return v.download(last, ReasonSourceChanged)
}

// ended: the newest job gives nothing more by itself. A former result stands
// for the batch, with a warning; else a person decides.
func (v *view) ended(last *Attempt, why Reason) verdict {
	if v.rerun {
		return v.buy(ReasonRerun)
	}
	if v.rec.Result == nil {
		return v.hold(why, last)
	}
	out := verdict{phase: PhaseDone}
	out.warn(v.addr, string(why), fmt.Sprintf("attempt %d ended without a result (%s); the result of attempt %d stays", last.Number, why, v.rec.Result.Attempt))
	return out
}

// again: the newest job failed or expired.
func (v *view) again(last *Attempt, why Reason) verdict {
	w := v.want
	switch {
	case v.rerun:
		return v.buy(ReasonRerun)
	case w.Source.Missing:
		return v.ended(last, HoldSourceGone)
	case w.OnChange != OnChangeRerun && w.Model != last.Model:
		return v.ended(last, HoldModelChanged)
	case w.OnChange == OnChangeHold && w.Source.SHA256 != last.SHA256:
		return v.ended(last, HoldSourceChanged)
	}
	return v.buyWithin(why)
}

// nothingBought: no send of this batch bought a job.
func (v *view) nothingBought() verdict {
	switch {
	case v.want.Source.Missing:
		return verdict{phase: PhaseAbsent}
	case v.rec != nil && v.rec.Strange != nil && !v.rec.Strange.Settled:
		return verdict{phase: PhaseUnknown, waiting: &Waiting{Address: v.addr, JobState: "UNKNOWN", Since: at(v.rec.Strange.SettleFrom)}}
	}
	return v.buyWithin(ReasonNotSubmitted)
}

// buyWithin buys unless something stands against it.
func (v *view) buyWithin(why Reason) verdict {
	if v.rerun {
		return v.buy(ReasonRerun)
	}
	w := v.want
	if r := v.refused(); r != nil {
		return v.fail(FailRefused, r.Message)
	}
	if v.acceptedForWanted() >= w.MaxAttempts {
		last := v.lastBought()
		if v.rec.Result != nil {
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

// acceptedForWanted counts the sends that the service accepted for what is
// wanted now: another content or model starts anew.
func (v *view) acceptedForWanted() int {
	n := 0
	if v.rec != nil {
		for i := range v.rec.Attempts {
			a := &v.rec.Attempts[i]
			if a.Outcome == OutcomeBought && a.SHA256 == v.want.Source.SHA256 && a.Model == v.want.Model {
				n++
			}
		}
	}
	return n
}

// buy plans a create, and the upload it needs.
func (v *view) buy(why Reason) verdict {
	w := v.want
	switch {
	case v.otherProject && why != ReasonRerun:
		return v.hold(HoldOtherProject, v.lastBought())
	case w.Source.Missing:
		return v.hold(HoldSourceGone, v.lastBought())
	case v.seen == ResultForeign:
		return v.hold(HoldResultExists, nil)
	case (v.claimed != nil || v.claimedUp != nil) && why != ReasonRerun:
		return v.hold(HoldClaimedElsewhere, nil)
	case v.maybe != nil:
		return v.hold(HoldMaybeBought, nil)
	}
	out := verdict{reason: why, attempt: v.rec.NextNumber(), phase: PhaseAbsent}
	out.detail = Detail{Source: w.Source.Path, SHA256: w.Source.SHA256, Bytes: w.Source.Bytes, Rows: w.Source.Rows,
		Tokens: w.Source.Tokens, Model: w.Model, Output: w.Output, Again: v.rec.Accepted() > 0}
	switch up := v.upload; {
	case up == nil:
		out.actions = []Action{ActionUpload, ActionCreate}
		if v.rec != nil && v.rec.Upload != nil && why == ReasonNotSubmitted {
			out.reason = ReasonUploadUnfinished
			if v.rec.Upload.Done {
				out.reason = ReasonUploadExpired
			}
		}
	case v.rec != nil && v.rec.Upload != nil && v.rec.Upload.File == up.File:
		out.phase, out.actions = PhaseUploaded, []Action{ActionCreate}
		out.detail.File = up.File
	default:
		out.phase, out.actions = PhaseUploaded, []Action{ActionAdopt, ActionCreate}
		out.detail.File = up.File
	}
	if v.rec != nil && v.rec.Result != nil {
		out.phase = PhaseDone // the former result stands until the new one does
	}
	return out
}

func (v *view) download(a *Attempt, why Reason) verdict {
	return verdict{phase: PhaseSucceeded, actions: []Action{ActionDownload}, reason: why, attempt: a.Number, detail: v.detailFor(a)}
}

func (v *view) detailFor(a *Attempt) Detail {
	d := Detail{Job: a.Job, Rows: a.Rows, SHA256: a.SHA256, Model: a.Model}
	if v.want != nil {
		d.Output = v.want.Output
	}
	return d
}

func (v *view) wait(a *Attempt) verdict {
	out := verdict{phase: PhaseSubmitted, waiting: &Waiting{Address: v.addr, Job: a.Job, JobState: a.State, Since: at(a.Created)}}
	v.warnChanged(&out, a)
	if v.rerun {
		out.warn(v.addr, "rerun_refused", fmt.Sprintf("a job is active (%s); cancel it before asking for another", a.Job))
	}
	return out
}

// warnChanged says that what was bought is no longer what is wanted; the job
// is followed all the same.
func (v *view) warnChanged(out *verdict, a *Attempt) {
	w := v.want
	switch {
	case w.Source.Missing:
		out.warn(v.addr, "source_gone", "the source file is gone; the answers will be kept until it is back")
	case w.Source.SHA256 != a.SHA256:
		out.warn(v.addr, "source_changed", "the source changed after its job was bought; the answers fit the former content")
	case w.Model != a.Model:
		out.warn(v.addr, "model_changed", fmt.Sprintf("the job was bought with %s; the config now says %s", a.Model, w.Model))
	}
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
		if v.claimed != nil {
			h.Job = v.claimed.Name
		}
	}
	h.Exit = Exit(why, v.addr, h.Job, v.outputPath())
	return verdict{phase: PhaseHeld, held: h}
}

func (v *view) outputPath() string {
	if v.want == nil {
		return ""
	}
	return v.want.Output
}

func (v *view) fail(why Reason, message string) verdict {
	return verdict{phase: PhaseFailed, failed: &Failed{Address: v.addr, Reason: why, Message: message, Exit: Exit(why, v.addr, "", v.outputPath())}}
}

func (out *verdict) warn(a Address, code, summary string) {
	out.problems = append(out.problems, Problem{Severity: SeverityWarning, Code: code, Summary: summary, Address: &a})
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
		return "qaplan import '" + a.String() + "' " + job + ", or set unclaimed = \"ignore\" in batch \"" + a.Block + "\""
	case HoldClaimedElsewhere:
		if job == "" {
			job = "JOB"
		}
		return "qaplan import '" + a.String() + "' " + job + ", or apply with the state that made it"
	case HoldSourceGone:
		return "restore the source file, or " + rerun
	case HoldSourceChanged:
		return "restore the source file, or " + rerun
	case HoldResultExists:
		return "move " + output + " away"
	case HoldLeftConfig:
		return "put the batch back into the config, or qaplan state rm '" + a.String() + "'"
	case HoldOtherProject:
		return "set GEMINI_API_KEY to a key of the project that made the jobs, or, if they were deleted, " + rerun
	case HoldWrongJob:
		return "qaplan import '" + a.String() + "' JOB, or " + rerun
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
