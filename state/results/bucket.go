package results

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/qaplan/qaplan/state/blob"
)

// Objects is what results in a bucket ask of it.
type Objects interface {
	List(ctx context.Context, prefix string) ([]blob.Object, error)
	// Copy writes a whole object, and gives its version.
	Copy(ctx context.Context, key string, w io.WriterAt) (size int64, v blob.Version, err error)
	Upload(ctx context.Context, key string, content io.ReaderAt, size int64, c blob.Condition) (blob.Version, error)
	Remove(ctx context.Context, key string) error
	// Sweep removes what killed writers left in the folder prefix.
	Sweep(ctx context.Context, prefix string) error
}

// OpenBucket names a folder in a bucket: the objects below the key of at. What
// is on its way to the bucket, or comes from it to be read, lies in the folder
// temp on this machine, which is made where it must.
func OpenBucket(o Objects, at blob.Location, temp string) *Dir {
	return &Dir{path: temp, sys: disk{}, inMemory: inMemory, bucket: &inBucket{objects: o, at: at}}
}

// inBucket is the part of a [Dir] that differs in a bucket. There an object
// takes its place in one step, so that nothing has to be renamed or synced.
type inBucket struct {
	objects Objects
	at      blob.Location

	mu     sync.Mutex
	listed map[string]Info // by key
	asked  time.Time
}

// fresh is how long a listing counts: one serves the stats of a whole round, of
// however many batches.
const fresh = 20 * time.Second

func (b *inBucket) key(name string) string { return path.Join(b.at.Key, name) }

// look has no context: it is asked in places where a stat costs nothing.
func (b *inBucket) look(name string) (Info, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listed == nil || time.Since(b.asked) > fresh {
		prefix := b.at.Key
		if prefix != "" {
			prefix += "/"
		}
		list, err := b.objects.List(context.Background(), prefix)
		if err != nil {
			return Info{}, false, err
		}
		b.listed, b.asked = make(map[string]Info, len(list)), time.Now()
		for _, o := range list {
			b.listed[o.Key] = infoOf(o)
		}
	}
	info, ok := b.listed[b.key(name)]
	return info, ok, nil
}

func infoOf(o blob.Object) Info { return Info{Size: o.Size, ModTime: o.ModTime} }

// stat asks for one object, past the listing, which it mends.
func (b *inBucket) stat(ctx context.Context, name string) (Info, bool, error) {
	key := b.key(name)
	list, err := b.objects.List(ctx, key)
	if err != nil {
		return Info{}, false, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range list {
		if o.Key == key {
			if b.listed != nil {
				b.listed[key] = infoOf(o)
			}
			return infoOf(o), true, nil
		}
	}
	delete(b.listed, key)
	return Info{}, false, nil
}

// put gives an object its name, unless something is there that the options do
// not allow to replace.
func (b *inBucket) put(ctx context.Context, name string, f io.ReaderAt, size int64, sum string, o PublishOptions) (Info, error) {
	info, there, err := b.stat(ctx, name)
	if err != nil {
		return Info{}, err
	}
	c := blob.IfAbsent()
	switch {
	case there && !o.Replace && (o.Old == nil || !info.same(*o.Old)):
		return Info{}, ErrExists
	case o.Replace:
		c = blob.Always()
	case there:
		h := hasher{sha256.New()}
		_, v, err := b.objects.Copy(ctx, b.key(name), h)
		if err != nil {
			return Info{}, err
		}
		// It is the version of what was there, or of something newer.
		if now, still, err := b.stat(ctx, name); err != nil || !still || !now.same(info) {
			return Info{}, errors.Join(err, ErrExists)
		}
		c = blob.IfMatch(v)
	}
	_, err = b.objects.Upload(ctx, b.key(name), f, size, c)
	if errors.Is(err, blob.ErrConflict) {
		// With a former try of this very upload, or with somebody else.
		h := hasher{sha256.New()}
		if _, _, copyErr := b.objects.Copy(ctx, b.key(name), h); copyErr != nil || hex.EncodeToString(h.sum.Sum(nil)) != sum {
			return Info{}, errors.Join(ErrExists, copyErr)
		}
		err = nil
	}
	if err != nil {
		return Info{}, err
	}
	info, there, err = b.stat(ctx, name)
	if err == nil && (!there || info.Size != size) {
		err = errors.New("the object is not what was written: somebody else is writing here")
	}
	return info, err
}

// hasher sums what is written from the beginning on, anew at each beginning.
type hasher struct{ sum hash.Hash }

func (h hasher) WriteAt(p []byte, off int64) (int, error) {
	if off == 0 {
		h.sum.Reset()
	}
	return h.sum.Write(p)
}

func (b *inBucket) remove(name string) error {
	if err := b.objects.Remove(context.Background(), b.key(name)); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listed, b.key(name))
	return nil
}

// fetch copies an object into a temporary file for reading: answers are read at
// many places, and more than once.
func (d *Dir) fetch(name string) (*File, error) {
	root, f, temp, err := d.temp()
	if err != nil {
		return nil, err
	}
	size, _, err := d.bucket.objects.Copy(context.Background(), d.bucket.key(name), f)
	if err != nil {
		err = errors.Join(f.Close(), root.Remove(temp), err)
		if errors.Is(err, fs.ErrNotExist) {
			err = fs.ErrNotExist
		}
		return nil, err
	}
	return &File{io.NewSectionReader(f, 0, size), func() error {
		return errors.Join(root.Remove(temp), f.Close())
	}}, nil
}
