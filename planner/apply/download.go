package apply

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state/results"
)

// fill fetches the answers that are not on the disk. Where one cannot be had, it
// says which.
func (b *batchFiles) fill(ctx context.Context, list []held) (lost *planner.Attempt, err error) {
	for i := range list {
		if list[i].answers == nil {
			if list[i].answers, err = b.toFetch(list[i].at); err == nil {
				err = list[i].answers.all(ctx)
			}
			if err != nil {
				return list[i].at, err
			}
			list[i].fetched = true
		}
	}
	return nil, nil
}

// answers is one copy of a job's answers on this machine, or the place for one that
// is still to come.
type answers struct {
	batchfile.File
	// fetch brings what is to come into the file, and tells w of it; nil where all of
	// it is there.
	fetch func(ctx context.Context, w io.Writer) error
}

// toFetch prepares a temporary file beside the result for an attempt's answers.
func (b *batchFiles) toFetch(at *planner.Attempt) (*answers, error) {
	spool, err := b.dir.Spool(b.path.OutputName)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { spool.Discard() })
	return &answers{File: spool, fetch: func(ctx context.Context, w io.Writer) error { return b.download(ctx, at, spool, w) }}, nil
}

// all fetches what is to come.
func (a *answers) all(ctx context.Context) error {
	if a == nil || a.fetch == nil {
		return nil
	}
	err := a.fetch(ctx, io.Discard)
	a.fetch = nil
	return err
}

// joinTo puts answers to the keys of a joiner; those that are to come, while they
// do. An error of fetching is returned as it is, unless ctx ended.
func (a *answers) joinTo(ctx context.Context, j *batchfile.Joiner) (batchfile.FileReport, error) {
	if a.fetch == nil {
		return j.Add(ctx, a.File)
	}
	fetch := a.fetch
	a.fetch = nil
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	coming := newJoining(ctx, a.File, j, stop)
	return coming.end(fetch(ctx, coming))
}

// download fetches an output to a file, and gives w what stands there.
func (b *batchFiles) download(ctx context.Context, at *planner.Attempt, spool *results.Spool, w io.Writer) error {
	s := &spoolWriter{w: spool, then: w, progress: b.e.downloadProgress(b.addr, at)}
	var err error
	if at.Output != "" {
		_, err = b.e.opt.Answers.Download(ctx, at.Output, 0, s)
	} else {
		err = b.e.opt.Answers.InlineAnswers(ctx, at.Job, s)
	}
	if s.err != nil {
		// The client reports it as a failed download, which it is not.
		return fmt.Errorf("store the answers in %s: %w", b.path.OutputDir, s.err)
	}
	return err
}

// downloadProgress tells, about once a second, how many bytes of an output have
// come.
func (e *Engine) downloadProgress(a planner.Address, at *planner.Attempt) func(bytes int64) {
	number, job, file := at.Number, at.Job, at.Output
	last := time.Now()
	return func(bytes int64) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		e.emit(Event{Type: EventDownloadProgress, Address: &a, Attempt: number, Job: job, File: file, Bytes: bytes})
	}
}

// spoolWriter tells a failing disk from a failing download.
type spoolWriter struct {
	w        io.Writer
	then     io.Writer // has what w took
	n        int64
	progress func(bytes int64) // so far
	err      error             // of w
}

func (s *spoolWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.progress(s.n)
	if err != nil {
		s.err = err
		return n, err
	}
	return s.then.Write(p)
}

// alike tells that two downloads brought the same bytes.
func alike(ctx context.Context, a, b *answers) (bool, error) {
	if a.Size() != b.Size() {
		return false, nil
	}
	x, y := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); at < a.Size(); {
		n := min(a.Size()-at, int64(len(x)))
		if err := ctx.Err(); err != nil {
			return false, err
		}
		for f, p := range map[*answers][]byte{a: x[:n], b: y[:n]} {
			if got, err := f.ReadAt(p, at); got < len(p) {
				return false, fmt.Errorf("compare two downloads: %w", err)
			}
		}
		if !bytes.Equal(x[:n], y[:n]) {
			return false, nil
		}
		at += n
	}
	return true, nil
}
