package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/results"
)

// openDir opens an output folder; see Options.OpenDir.
type openDir func(ctx context.Context, path string) (*results.Dir, error)

// Recognised are results that have another time than was recorded, and were read
// and found to be the recorded ones: they are read once, by all who share it. The
// zero one is empty.
type Recognised struct {
	mu    sync.Mutex
	known map[recognised]struct{}
}

type recognised struct {
	dir, name string
	modTime   int64
	sha256    string
}

func (r *Recognised) has(x recognised) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.known[x]
	return ok
}

func (r *Recognised) add(x recognised) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[recognised]struct{}{}
	}
	r.known[x] = struct{}{}
}

// folders are the output folders, each opened once.
type folders struct {
	opens openDir // nil for folders on this machine
	known *Recognised

	mu   sync.Mutex
	dirs map[string]*results.Dir
}

func (f *folders) open(path string) (*results.Dir, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.dirs[path]; d != nil {
		return d, nil
	}
	open := f.opens
	if open == nil {
		open = func(_ context.Context, path string) (*results.Dir, error) { return results.Open(path) }
	}
	d, err := open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if f.dirs == nil {
		f.dirs = map[string]*results.Dir{}
	}
	f.dirs[path] = d
	return d, nil
}

// opened lists those that were opened.
func (f *folders) opened() []*results.Dir {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.dirs))
}

func (f *folders) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for path, d := range f.dirs {
		if err := d.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close output folder %s: %w", path, err))
		}
	}
	clear(f.dirs)
	return errors.Join(errs...)
}

// found is what one look at a result path told.
type found struct {
	info  results.Info
	there bool
	err   error
}

func (f *folders) look(path Path) (x found) {
	dir, err := f.open(path.OutputDir)
	if err != nil {
		return found{err: err}
	}
	x.info, x.there, x.err = dir.Stat(path.OutputName)
	return x
}

// seen says what stands at the result path of a batch with that record, nil for
// none.
func (f *folders) seen(ctx context.Context, path Path, rec *planner.Record) (planner.ResultSeen, error) {
	return f.tell(ctx, path, rec, f.look(path))
}

// tell says what it is that was found there.
func (f *folders) tell(ctx context.Context, path Path, rec *planner.Record, x found) (planner.ResultSeen, error) {
	info := &x.info
	switch {
	case errors.Is(x.err, results.ErrExists):
		return planner.ResultForeign, nil // a folder or a link, which nothing here made
	case x.err != nil:
		return "", x.err
	case !x.there:
		return planner.ResultNone, nil
	case rec == nil || rec.Result == nil:
		return planner.ResultForeign, nil
	case info.Size != rec.Result.Bytes:
		return planner.ResultChanged, nil
	case info.ModTime.UnixNano() == rec.Result.ModTime:
		return planner.ResultOurs, nil
	}
	this := recognised{path.OutputDir, path.OutputName, info.ModTime.UnixNano(), rec.Result.SHA256}
	if f.known.has(this) {
		return planner.ResultOurs, nil
	}
	dir, err := f.open(path.OutputDir)
	if err != nil {
		return "", err
	}
	sum, _, err := dir.Hash(ctx, path.OutputName)
	if err != nil {
		return "", err
	}
	if sum != rec.Result.SHA256 {
		return planner.ResultChanged, nil
	}
	f.known.add(this)
	return planner.ResultOurs, nil
}
