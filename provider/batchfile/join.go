package batchfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

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
	files  []File
	keys   *index[place]
	judge  *judge
	forms  *forms   // nil where nobody wants to know what the requests ask for
	asked  []uint16 // for each row its number in forms; nil where no request asks for any
	seen   []uint64 // a bit for each row: it has a line in the file being added
	usage  Usage    // of the rows that count
	long   Usage    // of those with long prompts

	verbatim *verbatim     // nil where the result is known to be no file as it is
	reader   *answerReader // of lines that are added
	again    *answerReader // of lines that are read again
	rows     rowReader
	requests *sourceReader
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

// NewJoiner reads the keys of a source, and what its requests ask for where the
// rules want that. Blank lines are passed over; any other line that has no key
// of its own is a *SourceError.
func NewJoiner(ctx context.Context, source File, rules Rules) (*Joiner, error) {
	return newJoiner(ctx, source, rules, false)
}

// NewScannedJoiner is NewJoiner for a source that, to the byte, is one in which Scan
// found no problem. It looks no further into a line than it must.
func NewScannedJoiner(ctx context.Context, source File, rules Rules) (*Joiner, error) {
	return newJoiner(ctx, source, rules, !rules.AsRequested)
}

func newJoiner(ctx context.Context, source File, rules Rules, keysOnly bool) (*Joiner, error) {
	j := &Joiner{
		source: source, keys: newIndex[place](), judge: newJudge(rules),
		requests: newSourceReader(false), reader: newAnswerReader(), again: newAnswerReader(),
	}
	if rules.AsRequested {
		j.forms = newForms(j.keys.hash)
	}
	reader := newSourceReader(rules.AsRequested)
	err := eachLine(ctx, source, "the source", func(l line) error {
		var q *sourceRow
		ok := false
		if keysOnly {
			q, ok = reader.readFirst(l)
		}
		if !ok {
			q, ok = reader.read(l)
		}
		if !ok {
			return &SourceError{l.number, "not a JSON object with a key"}
		}
		hash := j.keys.hash(q.key)
		if j.keys.find(hash) >= 0 {
			return &SourceError{l.number, "key " + quote(q.key) + " stands on an earlier line already"}
		}
		if j.keys.rows == maxRows {
			return &SourceError{l.number, "too many rows"}
		}
		j.keys.add(hash, place{offset: l.offset + q.raw.at, size: uint32(q.raw.size)})
		if j.forms != nil {
			j.ask(j.forms.number(&q.asked))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// ask notes the form that the row added last asks for.
func (j *Joiner) ask(number uint16) {
	if number != 0 && j.asked == nil {
		j.asked = make([]uint16, j.keys.rows-1)
	}
	if j.asked != nil {
		j.asked = append(j.asked, number)
	}
}

// form is what the request of row i asks for.
func (j *Joiner) form(i int) *form {
	if j.asked == nil {
		return nil
	}
	return j.forms.list[j.asked[i]]
}

// Add reads a file of answers; it must stay readable until the result is
// written. Files are those of one attempt after the other: of the lines for one
// key, in one file or several, the first good one counts, or the first where
// none is good. After an error the Joiner is of no further use.
func (j *Joiner) Add(ctx context.Context, answers File) (FileReport, error) {
	return j.add(ctx, answers, section(answers), answers.Size())
}

// AddComing is [Joiner.Add] for a file that is still being written: from gives its
// bytes from the first one on, each when it stands in the file, and ends where the
// file does. It returns when no read of from is under way, after an error too.
func (j *Joiner) AddComing(ctx context.Context, answers File, from io.Reader) (FileReport, error) {
	return j.add(ctx, answers, from, math.MaxInt64-1)
}

// add reads size bytes at most.
func (j *Joiner) add(ctx context.Context, answers File, from io.Reader, size int64) (FileReport, error) {
	var r FileReport
	if len(j.files) == 1<<16-1 {
		return r, errors.New("read answers: too many files")
	}
	j.files = append(j.files, answers)
	clear(j.seen)
	if j.seen == nil {
		j.seen = make([]uint64, (j.keys.rows+63)/64)
	}
	in, end := j.follow(from, size)
	defer end()
	err := eachLineOf(ctx, in, size, "the answers", func(l line) error {
		r.Lines++
		if a, ok := j.reader.read(l); ok {
			err := j.addRow(&r, l, a)
			j.passed(l)
			return err
		}
		r.Malformed++
		if r.FirstMalformedLine == 0 {
			r.FirstMalformedLine = l.number
		}
		return nil
	})
	return r, err
}

func (j *Joiner) addRow(r *FileReport, l line, a *answer) error {
	i := j.keys.find(j.keys.hash(a.key))
	if i < 0 {
		r.Unknown++
		if len(r.UnknownKeys) < fewKeys {
			r.UnknownKeys = append(r.UnknownKeys, shorten(a.key))
		}
		return nil
	}
	r.Usage.add(a.usage) // of a further line too: the service has made it
	if a.usage.long() {
		r.Long.add(a.usage)
	}
	if bit := uint64(1) << (i % 64); j.seen[i/64]&bit != 0 {
		r.Doubled++
	} else {
		j.seen[i/64] |= bit
		r.Answered++
		if a.failed && a.code == codeCancelled {
			r.Cancelled++
		}
	}
	at := &j.keys.at(i).value
	if at.class == Good {
		return nil
	}
	class, _ := j.judge.judge(a, j.form(i))
	// Of bad rows the first counts, unless all it says is that it was not reached.
	unreached := at.class == Failed && at.code == codeCancelled
	if class == Missing || at.class != Missing && class != Good && !unreached {
		return nil
	}
	if at.class != Missing {
		// Its tokens are no longer those of a row that counts. They stand nowhere
		// but in its line.
		was, err := j.answerAt(*at)
		if err != nil {
			return err
		}
		j.usage.subtract(was.usage)
		if was.usage.long() {
			j.long.subtract(was.usage)
		}
	}
	*at = place{offset: l.offset, size: uint32(len(l.bytes)), file: uint16(len(j.files)), class: class}
	if class == Failed {
		at.code = uint8(a.code)
	}
	j.usage.add(a.usage)
	if a.usage.long() {
		j.long.add(a.usage)
	}
	return nil
}

// Report says what the rows are after what was added so far. It reads the names
// of missing keys from the source.
func (j *Joiner) Report() (JoinReport, error) {
	r := JoinReport{Usage: j.usage, Long: j.long}
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
