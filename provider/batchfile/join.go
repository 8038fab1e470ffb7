package batchfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// File is a file at rest: *bytes.Reader, *strings.Reader and
// *io.SectionReader are. Its bytes must not change while it is in use.
type File interface {
	io.ReaderAt
	Size() int64
}

// Rows counts. Each key of the source is in exactly one of Succeeded, Failed
// and Missing; Doubled, Unknown and Malformed count lines that are not in the
// result.
type Rows struct {
	Succeeded int // good rows, blocked prompts included
	Failed    int // rows that carry an error, or no response
	Missing   int // keys without any line
	Doubled   int // further lines for a key
	Unknown   int // lines whose key the source lacks
	Malformed int // lines that are no JSON object with a key
}

// JoinReport says how answers fit a source.
type JoinReport struct {
	Rows
	Usage Usage
	// Blocked counts the good rows without candidates.
	Blocked int
	// Codes counts the failed rows by google.rpc code; 2 (unknown) stands for
	// rows without one. nil when there are none.
	Codes map[int]int
	// Lines counts the lines of answers, blank ones left out.
	Lines int
	// UnknownKeys, MissingKeys are the first few, in the order of the file,
	// each cut at 256 bytes.
	UnknownKeys, MissingKeys []string
	// FirstMalformedLine is 0 when there is none.
	FirstMalformedLine int
}

// Verdict is the short form of a report.
type Verdict int

const (
	// Complete: each key has its line, and there is no line too many, save for
	// further lines of known keys.
	Complete Verdict = iota
	// Damaged: keys are missing, or there are lines that belong to none.
	Damaged
	// Foreign: there are keys, and none of them is known. These are the
	// answers to another source.
	Foreign
)

func (v Verdict) String() string {
	switch v {
	case Complete:
		return "complete"
	case Damaged:
		return "damaged"
	case Foreign:
		return "foreign"
	}
	return fmt.Sprintf("Verdict(%d)", int(v))
}

// Verdict sums up.
func (r Rows) Verdict() Verdict {
	switch {
	case r.Unknown > 0 && r.Succeeded+r.Failed == 0:
		return Foreign
	case r.Missing+r.Unknown+r.Malformed > 0:
		return Damaged
	}
	return Complete
}

// SourceError tells that a source has a line that Scan would have refused. It
// has changed since it was checked.
type SourceError struct {
	Line   int
	Reason string
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("read keys of the source: line %d: %s", e.Line, e.Reason)
}

// Joiner puts answers into the order of a source. It is for one goroutine.
type Joiner struct {
	source File
	files  []File
	keys   *index[place]
	report JoinReport
}

// place tells where the row of a key stands. As long as the key has no answer
// it is where the key itself stands in the source.
type place struct {
	offset int64
	size   uint32
	file   uint16 // number in Joiner.files, from 1; 0: the source
	class  class
	code   uint8
}

type class uint8

const (
	missing class = iota
	failed
	good
	blocked
)

const (
	fewKeys     = 10
	longestName = 256
)

// NewJoiner reads the keys of a source. Blank lines are passed over; any other
// line that has no key of its own is a *SourceError.
func NewJoiner(ctx context.Context, source File) (*Joiner, error) {
	j := &Joiner{source: source, keys: newIndex[place]()}
	lines := newLineReader(ctx, section(source), MaxLine)
	reader := newAnswerReader()
	for {
		l, err := lines.next()
		if err == io.EOF {
			return j, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read keys of the source: %w", err)
		}
		l.skipMark()
		if l.blank() {
			continue
		}
		a, ok := reader.read(l)
		if !ok {
			return nil, &SourceError{l.number, "not a JSON object with a key"}
		}
		hash := j.keys.hash(a.key)
		if j.keys.find(hash) != nil {
			return nil, &SourceError{l.number, "key " + quote(a.key) + " stands on an earlier line already"}
		}
		if j.keys.rows == maxRows {
			return nil, &SourceError{l.number, "too many rows"}
		}
		j.keys.add(hash, place{offset: l.offset + a.keyAt, size: uint32(a.keySize)})
	}
}

// Add reads answers; the file must stay readable until the result is written.
// Of several lines for one key, in this file or another, the first good one
// counts, or the first where none is good. After an error the Joiner is of no
// further use.
func (j *Joiner) Add(ctx context.Context, answers File) error {
	if len(j.files) == 1<<16-1 {
		return errors.New("read answers: too many files")
	}
	j.files = append(j.files, answers)
	lines := newLineReader(ctx, section(answers), MaxLine)
	reader := newAnswerReader()
	for {
		l, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read answers: %w", err)
		}
		l.skipMark()
		if l.blank() {
			continue
		}
		j.report.Lines++
		a, ok := reader.read(l)
		if !ok {
			j.report.Malformed++
			if j.report.FirstMalformedLine == 0 {
				j.report.FirstMalformedLine = l.number
			}
			continue
		}
		j.addRow(l, a)
	}
}

