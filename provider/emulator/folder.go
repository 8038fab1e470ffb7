package emulator

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The names in a data folder.
const (
	logName    = "emulator.log"
	lockName   = "emulator.lock"
	bodiesDir  = "bodies"
	resultsDir = "results"
	logVersion = 1
)

var errClosed = errors.New("the emulator is closed")

// folder is a data folder: the log, its lock, and the replica of it. Whoever
// wants to look or to act takes the lock, reads what others appended, and
// appends in turn. Bodies are written without the lock; they count from the
// record that names them.
type folder struct {
	dir     string
	realNow func() time.Time

	mu     sync.Mutex // guards what follows; taken before the lock of the folder
	closed bool
	lock   *os.File
	log    *os.File
	off    int64 // the log is read up to here
	rep    *replica
	broken error // the log could not be read: nothing more is done
}

// openFolder opens a data folder. begin adds to the first line of one that is
// new.
func openFolder(dir string, realNow func() time.Time, rate float64, begin func(*transaction, *initRecord) error) (*folder, error) {
	for _, d := range []string{dir, filepath.Join(dir, bodiesDir), filepath.Join(dir, resultsDir)} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("make the emulator's data folder: %w", err)
		}
	}
	f := &folder{dir: dir, realNow: realNow, rep: newReplica()}
	var err error
	if f.lock, err = os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("open the emulator's data folder: %w", err)
	}
	if f.log, err = os.OpenFile(filepath.Join(dir, logName), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open the emulator's data folder: %w", err), f.lock.Close())
	}
	if err := f.update(func(tx *transaction) error { return tx.open(rate, begin) }); err != nil {
		return nil, errors.Join(fmt.Errorf("open the emulator's data folder: %w", err), f.close())
	}
	return f, nil
}

func (f *folder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return errors.Join(f.log.Close(), f.lock.Close())
}

// transaction is one turn with the folder: everything in it happens at one
// virtual instant, and no other server acts meanwhile.
type transaction struct {
	*folder
	now time.Time
}

// update takes the lock, catches up and calls do, which must not wait for
// anything but the disk.
func (f *folder) update(do func(tx *transaction) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errClosed
	}
	if f.broken != nil {
		return f.broken
	}
	if err := lockFile(f.lock); err != nil {
		return fmt.Errorf("lock the data folder: %w", err)
	}
	defer unlockFile(f.lock)
	if err := f.catchUp(); err != nil {
		f.broken = err
		return err
	}
	return do(&transaction{folder: f, now: f.virtualNow()})
}

// virtualNow gives the virtual time, which never runs backwards.
func (f *folder) virtualNow() time.Time {
	c := f.rep.clock
	elapsed := f.realNow().Round(0).Sub(c.Real)
	if c.Rate != 1 {
		elapsed = time.Duration(float64(elapsed) * c.Rate)
	}
	now := c.Virtual.Add(elapsed).UTC()
	if now.Before(f.rep.last) {
		return f.rep.last
	}
	return now
}

// catchUp reads what was appended since the last turn. A last line without an
// end is what a killed server left; it is cut off.
func (f *folder) catchUp() error {
	info, err := f.log.Stat()
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	size := info.Size()
	if size < f.off {
		return fmt.Errorf("read %s: it has become shorter; was the folder replaced?", f.log.Name())
	}
	if size == f.off {
		return nil
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f.log, f.off, size-f.off), 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			if len(line) > 0 {
				err = f.log.Truncate(f.off)
				if err != nil {
					return fmt.Errorf("drop the torn last line of the log: %w", err)
				}
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		var rec record
		if err := json.Unmarshal(line, &rec); err != nil {
			return fmt.Errorf("read %s at byte %d: %w", f.log.Name(), f.off, err)
		}
		if rec.Init != nil && rec.Init.Version != logVersion {
			return fmt.Errorf("read %s: version %d, this emulator knows %d", f.log.Name(), rec.Init.Version, logVersion)
		}
		f.rep.apply(&rec)
		f.off += int64(len(line))
	}
}

// add makes something happen: it is in the log before it is in the replica.
func (tx *transaction) add(recs ...*record) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for _, rec := range recs {
		rec.At = tx.now
		if err := enc.Encode(rec); err != nil {
			return fmt.Errorf("encode a record: %w", err)
		}
	}
	if _, err := tx.log.WriteAt(buf.Bytes(), tx.off); err != nil {
		return errors.Join(fmt.Errorf("append to the log: %w", err), tx.log.Truncate(tx.off))
	}
	tx.off += int64(buf.Len())
	for _, rec := range recs {
		tx.rep.apply(rec)
	}
	return nil
}

// open writes the first lines of a new log. In one that exists, it ties the
// clock anew where the rate is another one or the real clock was set back.
func (tx *transaction) open(rate float64, begin func(*transaction, *initRecord) error) error {
	real := tx.realNow().Round(0)
	if tx.rep.id == "" {
		id := make([]byte, 16)
		rand.Read(id) //nolint:errcheck // never fails
		tx.now = real.UTC()
		init := &initRecord{Version: logVersion, ID: hex.EncodeToString(id)}
		if err := begin(tx, init); err != nil {
			return err
		}
		return tx.add(
			&record{Init: init},
			&record{Clock: &clockRecord{Real: real, Virtual: tx.now, Rate: rate}},
		)
	}
	c := tx.rep.clock
	if c.Rate == rate && c.Virtual.Add(time.Duration(float64(real.Sub(c.Real))*rate)).Add(time.Second).After(tx.rep.last) {
		return nil
	}
	return tx.add(&record{Clock: &clockRecord{Real: real, Virtual: tx.now, Rate: rate}})
}
