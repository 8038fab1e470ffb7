package notes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// label is one place where a text names a batch by its number: "batch 051",
// batch_051_proper.jsonl, batch.refinement[51].
type label struct {
	n       int
	at, end int
	// field tells that a colon or an equals sign stands between word and number.
	field bool
	file  bool // the name of a source file
	bare  bool // a number that is a key: 51:
}

// glob recognises the file names of a source.
type glob struct{ prefix, suffix, stem string }

func newGlob(pattern string) (glob, bool) {
	name := pattern[strings.LastIndexByte(pattern, '/')+1:]
	prefix, suffix, ok := strings.Cut(name, "*")
	if !ok || strings.Contains(suffix, "*") || prefix+suffix == "" {
		return glob{}, false
	}
	g := glob{prefix: prefix, suffix: suffix, stem: suffix}
	if dot := strings.LastIndexByte(suffix, '.'); dot >= 0 {
		g.stem = suffix[:dot]
	}
	return g, true
}

// labels finds the labelled numbers of a text, by offset.
func (r *reader) labels(text string) []label {
	var found []label
	for i := 0; i+len("batch") < len(text); i++ {
		if text[i]|0x20 == 'b' && strings.EqualFold(text[i:i+len("batch")], "batch") {
			if l, ok := labelAt(text, i); ok {
				found = append(found, l)
				i = l.end - 1
			}
		}
	}
	words := len(found)
	for _, g := range r.globs {
		found = g.find(found, text)
	}
	if len(found) > words {
		slices.SortFunc(found, func(a, b label) int {
			if a.at != b.at {
				return a.at - b.at
			}
			return b.end - a.end
		})
		// A file name that starts with the word is one place, not two.
		found = slices.CompactFunc(found, func(a, b label) bool { return a.at < b.end && b.at < a.end && a.n == b.n })
	}
	return found
}

// find adds the places where a source file of the glob is named, with or
// without its extension.
func (g glob) find(found []label, text string) []label {
	handle := g.prefix
	if handle == "" {
		handle = g.suffix
	}
	for i := 0; ; i++ {
		n := strings.Index(text[i:], handle)
		if n < 0 {
			return found
		}
		i += n
		start, digits := i, i+len(handle)
		if g.prefix == "" {
			digits = i
			for start > 0 && digits-start < 10 && isDigit(text[start-1]) {
				start--
			}
			digits = start
		}
		number, end, ok := digitsAt(text, digits)
		if !ok || !startsName(text[:start]) {
			continue
		}
		rest := text[end:]
		switch {
		case strings.HasPrefix(rest, g.suffix) && endsName(rest[len(g.suffix):]):
			end += len(g.suffix)
		case g.prefix+g.stem != "" && strings.HasPrefix(rest, g.stem) && endsName(rest[len(g.stem):]):
			end += len(g.stem)
		default:
			continue
		}
		found = append(found, label{n: number, at: start, end: end, file: true})
		i = end - 1
	}
}

func startsName(before string) bool {
	if before == "" {
		return true
	}
	c := before[len(before)-1]
	return !isAlnum(c) && c != '_' && c != '-' && c != '.' || afterEscape(before)
}

func endsName(rest string) bool {
	c := at(rest, 0)
	return !isAlnum(c) && c != '_' && c != '-' && (c != '.' || !isAlnum(at(rest, 1)))
}

// digitsAt reads a number of at most nine digits.
func digitsAt(text string, i int) (n, end int, ok bool) {
	for end = i; end < len(text) && isDigit(text[end]); end++ {
		if end-i == 9 {
			return 0, 0, false
		}
		n = n*10 + int(text[end]-'0')
	}
	return n, end, end > i
}

