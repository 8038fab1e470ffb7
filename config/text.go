package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Shown is how many errors, and how many warnings, the text form shows before
// it says how many more there are.
const Shown = 20

// WriteText writes ds as plain text for a terminal of that many columns; a
// width under 20 means that it is not known, and nothing is wrapped. Its cost is
// linear in what it writes.
func (ds Diagnostics) WriteText(w io.Writer, width int) error {
	bw := bufio.NewWriter(w)
	left := map[Severity]int{SeverityError: Shown, SeverityWarning: Shown}
	first := true
	for i := range ds {
		left[ds[i].Severity]--
		if left[ds[i].Severity] < 0 {
			continue
		}
		if !first {
			bw.WriteByte('\n')
		}
		first = false
		ds[i].writeText(bw, width)
	}
	for _, s := range []Severity{SeverityError, SeverityWarning} {
		if left[s] < 0 {
			fmt.Fprintf(bw, "\n%s.\n", more(-left[s], string(s)))
		}
	}
	return bw.Flush()
}

func (d *Diagnostic) writeText(w *bufio.Writer, width int) {
	label := "Error: "
	if d.Severity == SeverityWarning {
		label = "Warning: "
	}
	fmt.Fprintf(w, "%s%s\n", label, d.Summary)
	switch {
	case d.Range == nil && d.Address != "":
		fmt.Fprintf(w, "\n  with %s\n", d.Address)
	case d.Range == nil:
	case d.Range.Start.Line == 0:
		fmt.Fprintf(w, "\n  on %s\n", d.Range.Filename)
	case d.Snippet == nil:
		fmt.Fprintf(w, "\n  on %s line %d\n", d.Range.Filename, d.Range.Start.Line)
	case d.Snippet.Context == "":
		fmt.Fprintf(w, "\n  on %s line %d:\n", d.Range.Filename, d.Range.Start.Line)
	default:
		fmt.Fprintf(w, "\n  on %s line %d, in %s:\n", d.Range.Filename, d.Range.Start.Line, d.Snippet.Context)
	}
	if d.Snippet != nil {
		d.Snippet.writeText(w, width)
	}
	if d.Detail != "" {
		w.WriteByte('\n')
		for paragraph := range strings.SplitSeq(d.Detail, "\n") {
			writeWrapped(w, paragraph, width)
		}
	}
}

// writeText writes the line with its underline, cut to the width around what is
// underlined, and then the values.
func (s *Snippet) writeText(w *bufio.Writer, width int) {
	number := fmt.Sprintf("  %4d: ", s.StartLine)
	code, start, end := s.Code, s.HighlightStart, s.HighlightEnd
	if width >= 20 {
		code, start, end = window(code, start, end, width-len(number))
	}
	// A tab has no width of its own; a blank keeps underline and line together.
	code = strings.ReplaceAll(code, "\t", " ")
	fmt.Fprintf(w, "%s%s\n", number, code)
	indent := len(number) + runewidth.StringWidth(code[:start])
	under := max(1, runewidth.StringWidth(code[start:end]))
	fmt.Fprintf(w, "%s%s\n", strings.Repeat(" ", indent), strings.Repeat("^", under))
	for _, v := range s.Values {
		fmt.Fprintf(w, "        %s %s\n", v.Traversal, v.Statement)
	}
}

// window cuts code to at most width columns such that the start of [start,end)
// stays visible, and moves the offsets along.
func window(code string, start, end, width int) (string, int, int) {
	const dots = "..."
	width = max(width, 12)
	if runewidth.StringWidth(code) <= width {
		return code, start, end
	}
	if runewidth.StringWidth(code[:start]) > width/2 {
		cut := start
		for cut > 0 {
			_, size := utf8.DecodeLastRuneInString(code[:cut])
			if runewidth.StringWidth(code[cut-size:start]) > width/3 {
				break
			}
			cut -= size
		}
		code = dots + code[cut:]
		start += len(dots) - cut
		end += len(dots) - cut
	}
	if runewidth.StringWidth(code) > width {
		code = runewidth.Truncate(code, width, dots)
	}
	end = min(end, len(code))
	return code, min(start, end), end
}

// writeWrapped writes one paragraph, broken between words at width. Lines that
// start with blanks are code, and stay as they are.
func writeWrapped(w *bufio.Writer, paragraph string, width int) {
	if width < 20 || strings.HasPrefix(paragraph, " ") {
		w.WriteString(paragraph)
		w.WriteByte('\n')
		return
	}
	column := 0
	for word := range strings.FieldsSeq(paragraph) {
		n := runewidth.StringWidth(word)
		switch {
		case column == 0:
		case column+1+n > width:
			w.WriteByte('\n')
			column = 0
		default:
			w.WriteByte(' ')
			column++
		}
		w.WriteString(word)
		column += n
	}
	w.WriteByte('\n')
}
