package results

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
	"strings"
	"sync"
	"time"

	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/durable"
)

// ErrExists tells that something is at a result's place that the caller did
// not name as its own: a file, a folder or a symbolic link.
var ErrExists = errors.New("something else is there already; move it away")

// Info is what one stat tells of a file.
type Info struct {
	Size    int64
	ModTime time.Time
}

func (i Info) same(j Info) bool { return i.Size == j.Size && i.ModTime.Equal(j.ModTime) }

// Written is a file that was written by Publish.
type Written struct {
	Info
	SHA256 string // lower-case hex
}

// Dir is one output folder. It may be used by several goroutines.
type Dir struct {
	path string
	sys  system
	// bucket is set for a folder in a bucket: then path is where temporary files
	// are, on this machine.
	bucket *inBucket
	// inMemory is how much of a spool is kept in memory, in bytes.
	inMemory int

	mu     sync.Mutex
	root   *os.Root // nil as long as the folder is not there
	folder *os.File // the same, for looking at many files; may be nil
}

// Open names a folder. It need not be there: the first write makes it, and its
// parents.
func Open(dir string) (*Dir, error) {
	d := &Dir{path: dir, sys: disk{}, inMemory: inMemory}
	if _, err := d.open(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open output folder: %w", err)
	}
	return d, nil
}

// Close ends the use of the folder; spools must be discarded before.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == nil {
		return nil
	}
	err := d.root.Close()
	if d.folder != nil {
		err = errors.Join(err, d.folder.Close())
	}
	d.root, d.folder = nil, nil
	return err
}

// open returns the folder, fs.ErrNotExist when it is not there.
func (d *Dir) open() (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == nil {
		root, err := os.OpenRoot(d.path)
		if err != nil {
			return nil, err
		}
		d.root = root
	}
	return d.root, nil
}

// errMoved tells that what was written is not where the path leads to.
var errMoved = errors.New("the folder was renamed, or another put in its place, while it was written to")

// moved reports whether the path leads to another folder than the open one by now,
// or to none.
func (d *Dir) moved(root *os.Root) bool {
	here, err := root.Stat(".")
	if err != nil {
		return false // who uses it finds out
	}
	there, err := os.Stat(d.path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(here, there)
}

// leave opens the folder anew the next time.
func (d *Dir) leave(root *os.Root) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == root {
		d.root, d.folder = nil, nil // not closed: others may be using it
	}
}

// inFolder calls do with the folder, which it makes where it must. A folder
// that was moved or removed while it was open is made again, and do called again.
func (d *Dir) inFolder(do func(root *os.Root) error) error {
	for first := true; ; first = false {
		root, err := d.open()
		if errors.Is(err, fs.ErrNotExist) {
			if err := durable.MkdirAll(d.path, 0o700); err != nil {
				return err
			}
			root, err = d.open()
		}
		if err != nil {
			return err
		}
		if !first || !d.moved(root) {
			if err := do(root); !first || !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		d.leave(root)
	}
}

// temp makes a temporary file.
func (d *Dir) temp() (root *os.Root, f tempFile, name string, err error) {
	err = d.inFolder(func(r *os.Root) error {
		root = r
		f, name, err = d.sys.create(r)
		return err
	})
	return root, f, name, err
}

// Stat tells whether a result is there, by one stat; nothing is read. Where
// something is there that is no plain file, the error is ErrExists.
func (d *Dir) Stat(name string) (Info, bool, error) {
	if err := CheckName(name); err != nil {
		return Info{}, false, err
	}
	return d.stat(name)
}

func (d *Dir) stat(name string) (Info, bool, error) {
	info, there, err := d.look(name)
	if err != nil {
		return Info{}, false, d.fail("look for", name, err)
	}
	return info, there, nil
}

func (d *Dir) look(name string) (Info, bool, error) {
	if d.bucket != nil {
		return d.bucket.look(name)
	}
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, false, nil
	}
	if err != nil {
		return Info{}, false, err
	}
	if facts, ok := d.plain(name); ok {
		return Info{facts.Size, time.Unix(0, facts.ModTime)}, true, nil
	}
	info, err := root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Info{}, false, nil
	case err != nil:
		return Info{}, false, err
	case !info.Mode().IsRegular():
		return Info{}, false, fmt.Errorf("%s, not a file: %w", kind(info.Mode()), ErrExists)
	}
	return Info{info.Size(), info.ModTime()}, true, nil
}

// plain looks at a plain file that stands in the folder itself.
func (d *Dir) plain(name string) (durable.Facts, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.root == nil || strings.ContainsAny(name, `/\`) {
		return durable.Facts{}, false
	}
	if d.folder == nil {
		folder, err := d.root.Open(".")
		if err != nil {
			return durable.Facts{}, false
		}
		d.folder = folder
	}
	return durable.Plain(d.folder, name)
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	}
	return "a device or pipe"
}

// fail names the file and its place.
func (d *Dir) fail(verb, name string, err error) error {
	if d.bucket != nil {
		at := d.bucket.at.Join(name)
		if e, ok := errors.AsType[*blob.Error](err); ok && e.Location == at {
			return err // which names it
		}
		return fmt.Errorf("%s %s: %w", verb, at, err)
	}
	return fmt.Errorf("%s %s: %w", verb, filepath.Join(d.path, name), err)
}

// Hash reads a result and returns its sha256 in lower-case hex and its size in
// bytes; fs.ErrNotExist when it is not there.
func (d *Dir) Hash(ctx context.Context, name string) (sha256hex string, size int64, err error) {
	if err := CheckName(name); err != nil {
		return "", 0, err
	}
	return d.hash(ctx, name)
}

func (d *Dir) hash(ctx context.Context, name string) (string, int64, error) {
	f, err := d.openFile(name)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, reader{ctx, f}, make([]byte, 256<<10))
	if err != nil {
		return "", 0, d.fail("read", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// File is a file opened for reading.
type File struct {
	*io.SectionReader // as long as the file was when it was opened
	close             func() error
}

// Close ends the reading.
func (f *File) Close() error { return f.close() }

// Open opens a result for reading; fs.ErrNotExist when it is not there.
func (d *Dir) Open(name string) (*File, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return d.openFile(name)
}

func (d *Dir) openFile(name string) (*File, error) {
	f, err := d.tryOpen(name)
	if err != nil {
		return nil, d.fail("read", name, err)
	}
	return f, nil
}

func (d *Dir) tryOpen(name string) (*File, error) {
	if d.bucket != nil {
		return d.fetch(name)
	}
	// Looked at first, since opening a pipe would wait for a writer.
	if _, there, err := d.look(name); err != nil {
		return nil, err
	} else if !there {
		return nil, fs.ErrNotExist
	}
	root, err := d.open()
	if err != nil {
		return nil, err
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{io.NewSectionReader(f, 0, info.Size()), f.Close}, nil
}
