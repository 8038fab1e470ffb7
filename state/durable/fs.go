package durable

import (
	"io"
	"os"
	"time"
)

// FS is what durable writing asks of a file system.
type FS interface {
	// OpenFile is os.OpenFile.
	OpenFile(name string, flag int, perm os.FileMode) (File, error)
	// Rename replaces newname when it exists.
	Rename(oldname, newname string) error
	Remove(name string) error
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
}

// File is an open file of an [FS].
type File interface {
	io.WriterAt
	Truncate(size int64) error
	// Sync makes the content durable, but not the name.
	Sync() error
	Close() error
}

// OS is the file system of the machine.
type OS struct{}

var _ FS = OS{}

// OpenFile is os.OpenFile, tried again while another program is in the way.
func (OS) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	f, err := openFile(name, flag, perm)
	if err != nil {
		return nil, err // a nil *os.File in a File would not be nil
	}
	return f, nil
}

// Rename is os.Rename, tried again while another program is in the way.
func (OS) Rename(oldname, newname string) error {
	return Patiently(func() error { return os.Rename(oldname, newname) })
}

// Remove is os.Remove, tried again while another program is in the way.
func (OS) Remove(name string) error {
	return Patiently(func() error { return os.Remove(name) })
}

// SyncDir makes the names in a folder durable. It does nothing on Windows,
// where folders cannot be synced and NTFS journals the names.
func (OS) SyncDir(name string) error { return syncDir(name) }

// SyncDir is [OS.SyncDir].
func SyncDir(path string) error { return syncDir(path) }

// Open opens a file for reading, tried again while it is being replaced.
func Open(path string) (*os.File, error) { return openFile(path, os.O_RDONLY, 0) }

// ReadFile is os.ReadFile, tried again while the file is being replaced.
func ReadFile(path string) (data []byte, err error) {
	err = Patiently(func() error {
		data, err = os.ReadFile(path)
		return err
	})
	return data, err
}

func openFile(name string, flag int, perm os.FileMode) (f *os.File, err error) {
	err = Patiently(func() error {
		f, err = os.OpenFile(name, flag, perm)
		return err
	})
	return f, err
}

// Patiently repeats do while it fails because another program has the file open in
// a way that bars us. That happens on Windows only: there a file that somebody
// reads (a virus scanner, a plan beside an apply) cannot be replaced, and one
// that is being replaced cannot be opened. Such programs are done within
// milliseconds; who holds on for two seconds is reported. The pauses stay
// short, so that a gap between many short readings is found as well.
func Patiently(do func() error) error {
	const patience = 2 * time.Second
	var waited time.Duration
	for pause := time.Millisecond; ; pause = min(2*pause, 8*time.Millisecond) {
		err := do()
		if err == nil || !contended(err) || waited >= patience {
			return err
		}
		time.Sleep(pause)
		waited += pause
	}
}
