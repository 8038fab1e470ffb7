package results

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/qaplan/qaplan/state/durable"
)

// system is the part of the operating system that fails in ways worth testing:
// full disks, file systems without links, fsync errors.
type system interface {
	create(root *os.Root) (f tempFile, name string, err error)
	link(root *os.Root, from, to string) error
	rename(root *os.Root, from, to string) error
	syncDir(path string) error
}

type tempFile interface {
	io.WriterAt
	io.ReaderAt
	io.WriteCloser
	Truncate(size int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

type disk struct{}

func (disk) link(root *os.Root, from, to string) error { return root.Link(from, to) }

func (disk) rename(root *os.Root, from, to string) error {
	return durable.Patiently(func() error { return root.Rename(from, to) })
}

func (disk) syncDir(path string) error { return durable.SyncDir(path) }

// create makes a temporary file and locks it. Where the file system has no
// locks, it does without: see Sweep.
func (disk) create(root *os.Root) (tempFile, string, error) {
	for range 100 {
		var random [tempDigits / 2]byte
		rand.Read(random[:]) // never fails
		name := tempStart + hex.EncodeToString(random[:]) + tempEnd
		f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		// Another run's Sweep may have found the file before it was locked.
		if err := lockFile(f); !errors.Is(err, errLocked) && names(root, name, f) {
			return &outgoing{File: f}, name, nil
		}
		f.Close()
	}
	return nil, "", errors.New("make a temporary file: others remove each one")
}

// names tells whether the name still stands for the open file.
func names(root *os.Root, name string, f tempFile) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := root.Lstat(name)
	return err == nil && os.SameFile(mine, named)
}

// errLocked tells that another process, or another descriptor of this one,
// holds the lock.
var errLocked = errors.New("the file is locked")

// deadAge is how long a temporary file must have been left alone to count as
// dead where the file system has no locks. No download is idle for so long.
const deadAge = 24 * time.Hour

// Sweep removes the temporary files that killed runs left in the folder, and
// nothing else; it tells how many there were on this machine. Those that any process
// is using, this one included, stay.
func (d *Dir) Sweep() (removed int, err error) {
	if d.bucket != nil {
		defer func() {
			for _, folder := range []string{d.bucket.at.Key, d.bucket.key(partsFolder)} {
				err = errors.Join(err, d.bucket.objects.Sweep(context.Background(), folder))
			}
		}()
	}
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("remove temporary files: %w", err)
	}
	folder, err := root.Open(".")
	if err != nil {
		return 0, fmt.Errorf("remove temporary files: %w", err)
	}
	defer folder.Close()
	all, err := folder.Readdirnames(-1)
	if err != nil {
		return 0, fmt.Errorf("remove temporary files: %w", err)
	}
	var failed error
	for _, name := range all {
		if !isTemp(name) {
			continue
		}
		gone, err := sweepOne(root, name)
		if gone {
			removed++
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, d.fail("remove temporary file", name, err))
		}
	}
	return removed, failed
}

func sweepOne(root *os.Root, name string) (removed bool, err error) {
	info, err := root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return false, err
	}
	f, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	switch err := lockFile(f); {
	case errors.Is(err, errLocked):
		return false, nil
	case err != nil && time.Since(info.ModTime()) < deadAge:
		return false, nil
	}
	err = root.Remove(name) // while it is locked, so that no create takes it for its own
	return err == nil, err
}
