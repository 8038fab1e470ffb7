package notes

import (
	"fmt"
	"strings"
	"unicode"
)

// readLines pairs open ids with the numbers on their lines.
func (p *page) readLines() {
	l := 0
	for i := 0; i < len(p.ids); {
		line := p.ids[i].line
		last := p.skip(i, line)
		end := p.lineEnd(line)
		for l < len(p.labels) && p.labels[l].at < p.starts[line] {
			l++
		}
		first := l
		for l < len(p.labels) && p.labels[l].at < end {
			l++
		}
		p.oneLine(p.ids[i:last+1], p.labels[first:l])
		i = last + 1
	}
}

// oneLine pairs the ids of one line with its labels.
func (p *page) oneLine(ids []mention, labels []label) {
	var stand, words []*mention
	for i := range ids {
		if ids[i].word {
			words = append(words, &ids[i])
		} else {
			stand = append(stand, &ids[i])
		}
	}
	if len(stand) == 0 {
		stand = words
	}
	l, only := distinct(labels)
	switch {
	case len(labels) == 0:
		p.bareLine(ids)
	case only:
		if why := crowd(stand, l.n); why != "" {
			refuseAll(stand, why)
			return
		}
		for _, m := range stand {
			p.pair(m, l.n, Stated, p.sameLine(l))
		}
	default:
		p.alternate(stand, labels)
	}
}

func (p *page) sameLine(l label) string {
	return fmt.Sprintf("same line: %q", excerpt(p.text[l.at:l.end]))
}

// crowd says why some ids cannot all belong to one number: a batch has one job
// and one file on a line.
func crowd(ids []*mention, n int) string {
	var job, file string
	for _, m := range ids {
		kind, what := &file, "files"
		if m.job() {
			kind, what = &job, "jobs"
		}
		if *kind != "" && *kind != m.id {
			return fmt.Sprintf("several %s stand equally near to batch %d", what, n)
		}
		*kind = m.id
	}
	return ""
}

func refuseAll(ids []*mention, why string) {
	for _, m := range ids {
		if m.verdict == open {
			m.refuse(why)
		}
	}
}

// share is a label with the ids that come with it.
type share struct {
	label
	ids []*mention
}

// shares splits ids among the labels before them, or, where the ids come first,
// after them. ok is false where that leaves a choice: a number without an id, an
// id without a number, or more ids for a number than a batch has.
func shares(ids []*mention, labels []label) (out []share, ok bool) {
	idsFirst := ids[0].at < labels[0].at
	i := 0
	for l, lab := range labels {
		from := i
		for i < len(ids) && (idsFirst && ids[i].at < lab.at || !idsFirst && (l+1 == len(labels) || ids[i].at < labels[l+1].at)) {
			i++
		}
		mine := ids[from:i]
		if n := len(out); n > 0 && out[n-1].n == lab.n {
			if len(mine) > 0 && len(out[n-1].ids) > 0 {
				return nil, false
			}
			out[n-1].ids = append(out[n-1].ids, mine...)
		} else {
			out = append(out, share{lab, mine})
		}
	}
	for _, s := range out {
		if len(s.ids) == 0 || crowd(s.ids, s.n) != "" {
			return nil, false
		}
	}
	return out, i == len(ids)
}

// alternate pairs ids with several labels on their line, if they take turns.
func (p *page) alternate(ids []*mention, labels []label) {
	out, ok := shares(ids, labels)
	if !ok {
		second := labels[0]
		for _, l := range labels {
			if l.n != labels[0].n {
				second = l
				break
			}
		}
		refuseAll(ids, severalWords(labels[0].n, second.n))
		return
	}
	for _, s := range out {
		for _, m := range s.ids {
			p.pair(m, s.n, Likely, p.sameLine(s.label))
		}
	}
}

// maxBareLine is how long a line is that may hold a bare number and an id.
const maxBareLine = 1000

// bareLine pairs the ids of a line with its one bare number: all that stands
// there beside them, or the first word, right before them.
func (p *page) bareLine(ids []mention) {
	first, last := &ids[0], &ids[len(ids)-1]
	start, end := p.starts[first.line], p.lineEnd(first.line)
	if end-start > maxBareLine || len(ids) > 2 || first.anchor >= 0 || first.tabled {
		return
	}
	before, after := p.text[start:p.urlStart(first, start)], p.text[p.urlEnd(last, end):end]
	if len(ids) == 2 && (first.job() == last.job() || tokens(p.text[first.end:p.urlStart(last, first.end)]) != nil) {
		return
	}
	left, right := tokens(before), tokens(after)
	sure, digits := Likely, ""
	switch {
	case len(left) == 1 && len(right) == 0 && !ordinal(before, left[0]):
		digits = left[0]
	case len(left) == 1 && !ordinal(before, left[0]):
		sure, digits = Guessed, left[0]
	case len(left) == 0 && len(right) == 1 && !last.url: // behind a URL stands what became of the call
		sure, digits = Guessed, right[0]
	}
	n, length, ok := digitsAt(digits, 0)
	if !ok || length != len(digits) {
		return
	}
	for i := range ids {
		p.pairBare(&ids[i], n, sure, fmt.Sprintf("same line: %q", digits))
	}
}

// urlStart gives where the word begins that ends with an id.
func (p *page) urlStart(m *mention, from int) int {
	i := m.at
	for m.url && i > from && strings.IndexByte(" \t\"'`(<|,;=", p.text[i-1]) < 0 {
		i--
	}
	return i
}

// urlEnd gives where the word ends that holds an id.
func (p *page) urlEnd(m *mention, to int) int {
	i := m.end
	for m.url && i < to && strings.IndexByte(" \t\"'`>)|,;", p.text[i]) < 0 {
		i++
	}
	return i
}

// tokens gives the first two words and numbers of a text; points, dashes and the
// like join them, so that 51.5 and 10:11 are no numbers.
func tokens(s string) []string {
	var out []string
	start := -1
	for i, r := range s + " " {
		word := unicode.IsLetter(r) || unicode.IsDigit(r)
		joins := strings.ContainsRune("-_.:/,%", r)
		if next := at(s, i+1); word || joins && (r == '%' || isAlnum(next)) && (start >= 0 || r == '-') {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			out = append(out, s[start:i])
			start = -1
		}
		if len(out) == 2 {
			break
		}
	}
	return out
}

// ordinal reports whether the number before an id counts list items: 1. or 1).
func ordinal(before, digits string) bool {
	_, after, _ := strings.Cut(before, digits)
	return strings.HasPrefix(after, ".") || strings.HasPrefix(after, ")")
}
