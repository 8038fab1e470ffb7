package batchfile

import (
	"context"
	"errors"
	"io"
)

// Subset describes an input that is made of some rows of a source.
type Subset struct {
	Rows   int
	Bytes  int64
	SHA256 string // lower-case hex
	Tokens int64  // estimate of the input tokens, as Scan makes it
}

// Override changes the requests of a subset; its zero value changes nothing.
type Override struct {
	// GenerationConfig is the text of a JSON object. Its members replace those of
	// each request's generation_config that have the same name in either
	// spelling, nested objects as a whole; others are added.
	GenerationConfig []byte
}

// WriteSubset writes the lines of the source whose rows pick names, in the
// order of the source, byte for byte but for what o changes, each with a line
// feed. The same source, classes and override make the same bytes. pick is told
// the class of each row, and the google.rpc code of those that failed, else 0.
func (j *Joiner) WriteSubset(ctx context.Context, w io.Writer, pick func(c Class, code int) bool, o Override) (Subset, error) {
	return Subset{}, errors.New("write subset: not there yet")
}

// SourceLines maps lines of a subset, counted from 1, to the lines of the
// source that they were made of, given the pick that made it. A line that the
// subset does not have is 0.
func (j *Joiner) SourceLines(ctx context.Context, pick func(c Class, code int) bool, lines []int) ([]int, error) {
	return nil, errors.New("map lines of a subset: not there yet")
}