// labelAt reads the number that follows the word batch at an offset. It is
// strict: a number that may be a size, a count, a position or the end of a range
// is none.
func labelAt(text string, from int) (label, bool) {
	l := label{at: from}
	i := from + len("batch")
	before := text[:from]
	camel := at(text, from) == 'B' && at(text, from+1) == 'a'
	if c := at(text, from-1); isDigit(c) || isLetter(c) && !camel && !afterEscape(before) {
		return l, false
	}
	if n, end, ok := addressAt(text, i); ok {
		l.n, l.end = n, end
		return l, startsName(before)
	}
	for range 3 { // the word, "no", and a sign between them
		start := i
		for i < len(text) && i-start < 8 && strings.IndexByte(" \t_-.:=#\"'*`([\\", text[i]) >= 0 {
			l.field = l.field || text[i] == ':' || text[i] == '='
			i++
		}
		if isDigit(at(text, i)) {
			break
		}
		n := numberWord(text[i:])
		if n == 0 {
			return l, false
		}
		i += n
	}
	var ok bool
	if l.n, l.end, ok = digitsAt(text, i); !ok {
		return l, false
	}
	negative := at(text, i-1) == '-' && !isAlnum(at(text, i-2))
	if negative || !endsNumber(text[l.end:]) {
		return l, false
	}
	// last_batch: 71, rows per batch = 100; but refinement_batch_051.
	if c := at(text, from-1); l.field && (isAlnum(c) && !afterEscape(before) || c == '_' || c == '-') {
		return l, false
	}
	if elsewhere(wordBefore(before)) {
		return l, false
	}
	if at(text, from-1) == '(' && at(text, l.end) == ')' {
		l.at, l.end = from-1, l.end+1
	}
	return l, true
}

// addressAt reads the rest of an address, .refinement[51].
func addressAt(text string, i int) (n, end int, ok bool) {
	if at(text, i) != '.' || !isLetter(at(text, i+1)) && at(text, i+1) != '_' {
		return 0, 0, false
	}
	for i++; isAlnum(at(text, i)) || at(text, i) == '_' || at(text, i) == '-'; i++ {
	}
	if at(text, i) != '[' {
		return 0, 0, false
	}
	n, end, ok = digitsAt(text, i+1)
	return n, end + 1, ok && at(text, end) == ']'
}

// numberWord gives the length of a word between "batch" and its number.
func numberWord(s string) int {
	n := 0
	for n < len(s) && n < 8 && isLetter(s[n]) {
		n++
	}
	switch strings.ToLower(s[:n]) {
	case "no", "nr", "num", "number", "id":
		return n
	}
	return 0
}

// wordBefore gives the word that stands before an offset.
func wordBefore(before string) string {
	end := len(before)
	for end > 0 && len(before)-end < 3 && strings.IndexByte(" _-:\t", before[end-1]) >= 0 {
		end--
	}
	i := end
	for i > 0 && end-i < 12 && isLetter(before[i-1]) {
		i--
	}
	return strings.ToLower(before[i:end])
}

// elsewhere reports whether a word before "batch 50" tells that it is another
// batch than the one spoken of, or no batch of the config.
func elsewhere(word string) bool {
	switch word {
	case "next", "previous", "prev", "last", "after", "before", "until", "till", "per", "than", "since", "max", "min",
		"total", "through", "not", "unlike", "mini", "micro", "sub", "skip", "skipped", "skipping", "resume", "parent", "example":
		return true
	}
	return false
}

// endsNumber reports whether what follows digits leaves them a number of their
// own: no decimals, no range, no part of a sum, no unit.
func endsNumber(rest string) bool {
	c, d := at(rest, 0), at(rest, 1)
	switch {
	case isAlnum(c), c == '%', c == '_' && isDigit(d):
		return false
	case strings.IndexByte(",:/.-", c) >= 0 && isDigit(d):
		return false
	}
	s := strings.TrimLeft(rest, " \t")
	for _, join := range []string{"..", "-", "–", "—", "~", "/", "of ", "out of ", "to ", "through ", "thru ", "until ", "and ", "or ", "& ", "+ ", ", ", "bis ", "und "} {
		after, ok := strings.CutPrefix(s, join)
		if !ok {
			continue
		}
		after = strings.TrimLeft(after, " \t#")
		if isDigit(at(after, 0)) && (join != ", " || !counts(after)) {
			return false
		}
	}
	return !unit(s)
}

// counts reports whether a text starts with a number and what it counts.
func counts(s string) bool {
	s = strings.TrimLeft(s, "0123456789.,")
	if !strings.HasPrefix(s, " ") || !isLetter(at(s, 1)) {
		return false
	}
	word, _, _ := strings.Cut(s[1:], " ")
	return word != "and" && word != "or" && word != "to" && word != "und"
}

// unit reports whether a text starts with what a number before it counts.
func unit(s string) bool {
	n := 0
	for n < len(s) && n < 12 && isLetter(s[n]) {
		n++
	}
	if c := at(s, n); c == '/' || c == '=' {
		return false // files/…, or the next field
	}
	switch strings.ToLower(s[:n]) {
	case "rows", "row", "requests", "pairs", "items", "files", "jobs", "records", "tokens", "lines", "entries", "prompts",
		"questions", "batches", "times", "percent", "kb", "mb", "gb", "kib", "mib", "bytes", "s", "ms", "sec", "seconds",
		"min", "minutes", "h", "hours", "days":
		return true
	}
	return false
}

