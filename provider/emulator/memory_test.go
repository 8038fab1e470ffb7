package emulator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// lines is an endless file of request lines, of which it gives size bytes.
type lines struct {
	size, given int64
	next        int
	rest        []byte
}

func (l *lines) Read(p []byte) (n int, err error) {
	for n < len(p) && l.given < l.size {
		if len(l.rest) == 0 {
			l.rest = fmt.Appendf(l.rest, `{"key":"k%d","request":{"contents":[{"parts":[{"text":"What is %d? %s"}]}]}}`+"\n", l.next, l.next, strings.Repeat("word ", 2000))
			l.next++
			if left := l.size - l.given; int64(len(l.rest)) > left {
				l.rest = append(bytes.Repeat([]byte(" "), int(left)-1), '\n') // a blank line fills up
			}
		}
		m := copy(p[n:], l.rest)
		l.rest, n, l.given = l.rest[m:], n+m, l.given+int64(m)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// peakHeap watches the heap until stop is called, which gives its peak in bytes.
func peakHeap() (stop func() uint64) {
	var peak atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		return peak.Load()
	}
}

// TestConstantMemory sends a file of 64 MiB in one chunk, makes a job of it and
// downloads the answers, on a heap of a quarter of that.
func TestConstantMemory(t *testing.T) {
	const size, limit = 64 << 20, 16 << 20
	// What counts is what is held, not the garbage that a busy machine has had no
	// time to collect.
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	now := time.Now()
	a := openAPI(t, emulator.Config{Clock: func() time.Time { return now }})
	at := a.start("big").header.Get("X-Goog-Upload-Url")
	runtime.GC()
	stop := peakHeap()

	hash := sha256.New()
	req, err := http.NewRequestWithContext(t.Context(), "POST", at, io.TeeReader(&lines{size: size}, hash))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = size
	req.Header.Set("X-Goog-Upload-Command", "upload, finalize")
	req.Header.Set("X-Goog-Upload-Offset", "0")
	final := uploaded(t, a.want(200, a.send(req)))
	if final.SizeBytes != fmt.Sprint(size) {
		t.Errorf("file %+v", final)
	}
	job := a.create("big", "")
	if got := purchases(t, a.server)[0].SHA256; got != hex.EncodeToString(hash.Sum(nil)) {
		t.Errorf("hash %s", got)
	}
	now = now.Add(time.Hour)
	down, err := http.NewRequestWithContext(t.Context(), "GET", "http://emulator.test/v1/files/batch-"+strings.TrimPrefix(job, "batches/")+":download?alt=media", nil)
	if err != nil {
		t.Fatal(err)
	}
	down.Header.Set("X-Goog-Api-Key", "k")
	resp, err := a.http.Do(down)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != resp.ContentLength || n < 1<<20 {
		t.Errorf("downloaded %d bytes of %d: %v", n, resp.ContentLength, err)
	}
	if peak := stop(); peak > limit {
		t.Errorf("the heap grew to %d MiB, want at most %d", peak>>20, limit>>20)
	}
}

// TestBooksConstantMemory reads the books of a job with 24 MiB of input, a part
// of which is swapped, on a heap of a quarter of that.
func TestBooksConstantMemory(t *testing.T) {
	const size, limit = 24 << 20, 6 << 20
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	now := time.Now()
	a := openAPI(t, emulator.Config{Clock: func() time.Time { return now }, Rows: emulator.RowFaults{SwappedShare: 0.01}})
	req, err := http.NewRequestWithContext(t.Context(), "POST", a.start("big").header.Get("X-Goog-Upload-Url"), &lines{size: size})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = size
	req.Header.Set("X-Goog-Upload-Command", "upload, finalize")
	req.Header.Set("X-Goog-Upload-Offset", "0")
	a.want(200, a.send(req))
	a.create("big", "")
	now = now.Add(time.Hour)
	runtime.GC()
	stop := peakHeap()
	rows, swapped := int64(0), 0
	err = a.server.RowPurchases(t.Context(), func(p emulator.RowPurchase) error {
		rows++
		if p.AnswerOf != p.Key {
			swapped++
		}
		return nil
	})
	bought := purchases(t, a.server)[0]
	if err != nil || rows != bought.Rows || swapped == 0 || bought.CostUSD == 0 {
		t.Errorf("%d rows, %d of them swapped, of %+v: %v", rows, swapped, bought, err)
	}
	if peak := stop(); peak > limit {
		t.Errorf("the heap grew to %d MiB, want at most %d", peak>>20, limit>>20)
	}
}
