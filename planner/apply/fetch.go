package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// maxDownloads is how often an output that does not fit its source is fetched
// until two downloads are alike.
const maxDownloads = 4

// fetch downloads the answers of a job and delivers them, or keeps them as a
// part. What it needs before they come hears ctx, the rest inFlight. It returns an
// error only when something that was done could not be recorded.
func (e *Engine) fetch(ctx, inFlight context.Context, r *round, c *planner.Change) error {
	if ctx.Err() != nil {
		return nil
	}
	err := e.tryFetch(ctx, inFlight, r, c)
	var broken *unrecorded
	switch {
	case errors.As(err, &broken):
		return broken.err
	case err != nil && !endedBy(ctx, err):
		e.failed(c.Address, fmt.Errorf("%w; nothing is lost, it is fetched again", err), !passing(err))
	}
	return nil
}

// endedBy tells that an error of work that outlives ctx says no more than that ctx
// ended: something was not begun, or what failed in passing was not tried again.
func endedBy(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}

// passing tells that answers may come with the next poll, since it was the
// service that did not give them. A disk that is full, or a folder that cannot
// be written, needs somebody.
func passing(err error) bool {
	_, remote := errors.AsType[*provider.Error](err)
	return remote || errors.Is(err, errNotYet)
}

func (e *Engine) tryFetch(ctx, inFlight context.Context, r *round, c *planner.Change) error {
	files, err := e.filesOf(c.Address)
	if err != nil {
		return err
	}
	defer files.close()
	d := &delivery{batchFiles: files, c: c, seen: r.observed.Results[c.Address], rec: e.opt.Journal.Record(c.Address).Clone()}
	for i := range d.rec.Attempts {
		if d.rec.Attempts[i].Number == c.Attempt {
			d.at = &d.rec.Attempts[i]
		}
	}
	return d.run(ctx, inFlight)
}

// errNotYet marks an answer that does not hold what the job is said to have
// made, and that may do so later.
var errNotYet = errors.New("the answers are not all there yet")

// unrecorded is an error of the journal, after which a run must not go on.
type unrecorded struct{ err error }

func (u *unrecorded) Error() string { return u.err.Error() }

// delivery is the way of one job's answers to the result file of its batch.
type delivery struct {
	*batchFiles
	c    *planner.Change
	rec  *planner.Record  // as it was when the delivery began
	at   *planner.Attempt // in rec
	seen planner.ResultSeen
}

