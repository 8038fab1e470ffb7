package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestKilledUploadGoesOn kills a run when 95 % of a file have come to the service.
// The next run goes on from there: what the service gets in all is no more than a
// tenth over the file, in one upload.
func TestKilledUploadGoesOn(t *testing.T) {
	s := newSite(t, 1)
	size := s.bigSource(96 << 20)
	s.serve(t.TempDir(), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	var received atomic.Int64
	var died atomic.Bool
	first := s.child("apply", "--auto-approve")
	s.front.answer = func(call string, _ http.ResponseWriter, r *http.Request) bool {
		if call == callUpload && r.Header.Get("X-Goog-Upload-Command") != "start" {
			r.Body = &cutBody{r.Body, func(n int) (cut bool) {
				if received.Add(int64(n)) < size*95/100 || died.Swap(true) {
					return false
				}
				first.kill()
				<-first.ended
				return true
			}}
		}
		return false
	}
	first.start(t)
	<-first.ended
	if received.Load() < size*95/100 || received.Load() >= size {
		t.Fatalf("killed when %d of %d bytes had come: %s", received.Load(), size, &first.stderr)
	}
	s.mustRun(0, "apply", "--auto-approve", "--wait")
	again := received.Load() - size
	t.Logf("%d of %d bytes were sent again, %.1f %%", again, size, 100*float64(again)/float64(size))
	if again > size/10 {
		t.Errorf("%d bytes were sent again of %d, want a tenth at most", again, size)
	}
	calls := s.ledger().Calls
	if calls[emulator.OpUploadStart] != 1 || calls[emulator.OpUploadQuery] != 1 || calls[emulator.OpCreate] != 1 {
		t.Errorf("calls: %v; want one start, one query and one create", calls)
	}
	s.mustHaveBoughtOnce()
}

// bigSource makes the only source have about so many bytes, in rows of a megabyte.
func (s *site) bigSource(size int64) int64 {
	s.t.Helper()
	f, err := os.Create(s.path("in", "batch_001_proper.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	text := strings.Repeat("What does an RSI of 74 say? ", 37400)
	for r := range size >> 20 {
		fmt.Fprintf(w, `{"key":"r%d","request":{"contents":[{"role":"user","parts":[{"text":%q}]}]}}`+"\n", r, text)
	}
	if err := w.Flush(); err != nil {
		s.t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		s.t.Fatal(err)
	}
	s.age()
	return info.Size()
}

// cutBody breaks off where cut says so of what was read.
type cutBody struct {
	io.ReadCloser
	cut func(n int) bool
}

func (b *cutBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.cut(n) {
		err = io.ErrUnexpectedEOF // what lies in the connection is lost
	}
	return n, err
}
