package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state/results"
)

// maxDownloads is how often an output that does not fit its source is fetched
// until two downloads are alike.
const maxDownloads = 4

// fetch downloads the answers of a job and delivers them, or keeps them as a
// part. It returns an error only when something that was done could not be
// recorded.
func (e *Engine) fetch(ctx context.Context, r *round, c *planner.Change) error {
	if ctx.Err() != nil {
		return nil
	}
	d := &delivery{e: e, c: c, want: e.want(c.Address), seen: r.observed.Results[c.Address], path: e.opt.Paths[c.Address]}
	for _, a := range e.opt.Journal.Record(c.Address).Clone().Attempts {
		if a.Number == c.Attempt {
			d.at = a
		}
	}
	defer d.close()
	err := d.run(ctx)
	var broken *unrecorded
	switch {
	case errors.As(err, &broken):
		return broken.err
	case err != nil && ctx.Err() == nil:
		// What the service did not give may come with the next poll; a disk that
		// is full, or a folder that cannot be written, needs somebody.
		_, remote := errors.AsType[*provider.Error](err)
		e.failed(c.Address, fmt.Errorf("%w; nothing is lost, it is fetched again", err), !remote && !errors.Is(err, errNotYet))
	}
	return nil
}

// errNotYet marks an answer that does not hold what the job is said to have
// made, and that may do so later.
var errNotYet = errors.New("the answers are not all there yet")

// unrecorded is an error of the journal, after which a run must not go on.
type unrecorded struct{ err error }

func (u *unrecorded) Error() string { return u.err.Error() }

// delivery is the way of one job's answers to their result file.
type delivery struct {
	e    *Engine
	c    *planner.Change
	want *planner.Batch
	at   planner.Attempt
	seen planner.ResultSeen
	path Path
	dir  *results.Dir

	closers []func()
}

func (d *delivery) close() {
	for _, f := range d.closers {
		f()
	}
}

// answers is one copy of a job's answers on the disk.
type answers struct {
	batchfile.File
	sha256 string
}

func (d *delivery) run(ctx context.Context) (err error) {
	if d.dir, err = d.e.outputDir(d.path.OutputDir); err != nil {
		return err
	}
	first, err := d.inHand(ctx)
	if err == nil && first == nil {
		first, err = d.download(ctx)
	}
	if err != nil {
		return d.goneOr(err)
	}
	if !d.deliverable() {
		return d.keep(ctx, first)
	}
	src, err := d.openSource(ctx)
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		j, rep, err := d.join(ctx, src, first)
		if err != nil {
			return err
		}
		if rep.Cancelled > 0 {
			return d.keepCancelled(ctx, first)
		}
		verdict := rep.Verdict(rep.rows.Rows.Total())
		if verdict == batchfile.Complete {
			return d.deliver(ctx, src, j, rep, first)
		}
		// A damaged download looks like a damaged output. Two alike are believed.
		second, err := d.download(ctx)
		alike := err == nil && second.sha256 == first.sha256 ||
			// What is in hand is all there will ever be.
			provider.ClassOf(err) == provider.ClassGone && d.at.Part != nil
		switch {
		case alike && verdict == batchfile.Foreign:
			return d.wrongJob(ctx, first, rep)
		case alike && rep.Answered == 0:
			// No line answers any key: that is no result, whoever says so twice.
			return d.nothingIn(rep)
		case alike:
			return d.deliver(ctx, src, j, rep, first)
		case err != nil:
			return d.goneOr(err)
		case n == maxDownloads:
			return fmt.Errorf("download %s: %d downloads differ from each other", d.at.Output, n)
		}
		first = second
	}
}

// deliverable reports whether the answers make a result now: the job
// succeeded, nobody asked to cancel it, and the source whose keys they carry
// is there.
func (d *delivery) deliverable() bool {
	switch planner.JobState(d.at.State) {
	case planner.JobFailed, planner.JobExpired, planner.JobCancelled:
		return false
	}
	if d.at.CancelAsked || d.want.Source.Missing {
		return false
	}
	return d.want.Source.SHA256 == d.at.SHA256 || d.want.OnChange == planner.OnChangeKeep
}

