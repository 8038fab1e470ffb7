package ui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-runewidth"

	"github.com/qaplan/qaplan/planner"
)

// Printable escapes what would steer a terminal or forge a second line: control
// characters, invalid UTF-8, and marks that reorder text.
func Printable(s string) string {
	return escape(s, false)
}

// printableText is Printable for text of several lines: line feeds stay.
func printableText(s string) string {
	return escape(s, true)
}

func escape(s string, lines bool) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= ' ' && s[i] < 0x7f
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' && lines:
			b.WriteByte('\n')
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\u2028', r == '\u2029':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

// count gives "1 batch", "2 batches", "15,400 rows".
func count[N int | int64](n N, noun string) string {
	s := humanize.Comma(int64(n)) + " " + noun
	switch {
	case n == 1:
		return s
	case strings.HasSuffix(noun, "ch"):
		return s + "es"
	default:
		return s + "s"
	}
}

// volume gives "37 MB".
func volume(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// size is volume for a cell of a table: nothing is "".
func size(n int64) string {
	if n <= 0 {
		return ""
	}
	return volume(n)
}

// capital makes the beginning of a sentence.
func capital(s string) string {
	c, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(c)) + s[n:]
}

// amount shortens a count to two figures that matter: 840, 12 k, 9.9 M.
func amount(n int64) string {
	f, unit := float64(n), ""
	switch {
	case n < 1000:
		return strconv.FormatInt(n, 10)
	case f < 999_500:
		f, unit = f/1e3, " k"
	case f < 999_500_000:
		f, unit = f/1e6, " M"
	default:
		f, unit = f/1e9, " G"
	}
	if f < 9.95 {
		return strconv.FormatFloat(f, 'f', 1, 64) + unit
	}
	return strconv.FormatFloat(math.Round(f), 'f', 0, 64) + unit
}

// length gives a duration in its two largest units: 45s, 3m05s, 2h10m, 1d4h.
func length(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// span names the batches of one block from a first to a last number.
func span(block string, first, last int) string {
	return planner.Selector{Block: block, First: first, Last: last}.String()
}

// table lays cells out in columns two blanks apart. Columns named in right are
// set flush right. Columns that are empty throughout vanish.
func table(rows [][]string, right ...int) []string {
	var widths []int
	for _, row := range rows {
		for len(widths) < len(row) {
			widths = append(widths, 0)
		}
		for i, cell := range row {
			widths[i] = max(widths[i], cells(cell))
		}
	}
	flush := map[int]bool{}
	for _, i := range right {
		flush[i] = true
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			if b.Len() > 0 {
				b.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-cells(cell))
			if flush[i] {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		lines[r] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

// wrap breaks text at blanks so that no line is wider than width, if it can; a
// width of 0 or less breaks nothing, which is what a reader like grep wants.
// Lines that begin with a blank are code and stay whole.
func wrap(text string, width int) []string {
	var lines []string
	for para := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(para, " ") || width <= 0 {
			lines = append(lines, para)
			continue
		}
		line := ""
		for word := range strings.FieldsSeq(para) {
			switch {
			case line == "":
				line = word
			case cells(line)+1+cells(word) > width:
				lines = append(lines, line)
				line = word
			default:
				line += " " + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// indent puts a prefix before each line.
func indent(prefix string, lines []string) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(prefix+l, " ") + "\n")
	}
	return b.String()
}

// cells is how many columns of a terminal a text takes.
func cells(s string) int { return runewidth.StringWidth(s) }
