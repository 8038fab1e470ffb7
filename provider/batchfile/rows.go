package batchfile

import (
	"context"
	"errors"
)

// Row is a good row.
type Row struct{}

// Key is the row's key.
func (r *Row) Key() string { return "" }

// Text is the text of the answer: that of the first candidate, its parts
// joined, thoughts left out.
func (r *Row) Text() string { return "" }

// Member returns one value of the answer's JSON, as JSON text. path is a JSON
// pointer ("/answers/0/text") or names joined by dots ("answers.0.text").
func (r *Row) Member(path string) ([]byte, bool) { return nil, false }

// FinishReason is why the answer ended, "" when it does not say.
func (r *Row) FinishReason() string { return "" }

// Usage is what the service counted for the row.
func (r *Row) Usage() Usage { return Usage{} }

// Rows calls yield for each good row of a result, in its order, judged by the
// rules but for AsRequested: that needs the requests, see [Joiner.Rows]. The Row
// is valid during the call. An error of yield ends it and is returned.
func Rows(ctx context.Context, result File, rules Rules, yield func(*Row) error) error {
	return errors.New("read rows: not there yet")
}

// Rows calls yield for each good row, in the order of the source.
func (j *Joiner) Rows(ctx context.Context, yield func(*Row) error) error {
	return errors.New("read rows: not there yet")
}
