package batchfile

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// File is a file at rest: *bytes.Reader, *strings.Reader and
// *io.SectionReader are. Its bytes must not change while it is in use.
type File interface {
	io.ReaderAt
	Size() int64
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

// Joiner puts answers into the order of a source, and judges them. It is for one
// goroutine.
type Joiner struct {
	source File
	rules  Rules
	files  []File
	keys   *index[place]
	seen   []uint64 // a bit for each row: it has a line in the file being added
	usage  Usage    // of the rows that count
}

// place tells where the row of a key stands. As long as the key has no answer
// it is where the key itself stands in the source.
type place struct {
	offset int64
	size   uint32
	file   uint16 // number in Joiner.files, from 1; 0: the source
	class  Class
	code   uint8
}

// NewJoiner reads the keys of a source. Blank lines are passed over; any other
// line that has no key of its own is a *SourceError.
func NewJoiner(ctx context.Context, source File, rules Rules) (*Joiner, error) {
	j := &Joiner{source: source, rules: rules, keys: newIndex[place]()}
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
		if j.keys.find(hash) >= 0 {
			return nil, &SourceError{l.number, "key " + quote(a.key) + " stands on an earlier line already"}
		}
		if j.keys.rows == maxRows {
			return nil, &SourceError{l.number, "too many rows"}
		}
		j.keys.add(hash, place{offset: l.offset + a.keyAt, size: uint32(a.keySize)})
	}
}

// Add reads a file of answers; it must stay readable until the result is
// written. Files are those of one attempt after the other: of the lines for one
// key, in one file or several, the first good one counts, or the first where
// none is good. After an error the Joiner is of no further use.
func (j *Joiner) Add(ctx context.Context, answers File) (FileReport, error) {
	var r FileReport
	if len(j.files) == 1<<16-1 {
		return r, errors.New("read answers: too many files")
	}
	j.files = append(j.files, answers)
	j.seen = make([]uint64, (j.keys.rows+63)/64)
	lines := newLineReader(ctx, section(answers), MaxLine)
	reader := newAnswerReader()
	for {
		l, err := lines.next()
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return r, fmt.Errorf("read answers: %w", err)
		}
		l.skipMark()
		if l.blank() {
			continue
		}
		r.Lines++
		a, ok := reader.read(l)
		if !ok {
			r.Malformed++
			if r.FirstMalformedLine == 0 {
				r.FirstMalformedLine = l.number
			}
			continue
		}
		j.addRow(&r, l, a)
	}
}

func (j *Joiner) addRow(r *FileReport, l line, a *answer) {
	i := j.keys.find(j.keys.hash(a.key))
	if i < 0 {
		r.Unknown++
		if len(r.UnknownKeys) < fewKeys {
			r.UnknownKeys = append(r.UnknownKeys, shorten(a.key))
		}
		return
	}
	if bit := uint64(1) << (i % 64); j.seen[i/64]&bit != 0 {
		r.Doubled++
	} else {
		j.seen[i/64] |= bit
		r.Answered++
		r.Usage.add(a.usage)
		if a.failed && a.code == codeCancelled {
			r.Cancelled++
		}
	}
	at := &j.keys.at(i).value
	class := Failed
	if a.good() {
		class = Good
		if a.blocked {
			class = Blocked
		}
	}
	if at.class != Missing && (at.class == Good || class != Good) {
		return
	}
	*at = place{offset: l.offset, size: uint32(len(l.bytes)), file: uint16(len(j.files)), class: class, code: uint8(a.code)}
	j.usage.add(a.usage)
}

// Report says what the rows are after what was added so far. It reads the names
// of missing keys from the source.
func (j *Joiner) Report() (JoinReport, error) {
	r := JoinReport{Usage: j.usage}
	for i := range j.keys.rows {
		row := j.keys.at(i)
		r.Rows[row.value.class]++
		switch row.value.class {
		case Missing:
			if len(r.MissingKeys) < fewKeys {
				raw, err := j.sourceKey(row)
				if err != nil {
					return r, err
				}
				key, _ := jsontext.AppendUnquote(nil, raw)
				r.MissingKeys = append(r.MissingKeys, shorten(key))
			}
		case Failed:
			if r.Codes == nil {
				r.Codes = make(map[int]int)
			}
			r.Codes[int(row.value.code)]++
		}
	}
	return r, nil
}

func section(f File) io.Reader { return io.NewSectionReader(f, 0, f.Size()) }
