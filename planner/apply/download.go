package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
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
	sum := sha256.New()
	w := &hashedWriter{w: spool, hash: sum, progress: b.e.downloadProgress(b.addr, at)}
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
	return &answers{File: spool, sha256: hex.EncodeToString(sum.Sum(nil))}, nil
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

type hashedWriter struct {
	w        io.Writer
	hash     hash.Hash
	n        int64
	progress func(bytes int64) // so far
	err      error             // of w
}

func (h *hashedWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.hash.Write(p[:n])
	h.n += int64(n)
	h.progress(h.n)
	if err != nil {
		h.err = err
	}
	return n, err
}
