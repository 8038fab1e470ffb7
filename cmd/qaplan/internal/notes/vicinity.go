package notes

import (
	"fmt"
	"strings"
)

// maxDistance is how many lines lie between a number and an id that stand in
// plain text, maxRecord between those of one record.
const (
	maxDistance = 3
	maxRecord   = 20
)

// segment is a run of lines that speak of one thing: a paragraph, a record, a
// section.
type segment struct {
	first, last int // lines, from 0
	indent      int
	record      bool // a list item or a key with what belongs to it
	level       int  // of the heading that opens it; 0 for none, deepest for a title line
}

// deepest is below every level of heading.
const deepest = 99

func (s *segment) titled() bool { return s.level > 0 }

// readVicinity pairs ids that are open still with numbers on other lines of their
// segment.
func (p *page) readVicinity() {
	var ids []*mention // by the line on which they, or the values that hold them, begin
	waiting := false
	for i := range p.ids {
		waiting = waiting || p.ids[i].verdict == open && !p.ids[i].word
		ids = append(ids, &p.ids[i])
	}
	if !waiting {
		return
	}
	labels := p.withKeys(p.labels)
	l, i := 0, 0
	for _, s := range p.segments(labels) {
		for l < len(labels) && labels[l].at < p.starts[s.first] {
			l++
		}
		firstLabel := l
		end := p.lineEnd(s.last)
		for l < len(labels) && labels[l].at < end {
			l++
		}
		for i < len(ids) && ids[i].place() < s.first {
			i++
		}
		firstID := i
		for i < len(ids) && ids[i].place() <= s.last {
			i++
		}
		p.segment(&s, ids[firstID:i], labels[firstLabel:l])
	}
}

// place gives the line of a mention, or that of the value that holds it.
func (m *mention) place() int {
	if m.anchor >= 0 {
		return m.anchor
	}
	return m.line
}

// withKeys adds to the labels the numbers that are keys of records: 51:
func (p *page) withKeys(labels []label) []label {
	var out []label
	l := 0
	for line := range p.starts {
		text := p.line(line)
		if len(text) > 20 {
			continue
		}
		key, ok := strings.CutSuffix(strings.TrimSpace(text), ":")
		key = strings.TrimPrefix(key, "- ")
		n, end, number := digitsAt(trimQuotes(key), 0)
		if !ok || !number || end != len(trimQuotes(key)) {
			continue
		}
		for l < len(labels) && labels[l].at < p.starts[line] {
			out = append(out, labels[l])
			l++
		}
		start := p.starts[line] + strings.Index(text, key)
		out = append(out, label{n: n, at: start, end: start + len(key), bare: true})
	}
	return append(out, labels[l:]...)
}

// segments parts the page.
func (p *page) segments(labels []label) []segment {
	var out []segment
	s := segment{last: -1}
	cut := func(line int, next segment) {
		if s.last >= s.first {
			out = append(out, s)
		}
		next.first, next.last = line, line
		s = next
	}
	l, body := 0, false // body: something stands below the title
	for n := range p.starts {
		for l < len(labels) && labels[l].at < p.starts[n] {
			l++
		}
		first := l
		for l < len(labels) && labels[l].at < p.lineEnd(n) {
			l++
		}
		line := p.line(n)
		text := strings.TrimLeft(line, " \t")
		indent := len(line) - len(text)
		level, title := heading(text), p.title(n, labels[first:l])
		switch {
		case level > 0 && (level <= s.level || !s.titled() || l > first):
			if l == first {
				level = 0 // a heading without a number opens a plain segment
			}
			cut(n, segment{level: level})
		case title:
			cut(n, segment{level: deepest, record: true, indent: indent})
			body = false
		case s.level == deepest && body && (parting(text) || key(text) && indent <= s.indent):
			cut(n, segment{})
		case s.titled():
			s.last = n
			body = body || !parting(text)
		case parting(text):
			cut(n, segment{})
		case bullet(text) && (!s.record || indent <= s.indent), key(text) && s.record && indent <= s.indent:
			cut(n, segment{record: true, indent: indent})
		case key(text) && !s.record && l > first:
			cut(n, segment{record: true, indent: indent})
		default:
			s.last = n
		}
	}
	return append(out, s)
}

// heading gives the level of a Markdown heading, 0 for other lines.
func heading(text string) int {
	rest := strings.TrimLeft(text, "#")
	if level := len(text) - len(rest); level <= 6 && strings.HasPrefix(rest, " ") {
		return level
	}
	return 0
}

