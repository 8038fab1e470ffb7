package apply

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// fill fetches the answers that are not on the disk. Where one cannot be had, it
// says which.
func (b *batchFiles) fill(ctx context.Context, list []held) (lost *planner.Attempt, err error) {
	for i := range list {
		if list[i].answers == nil {
			if list[i].answers, err = b.download(ctx, list[i].at); err != nil {
				return list[i].at, err
			}
			list[i].fetched = true
		}
	}
	return nil, nil
}

// download fetches an output to a temporary file beside the result.
func (b *batchFiles) download(ctx context.Context, at *planner.Attempt) (*answers, error) {
	spool, err := b.dir.Spool(b.path.OutputName)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { spool.Discard() })
	w := &spoolWriter{w: spool, progress: b.e.downloadProgress(b.addr, at)}
	if at.Output != "" {
		_, err = b.e.opt.Answers.Download(ctx, at.Output, 0, w)
	} else {
		err = b.e.opt.Answers.InlineAnswers(ctx, at.Job, w)
	}
	if w.err != nil {
		// The client reports it as a failed download, which it is not.
		return nil, fmt.Errorf("store the answers in %s: %w", b.path.OutputDir, w.err)
	}
	if err != nil {
		return nil, err
	}
	return &answers{File: spool}, nil
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
	}
	return n, err
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
