package ui

import (
	"strconv"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// screen is a terminal as far as the live region needs one. It has all the rows
// that were ever written, and may break lines anew when its width changes.
type screen struct {
	t       *testing.T
	width   int
	reflows bool
	rows    []screenRow
	x, y    int
	modes   map[string]bool // private modes that were switched, by number
}

type screenRow struct {
	cells   []string // "" is the second half of a wide one
	wrapped bool     // it goes on in the next row
}

func newScreen(t *testing.T, width int, reflows bool) *screen {
	return &screen{t: t, width: width, reflows: reflows, rows: make([]screenRow, 1), modes: map[string]bool{"7": true, "25": true}}
}

// Write takes what a program writes. After each write the terminal is in order.
func (s *screen) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		if rest, ok := strings.CutPrefix(text, "\x1b["); ok {
			end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' })
			s.control(rest[:end], rest[end])
			text = rest[end+1:]
			continue
		}
		r := []rune(text)[0]
		s.put(r)
		text = text[len(string(r)):]
	}
	if !s.modes["7"] || !s.modes["25"] || s.modes["2026"] {
		s.t.Fatalf("a write leaves the terminal with %v: %q", s.modes, p)
	}
	return len(p), nil
}

func (s *screen) control(arg string, final byte) {
	n, _ := strconv.Atoi(arg)
	switch {
	case final == 'm':
	case final == 'A':
		if s.y -= n; s.y < 0 {
			s.t.Fatal("the cursor goes up further than anything was written")
		}
	case final == 'J' && arg == "":
		s.rows = s.rows[:s.y+1]
		s.clearLine()
	case final == 'K' && arg == "":
		s.clearLine()
	case final == 'h' || final == 'l':
		s.modes[strings.TrimPrefix(arg, "?")] = final == 'h'
	default:
		s.t.Fatalf("unknown sequence %q %c", arg, final)
	}
}

func (s *screen) clearLine() {
	row := &s.rows[s.y]
	row.cells = row.cells[:min(len(row.cells), s.x)]
	row.wrapped = false
}

func (s *screen) put(r rune) {
	switch r {
	case '\r':
		s.x = 0
		return
	case '\n': // as the line discipline has it
		s.x = 0
		s.down()
		return
	}
	w := runewidth.RuneWidth(r)
	if s.x+w > s.width {
		if !s.modes["7"] {
			return
		}
		s.rows[s.y].wrapped = true
		s.x = 0
		s.down()
	}
	row := &s.rows[s.y]
	for len(row.cells) < s.x+w {
		row.cells = append(row.cells, " ")
	}
	row.cells[s.x] = string(r)
	if w == 2 {
		row.cells[s.x+1] = ""
	}
	s.x += w
}

func (s *screen) down() {
	if s.y++; s.y == len(s.rows) {
		s.rows = append(s.rows, screenRow{})
	}
}

// resize makes the terminal wider or narrower; the cursor is at the start of a
// row.
func (s *screen) resize(width int) {
	if s.x != 0 {
		s.t.Fatal("resized while the cursor is within a line")
	}
	if s.width = width; !s.reflows {
		for i := range s.rows {
			s.rows[i].cells = s.rows[i].cells[:min(len(s.rows[i].cells), width)]
		}
		return
	}
	var rows []screenRow
	y := 0
	for i := 0; i < len(s.rows); i++ {
		if i == s.y {
			y = len(rows)
		}
		all := s.rows[i].cells
		for s.rows[i].wrapped {
			i++
			all = append(all[:len(all):len(all)], s.rows[i].cells...)
		}
		for len(all) > width {
			n := width
			if all[n] == "" {
				n--
			}
			rows = append(rows, screenRow{all[:n:n], true})
			all = all[n:]
		}
		rows = append(rows, screenRow{all, false})
	}
	s.rows, s.y = rows, y
}

// text is what a person sees, lines that were broken whole again.
func (s *screen) text() string {
	var b strings.Builder
	for _, r := range s.rows {
		text := strings.Join(r.cells, "")
		if !r.wrapped {
			text = strings.TrimRight(text, " ") + "\n"
		}
		b.WriteString(text)
	}
	return strings.TrimRight(b.String(), "\n")
}
