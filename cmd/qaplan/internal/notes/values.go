package notes

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// node is a value as programs write it: JSON, a Python or JavaScript literal, an
// HCL body, a call. All of them are groups of items in brackets.
type node struct {
	at, end int // in the page
	text    string
	quoted  bool
	group   bool
	items   []item
}

// item is one element of a group, with its key where it has one.
type item struct {
	key   node
	keyed bool
	value node
}

// scanner reads values from a text that may hold anything. It never goes back,
// so that the whole text costs one pass.
type scanner struct {
	s     string
	i     int
	depth int
	// orphans are groups that are whole inside one that is not, as in a file that
	// was cut off.
	orphans []node
	// comments are the places of those inside groups: from, to.
	comments [][2]int
}

// maxNesting is how deep groups stand in one another.
const maxNesting = 200

// next gives the groups that begin at or after the scanner's place: one, or the
// whole ones inside a broken one. ok is false at the end of the text.
func (p *scanner) next() (groups []node, ok bool) {
	n := strings.IndexAny(p.s[p.i:], "{[(")
	if n < 0 {
		p.i = len(p.s)
		return nil, false
	}
	start := p.i + n
	p.i, p.orphans, p.comments, p.depth = start, nil, nil, 0
	if p.s[start] == '(' && !call(p.s, start) {
		p.i++
		return nil, true
	}
	if g, ok := p.group(); ok {
		return []node{g}, true
	}
	p.i = max(p.i, start+1)
	return p.orphans, true
}

// call reports whether a parenthesis opens the arguments of a call with names,
// BatchJob(name=…, or a tuple that begins with a string or a number.
func call(s string, i int) bool {
	j := i + 1
	for j < len(s) && j-i < 200 && (s[j] == ' ' || s[j] == '\n' || s[j] == '\t') {
		j++
	}
	if c := at(s, j); c == '"' || c == '\'' || isDigit(c) {
		return true
	}
	start := j
	for isAlnum(at(s, j)) || at(s, j) == '_' {
		j++
	}
	return j > start && at(s, j) == '='
}

// group reads from an opening bracket to the one that closes it.
func (p *scanner) group() (node, bool) {
	g := node{at: p.i, group: true}
	closing := byte(')')
	if c := p.s[p.i]; c != '(' {
		closing = c + 2 // ] follows [ by two in ASCII, } follows {
	}
	p.i++
	if p.depth++; p.depth > maxNesting {
		return g, false
	}
	parted := true
	for {
		lines := p.space()
		switch {
		case p.i >= len(p.s):
			return p.fail(g)
		case p.s[p.i] == closing:
			p.i++
			p.depth--
			g.end = p.i
			return g, true
		case !parted && !lines: // lines part the items of HCL
			return p.fail(g)
		}
		it, ok := p.item()
		if !ok {
			return p.fail(g)
		}
		g.items = append(g.items, it)
		start := p.i
		p.space()
		if c := at(p.s, p.i); c == ',' || c == ';' {
			p.i++
			parted = true
		} else {
			p.i, parted = start, false
		}
	}
}

// fail keeps the whole groups of a broken one.
func (p *scanner) fail(g node) (node, bool) {
	for i := range g.items {
		if v := &g.items[i].value; v.group && v.end > 0 {
			p.orphans = append(p.orphans, *v)
		}
	}
	return node{}, false
}

// item reads a value, or a key and its value.
func (p *scanner) item() (item, bool) {
	first, ok := p.value()
	if !ok {
		return item{}, false
	}
	it := item{value: first}
	start := p.i
	p.space()
	switch c := at(p.s, p.i); {
	case c == '=' && at(p.s, p.i+1) == '>':
		p.i += 2
	case c == ':' || c == '=':
		p.i++
	case c == '{' && !first.group && !first.quoted: // a block of HCL
	default:
		p.i = start
		return it, true
	}
	p.space()
	it.key, it.keyed = first, true
	it.value, ok = p.value()
	return it, ok
}

// value reads a group or a scalar.
func (p *scanner) value() (node, bool) {
	switch c := at(p.s, p.i); c {
	case 0:
		return node{}, false
	case '{', '[', '(':
		return p.group()
	case '"', '\'':
		return p.quoted()
	case '<': // how Python shows an enum
		n := strings.IndexAny(p.s[p.i:], ">\n")
		if n < 0 || p.s[p.i+n] == '\n' {
			return node{}, false
		}
		v := node{at: p.i, end: p.i + n + 1}
		p.i = v.end
		return v, true
	}
	start := p.i
	for p.i < len(p.s) {
		if strings.HasPrefix(p.s[p.i:], "://") {
			p.i += 3
			continue
		}
		if strings.IndexByte(" \t\r\n,;:=\"'`<>(){}[]", p.s[p.i]) >= 0 {
			break
		}
		p.i++
	}
	if p.i == start {
		return node{}, false
	}
	switch at(p.s, p.i) {
	case '(':
		return p.group()
	case '\'', '"':
		if p.i-start == 1 { // b'…'
			return p.quoted()
		}
	case '[': // batch.refinement[51]
		if _, end, ok := digitsAt(p.s, p.i+1); ok && at(p.s, end) == ']' {
			p.i = end + 1
		}
	}
	return node{at: start, end: p.i, text: p.s[start:p.i]}, true
}

// quoted reads a string, which ends on its line.
func (p *scanner) quoted() (node, bool) {
	quote, start := p.s[p.i], p.i
	escaped := false
	for p.i++; p.i < len(p.s) && p.s[p.i] != '\n'; p.i++ {
		switch p.s[p.i] {
		case '\\':
			escaped = true
			p.i++
			if at(p.s, p.i) == '\n' {
				return node{}, false
			}
		case quote:
			v := node{at: start, quoted: true, text: p.s[start+1 : p.i]}
			if escaped {
				v.text = unescape(v.text)
			}
			p.i++
			v.end = p.i
			return v, true
		}
	}
	p.i = min(p.i, len(p.s))
	return node{}, false
}

// space passes over blanks and comments, and reports whether the line ended.
func (p *scanner) space() (lines bool) {
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '\n':
			lines = true
			p.i++
		case c == ' ' || c == '\t' || c == '\r':
			p.i++
		case c == '#', c == '/' && at(p.s, p.i+1) == '/':
			n := strings.IndexByte(p.s[p.i:], '\n')
			if n < 0 {
				n = len(p.s) - p.i
			}
			p.comments = append(p.comments, [2]int{p.i, p.i + n})
			p.i += n
		default:
			return lines
		}
	}
	return lines
}

// unescape gives the content of a string; an escape that it does not know stays.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case '"', '\'', '\\', '/':
			b.WriteByte(s[i])
		case 'u':
			r, n := unit16(s[i-1:])
			if n == 0 {
				b.WriteString(`\u`)
				break
			}
			b.WriteRune(r)
			i += n - 2
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// unit16 reads \u0041, or two of them that make one character.
func unit16(s string) (r rune, n int) {
	hex := func(s string) (rune, bool) {
		if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
			return 0, false
		}
		v, err := strconv.ParseUint(s[2:6], 16, 16)
		return rune(v), err == nil
	}
	r, ok := hex(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex(s[6:]); ok {
		if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
			return both, 12
		}
	}
	return utf8.RuneError, 6
}
