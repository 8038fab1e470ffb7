package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/state/durable"
)

// Names of files in the folder of a bucket that are no objects.
const (
	ownPrefix  = ".qaplan-"
	folderLock = ownPrefix + "lock" // held while an object is compared and replaced
)

// folder is a bucket that is a folder, such as one on a network disk. Between
// processes, what gocloud.dev's fileblob does is not enough: it looks and
// renames under a lock of its own process alone, and syncs nothing.
type folder struct{ dir string }

// OpenFolder opens the bucket of a file:// location. The folder must be there.
func OpenFolder(at Location) (*Bucket, error) {
	return New(at, Folder(at)), nil
}

// Folder is the driver of [OpenFolder].
func Folder(at Location) Driver { return folder{at.Bucket} }

func (folder) Close() error { return nil }

// path is the file of an object. Keys come from the config and from names that
// were checked; this is the fence behind them.
func (f folder) path(key string) (string, error) {
	native := filepath.FromSlash(key)
	if !filepath.IsLocal(native) || strings.HasPrefix(filepath.Base(native), ownPrefix) {
		return "", fmt.Errorf("%q is no name of an object here", key)
	}
	return filepath.Join(f.dir, native), nil
}

func (f folder) Get(_ context.Context, key string) (io.ReadCloser, Version, error) {
	name, err := f.path(key)
	if err != nil {
		return nil, "", err
	}
	file, err := durable.Open(name)
	if err != nil {
		return nil, "", f.classify(err)
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil, "", errors.Join(err, fmt.Errorf("%s is no file", name))
	}
	// The open file stays the content that it was: files are replaced, never
	// written to.
	v, err := versionOf(file)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		file.Close()
		return nil, "", err
	}
	return file, v, nil
}

func versionOf(r io.Reader) (Version, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return Version(hex.EncodeToString(h.Sum(nil))), nil
}

func (f folder) Put(ctx context.Context, key string, content io.ReadSeeker, _ int64, c Condition) (Version, error) {
	name, err := f.path(key)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(f.dir); err != nil {
		return "", f.classify(err)
	}
	if err := durable.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return "", f.classify(err)
	}
	lock, err := f.lock(ctx)
	if err != nil {
		return "", err
	}
	defer lock.Release()
	switch there, err := f.version(ctx, key); {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	case c.absent && err == nil, c.match != "" && there != c.match:
		return "", ErrConflict
	}
	h := sha256.New()
	err = durable.WriteFile(name, 0o600, func(w io.Writer) error {
		_, err := io.Copy(io.MultiWriter(w, h), content)
		return err
	})
	if err != nil {
		return "", f.classify(err)
	}
	return Version(hex.EncodeToString(h.Sum(nil))), nil
}

func (f folder) version(ctx context.Context, key string) (Version, error) {
	r, v, err := f.Get(ctx, key)
	if err == nil {
		r.Close()
	}
	return v, err
}

// lock keeps other writers of the folder out for a moment, those on other
// machines too where the disk passes locks on.
func (f folder) lock(ctx context.Context) (*durable.Lock, error) {
	for {
		lock, err := durable.TryLock(filepath.Join(f.dir, folderLock))
		if !errors.Is(err, durable.ErrLocked) {
			if err != nil {
				err = f.classify(err)
			}
			return lock, err
		}
		timer := time.NewTimer(2 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, temporary(err)
		}
	}
}

func (f folder) List(_ context.Context, prefix string, yield func(Object) error) error {
	if _, err := os.Stat(f.dir); err != nil {
		return f.classify(err)
	}
	dir, base := filepath.Split(filepath.FromSlash(prefix))
	root := filepath.Join(f.dir, dir)
	var list []Object
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone in the meantime
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || rel == "." {
			return err
		}
		switch {
		case !strings.HasPrefix(rel, base):
			if e.IsDir() && !strings.HasPrefix(base, rel+string(filepath.Separator)) {
				return filepath.SkipDir
			}
			return nil
		case !e.Type().IsRegular(), isOwn(e.Name()):
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		list = append(list, Object{Key: filepath.ToSlash(filepath.Join(dir, rel)), Size: info.Size(), ModTime: info.ModTime()})
		return nil
	})
	if err != nil {
		return f.classify(err)
	}
	slices.SortFunc(list, func(x, y Object) int { return strings.Compare(x.Key, y.Key) })
	for _, o := range list {
		if err := yield(o); err != nil {
			return err
		}
	}
	return nil
}

// stillFor is how long a file that is being written is never left alone: a guard where
// a disk does not pass locks on.
const stillFor = time.Minute

// sweep removes what killed writers left in the folder prefix, unless another writer
// has the folder right now.
func (f folder) sweep(prefix string) error {
	dir := f.dir
	if prefix != "" {
		var err error
		if dir, err = f.path(prefix); err != nil {
			return err
		}
	}
	lock, err := durable.TryLock(filepath.Join(f.dir, folderLock))
	switch {
	case errors.Is(err, durable.ErrLocked):
		return nil
	case err != nil:
		return f.classify(err)
	}
	defer lock.Release()
	if err := durable.RemoveOldTemps(dir, stillFor); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return f.classify(err)
	}
	return nil
}

// isOwn tells files that are no objects: the lock, and what is being written.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, ".") && strings.Contains(name, ".tmp-")
}

func (f folder) Delete(_ context.Context, key string) error {
	name, err := f.path(key)
	if err != nil {
		return err
	}
	if err := (durable.OS{}).Remove(name); err != nil {
		return f.classify(err)
	}
	return durable.SyncDir(filepath.Dir(name))
}

func (f folder) classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, statErr := os.Stat(f.dir); errors.Is(statErr, fs.ErrNotExist) {
			return &Error{Kind: KindNoBucket, Err: statErr}
		}
		return fs.ErrNotExist
	case errors.Is(err, fs.ErrPermission):
		return &Error{Kind: KindDenied, Err: err}
	}
	return err
}