func (d *delivery) run(ctx, inFlight context.Context) error {
	fresh, src, earlier, err := d.prepare(ctx)
	var broken *unrecorded
	switch {
	case err != nil && ctx.Err() != nil && !errors.As(err, &broken):
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	ctx = inFlight // what follows begins with the answers
	if !d.joinable() {
		if err := fresh.all(ctx); err != nil {
			return d.goneOr(d.at, err)
		}
		return d.keep(ctx, fresh, nil)
	}
	for n := 1; ; n++ {
		j, err := d.join(ctx, src, earlier, fresh)
		if err != nil {
			return d.goneOr(d.at, err)
		}
		if fresh == nil || j.fresh.Verdict(d.at.Rows) == batchfile.Complete {
			return d.settle(ctx, src, j, fresh)
		}
		// A damaged download looks like a damaged output. Two alike are believed.
		second, err := d.toFetch(d.at)
		if err != nil {
			return err
		}
		twice := false
		if err = second.all(ctx); err == nil {
			if twice, err = alike(ctx, fresh, second); err != nil {
				return err
			}
		}
		switch {
		case provider.ClassOf(err) == provider.ClassGone && d.at.Part != nil:
			// What is in hand is all there will ever be.
			return d.believe(ctx, src, j, fresh)
		case twice && d.short(&j.fresh):
			return d.notAll(ctx, src, j, fresh)
		case twice:
			return d.believe(ctx, src, j, fresh)
		case err != nil:
			return d.goneOr(d.at, err)
		case n == maxDownloads:
			return fmt.Errorf("download %s: %d downloads differ from each other", d.at.Output, n)
		}
		fresh = second
	}
}

// prepare gets what is wanted before the answers of the attempt come.
func (d *delivery) prepare(ctx context.Context) (fresh *answers, src *source, earlier []held, err error) {
	if fresh, err = d.fresh(ctx); err != nil || !d.joinable() {
		return fresh, nil, nil, err
	}
	if src, err = d.openSource(ctx); err != nil {
		return nil, nil, nil, err
	}
	earlier, err = d.earlier(ctx)
	return fresh, src, earlier, err
}

// believe goes on with answers that do not fit all that was sent, and that came
// twice.
func (d *delivery) believe(ctx context.Context, src *source, j *joined, fresh *answers) error {
	switch {
	case j.fresh.Verdict(d.at.Rows) == batchfile.Foreign:
		return d.wrongJob(ctx, fresh, j.fresh)
	case j.fresh.Answered == 0 && planner.JobState(d.at.State) == planner.JobSucceeded:
		// No line answers any key: that is no result, whoever says so twice.
		return d.nothingIn(j.fresh)
	}
	return d.settle(ctx, src, j, fresh)
}

// short tells that answers are fewer than the service counted when the job
// ended. A line that is no JSON is none: that is what a cut leaves.
func (d *delivery) short(rep *batchfile.FileReport) bool {
	counted := d.at.Stats.Succeeded + d.at.Stats.Failed
	return rep.Answered > 0 && int64(rep.Lines-rep.Malformed) < counted
}

// notAll handles answers that come short alike. Downloads that are cut one after
// the other at the same place look like that too, and what they lack would be
// bought again: so they are believed when they are as short a settle time later.
func (d *delivery) notAll(ctx context.Context, src *source, j *joined, fresh *answers) error {
	now := d.e.serviceTime()
	switch since := d.at.ShortSince; {
	case since.IsZero():
		if err := d.record("answers_short", d.at.Number, func(_ *planner.Record, at *planner.Attempt) { at.ShortSince = now }); err != nil {
			return err
		}
	case now.Sub(since) >= d.e.opt.Desired.SettleTime:
		return d.believe(ctx, src, j, fresh)
	}
	return fmt.Errorf("download %s: two downloads hold %d answers, and the service counted %d: %w",
		d.at.Output, j.fresh.Answered, d.at.Stats.Succeeded+d.at.Stats.Failed, errNotYet)
}

// settle decides what becomes of rows that were joined: they are delivered, or
// kept until others are bought, or a person has decided.
func (d *delivery) settle(ctx context.Context, src *source, j *joined, fresh *answers) error {
	judged, err := d.judge(ctx, d.rec, d.at.Number, j)
	if err != nil {
		return err
	}
	if err := d.unchanged(src); err != nil {
		return err
	}
	now := d.keptSo(judged)
	got := &read{judged: judged, fresh: &j.fresh}
	switch {
	case fresh != nil && j.fresh.Cancelled > 0 && planner.JobState(d.at.State) == planner.JobSucceeded:
		return d.keepCancelled(ctx, fresh, got)
	case d.c.Reason.Delivers():
		return d.deliver(ctx, src, j, fresh, got)
	case !d.at.Repair && d.endedEarly():
		return d.keep(ctx, fresh, got)
	case now.Repairable(d.want) != nil:
		if err := d.keep(ctx, fresh, got); err != nil {
			return err
		}
		d.e.emit(Event{Type: EventRepairPlanned, Address: &d.c.Address, Attempt: now.NextNumber(), Rows: judged.Rest.Rows, BadRows: judged.Classes.Bad()})
		return nil
	}
	return d.deliver(ctx, src, j, fresh, got)
}

// keptSo gives the record as it would be if the answers were kept now.
func (d *delivery) keptSo(judged *planner.Judgement) *planner.Record {
	rec := d.rec.Clone()
	rec.Judged = judged
	for i := range rec.Attempts {
		if at := &rec.Attempts[i]; at.Number == d.at.Number && at.HasAnswers() {
			at.OutputRead, at.Part = true, &planner.Part{Rows: judged.Classes.Good + judged.Classes.Bad()}
		}
	}
	return rec
}

// read is what reading a job's output told.
type read struct {
	judged *planner.Judgement
	fresh  *batchfile.FileReport
}

// note puts what was read into the record.
func (g *read) note(rec *planner.Record, at *planner.Attempt) {
	if g == nil {
		return
	}
	if g.fresh.Lines > 0 {
		at.Answered = g.fresh.Answered
		at.Tokens = tokensOf(g.fresh.Usage, g.fresh.Long)
	}
	rec.Judge(g.judged)
}

// joinable reports whether the answers can be put to the keys of the source that
// is there now, and nobody asked that they be not.
func (d *delivery) joinable() bool {
	if d.want.Source.Missing || d.at.CancelAsked && !d.at.Repair {
		return false
	}
	return d.want.Source.SHA256 == d.at.SHA256 || d.want.OnChange == planner.OnChangeKeep
}

// endedEarly reports whether the job ended before it had answered all.
func (d *delivery) endedEarly() bool {
	switch planner.JobState(d.at.State) {
	case planner.JobFailed, planner.JobExpired, planner.JobCancelled:
		return true
	}
	return false
}

// fresh gives the attempt's own answers: those that were kept, else those that
// are to be fetched from the service. A repair may have none.
func (d *delivery) fresh(ctx context.Context) (*answers, error) {
	if d.at.Wrong && d.c.Reason == planner.ReasonRowsInHand {
		return nil, nil // what it answered is another batch's
	}
	kept, err := d.part(ctx, d.at)
	if kept != nil || err != nil {
		return kept, err
	}
	d.at.Part = nil // lost or changed: only the service has it now
	if d.at.Repair && !d.at.HasAnswers() {
		return nil, nil
	}
	return d.toFetch(d.at)
}

// earlier gives the answers of the attempts before, which this one adds to.
func (d *delivery) earlier(ctx context.Context) ([]held, error) {
	list, err := d.inHand(ctx, d.rec, d.seen, d.at.Number)
	if err != nil {
		return nil, err
	}
	if lost, err := d.fill(ctx, list); err != nil {
		return nil, d.goneOr(lost, err)
	}
	return list, nil
}

// goneOr records that the service says it does not have an output. It is
// believed when it says so again a settle time later: one 404 must not cost
// what was paid for.
func (d *delivery) goneOr(at *planner.Attempt, err error) error {
	if provider.ClassOf(err) != provider.ClassGone {
		return err
	}
	return d.gone(at, err)
}

func (d *delivery) gone(at *planner.Attempt, err error) error {
	now := d.e.serviceTime()
	switch since := at.OutputGoneSince; {
	case since.IsZero():
		if werr := d.record("output_not_seen", at.Number, func(_ *planner.Record, at *planner.Attempt) { at.OutputGoneSince = now }); werr != nil {
			return werr
		}
	case now.Sub(since) >= d.e.opt.Desired.SettleTime:
		d.e.warn(&d.c.Address, "%v; the answers are not to be had any more", err)
		return d.record("output_gone", at.Number, func(_ *planner.Record, at *planner.Attempt) { at.OutputGone = true })
	}
	return fmt.Errorf("%w; this is believed when the service says so again after %s", err, d.e.opt.Desired.SettleTime)
}

// nothingIn handles answers that hold not one row: they count as missing.
func (d *delivery) nothingIn(rep batchfile.FileReport) error {
	return d.gone(d.at, fmt.Errorf("download %s: two downloads hold %d lines and no answer to any key: %w", d.at.Output, rep.Lines, errNotYet))
}

func (d *delivery) record(op string, number int, f func(*planner.Record, *planner.Attempt)) error {
	if err := d.e.change(op, d.c.Address, number, f); err != nil {
		return &unrecorded{err}
	}
	return nil
}
