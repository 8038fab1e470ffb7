package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state/results"
)

// deliver publishes the result and records it. A file that this state did not
// write is taken when it is the same to the byte, and left alone otherwise.
func (d *delivery) deliver(ctx context.Context, src *source, j *joined, from *answers, got *read) error {
	written, err := d.publish(ctx, src, j, from)
	if errors.Is(err, results.ErrExists) {
		var same bool
		if written, same, err = d.sameAsThere(ctx, j.joiner); err == nil && !same {
			return d.keep(ctx, from, got)
		}
	}
	if err != nil {
		return err
	}
	var parts []string
	rep := &j.report
	if err := d.record("download_complete", d.at.Number, func(rec *planner.Record, at *planner.Attempt) {
		at.OutputRead, at.OutputGoneSince = true, time.Time{}
		for i := range rec.Attempts {
			if rec.Attempts[i].Part != nil {
				parts = append(parts, rec.Attempts[i].Job)
				rec.Attempts[i].Part = nil
			}
		}
		rec.Source = d.want.Source.Record()
		rec.Result = d.resultOf(rec.Result, &written, j)
		got.note(rec, at)
	}); err != nil {
		return err
	}
	d.e.mended(d.c.Address)
	d.e.count(func(s *Summary) { s.Downloaded++ })
	for _, job := range parts {
		if p, err := d.dir.Part(job); err == nil {
			if err := p.Remove(); err != nil {
				d.e.warn(&d.c.Address, "remove the kept rows: %v", err)
			}
		}
	}
	d.e.emit(Event{Type: EventDownloadComplete, Address: &d.c.Address, Attempt: d.at.Number, Job: d.at.Job, Path: d.want.Output,
		SHA256: written.SHA256, Bytes: written.Size, Rows: rep.Rows.Total(), BadRows: rep.Rows.Bad()})
	if n := j.fresh.Unknown + j.fresh.Malformed; n > 0 {
		d.e.warn(&d.c.Address, "%d lines of the answers belong to no key of the source, or are no JSON; they were dropped", n)
	}
	return nil
}

// publish makes the result file. Answers that came as the result is to be, from
// the first byte to the last, become it where they are.
func (d *delivery) publish(ctx context.Context, src *source, j *joined, from *answers) (results.Written, error) {
	opt := results.PublishOptions{Replace: d.seen == planner.ResultOurs || d.seen == planner.ResultChanged}
	ready := func() error {
		d.closeResult() // on Windows a file that is open is not replaced
		return d.unchanged(src)
	}
	if sum, ok := j.joiner.Verbatim(); ok && from != nil {
		if spool, ok := from.File.(*results.Spool); ok && spool.InFile() {
			return spool.Publish(ctx, opt, sum, ready)
		}
	}
	return d.dir.Publish(ctx, d.path.OutputName, opt, func(w io.Writer) error {
		if err := j.joiner.WriteResult(ctx, w); err != nil {
			return err
		}
		return ready()
	})
}

// resultOf describes the file that was written. What was dropped on the way to a
// former one that it was made from stays counted.
func (d *delivery) resultOf(former *planner.Result, written *results.Written, j *joined) *planner.Result {
	rep, n := &j.report, &j.report.Rows
	out := &planner.Result{
		Path: d.want.Output, SHA256: written.SHA256, Bytes: written.Size, ModTime: written.ModTime.UnixNano(),
		Attempt: d.at.Number, Source: d.want.Source.SHA256,
		Rows: n.Total(), Succeeded: n[batchfile.Good], Failed: n.Bad() - n[batchfile.Missing], Missing: n[batchfile.Missing],
		Dropped: j.dropped, Doubled: j.doubled,
		Tokens:  tokensOf(rep.Usage, rep.Long),
		Written: time.Now().Round(0).UTC(),
	}
	if former != nil && d.usesResult {
		out.Dropped, out.Doubled = out.Dropped+former.Dropped, out.Doubled+former.Doubled
	}
	return out
}

// tokensOf gives what rows took, those with long prompts told apart.
func tokensOf(u, long batchfile.Usage) planner.Tokens {
	return planner.Tokens{Input: u.Input, Output: u.Output, Thoughts: u.Thoughts, Cached: u.Cached, Long: planner.LongTokens(long)}
}

// sameAsThere compares the verified result with the file in its place.
func (d *delivery) sameAsThere(ctx context.Context, j *batchfile.Joiner) (results.Written, bool, error) {
	sum := sha256.New()
	if err := j.WriteResult(ctx, sum); err != nil {
		return results.Written{}, false, err
	}
	there, _, err := d.dir.Hash(ctx, d.path.OutputName)
	if err != nil {
		if errors.Is(err, results.ErrExists) {
			return results.Written{}, false, nil // a folder, a link
		}
		return results.Written{}, false, err
	}
	if there != hex.EncodeToString(sum.Sum(nil)) {
		return results.Written{}, false, nil
	}
	info, ok, err := d.dir.Stat(d.path.OutputName)
	return results.Written{Info: info, SHA256: there}, ok, err
}

// keep stores the answers as they came: they are paid for, and are not yet a
// result.
func (d *delivery) keep(ctx context.Context, from *answers, got *read) error {
	var kept *planner.Part
	if from != nil {
		var err error
		if kept, err = d.store(ctx, from); err != nil {
			return err
		}
	}
	return d.record("answers_kept", d.at.Number, func(rec *planner.Record, at *planner.Attempt) {
		if kept != nil {
			at.OutputRead, at.OutputGoneSince, at.Part = true, time.Time{}, kept
		}
		got.note(rec, at)
	})
}

// keepCancelled keeps the rows of a job that was cancelled before it had
// answered all: a person decides.
func (d *delivery) keepCancelled(ctx context.Context, from *answers, got *read) error {
	if err := d.keep(ctx, from, got); err != nil {
		return err
	}
	return d.record("rows_cancelled", d.at.Number, func(_ *planner.Record, at *planner.Attempt) { at.RowsCancelled = true })
}

// store puts answers among the kept ones.
func (d *delivery) store(ctx context.Context, from *answers) (*planner.Part, error) {
	part, err := d.dir.Part(d.at.Job)
	if err != nil {
		return nil, err
	}
	rows := 0
	written, err := part.Publish(ctx, results.PublishOptions{Replace: true}, func(w io.Writer) error {
		_, err := io.Copy(w, &lineCounter{r: io.NewSectionReader(from, 0, from.Size()), n: &rows})
		return err
	})
	if err != nil {
		return nil, err
	}
	return &planner.Part{Path: part.Path(), SHA256: written.SHA256, Bytes: written.Size, Rows: rows}, nil
}

type lineCounter struct {
	r io.Reader
	n *int
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for _, c := range p[:n] {
		if c == '\n' {
			*l.n++
		}
	}
	return n, err
}

// wrongJob keeps answers that fit none of the batch's keys, and says so.
func (d *delivery) wrongJob(ctx context.Context, from *answers, rep batchfile.FileReport) error {
	if err := d.keep(ctx, from, nil); err != nil {
		return err
	}
	d.e.warn(&d.c.Address, "two downloads of %s alike hold %d answers, none of them to a key of this batch", d.at.Job, rep.Lines)
	if err := d.record("wrong_job", d.at.Number, func(_ *planner.Record, at *planner.Attempt) { at.Wrong = true }); err != nil {
		return err
	}
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	d.e.unbound = d.e.unbound || d.at.Adopted
	return nil
}
