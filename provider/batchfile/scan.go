package batchfile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// MaxBytes is the size of the largest file that the service takes: 2 GB
// (Gemini API, files guide).
const MaxBytes = 2 << 30

// Summary describes the bytes of a source. It is whole only where Scan
// returned no error and read to the end, which it does unless the file is too
// large.
type Summary struct {
	Rows   int    // lines that hold one JSON object, good or not
	Bytes  int64  // length of the file
	SHA256 string // of the whole file, lower-case hex; "" when it is too large
	Tokens int64  // estimate of the input tokens: characters of the texts / 4, rounded up
	// OutputLimit sums the limits of output tokens over the rows that have one, and
	// Unlimited counts the rows without.
	OutputLimit int64
	Unlimited   int
}

// ScanOptions may be zero.
type ScanOptions struct {
	MaxBytes    int64 // 0: MaxBytes
	MaxProblems int   // 0: 20; a last problem counts those left out
	// OnKey is told the key of each row that has one, doubled ones too, in
	// the order of the file.
	OnKey func(line int, key string)
}

// Scan checks a source in one pass. It returns an error only when reading
// fails or ctx ends; what is wrong with the content is a Problem each, in the
// order of the file.
func Scan(ctx context.Context, r io.Reader, o ScanOptions) (Summary, []Problem, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = MaxBytes
	}
	if o.MaxProblems == 0 {
		o.MaxProblems = 20
	}
	m := &meter{r: r, hash: sha256.New(), max: o.MaxBytes}
	s := &scanner{
		lines:    newLineReader(ctx, m, MaxLine),
		keys:     newIndex[int](),
		problems: problems{max: o.MaxProblems},
		onKey:    o.OnKey,
		request:  request{words: newWords()},
	}
	err := s.run()
	m.end()
	sum := Summary{Rows: s.rows, Bytes: m.n, Tokens: tokens(s.characters), OutputLimit: s.limits.tokens, Unlimited: s.limits.without}
	switch {
	case errors.Is(err, errTooLarge):
		s.problems.add(0, 0, fmt.Sprintf("the file is larger than %d bytes", o.MaxBytes),
			"The service takes no larger input file. Split it into several batches.")
		return sum, s.problems.all(), nil
	case err != nil:
		return sum, s.problems.all(), err
	}
	sum.SHA256 = hex.EncodeToString(m.hash.Sum(nil))
	return sum, s.problems.all(), nil
}

// tokens estimates what texts cost: four characters are about one token (tokens
// guide of the Gemini API).
func tokens(characters int64) int64 { return (characters + 3) / 4 }

// meter hashes and counts what is read, up to a limit.
type meter struct {
	r     io.Reader
	hash  hash.Hash
	n     int64
	max   int64
	ahead *ahead // nil at first: most files are small
}

var errTooLarge = errors.New("file too large")

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.read(p)
	m.n += int64(n)
	if m.n > m.max {
		return n, errTooLarge
	}
	return n, err
}

func (m *meter) read(p []byte) (int, error) {
	if m.ahead == nil && m.n >= aheadFrom {
		m.ahead = newAhead(m.r, m.hash)
	}
	if m.ahead != nil {
		return m.ahead.Read(p)
	}
	n, err := m.r.Read(p)
	m.hash.Write(p[:n])
	return n, err
}

// end makes the hash ready to be asked.
func (m *meter) end() {
	if m.ahead != nil {
		m.ahead.close()
	}
}

type scanner struct {
	lines      *lineReader
	parser     parser
	keys       *index[int] // key → line
	problems   problems
	onKey      func(line int, key string)
	rows       int
	characters int64
	limits     outputLimits
	answers    bool // the file was found to hold answers
	request    request
}

