package state

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/durable"
)

// Scan calls visit for each record of a state, in the order of addresses, and
// gives the rest of the state, without its records. A record is visit's until it
// returns: the next one takes its memory. What visit made of them is worth
// nothing unless Scan reports true: the sum of the whole is known at its end.
//
// It reports false where visit did, and wherever the state is not read like that:
// a run is at work or was killed, so that the journal holds something, nothing was
// written yet, or it is damaged or another service's. [Read] takes, or tells, all
// of that.
func Scan(path string, id Identity, visit func(planner.Address, *planner.Record) bool) (*State, bool) {
	at, err := pathsOf(path)
	if err != nil {
		return nil, false
	}
	// The journal first, for the reason that load gives.
	switch info, err := os.Stat(at.journal); {
	case err == nil && info.Size() > 0, err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, false
	}
	f, err := durable.Open(at.snapshot)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	return scan(at.snapshot, f, id, visit)
}

// errEnough ends the reading of a snapshot.
var errEnough = errors.New("enough")

func scan(name string, r io.Reader, id Identity, visit func(planner.Address, *planner.Record) bool) (*State, bool) {
	p := snapshotReader{
		record: recordReader{reuse: true},
		visit: func(a planner.Address, rec *planner.Record) error {
			if !visit(a, rec) {
				return errEnough
			}
			return nil
		},
	}
	s, err := p.from(name, r)
	if err != nil || !s.Provider.fits(id) {
		return nil, false
	}
	return &s.State, true
}

func (b *inBucket) Scan(ctx context.Context, id Identity, visit func(planner.Address, *planner.Record) bool) (*State, bool) {
	parts, err := b.loadParts(ctx)
	if err != nil {
		return nil, false
	}
	if len(parts) > 0 {
		b.leave(&fetched{parts: parts})
		return nil, false
	}
	text, version, err := b.objects.Read(ctx, b.at.Key)
	if err != nil {
		return nil, false
	}
	st, ok := scan(b.String(), bytes.NewReader(text), id, visit)
	if !ok {
		b.leave(&fetched{text: text, version: version})
	}
	return st, ok
}

// fetched is what was read of a state in a bucket: the journal, and the snapshot
// where there is none.
type fetched struct {
	parts   []part
	text    []byte // of the snapshot, nil when it was not read
	version blob.Version
}

// leave keeps what Scan fetched for the Pull that follows.
func (b *inBucket) leave(f *fetched) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = f
}

// leftover gives what Scan left, once.
func (b *inBucket) leftover() *fetched {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.left
	b.left = nil
	return f
}