// outside gives the labels that are no part of an id.
func outside(labels []label, ids []mention) []label {
	i := 0
	return slices.DeleteFunc(labels, func(l label) bool {
		for i < len(ids) && ids[i].end <= l.at {
			i++
		}
		return i < len(ids) && ids[i].at < l.end
	})
}

// distinct gives the one number of some labels, and whether it is the only one.
func distinct(labels []label) (first label, only bool) {
	for i, l := range labels {
		if i == 0 {
			first, only = l, true
		} else if l.n != first.n {
			return first, false
		} else if l.file && !first.file {
			first = l
		}
	}
	return first, only
}

// value is what a short text (a cell, a scalar) says of a number.
type value struct {
	kind valueKind
	n    int
}

type valueKind int

const (
	noNumber valueKind = iota
	bareNumber
	named     // the whole of it names a batch: "batch 51", refinement_batch_051
	mentioned // a sentence in which a batch is named
	several
)

// valueOf reads a cell or a scalar.
func (r *reader) valueOf(s string) value {
	s = trimQuotes(s)
	if len(s) > 4096 {
		return value{} // a text of its own, not the value of a field
	}
	if c := at(s, 0); isDigit(c) || c == '#' {
		digits := strings.TrimSuffix(strings.TrimPrefix(s, "#"), ".0") // tables with gaps make floats
		if n, end, ok := digitsAt(digits, 0); ok && end == len(digits) {
			return value{bareNumber, n}
		}
	}
	labels := r.labels(s)
	l, only := distinct(labels)
	switch {
	case len(labels) == 0:
		return value{}
	case !only:
		return value{kind: several}
	case l.end == len(s) && (l.file || l.at == 0), !strings.ContainsAny(s, " \t\n"), strings.HasSuffix(s, "]") && l.end < len(s) && s[l.end:][0] == ' ':
		return value{named, l.n}
	}
	return value{mentioned, l.n}
}

// field says what the name of a key or a column promises.
type field int

const (
	otherField   field = iota
	numberField        // batch, batch_number
	countedField       // number, no, id, #: perhaps a batch number, perhaps a position
	numbersField       // batches, batch_numbers: many of them
	aboutField         // metadata, request: describes what stands beside it
	strangeField       // of another batch, or of a count
)

// words gives a name in lower case with single blanks between its words.
func words(name string) string {
	if len(name) > 40 {
		return ""
	}
	var b [80]byte
	out := b[:0]
	for i := 0; i < len(name); i++ {
		c := name[i]
		upper := 'A' <= c && c <= 'Z'
		switch {
		case isAlnum(c):
			if upper && i > 0 && 'a' <= name[i-1] && name[i-1] <= 'z' {
				out = append(out, ' ')
			}
			if upper {
				c |= 0x20
			}
			out = append(out, c)
		case c == '#':
			out = append(out, ' ', '#')
		case len(out) > 0 && out[len(out)-1] != ' ':
			out = append(out, ' ')
		}
	}
	return strings.TrimSpace(string(out))
}

func fieldOf(name string) field {
	w := words(trimQuotes(name))
	switch w {
	case "":
		return otherField
	case "batch", "batch no", "batch nr", "batch num", "batch number", "batch id", "batch #":
		return numberField
	case "number", "no", "nr", "num", "n", "id", "#":
		return countedField
	case "batches", "numbers", "batch numbers", "batch nums", "batch ids":
		return numbersField
	case "metadata", "meta", "request", "response", "config", "info", "details", "labels", "attributes", "job", "input config", "source", "src", "input":
		return aboutField
	}
	for word := range strings.FieldsSeq(w) {
		if elsewhere(word) || counting(word) {
			return strangeField
		}
	}
	return otherField
}

// counting reports whether a word in a key tells that numbers below it count
// something else than batches.
func counting(word string) bool {
	switch word {
	case "attempt", "attempts", "try", "tries", "retry", "retries", "row", "rows", "request", "requests", "page", "pages", "version",
		"versions", "revision", "history", "count", "counts", "size", "sizes", "token", "tokens", "cost", "costs", "age", "priority",
		"index", "idx", "position", "pos", "rank", "step", "first", "start", "end", "range", "depends", "wait", "waits":
		return true
	}
	return false
}

// severalWords says that there is a choice.
func severalWords(a, b int) string {
	return fmt.Sprintf("several batch numbers stand equally near: %s and %s", strconv.Itoa(min(a, b)), strconv.Itoa(max(a, b)))
}
