package batchfile

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// sourceRow is what is read of a line of a source that was checked before.
type sourceRow struct {
	key   []byte // unquoted
	raw   span   // of the key in the line
	asked asked
}

// sourceReader reads lines of a source that was checked before. It asks only
// for one JSON object in UTF-8 with one key.
type sourceReader struct {
	parser parser
	row    sourceRow
	key    []byte
	forms  bool // look into the requests
}

func newSourceReader(forms bool) *sourceReader {
	return &sourceReader{parser: lenientParser(), forms: forms}
}

// read tells whether the line has a key; the row is valid until the next read.
func (r *sourceReader) read(l line) (*sourceRow, bool) {
	q, p := &r.row, &r.parser
	if l.tooLong {
		*q = sourceRow{}
		return q, false
	}
	p.resetChecked(l.bytes)
	ok := r.readObject()
	if !ok && utf8.Valid(l.bytes) {
		p.reset(l.bytes)
		ok = r.readObject()
	}
	return q, ok && len(q.key) > 0
}

// readFirst reads a key that is the first thing on its line, and nothing else.
func (r *sourceReader) readFirst(l line) (*sourceRow, bool) {
	const start = `{"key":"`
	q := &r.row
	*q = sourceRow{}
	if len(l.bytes) < len(start) || string(l.bytes[:len(start)]) != start {
		return q, false
	}
	n := bytes.IndexByte(l.bytes[len(start):], '"')
	if n <= 0 {
		return q, false
	}
	q.key = l.bytes[len(start):][:n]
	q.raw = span{int64(len(start) - 1), n + len(`""`)}
	return q, bytes.IndexByte(q.key, '\\') < 0
}

// readObject reads the line that the parser stands on.
func (r *sourceReader) readObject() bool {
	q, p := &r.row, &r.parser
	*q = sourceRow{}
	if p.peek() != '{' {
		return false
	}
	keys := 0
	err := p.members(func(name []byte) (err error) {
		switch string(name) {
		case "key":
			if keys++; keys > 1 {
				return jsontext.ErrDuplicateName
			}
			q.key, q.raw, err = p.key(r.key[:0])
			r.key = q.key
			return err
		case "request":
			if r.forms {
				q.asked = asked{}
				return p.object(q.readRequest)
			}
		}
		return p.skip()
	})
	if err == nil {
		err = p.end()
	}
	return err == nil
}

func (q *sourceRow) readRequest(p *parser, name []byte) error {
	if s := string(name); s != "generationConfig" && s != "generation_config" {
		return p.skip()
	}
	return p.object(q.asked.read)
}
