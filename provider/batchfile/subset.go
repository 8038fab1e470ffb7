package batchfile

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Subset describes an input that is made of some rows of a source.
type Subset struct {
	Rows   int
	Bytes  int64
	SHA256 string // lower-case hex
	Tokens int64  // estimate of the input tokens, as Scan makes it
	// OutputLimit and Unlimited are as in [Summary], with what the override makes
	// of them.
	OutputLimit int64
	Unlimited   int
}

// WriteSubset writes the lines of the source whose rows pick names, in the
// order of the source, byte for byte but for what o changes, each with a line
// feed. The same source, classes and override make the same bytes. pick is told
// the class of each row, and the google.rpc code of those that failed, else 0.
//
// Rows are judged by what the requests of the source ask for, also where the
// override asks for something else.
func (j *Joiner) WriteSubset(ctx context.Context, w io.Writer, pick func(c Class, code int) bool, o Override) (Subset, error) {
	merge, err := o.read()
	if err != nil {
		return Subset{}, fmt.Errorf("write subset: %w", err)
	}
	var sub Subset
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 128<<10)
	characters := int64(0)
	var limits outputLimits
	p := lenientParser()
	var q request
	err = j.eachRow(ctx, func(i int, l line, at place) error {
		if !pick(at.class, int(at.code)) {
			return nil
		}
		if _, err := j.sourceRow(i, l); err != nil {
			return err
		}
		text, err := merge.apply(l.bytes)
		if err != nil {
			return err
		}
		p.reset(text)
		if err := q.read(&p); err != nil {
			return err
		}
		characters += int64(q.characters)
		limits.add(&q)
		sub.Rows++
		sub.Bytes += int64(len(text)) + 1
		out.Write(text) // bufio keeps the first error for Flush
		return out.WriteByte('\n')
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return Subset{}, fmt.Errorf("write subset: %w", err)
	}
	sub.SHA256 = hex.EncodeToString(sum.Sum(nil))
	sub.Tokens, sub.OutputLimit, sub.Unlimited = tokens(characters), limits.tokens, limits.without
	return sub, nil
}

// SourceLines maps lines of a subset, counted from 1, to the lines of the
// source that they were made of, given the pick that made it. A line that the
// subset does not have is 0. A refusal of the subset names such lines, see
// [ParseRefusal].
func (j *Joiner) SourceLines(ctx context.Context, pick func(c Class, code int) bool, lines ...int) ([]int, error) {
	found := make([]int, len(lines))
	asked := make(map[int][]int, len(lines)) // places in lines
	for k, n := range lines {
		asked[n] = append(asked[n], k)
	}
	row := 0
	err := j.eachRow(ctx, func(_ int, l line, at place) error {
		if !pick(at.class, int(at.code)) {
			return nil
		}
		row++
		for _, k := range asked[row] {
			found[k] = l.number
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("map lines of a subset: %w", err)
	}
	return found, nil
}
