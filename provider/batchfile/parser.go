package batchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// parser walks one line at a time, member by member, without copying it.
type parser struct {
	options []jsontext.Options
	dec     jsontext.Decoder
	buf     bytes.Buffer // the decoder reads a bytes.Buffer in place
	line    []byte
	// lexer reads in the place of dec while quick is set. It takes default options
	// only, and tells no columns.
	lexer lexer
	quick bool
}

// resetQuick starts on a line that is most likely all right. Whatever fails with
// errIrregular is to be done again after reset.
func (p *parser) resetQuick(line []byte) {
	p.line, p.quick = line, true
	p.lexer.reset(line)
}

// resetChecked is resetQuick where characters are not counted.
func (p *parser) resetChecked(line []byte) {
	p.line, p.quick = line, true
	p.lexer.resetChecked(line)
}

// peek tells of which kind the next value is.
func (p *parser) peek() jsontext.Kind {
	if p.quick {
		return p.lexer.peek()
	}
	return p.dec.PeekKind()
}

// read reads a value and returns its raw text.
func (p *parser) read() ([]byte, error) {
	if p.quick {
		return p.lexer.value()
	}
	return p.dec.ReadValue()
}

// reset starts on a line, which must not change until the next reset.
func (p *parser) reset(line []byte) {
	p.line, p.quick = line, false
	p.buf = *bytes.NewBuffer(line)
	p.dec.Reset(&p.buf, p.options...)
}