// inHand gives answers that were kept as a part, nil when there are none.
func (d *delivery) inHand(ctx context.Context) (*answers, error) {
	if d.at.Part == nil {
		return nil, nil
	}
	part, err := d.dir.Part(d.at.Job)
	if err != nil {
		return nil, err
	}
	sum, _, err := part.Hash(ctx)
	if err != nil || sum != d.at.Part.SHA256 {
		d.at.Part = nil // lost or changed: only the service has it now
		return nil, nil
	}
	f, err := part.Open()
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() { f.Close() })
	return &answers{File: f, sha256: sum}, nil
}

// download fetches the output to a temporary file beside the result.
func (d *delivery) download(ctx context.Context) (*answers, error) {
	spool, err := d.dir.Spool(d.path.OutputName)
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() { spool.Discard() })
	sum := sha256.New()
	w := &hashedWriter{w: spool, hash: sum}
	if d.at.Output != "" {
		_, err = d.e.opt.Answers.Download(ctx, d.at.Output, 0, w)
	} else {
		err = d.e.opt.Answers.InlineAnswers(ctx, d.at.Job, w)
	}
	if w.err != nil {
		// The client reports it as a failed download, which it is not.
		return nil, fmt.Errorf("store the answers in %s: %w", d.path.OutputDir, w.err)
	}
	if err != nil {
		return nil, err
	}
	return &answers{File: spool, sha256: hex.EncodeToString(sum.Sum(nil))}, nil
}

type hashedWriter struct {
	w    io.Writer
	hash hash.Hash
	err  error // of w
}

func (h *hashedWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.hash.Write(p[:n])
	if err != nil {
		h.err = err
	}
	return n, err
}

// goneOr records that the service says it does not have the output. It is
// believed when it says so again a settle time later: one 404 must not cost
// what was paid for.
func (d *delivery) goneOr(err error) error {
	if provider.ClassOf(err) != provider.ClassGone {
		return err
	}
	return d.gone(err)
}

func (d *delivery) gone(err error) error {
	now := d.e.serviceTime()
	switch since := d.at.OutputGoneSince; {
	case since.IsZero():
		if werr := d.record("output_not_seen", func(_ *planner.Record, at *planner.Attempt) { at.OutputGoneSince = now }); werr != nil {
			return werr
		}
	case now.Sub(since) >= d.e.opt.Desired.SettleTime:
		d.e.warn(&d.c.Address, "%v; the answers are not to be had any more", err)
		return d.record("output_gone", func(_ *planner.Record, at *planner.Attempt) { at.OutputGone = true })
	}
	return fmt.Errorf("%w; this is believed when the service says so again after %s", err, d.e.opt.Desired.SettleTime)
}

// nothingIn handles answers that hold not one row: they count as missing.
func (d *delivery) nothingIn(rep fitted) error {
	return d.gone(fmt.Errorf("download %s: two downloads hold %d lines and no answer to any key: %w", d.at.Output, rep.Lines, errNotYet))
}

// keepCancelled keeps the rows of a job that was cancelled before it had
// answered all: a person decides.
func (d *delivery) keepCancelled(ctx context.Context, from *answers) error {
	if err := d.keep(ctx, from); err != nil {
		return err
	}
	return d.record("rows_cancelled", func(_ *planner.Record, at *planner.Attempt) { at.RowsCancelled = true })
}

func (d *delivery) record(op string, f func(*planner.Record, *planner.Attempt)) error {
	if err := d.e.change(op, d.c.Address, d.at.Number, f); err != nil {
		return &unrecorded{err}
	}
	return nil
}

// source is the input file, open and known to be the planned bytes.
type source struct {
	*io.SectionReader
	file   *os.File
	before os.FileInfo
}