func (j *Joiner) addRow(l line, a *answer) {
	at := j.keys.find(j.keys.hash(a.key))
	if at == nil {
		j.report.Unknown++
		if len(j.report.UnknownKeys) < fewKeys {
			j.report.UnknownKeys = append(j.report.UnknownKeys, shorten(a.key))
		}
		return
	}
	if at.class != missing {
		j.report.Doubled++
		if at.class != failed || !a.good() {
			return
		}
	}
	*at = place{offset: l.offset, size: uint32(len(l.bytes)), file: uint16(len(j.files)), class: failed, code: uint8(a.code)}
	if !a.good() {
		return
	}
	at.class, at.code = good, 0
	if a.blocked {
		at.class = blocked
	}
	j.report.Usage.add(a.usage)
}

// Report says how what was added so far fits. It reads the names of missing
// keys from the source.
func (j *Joiner) Report() (JoinReport, error) {
	r := j.report
	for i := range j.keys.rows {
		row := j.keys.at(i)
		switch row.value.class {
		case missing:
			r.Missing++
			if len(r.MissingKeys) < fewKeys {
				raw, err := j.sourceKey(row)
				if err != nil {
					return r, err
				}
				key, _ := jsontext.AppendUnquote(nil, raw)
				r.MissingKeys = append(r.MissingKeys, shorten(key))
			}
		case failed:
			r.Failed++
			if r.Codes == nil {
				r.Codes = make(map[int]int)
			}
			code := int(row.value.code)
			if code == 0 {
				code = codeUnknown // neither response nor error
			}
			r.Codes[code]++
		case blocked:
			r.Blocked++
			r.Succeeded++
		default:
			r.Succeeded++
		}
	}
	return r, nil
}

// sourceKey reads the raw key of a missing row and makes sure that it is the
// one that was read first.
func (j *Joiner) sourceKey(row *indexRow[place]) ([]byte, error) {
	raw := make([]byte, row.value.size)
	if n, err := j.source.ReadAt(raw, row.value.offset); n < len(raw) {
		return nil, fmt.Errorf("read a key of the source: %w", err)
	}
	key, err := jsontext.AppendUnquote(nil, raw)
	if err != nil || j.keys.hash(key) != row.hash {
		return nil, errors.New("read a key of the source: the file changed while it was in use")
	}
	return raw, nil
}

// WriteResult writes one line for each key, in the order of the source. What
// was written before an error is no result.
func (j *Joiner) WriteResult(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 128<<10)
	var rows rowReader
	for i := range j.keys.rows {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		row := j.keys.at(i)
		text, err := j.row(&rows, row)
		if err != nil {
			return err
		}
		out.Write(text) // bufio keeps the first error for Flush
		if err := out.WriteByte('\n'); err != nil {
			return fmt.Errorf("write result: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

func (j *Joiner) row(rows *rowReader, row *indexRow[place]) ([]byte, error) {
	at := row.value
	if at.class != missing {
		text, err := rows.read(j.files, at)
		if err != nil {
			return nil, fmt.Errorf("read a row of the answers: %w", err)
		}
		return text, nil
	}
	raw, err := j.sourceKey(row)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"key":%s,"error":{"code":%d,"message":"qaplan: no answer from the service"}}`, raw, codeNotFound), nil
}

// rowReader reads rows one at a time, and ahead as long as they stand one
// after the other.
type rowReader struct {
	buf    []byte
	file   uint16 // that buf is from
	offset int64  // of buf in the file
	next   int64  // end of the row read last
}

const readAhead = 256 << 10

// read returns a row; it is valid until the next one is read.
func (r *rowReader) read(files []File, at place) ([]byte, error) {
	size, same := int(at.size), at.file == r.file
	ahead := same && at.offset > r.next && at.offset <= r.next+int64(len("\r\n"))
	r.next = at.offset + int64(size)
	if same && at.offset >= r.offset && r.next <= r.offset+int64(len(r.buf)) {
		return r.buf[at.offset-r.offset:][:size], nil
	}
	f, want := files[at.file-1], size
	if ahead {
		want = max(size, int(min(readAhead, f.Size()-at.offset)))
	}
	if cap(r.buf) < want {
		r.buf = make([]byte, want)
	}
	n, err := f.ReadAt(r.buf[:want], at.offset)
	r.buf, r.file, r.offset = r.buf[:n], at.file, at.offset
	if n >= size {
		return r.buf[:size], nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

// Join writes the result of one file of answers and reports how well they fit.
// It writes whatever the report says: a caller that wants to look first uses a
// Joiner.
func Join(ctx context.Context, source, answers File, w io.Writer) (JoinReport, error) {
	j, err := NewJoiner(ctx, source)
	if err != nil {
		return JoinReport{}, err
	}
	if err := j.Add(ctx, answers); err != nil {
		return JoinReport{}, err
	}
	report, err := j.Report()
	if err != nil {
		return report, err
	}
	return report, j.WriteResult(ctx, w)
}

func section(f File) io.Reader { return io.NewSectionReader(f, 0, f.Size()) }

// shorten keeps the beginning of a key for a report.
func shorten(key []byte) string {
	if len(key) <= longestName {
		return string(key)
	}
	cut := longestName
	for cut > 0 && !utf8.RuneStart(key[cut]) {
		cut--
	}
	return string(key[:cut])
}
