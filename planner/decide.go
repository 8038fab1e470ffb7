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
	restUpload   *Upload // usable for the rows that are left open
	adopted      []*Job
	extra        []*Job
	claimed      *Job
	claimedRest  *Job // bought by another state for the rows that are left open
	claimedUp    *File
	restUp       *File // uploaded by another state for them
	maybe        *Job
	stale        *Job
	offer        *Job    // the batch's own, where what was imported is another's
	from         Address // former address of a renamed batch
	rerun        bool
	otherProject bool
}

// decide files what the listing showed beside the decision itself: adoptions
// come first among the actions, further jobs are warned about.
func (v *view) decide() verdict {
	out := v.state()
	if len(v.adopted) > 0 || v.from != (Address{}) {
		if len(out.actions) == 0 || out.actions[0] != ActionAdopt {
			out.actions = append([]Action{ActionAdopt}, out.actions...)
		}
		v.describeAdoption(&out)
	}
	for _, j := range v.extra {
		out.warnExtra(v.addr, j.Name, string(j.State), j.Active())
	}
	if v.rec != nil {
		current := v.current()
		for i := range v.rec.Attempts {
			if a := &v.rec.Attempts[i]; a != current && a.active() && (out.waiting == nil || out.waiting.Job != a.Job) {
				out.warnExtra(v.addr, a.Job, a.State, true)
			}
		}
	}
	return out
}

func (out *verdict) warnExtra(a Address, job, state string, active bool) {
	summary := fmt.Sprintf("a second job for this batch exists (%s, %s); it is left alone and its answers are not used", job, state)
	if active {
		summary += "; qaplan cancel " + job + " ends it"
	}
	out.problems = append(out.problems, Problem{Severity: SeverityWarning, Code: "extra_job", Address: &a, Job: job, Summary: summary})
}

