package apply

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/qaplan/qaplan/provider/batchfile"
)

// joinedAtOnce is how many bytes of answers must have come before it is worth its
// cost to judge them beside the download.
const joinedAtOnce = 256 << 10

// joining judges answers while they come. It is written what stands in their file
// already, and does not keep the download waiting: judging may be the slower one,
// and a call that is not over takes the place of others.
type joining struct {
	following
	joiner *batchfile.Joiner
	stop   func() // ends the download

	done chan struct{} // nil while it is few that came
	rep  batchfile.FileReport
	err  error
}

func newJoining(ctx context.Context, file batchfile.File, j *batchfile.Joiner, stop func()) *joining {
	return &joining{following: following{ctx: ctx, file: file, more: make(chan struct{}, 1)}, joiner: j, stop: stop}
}

func (s *joining) Write(p []byte) (int, error) {
	if came := s.wrote(len(p)); s.done == nil && came > joinedAtOnce {
		s.begin()
	}
	return len(p), nil
}

func (s *joining) begin() {
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		if s.rep, s.err = s.joiner.AddComing(s.ctx, s.file, &s.following); s.err != nil {
			s.stop()
		}
	}()
}

// end says how it went, once fetching has ended, with an error or without.
func (s *joining) end(failed error) (batchfile.FileReport, error) {
	switch {
	case s.done != nil:
		s.ended(failed)
		<-s.done
		if failed == nil || s.err != nil && !errors.Is(s.err, failed) {
			return s.rep, s.err
		}
	case failed == nil:
		return s.joiner.Add(s.ctx, s.file)
	}
	return batchfile.FileReport{}, failed
}

// following reads a file that is still being written, as far as it is.
type following struct {
	ctx  context.Context
	file batchfile.File
	read int64
	more chan struct{} // what was waited for may be there

	mu    sync.Mutex
	came  int64
	until int64 // that so much came is waited for
	over  error // io.EOF once all came
}

// wrote tells that n more bytes stand in the file, and gives how many do.
func (f *following) wrote(n int) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.came += int64(n)
	if f.came >= f.until {
		f.wake()
	}
	return f.came
}

// ended tells that nothing more will come, with the reason where that is not all.
func (f *following) ended(failed error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = cmp.Or(failed, io.EOF)
	f.wake()
}

func (f *following) wake() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// Read fills p but at the end: many small steps of two goroutines cost more than
// what they do.
func (f *following) Read(p []byte) (int, error) {
	for {
		f.mu.Lock()
		f.until = f.read + int64(len(p))
		left, over := f.came-f.read, f.over
		f.mu.Unlock()
		switch {
		case left >= int64(len(p)), left > 0 && over != nil:
			n, err := f.file.ReadAt(p[:min(left, int64(len(p)))], f.read)
			f.read += int64(n)
			if n > 0 {
				return n, nil
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF // the file is shorter than what was written
			}
			return 0, err
		case over != nil:
			return 0, over
		}
		select {
		case <-f.more:
		case <-f.ctx.Done():
			return 0, f.ctx.Err()
		}
	}
}