func (s *scanner) run() error {
	for {
		l, err := s.lines.next()
		if err == io.EOF {
			if s.lines.number == 0 {
				s.problems.add(0, 0, "the file is empty", "Expected one request a line, such as "+example)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if l.number == 1 {
			if l.skipMark() {
				s.problems.add(1, 1, "the file begins with a byte order mark", "The service expects plain UTF-8. Save it as UTF-8 without a byte order mark.")
			}
			if s.problems.wholeFile(l) {
				return s.lines.drain()
			}
		}
		s.line(l)
	}
}

func (s *scanner) line(l line) {
	switch {
	case l.tooLong:
		s.problems.add(l.number, 0, fmt.Sprintf("the line is longer than %d MiB", MaxLine>>20), "Expected one request a line. Large media belong into files of their own that the request names.")
		return
	case l.blank() && l.terminated:
		s.problems.add(l.number, 0, "the line is blank", "Expected a request on every line. Remove the line.")
		return
	case l.blank():
		s.problems.add(l.number, 0, "white space after the last line", "Expected the file to end with its last request. Remove it.")
		return
	}
	q := &s.request
	if s.fine(l, q) {
		s.take(q)
		return
	}
	s.parser.reset(l.bytes)
	if kind := s.parser.dec.PeekKind(); kind != '{' {
		err := s.parser.skip()
		if err == nil {
			err = s.parser.end()
		}
		if err != nil {
			s.unreadable(l, err)
			return
		}
		s.problems.add(l.number, 1, "the line is "+kindName(kind)+", not an object", "Expected one JSON object, such as "+example)
		return
	}
	err := q.read(&s.parser)
	if err == nil {
		err = s.parser.end()
	}
	if err != nil {
		s.unreadable(l, err)
		return
	}
	s.take(q)
	s.check(l, q)
}

func (s *scanner) take(q *request) {
	s.rows++
	s.characters += int64(q.characters)
	s.limits.add(q)
}

// fine reads a line the quick way, and reports whether check would find nothing in
// it. Its key is noted then.
func (s *scanner) fine(l line, q *request) bool {
	s.parser.resetQuick(l.bytes)
	if s.parser.peek() != '{' || q.read(&s.parser) != nil || s.parser.end() != nil {
		return false
	}
	if q.keyKind != '"' || len(q.key) == 0 || q.requestKind != '{' || q.contentsKind != '[' || q.contents == 0 || q.element != 0 || len(q.notes) > 0 {
		return false
	}
	hash := s.keys.hash(q.key)
	if s.keys.find(hash) >= 0 {
		return false
	}
	if s.onKey != nil {
		s.onKey(l.number, string(q.key))
	}
	s.keys.add(hash, l.number)
	return true
}

func (s *scanner) unreadable(l line, err error) {
	if err == errTrailing {
		s.problems.add(l.number, s.parser.column(), "more than one JSON value on the line", "Expected one request a line, and nothing after it.")
		return
	}
	s.problems.syntax(l, err)
}

// check adds what is wrong with a line that is a JSON object.
func (s *scanner) check(l line, q *request) {
	if q.answer && q.requestKind == 0 {
		if !s.answers {
			s.problems.add(l.number, 0, "the line is an answer, not a request",
				"This seems to be a result file. Name the file of requests as source. Further answers in it are not listed.")
		}
		s.answers = true
		return
	}
	s.checkKey(l, q)
	switch {
	case q.requestKind == 0:
		s.problems.add(l.number, 0, `"request" is missing`, "Expected "+example)
	case q.requestKind != '{':
		s.problems.add(l.number, q.requestColumn, `"request" is `+kindName(q.requestKind)+", not an object", "Expected "+example)
	case q.contentsKind == 0 && q.meant: // a note says so
	case q.contentsKind == 0:
		s.problems.add(l.number, q.requestColumn, `"contents" is missing in "request"`, "Expected "+example)
	case q.contentsKind != '[':
		s.problems.add(l.number, q.contentsColumn, `"contents" is `+kindName(q.contentsKind)+", not an array", "Expected "+example)
	case q.contents == 0:
		s.problems.add(l.number, q.contentsColumn, `"contents" is empty`, "Expected at least one content, as in "+example)
	case q.element != 0:
		s.problems.add(l.number, q.contentsColumn, `"contents" holds `+kindName(q.element)+", not only objects", "Expected "+example)
	}
	for _, n := range q.notes {
		s.problems.add(l.number, n.column, n.summary, n.detail)
	}
}

func (s *scanner) checkKey(l line, q *request) {
	switch {
	case q.keyKind == 0 && q.foreign != "":
		s.problems.add(l.number, 0, `"key" is missing`, fmt.Sprintf("Expected %s. %q is the word of another service: name it \"key\".", example, q.foreign))
		return
	case q.keyKind == 0:
		s.problems.add(l.number, 0, `"key" is missing`, "Expected a string of your choice, different on every line: answers come back in any order and are found by it. Such as "+example)
		return
	case q.keyKind != '"':
		s.problems.add(l.number, q.keyColumn, `"key" is `+kindName(q.keyKind)+", not a string", `Expected a string, such as "key":"row-1". Put the value in quotes.`)
		return
	case len(q.key) == 0:
		s.problems.add(l.number, q.keyColumn, `"key" is empty`, "Expected a string of your choice, different on every line.")
		return
	}
	if s.onKey != nil {
		s.onKey(l.number, string(q.key))
	}
	hash := s.keys.hash(q.key)
	if first := s.keys.find(hash); first >= 0 {
		s.problems.add(l.number, q.keyColumn, fmt.Sprintf("key %s stands on line %d already", quote(q.key), s.keys.at(first).value),
			"Expected a different key on every line: answers are found by it. Rename one, or remove the line if it is a copy.")
		return
	}
	s.keys.add(hash, l.number)
}