func (d *delivery) openSource(ctx context.Context) (*source, error) {
	f, err := openSource(d.path.Source, d.want.Source.Bytes)
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &interruptible{ctx, f}); err != nil {
		return nil, fmt.Errorf("read %s: %w", d.path.Source, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != d.want.Source.SHA256 {
		return nil, d.changed()
	}
	return &source{SectionReader: io.NewSectionReader(f, 0, info.Size()), file: f, before: info}, nil
}

func (d *delivery) changed() error {
	return fmt.Errorf("the source file %s changed since it was read", d.path.Source)
}

type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// unchanged makes sure that the keys were read from the planned bytes.
func (d *delivery) unchanged(src *source) error {
	now, err := src.file.Stat()
	if err == nil && (now.Size() != src.before.Size() || !now.ModTime().Equal(src.before.ModTime())) {
		err = d.changed()
	}
	return err
}

// fitted says how answers fit the source, and what its rows are with them.
type fitted struct {
	batchfile.FileReport
	rows batchfile.JoinReport
}

func (d *delivery) join(ctx context.Context, src *source, from *answers) (j *batchfile.Joiner, rep fitted, err error) {
	if j, err = batchfile.NewJoiner(ctx, src, batchfile.Rules{}); err != nil {
		return nil, rep, err
	}
	if rep.FileReport, err = j.Add(ctx, from); err != nil {
		return nil, rep, err
	}
	if rep.rows, err = j.Report(); err != nil {
		return nil, rep, err
	}
	return j, rep, d.unchanged(src)
}

// deliver publishes the result and records it. A file that this state did not
// write is taken when it is the same to the byte, and left alone otherwise.
func (d *delivery) deliver(ctx context.Context, src *source, j *batchfile.Joiner, rep fitted, from *answers) error {
	opt := results.PublishOptions{Replace: d.seen == planner.ResultOurs || d.seen == planner.ResultChanged}
	written, err := d.dir.Publish(ctx, d.path.OutputName, opt, func(w io.Writer) error {
		if err := j.WriteResult(ctx, w); err != nil {
			return err
		}
		return d.unchanged(src)
	})
	if errors.Is(err, results.ErrExists) {
		var same bool
		if written, same, err = d.sameAsThere(ctx, j); err == nil && !same {
			return d.keep(ctx, from)
		}
	}
	if err != nil {
		return err
	}
	rows, usage := rep.rows.Rows, rep.rows.Usage
	var parts []string
	if err := d.record("download_complete", func(rec *planner.Record, at *planner.Attempt) {
		at.OutputRead, at.OutputGoneSince = true, time.Time{}
		for i := range rec.Attempts {
			if rec.Attempts[i].Part != nil {
				parts = append(parts, rec.Attempts[i].Job)
				rec.Attempts[i].Part = nil
			}
		}
		rec.Source = d.want.Source.Record()
		rec.Result = &planner.Result{
			Path: d.want.Output, SHA256: written.SHA256, Bytes: written.Size, ModTime: written.ModTime.UnixNano(),
			Attempt: at.Number, Source: d.want.Source.SHA256,
			Rows: rows.Total(), Succeeded: rows[batchfile.Good], Failed: rows.Bad() - rows[batchfile.Missing], Missing: rows[batchfile.Missing],
			Dropped: rep.Unknown + rep.Malformed, Doubled: rep.Doubled,
			Tokens: planner.Tokens{Input: usage.Input, Output: usage.Output, Thoughts: usage.Thoughts, Cached: usage.Cached},
		}
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
		SHA256: written.SHA256, Bytes: written.Size, Rows: rows.Total(), BadRows: rows.Bad()})
	if n := rep.Unknown + rep.Malformed; n > 0 {
		d.e.warn(&d.c.Address, "%d lines of the answers belong to no key of the source, or are no JSON; they were dropped", n)
	}
	return nil
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
func (d *delivery) keep(ctx context.Context, from *answers) error {
	part, err := d.dir.Part(d.at.Job)
	if err != nil {
		return err
	}
	rows := 0
	written, err := part.Publish(ctx, results.PublishOptions{Replace: true}, func(w io.Writer) error {
		_, err := io.Copy(w, &lineCounter{r: io.NewSectionReader(from, 0, from.Size()), n: &rows})
		return err
	})
	if err != nil {
		return err
	}
	return d.record("answers_kept", func(_ *planner.Record, at *planner.Attempt) {
		at.OutputRead, at.OutputGoneSince = true, time.Time{}
		at.Part = &planner.Part{Path: part.Path(), SHA256: written.SHA256, Bytes: written.Size, Rows: rows}
	})
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
func (d *delivery) wrongJob(ctx context.Context, from *answers, rep fitted) error {
	if err := d.keep(ctx, from); err != nil {
		return err
	}
	d.e.warn(&d.c.Address, "two downloads of %s alike hold %d answers, none of them to a key of this batch", d.at.Job, rep.Lines)
	if err := d.record("wrong_job", func(_ *planner.Record, at *planner.Attempt) { at.Wrong = true }); err != nil {
		return err
	}
	d.e.mu.Lock()
	defer d.e.mu.Unlock()
	d.e.unbound = d.e.unbound || d.at.Adopted
	return nil
}
