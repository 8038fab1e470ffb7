package batchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// lexer reads one line of JSON of the kind that nearly all lines are, about three
// times as fast as package jsontext and as strict: UTF-8, escapes and surrogate
// pairs are checked, and so are names that stand twice in an object. It has no
// words for what is wrong, nor for what is rare (escapes in names, many members,
// deep nesting): everything but a line that is all right is errIrregular, and
// jsontext reads the line anew.
type lexer struct {
	line  []byte
	at    int
	depth int
	names [][]byte // of the objects that are being read, the outermost first
	// characters is how many the text has that was read last; 0 where nobody counts.
	characters int
	// checked tells that the line is UTF-8 without control characters, so that texts
	// need not be looked at byte by byte.
	checked bool
}

var errIrregular = errors.New("not a line for the lexer")

const (
	maxDepth   = 64
	maxMembers = 32 // of an object: each new name is compared with those before it
)

func (x *lexer) reset(line []byte) {
	x.line, x.at, x.depth, x.names, x.checked = line, 0, 0, x.names[:0], false
}

// resetChecked is reset for a line of which nobody wants to know how many
// characters it has. Looking at all of it first, and then only for the ends of
// texts, takes half the time.
func (x *lexer) resetChecked(line []byte) {
	x.reset(line)
	x.checked = !hasControl(line) && utf8.Valid(line)
	x.characters = 0
}

// hasControl reports whether a byte below 0x20 is there. It looks at 32 at a time.
func hasControl(b []byte) bool {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for ; len(b) >= 32; b = b[32:] {
		w0, w1 := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		w2, w3 := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		if ((w0-' '*ones)&^w0|(w1-' '*ones)&^w1|(w2-' '*ones)&^w2|(w3-' '*ones)&^w3)&highs != 0 {
			return true
		}
	}
	for _, c := range b {
		if c < ' ' {
			return true
		}
	}
	return false
}

