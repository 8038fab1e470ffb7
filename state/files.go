package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/qaplan/qaplan/state/durable"
)

// files are the medium of a state on this machine.
type files struct {
	fs   durable.FS
	at   paths
	lock *held

	log      durable.File // the journal; nil until the first write
	fileSize int64        // of the journal on disk
	good     int64        // of the journal as far as it counts
	open     bool         // the last line lacks its line break
	backedUp bool
}

func (f *files) name() string { return f.at.snapshot }

func (f *files) tookOver() bool { return f.lock.holder.TookOver }

func (f *files) size() (counted, all int64) { return f.good, f.fileSize }

// append writes the lines and syncs them.
func (f *files) append(h header, lines []byte) error {
	// Somebody who removed the lock file may have let another run in.
	if err := f.lock.lock.Check(); err != nil {
		return err
	}
	if f.log == nil {
		if err := f.openLog(); err != nil {
			return err
		}
	}
	if f.good == 0 {
		object, err := encode(h)
		if err != nil {
			return err
		}
		first, _ := frame(object)
		lines = append(first, lines...)
	}
	if _, err := f.log.WriteAt(lines, f.good); err != nil {
		return f.cutBack(err)
	}
	if err := f.log.Sync(); err != nil {
		return f.cutBack(err)
	}
	f.good += int64(len(lines))
	f.fileSize = f.good
	return nil
}

// openLog makes the journal ready to be appended to: its name durable, what a
// crash tore off cut away.
func (f *files) openLog() error {
	log, err := f.fs.OpenFile(f.at.journal, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	f.log = log
	if err := f.fs.SyncDir(filepath.Dir(f.at.journal)); err != nil {
		return err
	}
	if f.fileSize == f.good && !f.open {
		return nil
	}
	if f.open {
		if _, err := log.WriteAt([]byte{'\n'}, f.good); err != nil {
			return err
		}
		f.good++
		f.open = false
	}
	if err := log.Truncate(f.good); err != nil {
		return err
	}
	f.fileSize = f.good
	return log.Sync()
}

// cutBack takes away what a failed write left, as far as the disk lets it: the
// next run then has no torn line to drop. What it cannot take away is not
// harmful.
func (f *files) cutBack(err error) error {
	if f.log.Truncate(f.good) == nil {
		f.log.Sync()
	}
	return err
}

func (f *files) replace(now *Snapshot) (size int64, err error) {
	if err := f.lock.lock.Check(); err != nil {
		return 0, err
	}
	// What a killed run left; it takes only space, so a failure is no matter.
	_ = durable.RemoveTemps(f.at.snapshot)
	_ = durable.RemoveTemps(f.at.backup)
	if err := f.backUp(); err != nil {
		return 0, err
	}
	err = durable.Replace(f.fs, f.at.snapshot, 0o600, func(w io.Writer) error {
		counted := &counter{w: w}
		err := writeSnapshot(counted, now)
		size = counted.n
		return err
	})
	return size, err
}

// backUp keeps the snapshot as it was before this run.
func (f *files) backUp() error {
	if f.backedUp {
		return nil
	}
	old, err := durable.Open(f.at.snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		f.backedUp = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("back up the snapshot: %w", err)
	}
	defer old.Close()
	err = durable.Replace(f.fs, f.at.backup, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, old)
		return err
	})
	f.backedUp = err == nil
	return err
}

func (f *files) clear(bool) error {
	if err := f.lock.lock.Check(); err != nil {
		return err
	}
	if f.log == nil {
		log, err := f.fs.OpenFile(f.at.journal, os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		f.log = log
	}
	if err := f.log.Truncate(0); err != nil {
		return err
	}
	if err := f.log.Sync(); err != nil {
		return err
	}
	f.good, f.fileSize, f.open = 0, 0, false
	return nil
}

func (f *files) keep(names iter.Seq[string], text []byte) (string, error) {
	for name := range names {
		switch have, err := durable.ReadFile(name); {
		case err == nil && bytes.Equal(have, text):
			return name, nil
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		return name, durable.Replace(f.fs, name, 0o600, func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	return "", errors.New("no name is free")
}

func (f *files) end(bool) error {
	var err error
	if f.log != nil {
		err = f.log.Close()
	}
	return errors.Join(err, f.lock.release())
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
