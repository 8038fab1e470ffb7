package batchfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// WriteResult writes one line for each key, in the order of the source. What
// was written before an error is no result.
func (j *Joiner) WriteResult(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 32<<10) // w itself where that is one already
	for i := range j.keys.rows {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		row := j.keys.at(i)
		text, err := j.row(row)
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

// noAnswer is the message of the rows that stand in a result for keys that the
// service left out.
const noAnswer = "qaplan: no answer from the service"

func (j *Joiner) row(row *indexRow[place]) ([]byte, error) {
	if row.value.class != Missing {
		return j.lineAt(row.value)
	}
	raw, err := j.sourceKey(row)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"key":%s,"error":{"code":%d,"message":"%s"}}`, raw, codeNotFound, noAnswer), nil
}

// lineAt reads a line of the answers; it is valid until the next one is read.
func (j *Joiner) lineAt(at place) ([]byte, error) {
	text, err := j.rows.read(j.files, at)
	if err != nil {
		return nil, fmt.Errorf("read a row of the answers: %w", err)
	}
	return text, nil
}

// answerAt reads an answer again; it is valid until the next one is read.
func (j *Joiner) answerAt(at place) (*answer, error) {
	text, err := j.lineAt(at)
	if err != nil {
		return nil, err
	}
	a, ok := j.again.read(line{bytes: text})
	if !ok {
		return nil, errAnswersChanged
	}
	return a, nil
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
		return nil, errChanged
	}
	return raw, nil
}

var (
	errChanged        = errors.New("read the source: the file changed while it was in use")
	errAnswersChanged = errors.New("read a row of the answers: the file changed while it was in use")
)

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