// next steps over white space and gives the byte that follows, 0 at the end.
func (x *lexer) next() byte {
	for ; x.at < len(x.line); x.at++ {
		switch c := x.line[x.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// peek tells what comes next, as jsontext does.
func (x *lexer) peek() jsontext.Kind {
	c := x.next()
	if c == '-' || c-'0' <= 9 {
		return '0'
	}
	return jsontext.Kind(c)
}

func (x *lexer) eat(c byte) error {
	if x.next() != c {
		return errIrregular
	}
	x.at++
	return nil
}

// members calls fn with each name of the object that comes next.
func (x *lexer) members(fn func(name []byte) error) error {
	if err := x.enter('{'); err != nil {
		return err
	}
	first := len(x.names)
	for x.next() != '}' {
		if len(x.names) > first {
			if err := x.eat(','); err != nil {
				return err
			}
		}
		if err := x.name(first); err != nil {
			return err
		}
		if err := fn(x.names[len(x.names)-1]); err != nil {
			return err
		}
	}
	x.names = x.names[:first]
	x.leave()
	return nil
}

// name reads a name and its colon. Those of the same object begin at first.
func (x *lexer) name(first int) error {
	if x.next() != '"' {
		return errIrregular
	}
	raw, plain, err := x.text()
	if err != nil || !plain || len(x.names)-first == maxMembers {
		return errIrregular
	}
	name := raw[1 : len(raw)-1]
	for _, other := range x.names[first:] {
		if string(name) == string(other) {
			return errIrregular
		}
	}
	x.names = append(x.names, name)
	return x.eat(':')
}

// elements calls fn before each element of the array that comes next.
func (x *lexer) elements(fn func() error) error {
	if err := x.enter('['); err != nil {
		return err
	}
	for first := true; x.next() != ']'; first = false {
		if !first {
			if err := x.eat(','); err != nil {
				return err
			}
			if x.next() == ']' {
				return errIrregular
			}
		}
		if err := fn(); err != nil {
			return err
		}
	}
	x.leave()
	return nil
}

func (x *lexer) enter(c byte) error {
	if x.depth++; x.depth > maxDepth {
		return errIrregular
	}
	return x.eat(c)
}

func (x *lexer) leave() {
	x.at++
	x.depth--
}

// value reads a value and gives its text.
func (x *lexer) value() ([]byte, error) {
	c := x.next()
	from := x.at
	var err error
	switch c {
	case '"':
		_, _, err = x.text()
	case '{':
		err = x.members(func([]byte) error { _, err := x.value(); return err })
	case '[':
		err = x.elements(func() error { _, err := x.value(); return err })
	case 't':
		err = x.literal("true")
	case 'f':
		err = x.literal("false")
	case 'n':
		err = x.literal("null")
	default:
		err = x.number()
	}
	return x.line[from:x.at:x.at], err
}

func (x *lexer) literal(s string) error {
	if rest := x.line[x.at:]; len(rest) < len(s) || string(rest[:len(s)]) != s {
		return errIrregular
	}
	x.at += len(s)
	return nil
}

func (x *lexer) number() error {
	if x.at < len(x.line) && x.line[x.at] == '-' {
		x.at++
	}
	from := x.at
	if n := x.digits(); n == 0 || n > 1 && x.line[from] == '0' {
		return errIrregular
	}
	if x.at < len(x.line) && x.line[x.at] == '.' {
		x.at++
		if x.digits() == 0 {
			return errIrregular
		}
	}
	if x.at < len(x.line) && x.line[x.at]|0x20 == 'e' {
		x.at++
		if x.at < len(x.line) && (x.line[x.at] == '+' || x.line[x.at] == '-') {
			x.at++
		}
		if x.digits() == 0 {
			return errIrregular
		}
	}
	return nil
}

func (x *lexer) digits() int {
	from := x.at
	for x.at < len(x.line) && x.line[x.at]-'0' <= 9 {
		x.at++
	}
	return x.at - from
}

// text reads a string, which begins here, and gives it with its quotes. plain
// tells that nothing in it is escaped; characters is how many it has, an escape or
// a surrogate pair counting as one. It looks at eight bytes at a time.
func (x *lexer) text() (raw []byte, plain bool, err error) {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	if x.checked {
		return x.checkedText()
	}
	line, from := x.line, x.at
	plain = true
	i, high, less := from+1, false, len(`""`)
	for i < len(line) {
		if i+8 <= len(line) {
			w := binary.LittleEndian.Uint64(line[i:])
			quote, slash := w^('"'*ones), w^('\\'*ones)
			// The lowest of the bits that are set is right, which is the one that counts.
			stop := ((quote-ones)&^quote | (slash-ones)&^slash | (w-' '*ones)&^w) & highs
			n := 8
			if stop != 0 {
				n = bits.TrailingZeros64(stop) / 8
				w &= 1<<(8*n) - 1
			}
			if w&highs != 0 {
				high = true
				less += bits.OnesCount64(w >> 7 & (^w >> 6) & ones) // 10xxxxxx goes on with a character
			}
			if i += n; stop == 0 {
				continue
			}
		}
		switch c := line[i]; {
		case c == '"':
			x.at = i + 1
			raw = line[from:x.at:x.at]
			x.characters = len(raw) - less
			if high && !utf8.Valid(raw) {
				return nil, false, errIrregular
			}
			return raw, plain, nil
		case c == '\\':
			n := escape(line[i:])
			if n == 0 {
				return nil, false, errIrregular
			}
			plain = false
			less += n - 1
			i += n
		case c < ' ':
			return nil, false, errIrregular
		default:
			high = high || c >= utf8.RuneSelf
			if c&0xC0 == 0x80 {
				less++
			}
			i++
		}
	}
	return nil, false, errIrregular
}

// checkedText is text on a line that was checked: only escapes and the end are
// looked for.
func (x *lexer) checkedText() (raw []byte, plain bool, err error) {
	line, from := x.line, x.at
	plain = true
	i, quote := from+1, from // quote is where the first one from i on stands, once it is i or later
	for {
		if quote < i {
			n := bytes.IndexByte(line[i:], '"')
			if n < 0 {
				return nil, false, errIrregular
			}
			quote = i + n
		}
		n := bytes.IndexByte(line[i:quote], '\\')
		if n < 0 {
			x.at = quote + 1
			return line[from:x.at:x.at], plain, nil
		}
		plain = false
		i += n
		if n = escape(line[i:]); n == 0 {
			return nil, false, errIrregular
		}
		i += n
	}
}

// escape gives the length of the escape that b begins with, 0 when it is none that
// may stand in a text. Both halves of a surrogate pair are one.
func escape(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	const one, two = len(`\u0000`), len(`\ud800\udc00`)
	if !isHex(b, 2) {
		return 0
	}
	switch unit := hex4(b[2:]); {
	case unit == 0:
		return 0 // the service refuses it
	case unit < 0xD800 || unit > 0xDFFF:
		return one
	case unit < 0xDC00 && len(b) >= two && b[one] == '\\' && b[one+1] == 'u' && isHex(b, one+2) && hex4(b[one+2:])&0xFC00 == 0xDC00:
		return two
	}
	return 0
}

// isHex reports whether four hex digits stand at i.
func isHex(b []byte, i int) bool {
	if len(b) < i+4 {
		return false
	}
	for _, c := range b[i : i+4] {
		if c-'0' > 9 && c|0x20-'a' > 5 {
			return false
		}
	}
	return true
}
