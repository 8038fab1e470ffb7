package ui

import (
	"bytes"
	"io"
	"sync"
)

const (
	// maxForeignLine and maxForeign bound what is shown of another program: of a
	// line, and in all, in bytes.
	maxForeignLine = 2_000
	maxForeign     = 64_000
)

// Prefixed writes what another program says line by line, each behind a prefix,
// with what would steer a terminal escaped. Close writes a last line without end.
type Prefixed struct {
	mu     sync.Mutex
	w      io.Writer
	prefix string
	line   []byte
	shown  int
	cut    bool // the rest is left out
}

// NewPrefixed writes to w.
func NewPrefixed(w io.Writer, prefix string) *Prefixed { return &Prefixed{w: w, prefix: prefix} }

// Write never fails: what the other program does is not to depend on it.
func (p *Prefixed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for rest := b; len(rest) > 0; {
		text, after, ended := bytes.Cut(rest, []byte("\n"))
		if room := maxForeignLine - len(p.line); room > 0 {
			p.line = append(p.line, text[:min(room, len(text))]...)
		}
		if ended {
			p.flush()
		}
		rest = after
	}
	return len(b), nil
}

func (p *Prefixed) flush() {
	switch {
	case p.cut:
	case p.shown+len(p.line) > maxForeign:
		p.cut = true
		_, _ = io.WriteString(p.w, p.prefix+"(more is left out)\n") // kept by the console
	default:
		p.shown += len(p.line) + 1
		_, _ = io.WriteString(p.w, p.prefix+Printable(string(bytes.TrimRight(p.line, "\r")))+"\n") // kept by the console
	}
	p.line = p.line[:0]
}

// Close ends the last line. It gives no error.
func (p *Prefixed) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) > 0 {
		p.flush()
	}
	return nil
}
