package batchfile

import (
	"context"
	"errors"
)

// BadRow is a row that is not good.
type BadRow struct {
	Key   string
	Line  int // of the source
	Class Class
	Code  int // google.rpc code where the class is Failed, else 0
	// Reason is one short sentence without its full stop. It holds no text of
	// prompts or answers; of an error it is the service's own message.
	Reason string
}

// Bad calls yield for each row that is not good, in the order of the source. An
// error of yield ends it and is returned.
func (j *Joiner) Bad(ctx context.Context, yield func(BadRow) error) error {
	return errors.New("list bad rows: not there yet")
}