// members calls fn with the name of each member of the object that comes next;
// fn must read its value. The name is valid until fn reads.
func (p *parser) members(fn func(name []byte) error) error {
	if p.quick {
		return p.lexer.members(fn)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for p.dec.PeekKind() != '}' {
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		name, err := unquote(nil, raw)
		if err != nil {
			return err
		}
		if err := fn(name); err != nil {
			return err
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

// object calls fn with the name of each member where an object comes next, and
// skips anything else; fn must read the value.
func (p *parser) object(fn func(p *parser, name []byte) error) error {
	if p.peek() != '{' {
		return p.skip()
	}
	return p.members(func(name []byte) error { return fn(p, name) })
}

// elements calls fn before each element of the array that comes next; fn must
// read it.
func (p *parser) elements(fn func() error) error {
	if p.quick {
		return p.lexer.elements(fn)
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for p.dec.PeekKind() != ']' {
		if err := fn(); err != nil {
			return err
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

// skip reads a value that is of no interest. The whole line is in memory, so
// this is faster than SkipValue, which goes token by token.
func (p *parser) skip() error {
	_, err := p.read()
	return err
}

// value reads a value and returns its raw text, a part of the line.
func (p *parser) value() ([]byte, error) {
	raw, err := p.read()
	if err != nil || p.quick {
		return raw, err
	}
	end := p.dec.InputOffset()
	return p.line[end-int64(len(raw)) : end : end], nil
}

// span is a part of a line.
type span struct {
	at   int64
	size int
}

// key reads a key, and appends its text to dst; anything but a string has none.
func (p *parser) key(dst []byte) ([]byte, span, error) {
	isString := p.peek() == '"'
	raw, err := p.value()
	if err != nil || !isString {
		return dst, span{}, err
	}
	dst, err = appendKey(dst, raw)
	if p.quick {
		return dst, span{int64(p.lexer.at - len(raw)), len(raw)}, err
	}
	return dst, span{p.dec.InputOffset() - int64(len(raw)), len(raw)}, err
}

// appendKey appends the text of a key. Half a surrogate pair makes it no key: two
// such keys would be one.
func appendKey(dst, raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return append(dst, raw[1:len(raw)-1]...), nil
	}
	return jsontext.AppendUnquote(dst, raw)
}

// rest is what follows the value that was read last, without white space before
// it.
func (p *parser) rest() []byte {
	return bytes.TrimLeft(p.line[p.dec.InputOffset():], " \t\r\n")
}

// end checks that nothing but white space follows.
func (p *parser) end() error {
	if p.quick {
		if p.lexer.next(); p.lexer.at < len(p.line) {
			return errIrregular
		}
		return nil
	}
	_, err := p.dec.ReadToken()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		return errTrailing
	}
	return err
}

// nameColumn is the byte, from 1, at which the name that was read last begins.
func (p *parser) nameColumn(name []byte) int {
	if p.quick {
		return 1
	}
	return int(p.dec.InputOffset()) - len(name) - len(`"`)
}

// column is the byte, from 1, at which the next value begins.
func (p *parser) column() int {
	if p.quick {
		return 1
	}
	for i := int(p.dec.InputOffset()); i < len(p.line); i++ {
		switch p.line[i] {
		case ' ', '\t', '\r', ':', ',':
		default:
			return i + 1
		}
	}
	return len(p.line) + 1
}

var errTrailing = errors.New("something follows the object")

// unquote returns the text of a JSON string that the decoder has read: a part
// of raw itself where nothing is escaped, else appended to dst.
func unquote(dst, raw []byte) ([]byte, error) {
	if bytes.IndexByte(raw, '\\') < 0 && len(raw) >= 2 {
		return raw[1 : len(raw)-1], nil
	}
	return jsontext.AppendUnquote(dst, raw)
}

// appendUnescaped appends the text of a JSON string that the decoder has read,
// halves of surrogate pairs that stand alone as U+FFFD. What such a string holds
// was checked before, so that this need not look at each character again, as
// jsontext.AppendUnquote does.
func appendUnescaped(dst, raw []byte) []byte {
	text := raw[1 : len(raw)-1]
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:i]...)
		switch c := text[i+1]; c {
		case 'u':
			r := rune(hex4(text[i+2:]))
			text = text[i+6:]
			if utf16.IsSurrogate(r) {
				low := rune(0)
				if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
					low = rune(hex4(text[2:]))
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					text = text[6:]
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, c)
		}
		text = text[i+2:]
	}
}

// hex4 is the number that four hex digits denote.
func hex4(digits []byte) (n uint16) {
	for _, c := range digits[:4] {
		n <<= 4
		switch {
		case c <= '9':
			n |= uint16(c - '0')
		default:
			n |= uint16(c|0x20-'a') + 10
		}
	}
	return n
}

// highSurrogates are the third hex digits of \ud800 to \udbff.
var highSurrogates = []byte("89abAB")

// characters counts those of the text that was read last.
func (p *parser) characters(raw []byte) (n, nul int) {
	if p.quick {
		return p.lexer.characters, -1
	}
	return characters(raw)
}

// characters counts the characters of a JSON string that the decoder has
// read, quotes not counted: an escape, surrogate pairs included, is one. nul is
// the place of the first \u0000, -1 when there is none.
func characters(raw []byte) (n, nul int) {
	n, nul = runes(raw)-len(`""`), -1
	for i := bytes.IndexByte(raw, '\\'); i >= 0; {
		step := 2
		n--
		if raw[i+1] == 'u' {
			step = 6
			n -= 4
			if raw[i+2]|0x20 == 'd' && bytes.IndexByte(highSurrogates, raw[i+3]) >= 0 {
				n-- // its other half counts
			}
			if nul < 0 && string(raw[i+2:i+6]) == "0000" {
				nul = i
			}
		}
		next := bytes.IndexByte(raw[i+step:], '\\')
		if next < 0 {
			break
		}
		i += step + next
	}
	return n, nul
}

// runes counts the bytes of valid UTF-8 that begin a character, eight at a
// time: all but those of the form 10xxxxxx.
func runes(b []byte) int {
	const low = 0x0101010101010101
	n := len(b)
	for ; len(b) >= 8; b = b[8:] {
		word := binary.LittleEndian.Uint64(b)
		n -= bits.OnesCount64(word >> 7 & (^word >> 6) & low)
	}
	for _, c := range b {
		if c&0xC0 == 0x80 {
			n--
		}
	}
	return n
}
