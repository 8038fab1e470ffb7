package notes

import (
	"sort"
	"strings"
)

// mention is one place where an id stands.
type mention struct {
	id      string
	at, end int // of the id in the page
	line    int // from 0
	url     bool
	word    bool // it could be a word or a folder: 12 batches/hour, batches/51
	tabled  bool // it stands in a table, which was asked for bare numbers
	anchor  int  // the line, from 0, on which the value that holds it begins; -1 outside values
	finding
}

func (m *mention) job() bool { return strings.HasPrefix(m.id, "batches/") }

// finding is what the text says of one mention: nothing yet (open), a number, or
// why there is none.
type finding struct {
	verdict verdict
	number  int
	sure    Sureness
	why     string
	bare    bool // nothing calls the number a batch number
	foreign bool // refused since the config has no such number
}

type verdict int

const (
	open verdict = iota
	paired
	refused
)

func (m *mention) refuse(why string) {
	m.finding = finding{verdict: refused, why: why}
}

// pair gives an open mention a labelled number.
func (p *page) pair(m *mention, n int, sure Sureness, why string) {
	switch {
	case m.verdict != open:
	case !p.numbers(n):
		m.finding = finding{verdict: refused, number: n, sure: sure, why: why, foreign: true}
	default:
		m.finding = finding{verdict: paired, number: n, sure: sure, why: why}
	}
}

// pairBare gives an open mention a bare number. Numbers that the config does not
// know are kept for settle, which judges all bare numbers together.
func (p *page) pairBare(m *mention, n int, sure Sureness, why string) {
	if m.verdict == open {
		m.finding = finding{verdict: paired, number: n, sure: sure, why: why, bare: true}
	}
}

// findIDs lists the ids of the text.
func (p *page) findIDs() {
	for _, kind := range []string{"batches", "files"} {
		for i := 0; ; {
			n := strings.Index(p.text[i:], kind)
			if n < 0 {
				break
			}
			i += n
			if m, ok := idAt(p.text, i, kind); ok {
				p.ids = append(p.ids, m)
			}
			i += len(kind)
		}
	}
	sort.Slice(p.ids, func(i, j int) bool { return p.ids[i].at < p.ids[j].at })
	// Lines are counted here rather than searched for: there may be many ids.
	line, from := 0, 0
	for i := range p.ids {
		m := &p.ids[i]
		line += strings.Count(p.text[from:m.at], "\n")
		from, m.line = m.at, line
	}
}

const (
	maxJobID  = 64 // the service makes 36
	maxFileID = 40 // the service's limit
	outputs   = "files/batch-"
	shortened = "its name is cut short"
)

// idAt reads the id whose first word stands at an offset.
func idAt(text string, from int, kind string) (mention, bool) {
	m := mention{at: from, anchor: -1}
	i := from + len(kind)
	if at(text, i) == '\\' { // JSON may escape a slash
		i++
	}
	if at(text, i) != '/' {
		return m, false
	}
	if m.url = inURL(text[:from]); !m.url && !startsWord(text[:from]) {
		return m, false
	}
	start := i + 1
	for i = start; i < len(text) && (isDigit(text[i]) || 'a' <= text[i] && text[i] <= 'z' || text[i] == '-'); i++ {
	}
	for i > start && text[i-1] == '-' { // a dash of the sentence, or an arrow
		i--
	}
	name := text[start:i]
	m.end, m.id = i, kind+"/"+name
	if name == "" || name[0] == '-' {
		return m, false
	}
	rest := text[i:]
	switch {
	case strings.HasPrefix(rest, "…"), strings.HasPrefix(rest, "..."), strings.HasPrefix(rest, `\u2026`):
		m.refuse(shortened)
	case !endsWord(rest):
		return m, false
	case strings.HasPrefix(m.id, outputs):
		m.refuse("it holds the answers of a job, and is no input")
	case kind == "batches" && (len(name) > maxJobID || strings.Contains(name, "-")), kind == "files" && len(name) > maxFileID:
		return m, false
	}
	// Names that the service makes have 36 (jobs) and 12 characters (files). Others
	// that mix no letters and digits may be words or folders. A URL is no prose.
	made := 36
	if kind == "files" {
		made = 12
	}
	digits := strings.ContainsAny(name, "0123456789")
	letters := strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz")
	m.word = !m.url && len(name) != made && !(digits && letters)
	return m, true
}

// inURL reports whether what precedes an id ends with the version of the
// service's API: …/v1beta/.
func inURL(before string) bool {
	i := len(before)
	slash := func() bool {
		if i == 0 || before[i-1] != '/' {
			return false
		}
		i--
		if i > 0 && before[i-1] == '\\' {
			i--
		}
		return true
	}
	if !slash() {
		return false
	}
	end := i
	for i > 0 && end-i < 12 && isAlnum(before[i-1]) {
		i--
	}
	version := before[i:end]
	return len(version) >= 2 && version[0] == 'v' && isDigit(version[1]) && slash()
}

func startsWord(before string) bool {
	if before == "" {
		return true
	}
	switch c := before[len(before)-1]; {
	case isAlnum(c):
		return afterEscape(before)
	default:
		return strings.IndexByte(`_/\.-$%@~`, c) < 0
	}
}

func endsWord(rest string) bool {
	switch c := at(rest, 0); {
	case isAlnum(c), c == '_', c == '/', c == '{', c == '$', c == '-' && isAlnum(at(rest, 1)):
		return false
	case c == '.':
		return !isAlnum(at(rest, 1))
	}
	return !strings.HasPrefix(rest, `\/`)
}

// within gives the mentions from one offset to another.
func (p *page) within(from, to int) []mention {
	i := sort.Search(len(p.ids), func(i int) bool { return p.ids[i].at >= from })
	n := sort.Search(len(p.ids)-i, func(n int) bool { return p.ids[i+n].at >= to })
	return p.ids[i : i+n]
}

// pure gives the one mention between two offsets if nothing else stands there
// but the URL that it ends.
func (p *page) pure(from, to int) *mention {
	ids := p.within(from, to)
	if len(ids) != 1 {
		return nil
	}
	m := &ids[0]
	before, after := trimQuotes(p.text[from:m.at]), trimQuotes(p.text[m.end:to])
	if before != "" && !m.url || strings.ContainsAny(before, " \t\n") || strings.ContainsAny(after, " \t\n") {
		return nil
	}
	if after != "" && after[0] != ':' && after[0] != '?' {
		return nil
	}
	return m
}

// trimQuotes takes away what people and formats put around a value.
func trimQuotes(s string) string { return strings.Trim(s, " \t\n\r\"'`*<>\\") }