// title reports whether a line holds a labelled number and marks alone, and the
// marks show that it stands over what follows: **Batch 51**, Batch 51:
func (p *page) title(line int, labels []label) bool {
	if len(labels) != 1 || labels[0].field || labels[0].bare {
		return false
	}
	before := strings.TrimSpace(p.text[p.starts[line]:labels[0].at])
	after := strings.TrimSpace(p.text[labels[0].end:p.lineEnd(line)])
	const marks = "*=_-~# "
	if after == ":" && before == "" {
		return true
	}
	return before != "" && before != "-" && after != "" && strings.Trim(before, marks) == "" && strings.Trim(after, marks+":") == ""
}

// parting reports whether a line ends a paragraph: blank, a fence, a rule.
func parting(text string) bool {
	return strings.Trim(text, " \t\r-=*_") == "" || strings.HasPrefix(text, "```") || strings.HasPrefix(text, "~~~")
}

func bullet(text string) bool {
	for _, mark := range []string{"- ", "* ", "+ ", "• "} {
		if strings.HasPrefix(text, mark) {
			return true
		}
	}
	digits := strings.TrimLeft(text, "0123456789")
	return len(digits) < len(text) && (strings.HasPrefix(digits, ". ") || strings.HasPrefix(digits, ") "))
}

// key reports whether a line is a key whose value are the lines below it.
func key(text string) bool { return strings.HasSuffix(strings.TrimRight(text, " \t\r"), ":") }

// segment pairs the open ids of a segment with its labels.
func (p *page) segment(s *segment, ids []*mention, labels []label) {
	var wait []*mention
	others := false
	for _, m := range ids {
		switch {
		case m.word:
		case m.verdict == open:
			wait = append(wait, m)
		default:
			others = true
		}
	}
	if len(wait) == 0 || len(labels) == 0 {
		return
	}
	shown := s.record || s.titled()
	l, only := distinct(labels)
	switch {
	case others && (!shown || !only):
		// Lines that have id and number themselves tell nothing of those beside
		// them.
	case only:
		if why := crowd(ids, l.n); why != "" {
			refuseAll(wait, why)
			return
		}
		for _, m := range wait {
			p.near(m, nearest(p, labels, m), shown, s.titled())
		}
	default:
		p.turns(wait, labels)
	}
}

// turns pairs ids with the labels on lines above them, if each label is followed
// by its ids. Where two labels follow one another, work went on side by side, and
// no id of the segment can be told from its place. Ids before their labels are
// not paired either: the same lines read the other way.
func (p *page) turns(ids []*mention, labels []label) {
	end := len(labels)
	for end > 0 && labels[end-1].at > ids[len(ids)-1].at {
		end--
	}
	// A last number was begun, and nothing came of it yet.
	_, one := distinct(labels[end:])
	labels, one = labels[:end], one || end == len(labels)
	var out []share
	ok := one && end > 0 && labels[0].at < ids[0].at
	if ok {
		out, ok = shares(ids, labels)
	}
	if !ok {
		refuseAll(ids, "several batch numbers stand on the lines around it")
		return
	}
	for _, s := range out {
		for _, m := range s.ids {
			p.near(m, s.label, false, false)
		}
	}
}

// nearest gives the label with the fewest lines between it and a mention.
func nearest(p *page, labels []label, m *mention) label {
	best, distance := labels[0], len(p.starts)
	for _, l := range labels[:min(len(labels), 100)] {
		if d := p.lineOf(l.at) - m.place(); max(d, -d) < distance {
			best, distance = l, max(d, -d)
		}
	}
	return best
}

// near pairs a mention with a label on another line.
func (p *page) near(m *mention, l label, shown, titled bool) {
	line := p.lineOf(l.at)
	distance := m.place() - line
	said := fmt.Sprintf("%q", excerpt(p.text[l.at:l.end]))
	sure, where := Guessed, "same line"
	switch {
	case !shown && max(distance, -distance) > maxDistance, !titled && max(distance, -distance) > maxRecord:
		return
	case distance == 1:
		where = "line above"
	case distance == -1:
		where = "line below"
	case distance > 0:
		where = fmt.Sprintf("%d lines above", distance)
	case distance < 0:
		where = fmt.Sprintf("%d lines below", -distance)
	}
	if shown {
		sure = Likely
	}
	if l.bare {
		p.pairBare(m, l.n, sure, where+": "+said)
		return
	}
	p.pair(m, l.n, sure, where+": "+said)
}
