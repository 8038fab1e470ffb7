package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

const (
	defaultWidth  = 80
	defaultHeight = 24
	minWidth      = 40
)

// Options are the streams that a Console works on.
type Options struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Env looks an environment variable up; nil means that none is set.
	Env func(string) (string, bool)
	// NoColor is --no-color.
	NoColor bool
}

// Console is where qaplan speaks and listens. Its methods may be used from
// several goroutines.
type Console struct {
	in       io.Reader
	inTTY    bool
	out, err *stream
	redraws  bool // what stderr shows may be drawn again
}

// New looks at the streams. Nothing is written.
func New(o Options) *Console {
	env := o.Env
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	noColor, _ := env("NO_COLOR")
	kind, _ := env("TERM")
	dumb := kind == "dumb"
	colour := !o.NoColor && noColor == "" && !dumb
	c := &Console{
		in: o.Stdin, inTTY: isTerminal(o.Stdin),
		out: newStream(o.Stdout, colour, !dumb), err: newStream(o.Stderr, colour, !dumb),
	}
	// A CI service may lend a terminal, but keeps what is written as a log.
	ci, _ := env("CI")
	c.redraws = c.err.tty && (ci == "" || ci == "0" || ci == "false")
	return c
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// stream is one output with what is known of it.
type stream struct {
	mu     sync.Mutex
	w      io.Writer
	fd     int
	tty    bool // a terminal on which the cursor may be moved
	style  Style
	hidden []string
	failed error
	live   region // at the bottom, redrawn
}

func newStream(w io.Writer, colour, moves bool) *stream {
	s := &stream{w: w, fd: -1}
	if isTerminal(w) {
		s.fd = int(w.(*os.File).Fd())
		s.tty = moves && enableSequences(s.fd)
		s.style = Painted(colour && s.tty)
	}
	return s
}

// width is the number of columns of a terminal, 0 for anything else.
func (s *stream) width() int {
	if s.fd < 0 {
		return 0
	}
	if w, _, err := term.GetSize(s.fd); err == nil && w > 0 {
		return max(w, minWidth)
	}
	return defaultWidth
}

func (s *stream) put(text string) error {
	if text == "" {
		return nil
	}
	_, err := io.WriteString(s.w, text)
	if err != nil && s.failed == nil {
		s.failed = err
	}
	return err
}

func (s *stream) redact(text string) string {
	for _, secret := range s.hidden {
		text = strings.ReplaceAll(text, secret, "[hidden]")
	}
	return text
}

// shortestSecret is from how many bytes on a secret is hidden: keys of the
// service are longer, and hiding a word like "test" would garble what is shown.
const shortestSecret = 16

// Hide keeps a secret out of everything that is written from now on. It is the
// last line of defence: nothing that reaches the Console should hold a key.
func (c *Console) Hide(secret string) {
	if len(secret) < shortestSecret {
		return
	}
	for _, s := range []*stream{c.out, c.err} {
		s.mu.Lock()
		s.hidden = append(s.hidden, secret)
		s.mu.Unlock()
	}
}

// Out is stdout.
func (c *Console) Out() io.Writer { return c.out }

// Err is stderr.
func (c *Console) Err() io.Writer { return c.err }

// OutStyle is how text on stdout is painted.
func (c *Console) OutStyle() Style { return c.out.style }

// Width is the number of columns of stdout, 0 when it is no terminal.
func (c *Console) Width() int { return c.out.width() }

// Interactive reports whether somebody can be asked.
func (c *Console) Interactive() bool { return c.inTTY }

// WriteError gives the first error of writing to stdout: a full disk must not
// look like success.
func (c *Console) WriteError() error {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	if c.out.failed == nil {
		return nil
	}
	return fmt.Errorf("write to stdout: %w", c.out.failed)
}

// Print writes text to stdout.
func (c *Console) Print(text string) {
	_, _ = io.WriteString(c.out, text) // kept for WriteError
}

// Note writes a line of information to stderr.
func (c *Console) Note(format string, args ...any) {
	fmt.Fprintf(c.err, format+"\n", args...)
}

// Tell writes sentences of information to stderr, broken at the width of a
// terminal.
func (c *Console) Tell(text string) {
	for _, line := range wrap(text, c.err.width()) {
		c.Note("%s", line)
	}
}

// Remark writes an event that a person should know about as one line on stderr.
func (c *Console) Remark(e *apply.Event, waits bool) {
	head := ""
	switch Severity(e) {
	case planner.SeverityWarning:
		head = c.err.style.yellow("Warning: ")
	case planner.SeverityError:
		head = c.err.style.red("Error: ")
	}
	c.Note("%s%s", head, Sentence(e, waits))
}

// ErrClosed tells that stdin ended before an answer was given.
var ErrClosed = errors.New("read the answer: stdin is closed")

// Confirm asks on stderr. Only the whole word yes is a yes. An end of ctx ends
// the question with ctx's error.
func (c *Console) Confirm(ctx context.Context, question string) (bool, error) {
	s := c.err.style
	fmt.Fprintf(c.err, "\n%s\n  Only yes is accepted: ", s.bold(question))
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	// The read cannot be stopped; after an interrupt the process ends anyway.
	go func() {
		line, err := bufio.NewReader(c.in).ReadString('\n')
		got <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.err)
		return false, ctx.Err()
	case a := <-got:
		if a.err != nil && a.line == "" {
			fmt.Fprintln(c.err)
			if errors.Is(a.err, io.EOF) {
				return false, ErrClosed
			}
			return false, fmt.Errorf("read the answer: %w", a.err)
		}
		return strings.TrimSpace(a.line) == "yes", nil
	}
}