// describeAdoption names what is adopted. Where nothing else is done for the
// batch, the adoption is also the reason of the change.
func (v *view) describeAdoption(out *verdict) {
	newest := v.rec.Last()
	if n := len(v.adopted); n > 0 {
		for i := range v.rec.Attempts {
			if v.rec.Attempts[i].Job == v.adopted[n-1].Name {
				newest = &v.rec.Attempts[i]
			}
		}
	}
	if len(out.actions) == 1 {
		out.reason, out.attempt, out.detail = ReasonJobFound, newest.Number, v.detailFor(newest)
	}
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

// state goes through the transitions in the order of the phases: what is
// unknown comes first, then what is delivered, then what was bought, and only
// then what may be bought.
func (v *view) state() verdict {
	if open := v.openSend(); open != nil {
		return v.waitUnknown(open.Sent)
	}
	if v.want == nil {
		return v.leftConfig()
	}
	last := v.current()
	switch {
	case last == nil:
		return v.nothingBought()
	case v.delivered(last):
		return v.done(last)
	case v.otherProject && v.rerun:
		// Not one job is visible, and a person says that they are gone.
		return v.buy(ReasonRerun)
	case v.otherProject:
		return v.hold(HoldOtherProject, last)
	default:
		return v.purchased(last)
	}
}

// openSend gives a send whose outcome is not known, if there is one.
func (v *view) openSend() *Attempt {
	if v.rec != nil {
		for i := range v.rec.Attempts {
			if v.rec.Attempts[i].Outcome == OutcomeIntent {
				return &v.rec.Attempts[i]
			}
		}
	}
	return nil
}

// cancelMarked reports whether a person asked to cancel what is not known yet.
func (v *view) cancelMarked() bool {
	open := v.openSend()
	return open != nil && open.CancelAsked || open == nil && v.rec.Strange != nil && v.rec.Strange.CancelAsked
}

// newest gives the newest attempt that has a job.
func (v *view) newest() *Attempt {
	if v.rec != nil {
		for i := len(v.rec.Attempts) - 1; i >= 0; i-- {
			if v.rec.Attempts[i].Outcome == OutcomeBought {
				return &v.rec.Attempts[i]
			}
		}
	}
	return nil
}

// current gives the attempt that the batch hangs on: the newest with a job or,
// where that one ended without answers to what is wanted now, the end of an
// older series that succeeded for it and is not delivered. So it is when a job
// turns up whose send was held for absent, and when the source goes back to a
// former content.
func (v *view) current() *Attempt {
	newest := v.newest()
	if newest == nil || v.want == nil || v.hangsOn(newest) {
		return newest
	}
	if end := v.complete(); end != nil {
		return end
	}
	for i := len(v.rec.Attempts) - 1; i >= 0; i-- {
		a := &v.rec.Attempts[i]
		if !v.isWanted(a) || JobState(a.State) != JobSucceeded || v.delivered(a) {
			continue
		}
		inHand := !a.Gone && !a.Wrong && !a.CancelAsked && !a.RowsCancelled && (a.hasOutput() || a.Part != nil)
		if inHand || v.rec.Result == nil && !newest.Rerun {
			return v.rec.endOf(a)
		}
	}
	return newest
}

// hangsOn reports whether nothing older may stand in for the newest attempt.
// Rows that were bought again stand beside what they were bought for.
func (v *view) hangsOn(newest *Attempt) bool {
	wanted := v.forWanted(newest)
	if newest.partial() && wanted {
		return true
	}
	return !newest.fruitless() && !v.emptyRepair(newest) && (!newest.kept() || wanted)
}

// active gives the oldest job of the batch that may still do work.
func (v *view) active() *Attempt {
	if v.rec != nil {
		for i := range v.rec.Attempts {
			if a := &v.rec.Attempts[i]; a.active() {
				return a
			}
		}
	}
	return nil
}

// delivered reports whether the result answers the newest job.
func (v *view) delivered(last *Attempt) bool {
	return v.rec.Result != nil && v.rec.Result.Attempt >= last.Number
}

// undelivered reports whether something was bought whose answers are still to
// come or to be delivered.
func (v *view) undelivered() bool {
	if v.active() != nil || v.rec.partsBeyond() {
		return true
	}
	last := v.current()
	return last != nil && !v.delivered(last) && !last.spent()
}

// active reports whether the attempt's job may still do work.
func (a *Attempt) active() bool {
	if a.Outcome != OutcomeBought || a.Gone {
		return false
	}
	switch JobState(a.State) {
	case JobPending, JobRunning:
		return true
	case JobSucceeded, JobFailed, JobCancelled, JobExpired:
		return false
	}
	return a.Ended.IsZero() // a word that this version does not know
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

// fruitless reports whether a job ended and gives no result by itself.
func (a *Attempt) fruitless() bool {
	if a.Gone || a.Wrong || a.OutputGone && a.Part == nil {
		return true
	}
	switch JobState(a.State) {
	case JobFailed, JobExpired, JobCancelled:
		return !a.hasOutput()
	}
	return false
}

// failed reports whether a job ended by itself and gives no result.
func (a *Attempt) failed() bool {
	return a.fruitless() && !a.Gone && !a.Wrong && (JobState(a.State) == JobFailed || JobState(a.State) == JobExpired)
}

// kept reports whether the job's answers are in hand and make no result yet.
func (a *Attempt) kept() bool { return a.OutputRead && a.Part != nil }

// hasOutput reports whether there are answers to fetch.
func (a *Attempt) hasOutput() bool {
	return (a.Output != "" || a.Inline) && !a.OutputGone && !a.OutputRead
}

// leftConfig: a batch that is no longer declared is forgotten only when
// nothing that was paid for is lost with it.
func (v *view) leftConfig() verdict {
	if v.undelivered() {
		return v.hold(HoldLeftConfig, v.newest())
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
	if v.seen != ResultOurs {
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
	model := v.rec.boughtWith(last)
	switch {
	case !sourceChanged && v.repairable(last) != nil:
		return v.buyRepair(last)
	case !sourceChanged && v.want.Model == model:
		return out
	}
	switch v.want.OnChange {
	case OnChangeKeep:
		return out
	case OnChangeRerun:
		if sourceChanged {
			return v.buyWithin(ReasonSourceChanged)
		}
		return v.buyWithin(ReasonModelChanged)
	}
	if sourceChanged {
		out.warn(v.addr, "source_changed", "the source changed after its answers were delivered; the result answers the former content")
	} else {
		out.warn(v.addr, "model_changed", fmt.Sprintf("the result was made with %s; the config now says %s", model, v.want.Model))
	}
	return out
}

// fetchAgain: the delivered file is gone, was changed, or something else stands in
// its place.
func (v *view) fetchAgain(last *Attempt) verdict {
	switch w := v.want; {
	case v.rerun:
		return v.buy(ReasonRerun)
	case v.otherProject:
		return v.hold(HoldOtherProject, last)
	case w.OnChange == OnChangeRerun && !w.Source.Missing && w.Source.SHA256 != v.rec.Result.Source:
		return v.buyWithin(ReasonSourceChanged)
	}
	return v.refetch(last)
}

// refetch downloads the delivered answers of an attempt once more, where they
// are to be had and still make a result.
func (v *view) refetch(a *Attempt) verdict {
	switch {
	case v.seen == ResultForeign:
		return v.hold(HoldResultExists, a)
	case a == nil:
		return v.hold(HoldResultGone, nil)
	case v.lost(a) != nil:
		return v.hold(HoldResultGone, v.lost(a))
	case v.want.Source.Missing:
		return v.hold(HoldSourceGone, a)
	case v.want.Source.SHA256 != v.rec.Result.Source && v.want.OnChange != OnChangeKeep:
		return v.hold(HoldSourceChanged, a)
	case v.seen == ResultChanged:
		return v.download(a, ReasonResultChanged)
	}
	return v.download(a, ReasonResultMissing)
}

// purchased: the newest job is not delivered.
func (v *view) purchased(last *Attempt) verdict {
	older := v.unfinished(last)
	switch {
	case v.broken(last):
		return v.ended(last, HoldResultGone)
	case older != nil && older.hasOutput():
		return v.fetch(older)
	case older != nil && !older.active() && v.noOutput(older):
		return v.ended(older, HoldNoOutput)
	case older != nil:
		return v.wait(older)
	case last.Repair:
		return v.repaired(last)
	case last.Wrong:
		return v.ended(last, HoldWrongJob)
	case last.Gone:
		return v.ended(last, HoldJobGone)
	case last.active():
		return v.wait(last)
	}
	switch JobState(last.State) {
	case JobSucceeded:
		return v.answered(last)
	case JobFailed, JobExpired, JobCancelled:
		if last.hasOutput() {
			return v.fetch(last)
		}
	default: // a word that this version does not know
		if last.Output != "" || last.Inline {
			return v.answered(last)
		}
		return v.ended(last, HoldStateUnknown)
	}
	switch {
	case last.CancelAsked, JobState(last.State) == JobCancelled:
		return v.ended(last, HoldCancelled)
	case v.rec.reachedAll(v.want) && v.rec.baseOf(last) == v.rec.baseFor(v.want):
		return v.inHand(last)
	case JobState(last.State) == JobExpired:
		return v.again(last, ReasonJobExpired)
	}
	return v.again(last, ReasonJobFailed)
}

// answered: the job ended with answers, or says so.
func (v *view) answered(last *Attempt) verdict {
	switch {
	case last.OutputGone && last.Part == nil:
		return v.ended(last, HoldResultGone)
	case last.Output == "" && !last.Inline && last.Part == nil:
		if v.noOutput(last) {
			return v.ended(last, HoldNoOutput)
		}
		return v.wait(last)
	case last.kept():
		return v.inHand(last)
	}
	out := v.download(last, ReasonJobSucceeded)
	v.warnChanged(&out, last)
	return out
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
	return v.former(string(why), fmt.Sprintf("attempt %d ended without a result (%s); the result of attempt %d stays", last.Number, why, v.rec.Result.Attempt))
}

// former: the result of an earlier attempt stands for the batch, as long as
// its file does.
func (v *view) former(code, summary string) verdict {
	if v.seen != ResultOurs {
		for i := range v.rec.Attempts {
			if a := &v.rec.Attempts[i]; a.Number == v.rec.Result.Attempt {
				return v.refetch(a)
			}
		}
		return v.refetch(nil)
	}
	out := verdict{phase: PhaseDone}
	out.warn(v.addr, code, summary)
	return out
}

// cancelledBeside gives a job that was cancelled while the newest one was there:
// a create turned up late, say. Whoever cancelled it wanted none for the batch.
func (v *view) cancelledBeside(last *Attempt) *Attempt {
	for i := range v.rec.Attempts {
		a := &v.rec.Attempts[i]
		cancelled := a.Outcome == OutcomeBought && (a.CancelAsked || JobState(a.State) == JobCancelled)
		if cancelled && a != last && (a.Ended.IsZero() || !a.Ended.Before(last.Created)) {
			return a
		}
	}
	return nil
}

// again: the newest job failed or expired.
func (v *view) again(last *Attempt, why Reason) verdict {
	w := v.want
	switch {
	case v.rerun:
		return v.buy(ReasonRerun)
	case last.Rerun && v.rec.Result != nil:
		return v.ended(last, why) // a person asked for one attempt, not for more
	case v.cancelledBeside(last) != nil:
		return v.ended(v.cancelledBeside(last), HoldCancelled)
	case w.OnChange == OnChangeKeep && v.rec.Result != nil:
		return v.ended(last, why) // the former result is what is to be kept
	case w.Source.Missing:
		return v.ended(last, HoldSourceGone)
	case w.OnChange != OnChangeRerun && w.Model != v.rec.boughtWith(last):
		return v.ended(last, HoldModelChanged)
	case w.OnChange == OnChangeHold && w.Source.SHA256 != last.SHA256:
		return v.ended(last, HoldSourceChanged)
	}
	return v.buyWithin(why)
}
