package batchfile

import (
	"context"
	"fmt"
	"io"
)

// Keys calls fn with the key of each line of a source or of answers, in the
// order of the file, doubled ones each time. Lines that are no JSON object with
// one key are counted and passed over; blank lines only passed over. The key is
// valid during the call. An error of fn ends the reading and is returned.
func Keys(ctx context.Context, r io.Reader, fn func(line int, key []byte) error) (malformed int, err error) {
	lines := newLineReader(ctx, r, MaxLine)
	reader := newSourceReader(false)
	for {
		l, err := lines.next()
		if err == io.EOF {
			return malformed, nil
		}
		if err != nil {
			return malformed, fmt.Errorf("read keys: %w", err)
		}
		l.skipMark()
		if l.blank() {
			continue
		}
		q, ok := reader.read(l)
		if !ok {
			malformed++
			continue
		}
		if err := fn(l.number, q.key); err != nil {
			return malformed, err
		}
	}
}
