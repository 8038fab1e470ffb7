package gemini

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/qaplan/qaplan/provider"
)

// InlineAnswers writes the answers that stand in a job itself as JSONL rows, in
// the form of an answer file: the key, then response or error as the service
// sent it, without line breaks. One row at a time is in memory. A row that came
// without a key is written without one: a made-up key could be another row's,
// and the order of rows proves nothing (python-genai #1909).
//
// It is repeated as other reads are until the first row is written; an error
// after that leaves w with a part.
func (c *Client) InlineAnswers(ctx context.Context, job string, w io.Writer) error {
	k := call{op: provider.OpInlineAnswers, target: job}
	if err := resource(job, "batches"); err != nil {
		return invalid(k, err)
	}
	rows := 0
	err := c.again(ctx, k, func() error {
		x := &exchange{streamed: true}
		var local *localError
		err := c.send(ctx, k, x, func(ctx context.Context) error {
			req, err := c.request(ctx, http.MethodGet, c.base.JoinPath(apiVersion, job))
			if err != nil {
				return err
			}
			resp, err := c.http.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if !x.ok() {
				return nil
			}
			err = copyRows(w, x.watch.reader(resp.Body), &rows)
			local, _ = errors.AsType[*localError](err)
			return err
		})
		if e, ok := errors.AsType[*provider.Error](err); ok {
			switch {
			case local != nil:
				e.Class, e.Err = provider.ClassRefused, local.err
			case rows > 0:
				return brokenOff{e}
			}
		}
		return err
	})
	if b, ok := errors.AsType[brokenOff](err); ok {
		return b.e
	}
	return err
}

// brokenOff keeps an error from being tried again.
type brokenOff struct{ e *provider.Error }

func (b brokenOff) Error() string { return b.e.Error() }

// copyRows finds the answers in a job and writes them. They stand in two
// places; the first is taken.
func copyRows(w io.Writer, r io.Reader, rows *int) error {
	dec := jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		_, err := dec.ReadToken()
		switch {
		case errors.Is(err, io.EOF):
			return &localError{errors.New("the job has no inline answers")}
		case err != nil:
			return err
		case !isName(dec):
			continue
		}
		switch dec.StackPointer() {
		case "/metadata/output/inlinedResponses/inlinedResponses", "/response/inlinedResponses/inlinedResponses":
			return copyArray(w, dec, rows)
		case "/metadata", "/response", "/metadata/output",
			"/metadata/output/inlinedResponses", "/response/inlinedResponses":
		default:
			if err := dec.SkipValue(); err != nil {
				return err
			}
		}
	}
}

func copyArray(w io.Writer, dec *jsontext.Decoder, rows *int) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != jsontext.KindBeginArray {
		return &localError{errors.New("the job's inline answers are no array")}
	}
	for dec.PeekKind() != jsontext.KindEndArray {
		v, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if _, err := w.Write(inlineRow(v)); err != nil {
			return &localError{fmt.Errorf("write answers: %w", err)}
		}
		*rows++
	}
	_, err = dec.ReadToken()
	return err
}

// inlineRow makes one line of an inline answer: its metadata's key, then its
// other members as they came.
func inlineRow(v jsontext.Value) []byte {
	lax := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	if v.Compact(lax...) != nil || v.Kind() != jsontext.KindBeginObject {
		return append([]byte(`{"error":{"code":13,"message":"qaplan: the answer is no JSON object"}}`), '\n')
	}
	var key, rest []byte
	dec := jsontext.NewDecoder(bytes.NewReader(v), lax...)
	dec.ReadToken()
	for dec.PeekKind() == jsontext.KindString {
		name, _ := dec.ReadValue()
		member := append([]byte{','}, name...)
		isMeta := string(name) == `"metadata"`
		value, _ := dec.ReadValue()
		if isMeta {
			key = metadataKey(value)
			continue
		}
		rest = append(append(append(rest, member...), ':'), value...)
	}
	row := []byte{'{'}
	if key != nil {
		row = append(append([]byte(`{"key":`), key...), rest...)
	} else if len(rest) > 0 {
		row = append(row, rest[1:]...) // without its comma
	}
	return append(row, '}', '\n')
}

// metadataKey gives the key as a JSON string, nil without one. The SDK cannot
// read metadata that is not a string (go-genai 1.77.0, types.go); a number is
// taken by its digits.
func metadataKey(meta jsontext.Value) []byte {
	o, ok := parseObject(meta)
	if !ok {
		return nil
	}
	text := o.string("key")
	if n := o.number("key"); n != "" {
		text = n
	}
	if text == "" {
		return nil
	}
	b, err := jsontext.AppendQuote(nil, text)
	if err != nil {
		return nil
	}
	return b
}
