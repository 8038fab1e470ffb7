package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// part is a piece of a body: a file in the data folder that is never changed
// once a record names it.
type part struct {
	Name string `json:"name"` // base name, in bodies/
	Size int64  `json:"size"`
}

// body is the content of an upload or a file: its parts in order. A chunk that
// comes in becomes a part, so nothing is ever copied together.
type body []part

func (b body) size() (n int64) {
	for _, p := range b {
		n += p.Size
	}
	return n
}

func (f *folder) bodyPath(p part) string { return filepath.Join(f.dir, bodiesDir, p.Name) }

// errCut tells that the sender broke off; what came before it is kept.
var errCut = errors.New("the body was cut")

// storePart streams r into a new part and carries the hash state on. At most
// limit bytes are taken; one more is an error. When r breaks off, the part keeps
// a multiple of granularity and the error wraps errCut.
func (f *folder) storePart(r io.Reader, hashState []byte, limit, granularity int64) (_ part, _ []byte, err error) {
	h, err := resumeHash(hashState)
	if err != nil {
		return part{}, nil, err
	}
	p := part{Name: newName("part-")}
	file, err := os.OpenFile(f.bodyPath(p), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return part{}, nil, fmt.Errorf("store a chunk: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if p.Size == 0 {
			os.Remove(f.bodyPath(p)) //nolint:errcheck // an empty part that nothing names
		}
	}()
	out := &diskWriter{w: io.MultiWriter(file, h)}
	p.Size, err = io.Copy(out, io.LimitReader(r, limit+1))
	switch {
	case out.err != nil:
		p.Size = 0
		return part{}, nil, fmt.Errorf("store a chunk: %w", out.err)
	case err != nil:
		cause := err
		if p.Size, h, err = cutBack(file, p.Size-p.Size%granularity, hashState); err != nil {
			return part{}, nil, err
		}
		err = fmt.Errorf("%w: %w", errCut, cause)
	case p.Size > limit:
		p.Size = 0
		return part{}, nil, errTooLarge
	}
	state, stateErr := h.(encoding.BinaryMarshaler).MarshalBinary()
	return p, state, errors.Join(err, stateErr)
}

var errTooLarge = errors.New("more bytes than a file may have")

// cutBack shortens a part to size bytes and hashes those.
func cutBack(file *os.File, size int64, hashState []byte) (int64, hash.Hash, error) {
	h, err := resumeHash(hashState)
	if err != nil {
		return 0, nil, err
	}
	if err := file.Truncate(size); err != nil {
		return 0, nil, fmt.Errorf("store a chunk: %w", err)
	}
	if _, err := io.Copy(h, io.NewSectionReader(file, 0, size)); err != nil {
		return 0, nil, fmt.Errorf("store a chunk: %w", err)
	}
	return size, h, nil
}

// diskWriter remembers its own error, so that a full disk is told from a sender
// that broke off.
type diskWriter struct {
	w   io.Writer
	err error
}

func (d *diskWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err != nil {
		d.err = err
	}
	return n, err
}

// resumeHash gives a sha256 in the given state; nil is the beginning.
func resumeHash(state []byte) (hash.Hash, error) {
	h := sha256.New()
	if state == nil {
		return h, nil
	}
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil {
		return nil, fmt.Errorf("resume the hash of an upload: %w", err)
	}
	return h, nil
}

func hexDigest(state []byte) (string, error) {
	h, err := resumeHash(state)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// discard removes the parts of a body that no record needs.
func (f *folder) discard(b body) {
	for _, p := range b {
		if p.Size == 0 {
			continue // never kept
		}
		os.Remove(f.bodyPath(p)) //nolint:errcheck // the disk space is all that is lost
	}
}

func newName(prefix string) string {
	b := make([]byte, 12)
	rand.Read(b) //nolint:errcheck // never fails
	return prefix + hex.EncodeToString(b)
}

// reader reads the body from its beginning, one part open at a time.
func (f *folder) reader(b body) io.ReadCloser { return &bodyReader{folder: f, rest: b} }

type bodyReader struct {
	folder *folder
	rest   body
	file   *os.File
}

func (r *bodyReader) Read(p []byte) (int, error) {
	for {
		if r.file == nil {
			if len(r.rest) == 0 {
				return 0, io.EOF
			}
			file, err := os.Open(r.folder.bodyPath(r.rest[0]))
			if err != nil {
				return 0, err
			}
			r.file, r.rest = file, r.rest[1:]
		}
		n, err := r.file.Read(p)
		if err != io.EOF {
			return n, err
		}
		if err := r.Close(); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (r *bodyReader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// readerAt reads a body at any place. It keeps few files open, whatever the
// number of parts.
func (f *folder) readerAt(b body) *bodyReaderAt {
	r := &bodyReaderAt{folder: f, body: b, open: map[int]*os.File{}}
	var at int64
	for _, p := range b {
		r.starts = append(r.starts, at)
		at += p.Size
	}
	return r
}

const maxOpenParts = 32

type bodyReaderAt struct {
	folder *folder
	body   body
	starts []int64
	open   map[int]*os.File
}

func (r *bodyReaderAt) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) {
		i := sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > off }) - 1
		if i < 0 || off >= r.starts[i]+r.body[i].Size {
			return n, io.EOF
		}
		file, err := r.part(i)
		if err != nil {
			return n, err
		}
		within := off - r.starts[i]
		want := min(int64(len(p)-n), r.body[i].Size-within)
		m, err := file.ReadAt(p[n:n+int(want)], within)
		n, off = n+m, off+int64(m)
		if int64(m) < want {
			return n, err
		}
	}
	return n, nil
}

func (r *bodyReaderAt) part(i int) (*os.File, error) {
	if file := r.open[i]; file != nil {
		return file, nil
	}
	if len(r.open) >= maxOpenParts {
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	file, err := os.Open(r.folder.bodyPath(r.body[i]))
	if err == nil {
		r.open[i] = file
	}
	return file, err
}

func (r *bodyReaderAt) Close() error {
	var errs []error
	for i, file := range r.open {
		errs = append(errs, file.Close())
		delete(r.open, i)
	}
	return errors.Join(errs...)
}
