package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrLocked tells that another process, or another [Lock] of this one, holds
// the lock.
var ErrLocked = errors.New("locked by another process")

// ErrLost tells that a lock was taken away from who held it.
var ErrLost = errors.New("the lock was lost")

// Lock is an exclusive lock on a file, held until Unlock or until the process
// ends. It keeps out only those who ask for it too.
type Lock struct {
	path string
	f    *os.File
}

// TryLock takes the lock at path, creating the file when it is not there, or
// fails at once with an error that is [ErrLocked]. The former holder's facts
// stay in the file until WriteFacts.
func TryLock(path string) (*Lock, error) {
	// The file is checked after it was locked, since somebody may have removed
	// it in between; a second try then locks the new one.
	var err error
	for range 3 {
		var l *Lock
		if l, err = tryLock(path); err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if err = l.Check(); err == nil {
			return l, nil
		}
		l.f.Close()
	}
	return nil, err
}

func tryLock(path string) (*Lock, error) {
	f, err := openFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, err
	}
	return &Lock{path: path, f: f}, nil
}

// Check fails when the path no longer names the locked file: somebody removed
// or replaced it, so that another process may hold the lock as well. The error
// is then [ErrLost].
func (l *Lock) Check() error {
	mine, err := l.f.Stat()
	if err != nil {
		return fmt.Errorf("check lock: %w", err)
	}
	if keepsName {
		return nil
	}
	named, err := os.Stat(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("check lock: %w: %w", ErrLost, err)
	}
	if err != nil {
		return fmt.Errorf("check lock: %w", err)
	}
	if !os.SameFile(mine, named) {
		return fmt.Errorf("check lock: %w: %s was replaced while it was held", ErrLost, l.path)
	}
	return nil
}

// WriteFacts replaces the facts. They are for people: a reader may meet them
// half written, and they are not synced.
func (l *Lock) WriteFacts(facts []byte) error {
	if _, err := l.f.WriteAt(facts, 0); err != nil {
		return fmt.Errorf("write lock facts: %w", err)
	}
	if err := l.f.Truncate(int64(len(facts))); err != nil {
		return fmt.Errorf("write lock facts: %w", err)
	}
	return nil
}

// Unlock wipes the facts and ends the lock. The file stays.
func (l *Lock) Unlock() error {
	err := l.f.Truncate(0)
	if err = errors.Join(err, l.Release()); err != nil {
		return fmt.Errorf("unlock %s: %w", l.path, err)
	}
	return nil
}

// Release ends the lock and leaves the facts to the next holder.
func (l *Lock) Release() error {
	return errors.Join(unlockFile(l.f), l.f.Close())
}

// ErrNotSeized tells that the system lets nobody take a lock from a process
// that lives.
var ErrNotSeized = errors.New("the system keeps a lock with its process: end the process")

// Seize takes the lock at path although a living process holds it: a new file,
// locked and with these facts, takes the place of the one that the other holds,
// whose Check fails from then on. On Windows it fails with [ErrNotSeized].
//
// What the other does between its last Check and its next one it still does.
func Seize(path string, facts []byte) (*Lock, error) {
	if keepsName {
		return nil, fmt.Errorf("seize %s: %w", path, ErrNotSeized)
	}
	temp := filepath.Join(filepath.Dir(path), tempPrefix(path)+randomHex())
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("seize %s: %w", path, err)
	}
	l := &Lock{path: path, f: f}
	if err = lockFile(f); err == nil {
		err = l.WriteFacts(facts)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		f.Close()
		return nil, errors.Join(fmt.Errorf("seize %s: %w", path, err), os.Remove(temp))
	}
	return l, nil
}

// ReadFacts gives what the holder of the lock at path wrote, or what the last
// one wrote when it was killed.
func ReadFacts(path string) ([]byte, error) { return ReadFile(path) }
