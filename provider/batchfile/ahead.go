package batchfile

import (
	"hash"
	"io"
)

const (
	// aheadFrom is how much of a file is read before another goroutine is worth its
	// cost.
	aheadFrom = 1 << 20
	aheadSize = 256 << 10
)

// ahead reads and hashes the next parts of a large file while the part before them
// is looked at, so that one file keeps two processors busy.
type ahead struct {
	full chan part
	free chan []byte
	stop chan struct{}
	done chan struct{}

	now part // not taken yet
}

// part is what one read gave.
type part struct {
	bytes  []byte
	buffer []byte
	err    error
}

// newAhead goes on with r, which nobody else may use until close returns. Nor may
// h be used until then.
func newAhead(r io.Reader, h hash.Hash) *ahead {
	a := &ahead{full: make(chan part, 1), free: make(chan []byte, 3), stop: make(chan struct{}), done: make(chan struct{})}
	for range cap(a.free) {
		a.free <- make([]byte, aheadSize)
	}
	go func() {
		defer close(a.done)
		for {
			var p part
			select {
			case p.buffer = <-a.free:
			case <-a.stop:
				return
			}
			var n int
			n, p.err = r.Read(p.buffer)
			p.bytes = p.buffer[:n]
			h.Write(p.bytes)
			select {
			case a.full <- p:
			case <-a.stop:
				return
			}
			if p.err != nil {
				return
			}
		}
	}()
	return a
}

// Read gives what r gave. After an error it gives that error again.
func (a *ahead) Read(to []byte) (int, error) {
	if len(a.now.bytes) == 0 && a.now.err == nil {
		if a.now.buffer != nil {
			a.free <- a.now.buffer
		}
		a.now = <-a.full
	}
	n := copy(to, a.now.bytes)
	a.now.bytes = a.now.bytes[n:]
	if len(a.now.bytes) > 0 {
		return n, nil
	}
	return n, a.now.err
}

// close ends the reading, wherever it is.
func (a *ahead) close() {
	close(a.stop)
	<-a.done
}
