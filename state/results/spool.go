package results

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// inMemory is how much of a spool is kept in memory, in bytes. Small answers, of
// which there may be many thousands, then cost no file of their own.
const inMemory = 256 << 10

// Spool is a temporary place for one download: memory for the first bytes, and a
// file for all of them as soon as they are more. The file, and the folder, are
// made no earlier. It may be used by several goroutines.
type Spool struct {
	dir  *Dir
	name string // of the result that it is for

	mu   sync.Mutex
	mem  []byte // as long as there is no file
	root *os.Root
	file tempFile
	temp string
	size int64
	gone bool
}

// Spool prepares a temporary file for what will become the named result. It
// must be discarded.
func (d *Dir) Spool(name string) (*Spool, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	return &Spool{dir: d, name: name}, nil
}

// Write appends.
func (s *Spool) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeAt(p, s.size)
}

// WriteAt writes at an offset; what lies between it and the former end becomes
// zero.
func (s *Spool) WriteAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeAt(p, off)
}

func (s *Spool) writeAt(p []byte, off int64) (int, error) {
	if s.gone {
		return 0, s.fail(os.ErrClosed)
	}
	if len(p) == 0 {
		return 0, nil
	}
	end := off + int64(len(p))
	if s.file == nil && end <= int64(s.dir.inMemory) {
		if grow := int(end) - len(s.mem); grow > 0 {
			s.mem = append(s.mem, make([]byte, grow)...)
		}
		copy(s.mem[off:], p)
		s.size = int64(len(s.mem))
		return len(p), nil
	}
	if err := s.toFile(); err != nil {
		return 0, err
	}
	n, err := s.file.WriteAt(p, off)
	if n > 0 {
		s.size = max(s.size, off+int64(n))
	}
	if err != nil {
		err = s.fail(err)
	}
	return n, err
}

// toFile moves what is in memory to a file.
func (s *Spool) toFile() error {
	if s.file != nil {
		return nil
	}
	root, f, temp, err := s.dir.temp()
	if err != nil {
		return s.fail(err)
	}
	if len(s.mem) > 0 {
		if _, err := f.WriteAt(s.mem, 0); err != nil {
			root.Remove(temp)
			f.Close()
			return s.fail(err)
		}
	}
	s.root, s.file, s.temp, s.mem = root, f, temp, nil
	return nil
}

func (s *Spool) fail(err error) error { return s.dir.fail("download for", s.name, err) }

// ReadAt reads what was written; io.EOF at its end.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return 0, s.fail(os.ErrClosed)
	case s.file != nil:
		file := s.file
		s.mu.Unlock()
		defer s.mu.Lock()
		return file.ReadAt(p, off)
	case off < 0:
		return 0, s.fail(fmt.Errorf("cannot read at %d", off))
	case off >= int64(len(s.mem)):
		return 0, io.EOF
	}
	n := copy(p, s.mem[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size is the length in bytes of what was written so far.
func (s *Spool) Size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// Truncate cuts the end off, all of it with 0, for a download that starts
// again; it cannot make the file longer.
func (s *Spool) Truncate(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.gone:
		return s.fail(os.ErrClosed)
	case size < 0 || size > s.size:
		return s.fail(fmt.Errorf("cannot cut %d bytes to %d", s.size, size))
	case s.file == nil:
		s.mem = s.mem[:size]
	default:
		if err := s.file.Truncate(size); err != nil {
			return s.fail(err)
		}
	}
	s.size = size
	return nil
}

// InFile reports whether what was written stands in a file, which can become the
// result as it is. A file that somebody removed, or that lost its name to another
// one, can be read still, and no more.
func (s *Spool) InFile() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file != nil && (s.dir.bucket != nil || names(s.root, s.temp, s.file))
}

// Publish makes the file itself the result that the spool is for, as
// [Dir.Publish] does with a new one: nothing is copied. sha256hex is the hash of
// what it holds, which is not read again; nothing may be written to it any more. ready is
// called when all of it is on the disk; what it returns an error for is not
// published. The spool is discarded by success alone.
func (s *Spool) Publish(ctx context.Context, o PublishOptions, sha256hex string, ready func() error) (Written, error) {
	info, err := s.tryPublish(ctx, o, sha256hex, ready)
	if err != nil {
		return Written{}, s.dir.fail("write", s.name, err)
	}
	return Written{info, sha256hex}, nil
}

func (s *Spool) tryPublish(ctx context.Context, o PublishOptions, sum string, ready func() error) (info Info, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return Info{}, errors.New("what came stands in no file")
	}
	if _, err := s.dir.replaceable(s.name, o); err != nil {
		return Info{}, err // before the work
	}
	if err := s.file.Sync(); err != nil {
		return Info{}, err
	}
	facts, err := s.file.Stat()
	if err != nil {
		return Info{}, err
	}
	if facts.Size() != s.size {
		return Info{}, fmt.Errorf("%d bytes were written and %d are there", s.size, facts.Size())
	}
	if err := errors.Join(ready(), ctx.Err()); err != nil {
		return Info{}, err
	}
	if s.dir.bucket != nil {
		if info, err = s.dir.bucket.put(ctx, s.name, s.file, s.size, sum, o); err != nil {
			return Info{}, err
		}
	} else if info, _, err = s.dir.take(s.root, s.temp, s.name, s.size, o); err != nil {
		return Info{}, err
	}
	s.gone = true
	s.file.Close()        // it is on the disk, and was only read since
	s.root.Remove(s.temp) // what remains is swept
	s.file, s.size = nil, 0
	return info, nil
}

// Discard removes the file. Nothing can be done with the spool afterwards;
// discarding again does nothing.
func (s *Spool) Discard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone, s.mem = true, nil
	if s.file == nil {
		return nil
	}
	err := s.root.Remove(s.temp)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, s.file.Close())
	s.file, s.size = nil, 0
	if err != nil {
		return s.dir.fail("discard the download for", s.name, err)
	}
	return nil
}
