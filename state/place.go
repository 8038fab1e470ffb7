package state

import (
	"context"

	"github.com/qaplan/qaplan/planner"
)

// Place is where a state is kept: in a file with its neighbours, or in a bucket.
type Place interface {
	// String names it in messages: a path, or the address of an object.
	String() string
	// Shared tells that other machines reach it too.
	Shared() bool
	// Open takes the lock and reads the state; see [Open].
	Open(ctx context.Context, id Identity, holder Holder) (*Store, error)
	// Pull reads the state without the lock; see [Pull].
	Pull(ctx context.Context, id Identity) (*Snapshot, error)
	// Scan hands out the records without keeping them; see [Scan].
	Scan(ctx context.Context, id Identity, visit func(planner.Address, *planner.Record) bool) (*State, bool)
	// Inspect finds out who holds the lock; see [Inspect].
	Inspect(ctx context.Context) (*LockStatus, error)
	// ForceUnlock takes the lock from a hold; see [ForceUnlock].
	ForceUnlock(ctx context.Context, id string, by Holder) error
}

// InFile is the place of the state whose snapshot is the file at path.
func InFile(path string) Place { return inFile(path) }

type inFile string

func (f inFile) String() string { return string(f) }

func (inFile) Shared() bool { return false }

func (f inFile) Open(_ context.Context, id Identity, holder Holder) (*Store, error) {
	return Open(string(f), id, holder)
}

func (f inFile) Pull(_ context.Context, id Identity) (*Snapshot, error) { return Pull(string(f), id) }

func (f inFile) Scan(_ context.Context, id Identity, visit func(planner.Address, *planner.Record) bool) (*State, bool) {
	return Scan(string(f), id, visit)
}

func (f inFile) Inspect(context.Context) (*LockStatus, error) { return Inspect(string(f)) }

func (f inFile) ForceUnlock(_ context.Context, id string, by Holder) error {
	return ForceUnlock(string(f), id, by)
}
