package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/provider/finish"
)

// Version names one content of an object. What it looks like is the driver's
// affair; the versions of two contents that differ, differ.
type Version string

// Object is what a listing tells of an object.
type Object struct {
	Key     string
	Size    int64
	ModTime time.Time // by the server's clock
}

// Condition says when a write may take place.
type Condition struct {
	absent bool
	match  Version
}

// Always lets a write replace whatever is there.
func Always() Condition { return Condition{} }

// IfAbsent lets a write make an object, and not replace one.
func IfAbsent() Condition { return Condition{absent: true} }

// IfMatch lets a write replace one version of an object alone. The zero Version
// is that of an object that is not there.
func IfMatch(v Version) Condition { return Condition{absent: v == "", match: v} }

// Absent reports whether the condition is that there is no object.
func (c Condition) Absent() bool { return c.absent }

// Match is the version that may be replaced, "" for any.
func (c Condition) Match() Version { return c.match }

// Driver is a kind of store. Its methods may be called from many goroutines.
// Nothing is tried again below it. Errors are [fs.ErrNotExist] for an object,
// [ErrConflict], or *Error without Op and Location.
type Driver interface {
	// Get opens an object for reading.
	Get(ctx context.Context, key string) (io.ReadCloser, Version, error)
	// Put writes an object in one step: it is there whole or not at all.
	Put(ctx context.Context, key string, content io.ReadSeeker, size int64, c Condition) (Version, error)
	// List calls yield for the objects whose keys begin with prefix, in the order
	// of their keys.
	List(ctx context.Context, prefix string, yield func(Object) error) error
	// Delete removes an object; it may fail with fs.ErrNotExist or not where
	// there is none.
	Delete(ctx context.Context, key string) error
	Close() error
}

// Bucket is a store of objects with conditional writes. What fails in passing is
// tried again as long as the context lets it; a call that has no deadline gets
// one of minutes, and of more where the object is large.
type Bucket struct {
	at     Location
	driver Driver
}

// New makes a bucket of a driver for the bucket of a location.
func New(at Location, d Driver) *Bucket { return &Bucket{at: at, driver: d} }

// Close ends the use of the bucket.
func (b *Bucket) Close() error { return b.driver.Close() }

const (
	patience = 2 * time.Minute
	// largePatience is for reading an object that may be large.
	largePatience = time.Hour
	// oneTry bounds a single call; a large object gets a second more for each
	// slowBytes.
	oneTry    = 20 * time.Second
	slowBytes = 256 << 10
)

// Read gives a whole object. The error is [fs.ErrNotExist] where there is none.
func (b *Bucket) Read(ctx context.Context, key string) (data []byte, v Version, err error) {
	err = b.again(ctx, patience, "read", key, func(ctx context.Context) error {
		r, version, err := b.driver.Get(ctx, key)
		if err != nil {
			return err
		}
		data, err = io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			return temporary(err)
		}
		v = version
		return nil
	})
	return data, v, err
}

// Copy writes an object to w, which can be rewound for another try, and gives its
// version. The error is [fs.ErrNotExist] where there is none.
func (b *Bucket) Copy(ctx context.Context, key string, w io.WriterAt) (size int64, v Version, err error) {
	err = b.again(ctx, largePatience, "read", key, func(ctx context.Context) error {
		r, version, err := b.driver.Get(ctx, key)
		if err != nil {
			return err
		}
		defer r.Close()
		out := &failNote{w: io.NewOffsetWriter(w, 0)}
		size, err = io.CopyBuffer(out, struct{ io.Reader }{r}, make([]byte, 256<<10))
		switch {
		case out.err != nil:
			return out.err // of this side, which another try does not mend
		case err != nil:
			return temporary(err)
		}
		v = version
		return nil
	})
	return size, v, err
}

type failNote struct {
	w   io.Writer
	err error
}

func (f *failNote) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}

