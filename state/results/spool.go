package results

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
)

// Spool is a temporary file for one download. Its file, and the folder, are
// made with the first byte. It may be used by several goroutines.
type Spool struct {
	dir  *Dir
	name string // of the result that it is for

	mu   sync.Mutex
	root *os.Root
	file tempFile // nil before the first byte
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
	if err := s.ready(len(p) > 0); err != nil || len(p) == 0 {
		return 0, err
	}
	n, err := s.file.WriteAt(p, off)
	if n > 0 {
		s.size = max(s.size, off+int64(n))
	}
	if err != nil {
		err = s.dir.fail("download for", s.name, err)
	}
	return n, err
}

// ready makes the file where it must.
func (s *Spool) ready(needed bool) error {
	if s.gone {
		return s.dir.fail("download for", s.name, os.ErrClosed)
	}
	if s.file != nil || !needed {
		return nil
	}
	root, f, temp, err := s.dir.temp()
	if err != nil {
		return s.dir.fail("download for", s.name, err)
	}
	s.root, s.file, s.temp = root, f, temp
	return nil
}

// ReadAt reads what was written; io.EOF at its end.
func (s *Spool) ReadAt(p []byte, off int64) (int, error) {
	s.mu.Lock()
	file, err := s.file, s.ready(false)
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if file == nil {
		return 0, io.EOF
	}
	return file.ReadAt(p, off)
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
	if err := s.ready(false); err != nil {
		return err
	}
	if size < 0 || size > s.size {
		return s.dir.fail("download for", s.name, fmt.Errorf("cannot cut %d bytes to %d", s.size, size))
	}
	if s.file == nil {
		return nil
	}
	if err := s.file.Truncate(size); err != nil {
		return s.dir.fail("download for", s.name, err)
	}
	s.size = size
	return nil
}

// Discard removes the file. Nothing can be done with the spool afterwards;
// discarding again does nothing.
func (s *Spool) Discard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
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
