package main

import (
	"context"
	"path/filepath"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/blob/cloud"
	"github.com/qaplan/qaplan/state/results"
)

// place is where the config keeps its state.
func (a *app) place(ctx context.Context, cfg *config.Config) (state.Place, error) {
	if !cfg.Backend.InBucket() {
		return state.InFile(cfg.Backend.Path), nil
	}
	b, err := a.bucket(ctx, cfg.Backend.Bucket)
	if err != nil {
		return nil, err
	}
	return state.InBucket(b, cfg.Backend.Bucket, cfg.Backend.Lease), nil
}

// read gives the state without its lock.
func (a *app) read(ctx context.Context, cfg *config.Config, id state.Identity) (*state.State, error) {
	at, err := a.place(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s, err := at.Pull(ctx, id)
	if err != nil {
		return nil, err
	}
	return &s.State, nil
}

// outputDir opens an output folder, in a bucket or not.
func (a *app) outputDir(cfg *config.Config) func(context.Context, string) (*results.Dir, error) {
	return func(ctx context.Context, path string) (*results.Dir, error) {
		if !blob.IsURL(path) {
			return results.Open(path)
		}
		at, err := blob.ParseFolder(path)
		if err != nil {
			return nil, err
		}
		b, err := a.bucket(ctx, at)
		if err != nil {
			return nil, err
		}
		return results.OpenBucket(b, at, filepath.Join(cfg.Dir, ".qaplan", "transit")), nil
	}
}

// bucket opens each bucket once.
func (a *app) bucket(ctx context.Context, at blob.Location) (*blob.Bucket, error) {
	at.Key = ""
	a.bucketsMu.Lock()
	defer a.bucketsMu.Unlock()
	if b := a.buckets[at]; b != nil {
		return b, nil
	}
	b, err := cloud.Open(ctx, at)
	if err != nil {
		return nil, err
	}
	if a.buckets == nil {
		a.buckets = map[blob.Location]*blob.Bucket{}
	}
	a.buckets[at] = b
	return b, nil
}

// closeBuckets ends the connections. What they were used for is over.
func (a *app) closeBuckets() {
	for _, b := range a.buckets {
		if err := b.Close(); err != nil {
			a.log().Debug("close a bucket", "error", err)
		}
	}
}