// Write writes a small object under a condition. When the condition does not
// hold because a former try of this very call was carried out, it has been
// written; else the error is [ErrConflict]. So what is written under a condition
// must be told apart from what anybody else may write.
func (b *Bucket) Write(ctx context.Context, key string, data []byte, c Condition) (Version, error) {
	v, err := b.put(ctx, key, bytes.NewReader(data), int64(len(data)), c)
	if !errors.Is(err, ErrConflict) {
		return v, err
	}
	there, v, readErr := b.Read(ctx, key)
	switch {
	case readErr == nil && bytes.Equal(there, data):
		return v, nil
	case readErr != nil && !passes(readErr):
		return "", readErr
	}
	return "", err
}

// Upload writes an object of any size. Unlike Write it does not look whether a
// conflict was with itself.
func (b *Bucket) Upload(ctx context.Context, key string, content io.ReaderAt, size int64, c Condition) (Version, error) {
	return b.put(ctx, key, content, size, c)
}

func (b *Bucket) put(ctx context.Context, key string, content io.ReaderAt, size int64, c Condition) (v Version, err error) {
	try := oneTry + time.Duration(size/slowBytes)*time.Second
	err = b.again(ctx, max(patience, 3*try), "write", key, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, try)
		defer cancel()
		v, err = b.driver.Put(ctx, key, io.NewSectionReader(content, 0, size), size, c)
		return err
	})
	return v, err
}

// List gives the objects whose keys begin with prefix, in the order of their
// keys.
func (b *Bucket) List(ctx context.Context, prefix string) (list []Object, err error) {
	err = b.again(ctx, patience, OpList, prefix, func(ctx context.Context) error {
		list = list[:0]
		return b.driver.List(ctx, prefix, func(o Object) error {
			list = append(list, o)
			return nil
		})
	})
	slices.SortFunc(list, func(x, y Object) int { return strings.Compare(x.Key, y.Key) })
	return list, err
}

// Stat tells whether an object is there.
func (b *Bucket) Stat(ctx context.Context, key string) (Object, bool, error) {
	list, err := b.List(ctx, key)
	if err != nil {
		return Object{}, false, err
	}
	for _, o := range list {
		if o.Key == key {
			return o, true, nil
		}
	}
	return Object{}, false, nil
}

// Remove removes an object. It does nothing where there is none.
func (b *Bucket) Remove(ctx context.Context, key string) error {
	err := b.again(ctx, patience, "remove", key, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, oneTry)
		defer cancel()
		return b.driver.Delete(ctx, key)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sweep removes what killed writers left in the folder prefix, where a bucket keeps
// such things: a folder does.
func (b *Bucket) Sweep(ctx context.Context, prefix string) error {
	f, ok := b.driver.(folder)
	if !ok {
		return nil
	}
	return b.again(ctx, patience, "remove temporary files", prefix, func(context.Context) error { return f.sweep(prefix) })
}

// Fail makes an error of this package that names a place in the bucket.
func (b *Bucket) Fail(op, key string, kind Kind, err error) error {
	return &Error{Op: op, Location: b.at.within(key), Kind: kind, Err: err}
}

// again calls do until it succeeds or fails for good. The pauses grow and are
// spread, so that many who were refused do not come back together.
func (b *Bucket) again(ctx context.Context, limit time.Duration, op, key string, do func(context.Context) error) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	const longest = 10 * time.Second
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, longest) {
		err := do(ctx)
		if err == nil {
			return nil
		}
		if passes(err) {
			return fmt.Errorf("%s %s: %w", op, b.at.within(key), err)
		}
		e, ok := errors.AsType[*Error](err)
		if !ok {
			e = &Error{Kind: KindOther, Err: err}
		}
		failed := b.Fail(op, key, e.Kind, e.Err)
		if e.Kind != KindTemporary {
			return failed
		}
		if cause := finish.Pause(ctx, pause/2+rand.N(pause)); cause != nil {
			return b.Fail(op, key, e.Kind, fmt.Errorf("%w; %w", e.Err, cause))
		}
	}
}

// within is the location of a key of the same bucket.
func (l Location) within(key string) Location {
	l.Key = key
	return l
}

func temporary(err error) error { return &Error{Kind: KindTemporary, Err: err} }
