package batchfile

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Usage sums what the service counted for the good rows, in tokens. Rows
// without counts add nothing: they have been missing from batch answers.
type Usage struct {
	Input    int64 // prompts, with what tools added to them; cached tokens included
	Output   int64 // answers, thoughts not included
	Thoughts int64 // billed as output
	Cached   int64 // the part of Input that came from a cache
}

func (u *Usage) add(v Usage) {
	u.Input += v.Input
	u.Output += v.Output
	u.Thoughts += v.Thoughts
	u.Cached += v.Cached
}

// answer is what a line of answers was found to hold.
type answer struct {
	key      []byte // unquoted
	keyAt    int64  // place of the raw key in the line
	keySize  int
	response bool // is there and an object
	blocked  bool // the response has no candidates
	failed   bool // there is an error
	code     int  // google.rpc code of the error, 2 (unknown) when it has none
	usage    Usage
}

func (a *answer) good() bool { return a.response && !a.failed }

// answerReader reads lines of answers. It is lenient about what the service
// wrote inside a response, since the row was paid for: it asks only for one
// JSON object in UTF-8 with one key and none of its own members doubled.
type answerReader struct {
	parser parser
	answer answer
	key    []byte
}

func newAnswerReader() *answerReader {
	return &answerReader{parser: parser{options: []jsontext.Options{
		jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true), // lone surrogates in escapes; bytes are checked by read
	}}}
}

// read tells whether the line is an answer with a key; the answer is valid
// until the next read.
func (r *answerReader) read(l line) (*answer, bool) {
	a := &r.answer
	*a = answer{}
	if l.tooLong || !utf8.Valid(l.bytes) {
		return a, false
	}
	p := &r.parser
	p.reset(l.bytes)
	if p.dec.PeekKind() != '{' {
		return a, false
	}
	var bare status // {"key":…,"code":…,"message":…}
	seen := 0
	once := func(bit int) error {
		if seen&bit != 0 {
			return jsontext.ErrDuplicateName
		}
		seen |= bit
		return nil
	}
	err := p.members(func(name []byte) error {
		switch string(name) {
		case "key":
			return firstError(once(1), func() error { return r.readKey() })
		case "response":
			return firstError(once(2), func() error { return a.readResponse(p) })
		case "error":
			return firstError(once(4), func() error { return a.readStatus(p) })
		case "status":
			return firstError(once(8), func() error { return a.readStatus(p) })
		case "code", "message":
			return bare.read(p, name)
		}
		return p.skip()
	})
	if err == nil {
		err = p.end()
	}
	if bare.code != 0 {
		a.fail(bare)
	}
	if !a.response && !a.failed {
		a.fail(status{})
	}
	return a, err == nil && len(a.key) > 0
}

func firstError(err error, then func() error) error {
	if err != nil {
		return err
	}
	return then()
}

func (r *answerReader) readKey() error {
	p := &r.parser
	isString := p.dec.PeekKind() == '"'
	raw, err := p.dec.ReadValue()
	if err != nil || !isString {
		return err
	}
	r.answer.keyAt = p.dec.InputOffset() - int64(len(raw))
	r.answer.keySize = len(raw)
	r.key, err = appendKey(r.key[:0], raw)
	r.answer.key = r.key
	return err
}

func (a *answer) readResponse(p *parser) error {
	if p.dec.PeekKind() != '{' {
		return p.skip()
	}
	a.response, a.blocked = true, true
	return p.members(func(name []byte) error {
		switch string(name) {
		case "candidates":
			isArray := p.dec.PeekKind() == '['
			raw, err := p.dec.ReadValue()
			if err == nil && isArray && len(bytes.Trim(raw, "[] \t\r")) > 0 {
				a.blocked = false
			}
			return err
		case "usageMetadata":
			if p.dec.PeekKind() == '{' {
				return a.usage.read(p)
			}
		}
		return p.skip()
	})
}

// read takes the counts. promptTokenCount is the whole prompt, a cached part
// included; what tools add is counted apart.
func (u *Usage) read(p *parser) error {
	return p.members(func(name []byte) error {
		var field *int64
		switch string(name) {
		case "promptTokenCount", "toolUsePromptTokenCount":
			field = &u.Input
		case "candidatesTokenCount":
			field = &u.Output
		case "thoughtsTokenCount":
			field = &u.Thoughts
		case "cachedContentTokenCount":
			field = &u.Cached
		default:
			return p.skip()
		}
		raw, err := p.dec.ReadValue()
		if err == nil {
			*field += count(raw)
		}
		return err
	})
}

// count reads a number of tokens, as a number or a string; nonsense is 0.
func count(raw []byte) int64 {
	const most = 1 << 40 // no request has more; keeps damaged rows from overflowing a sum
	n, err := strconv.ParseInt(string(bytes.Trim(raw, `"`)), 10, 64)
	if err != nil || n < 0 || n > most {
		return 0
	}
	return n
}

// status is a google.rpc.Status as far as it matters here.
type status struct {
	code    int64
	hasCode bool
	message bool
}

// failed tells whether it says that something went wrong: code 0 is OK, and a
// message without a code has been an error.
func (s status) failed() bool { return s.code != 0 || s.message && !s.hasCode }

func (s *status) read(p *parser, name []byte) error {
	isCode, isMessage := string(name) == "code", string(name) == "message"
	raw, err := p.dec.ReadValue()
	switch {
	case err != nil:
		return err
	case isCode:
		s.hasCode = true
		if s.code, err = strconv.ParseInt(string(raw), 10, 64); err != nil {
			s.code = codeUnknown // a word, or a number beyond all codes
		}
	case isMessage:
		s.message = len(raw) > len(`""`) && string(raw) != "null"
	}
	return nil
}

// google.rpc codes.
const (
	codeCancelled = 1
	codeUnknown   = 2
	codeNotFound  = 5
	codeLast      = 16
)

// readStatus reads the value of "error" or "status": an object, a text or a
// number. It says nothing when it is null, empty, OK or code 0.
func (a *answer) readStatus(p *parser) error {
	var s status
	switch p.dec.PeekKind() {
	case '{':
		members := 0
		err := p.members(func(name []byte) error {
			members++
			return s.read(p, name)
		})
		if err == nil && (s.failed() || members > 0 && !s.hasCode) {
			a.fail(s)
		}
		return err
	default:
		raw, err := p.dec.ReadValue()
		if err != nil {
			return err
		}
		switch string(raw) {
		case "null", `""`, `"OK"`, "0":
		default:
			a.fail(s)
		}
		return nil
	}
}

func (a *answer) fail(s status) {
	code := int(min(max(s.code, 0), codeLast+1))
	if code == 0 || code > codeLast {
		code = codeUnknown
	}
	if !a.failed || a.code == codeUnknown {
		a.code = code
	}
	a.failed = true
}
