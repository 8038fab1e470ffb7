package batchfile

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Request is one request of a source.
type Request struct {
	Body []byte // the JSON object under "request"
	// Tokens estimates its input as [Summary.Tokens] does: the characters of its
	// texts / 4, but not rounded.
	Tokens float64
}

// RequestAt gives the first request of a source that begins at an offset or
// behind it, else the first of all; the rest of the file is not read. ok is false
// where the source has none, or the line there is none that Scan would have let
// pass.
func RequestAt(ctx context.Context, source File, offset int64) (_ Request, ok bool, err error) {
	for _, from := range []int64{max(offset, 0), 0} {
		l, err := lineAt(ctx, source, from)
		switch {
		case err == io.EOF:
			continue
		case err != nil:
			return Request{}, false, fmt.Errorf("read a request of the source: %w", err)
		}
		q, ok := requestOf(l)
		return q, ok, nil
	}
	return Request{}, false, nil
}

// lineAt gives the first line that begins at an offset or behind it and is not
// blank.
func lineAt(ctx context.Context, source File, offset int64) (line, error) {
	begin := max(offset-1, 0) // where a line ends just before it, the next one is whole
	lines := newLineReader(ctx, io.NewSectionReader(source, begin, source.Size()-begin), MaxLine)
	for first := true; ; first = false {
		l, err := lines.next()
		if err != nil {
			return line{}, err
		}
		if offset > 0 {
			if first {
				continue // the end of a line that begins before
			}
		} else {
			l.skipMark()
		}
		if !l.blank() {
			return l, nil
		}
	}
}

func requestOf(l line) (Request, bool) {
	if l.tooLong {
		return Request{}, false
	}
	p := lenientParser()
	p.reset(l.bytes)
	var q request
	var row struct {
		Request json.RawMessage `json:"request"`
	}
	if q.read(&p) != nil || q.requestKind != '{' || json.Unmarshal(l.bytes, &row) != nil {
		return Request{}, false
	}
	return Request{Body: row.Request, Tokens: float64(q.characters) / 4}, true
}
