package ui

import (
	"fmt"
	"strings"

	"golang.org/x/term"
)

// The live region is the lines at the bottom of a terminal that are drawn again
// and again. Everything else that is written goes above it and scrolls away as
// usual.
//
// Between two frames the cursor waits on an empty row above the region. A terminal
// that is resized breaks lines anew, and tells of it late: wherever the rows of the
// region end up, they are below the cursor, and what is below is cleared. Going up
// by rows that were counted before would leave some behind. (Where a terminal such
// as tmux pushes the cursor's own row out of the window, what is above the window
// stays in its scrollback.) Each frame is one
// write, after which the cursor is visible and no mode is left switched, so that
// nothing has to be undone after a panic or kill -9.

const (
	wraps      = "\x1b[?7h"
	wrapsNot   = "\x1b[?7l"
	beginFrame = "\x1b[?2026h\x1b[?25l" + wrapsNot + "\r" // shown as a whole, without the cursor
	endFrame   = wraps + "\x1b[?25h\x1b[?2026l"
	clearLine  = "\x1b[K"
	clearBelow = "\x1b[J"
)

// region is what stands at the bottom of a terminal.
type region struct {
	lines []string
	width int    // of the terminal when they were drawn
	rest  string // an unfinished line that was written meanwhile; it waits for its end
}

// frame draws lines below the cursor's row and leaves the cursor there. Those that
// stand there already are passed over.
func frame(lines, there []string) string {
	var b strings.Builder
	b.WriteString(clearLine)
	for i, l := range lines {
		b.WriteString("\r\n")
		// The last one always: what is cleared is what comes after it.
		if i >= len(there) || there[i] != l || i == len(lines)-1 {
			b.WriteString(l + clearLine)
		}
	}
	b.WriteString(clearBelow)
	if len(lines) > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", len(lines))
	}
	return b.String()
}

// draw replaces the region; "" when nothing is to be written. It is the caller's
// part that the lines are narrower than the terminal.
func (g *region) draw(lines []string, width int) string {
	there := g.lines
	if width != g.width {
		there = nil
	}
	changed := len(lines) != len(there)
	for i := 0; !changed && i < len(lines); i++ {
		changed = lines[i] != there[i]
	}
	g.lines, g.width = lines, width
	switch {
	case !changed:
		return ""
	case there == nil:
		return beginFrame + clearBelow + frame(lines, nil) + endFrame
	}
	return beginFrame + frame(lines, there) + endFrame
}

// above puts text over the region, whole lines of it; what is left waits.
func (g *region) above(text string, width int) string {
	text = g.rest + text
	end := strings.LastIndexByte(text, '\n') + 1
	text, g.rest = text[:end], text[end:]
	if text == "" {
		return ""
	}
	if width != g.width {
		g.lines = nil // the next frame is made for this width
	}
	return beginFrame + clearBelow + wraps + text + wrapsNot + frame(g.lines, nil) + endFrame
}

// clear takes the region away.
func (g *region) clear() string {
	stood, rest := g.lines != nil, g.rest
	*g = region{}
	if !stood {
		return rest
	}
	return "\r" + clearBelow + rest
}

// Write keeps the live region below whatever is written.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.redact(string(p))
	if s.live.lines != nil || s.live.rest != "" {
		text = s.live.above(text, s.columns())
	}
	if err := s.put(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// draw replaces the live region; no lines take it away.
func (s *stream) draw(lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range lines {
		lines[i] = s.redact(l)
	}
	if len(lines) == 0 {
		_ = s.put(s.live.clear()) // kept in s.failed
		return
	}
	_ = s.put(s.live.draw(lines, s.columns()))
}

// columns is how wide the terminal says it is, 0 when it does not say.
func (s *stream) columns() int {
	if s.fd < 0 {
		return 0
	}
	w, _, err := term.GetSize(s.fd)
	if err != nil {
		return 0
	}
	return w
}

// room is the columns and rows that a live region may take: it never touches the
// last column, and leaves the row that the cursor is on.
func (s *stream) room() (width, height int) {
	width, height = defaultWidth, defaultHeight
	if s.fd >= 0 {
		if w, h, err := term.GetSize(s.fd); err == nil && w > 0 && h > 0 {
			width, height = w, h
		}
	}
	return width - 1, height - 1
}

// Leave takes the live region away before this process ends without further ado.
// It waits for nothing: a terminal that takes no output now is left as it is.
func (c *Console) Leave() {
	if c.err.mu.TryLock() {
		defer c.err.mu.Unlock()
		_ = c.err.put(c.err.live.clear())
	}
}

// shownCells is how many columns a painted text takes.
func shownCells(s string) int { return cells(plainText(s)) }

// plainText is a text without its paint.
func plainText(s string) string {
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s[i:], 'm')
		if j < 0 {
			return s
		}
		s = s[:i] + s[i+j+1:]
	}
}
