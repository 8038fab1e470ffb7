package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/qaplan/qaplan/state/durable"
)

const (
	// renewEvery is the time between two signs of life of a holder.
	renewEvery = 10 * time.Second
	// SendTime is how long a send of a run may still be on its way after the
	// run lost its lock without knowing: five seconds from the intent to the
	// call, the call's own deadline of thirty, and a margin.
	SendTime = 40 * time.Second
	// seizeGrace is how long a lock that was taken by force is held before the
	// next run may have it: a write of the former holder that was on its way
	// when it lost the lock lands meanwhile.
	seizeGrace = time.Second
)

// Holder says who holds the lock. It is what the lock file contains.
type Holder struct {
	// ID names this hold; Open makes one when it is "".
	ID string `json:"id"`
	// Operation is the command, such as "apply".
	Operation string `json:"operation,omitempty"`
	// Who is user@host.
	Who     string    `json:"who,omitempty"`
	PID     int       `json:"pid,omitempty"`
	Version string    `json:"version,omitempty"` // of the program
	Started time.Time `json:"started,omitzero"`
	// Renewed is the holder's last sign of life, at most ten seconds old while
	// its process runs. Open and the store set it.
	Renewed time.Time `json:"renewed,omitzero"`
	// TookOver is the mark that [ForceUnlock] leaves: the lock was taken from a
	// run that may still live. It passes on from run to run until one has held
	// the lock for SendTime. Open sets it.
	TookOver bool `json:"took_over,omitempty"`
}

// held is the lock of an open store, with the facts about its holder.
type held struct {
	lock  *durable.Lock
	since time.Time

	mu     sync.Mutex // of what follows, and of writing the facts
	holder Holder
	renew  *time.Timer
	ended  bool
}

// tryLock takes the lock or fails with *LockedError. Who took the lock just now
// has not said so yet, and the facts in the file are none, or those of a former
// holder that was killed; it gets a moment, so that the error names it.
func tryLock(path string) (*durable.Lock, error) {
	const moment, pause = time.Second, 5 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		lock, err := durable.TryLock(path)
		if err != nil && !errors.Is(err, durable.ErrLocked) {
			return nil, fmt.Errorf("open state: %w", err)
		}
		if err == nil {
			return lock, nil
		}
		h := readHolder(path)
		if h.ID != "" && h.process() != ProcessDead || waited >= moment {
			return nil, &LockedError{File: path, Holder: h, At: time.Now()}
		}
		time.Sleep(pause)
	}
}

// takeLock takes the lock or fails with *LockedError.
func takeLock(path string, holder Holder) (*held, error) {
	lock, err := tryLock(path)
	if err != nil {
		return nil, err
	}
	if holder.ID == "" {
		holder.ID = randomHex(4)
	}
	holder.TookOver = readHolder(path).TookOver
	h := &held{lock: lock, since: time.Now(), holder: holder}
	if err := h.write(); err != nil {
		return nil, errors.Join(fmt.Errorf("open state: %w", err), lock.Unlock())
	}
	// A timer and no goroutine that waits: a store that is never ended keeps
	// nothing alive but the timer, in a bubble of synctest too.
	h.mu.Lock()
	defer h.mu.Unlock()
	h.renew = time.AfterFunc(renewEvery, h.beat)
	return h, nil
}

// readHolder gives the facts in a lock file, zero when there are none. Facts
// that are being written just now are no facts.
func readHolder(path string) Holder {
	var h Holder
	if facts, err := durable.ReadFacts(path); err != nil || decode(facts, &h) != nil {
		return Holder{}
	}
	return h
}

// write brings the facts up to date. The time has no fractions, so that the
// facts keep their length and are never seen half renewed.
func (h *held) write() error {
	h.holder.Renewed = time.Now().UTC().Truncate(time.Second)
	facts, err := encode(h.holder)
	if err != nil {
		return err
	}
	return h.lock.WriteFacts(append(facts, '\n'))
}

// beat shows that the holder is alive, and winds the timer up again. Facts are
// for people, so that a failure is no matter.
func (h *held) beat() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ended {
		_ = h.write()
		h.renew.Reset(renewEvery)
	}
}

// release ends the lock. What the next run has to know stays in the file.
func (h *held) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	h.renew.Stop()
	if !h.holder.TookOver || time.Since(h.since) >= SendTime {
		return h.lock.Unlock()
	}
	return errors.Join(mark(h.lock), h.lock.Release())
}

// mark leaves nothing in a lock file but that it was taken by force.
func mark(lock *durable.Lock) error {
	facts, err := encode(Holder{TookOver: true})
	if err != nil {
		return err
	}
	return lock.WriteFacts(append(facts, '\n'))
}

// TookOver reports whether the lock was taken by force from a run that may
// still live, by [ForceUnlock] and not long before this store was opened. That
// run writes nothing any more, but a call of its own may be on its way until
// SendTime after this store was opened: until then a listing tells nothing
// about what was sent before.
func (s *Store) TookOver() bool { return s.medium.tookOver() }

// LockStatus is what can be told about the lock of a state.
type LockStatus struct {
	File string
	// Held tells that a process holds the lock: the system says so, and it ends
	// with the process.
	Held bool
	// Holder is who holds it, or who held it last and did not end cleanly; zero
	// when the file does not say.
	Holder Holder
	// Process is what became of the holder's process.
	Process Process
	// At is when this was found out.
	At time.Time
	// Lease is how long the holder of a state in a bucket may give no sign of
	// life; 0 for a file. Held then tells what the record says: its process may
	// be dead.
	Lease time.Duration
}

// Dead reports whether the holder is known not to live, or should have given a
// sign of life before now.
func (s *LockStatus) Dead() bool {
	if s.Lease == 0 {
		return !s.Held
	}
	return s.Process == ProcessDead || s.Holder.silent(s.At) >= s.Lease
}

// Process says whether a process lives.
type Process string

const (
	ProcessAlive     Process = "alive" // or another one has its number now
	ProcessDead      Process = "dead"
	ProcessElsewhere Process = "elsewhere" // on another machine, or unknown
)

// Inspect finds out who holds the lock of the state at path. It changes
// nothing, but takes the lock for an instant to see whether it is free.
func Inspect(path string) (*LockStatus, error) {
	at, err := pathsOf(path)
	if err != nil {
		return nil, err
	}
	s := &LockStatus{File: at.lock, At: time.Now()}
	if _, err := os.Stat(at.lock); errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	switch lock, err := durable.TryLock(at.lock); {
	case errors.Is(err, durable.ErrLocked):
		s.Held = true
	case err != nil:
		return nil, fmt.Errorf("inspect lock: %w", err)
	default:
		if err := lock.Release(); err != nil {
			return nil, fmt.Errorf("inspect lock: %w", err)
		}
	}
	s.Holder = readHolder(at.lock)
	s.Process = s.Holder.process()
	return s, nil
}

// process looks for the holder's process, where this machine can tell.
func (h *Holder) process() Process {
	host, err := os.Hostname()
	if _, of, ok := cutLast(h.Who, "@"); err != nil || !ok || of != host || h.PID <= 0 {
		return ProcessElsewhere
	}
	if processAlive(h.PID) {
		return ProcessAlive
	}
	return ProcessDead
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// NotHolderError tells that a lock is not held under the id that was given.
type NotHolderError struct {
	File string
	ID   string // that was given
	Have string // that holds the lock, or held it last; "" when nothing says so
	Held bool   // something holds the lock
}

func (e *NotHolderError) Error() string {
	switch {
	case e.Have != "":
		return fmt.Sprintf("unlock state: %s is of the lock %s, not %s", e.File, e.Have, e.ID)
	case e.Held:
		return fmt.Sprintf("unlock state: %s is held by a run that does not give its name", e.File)
	default:
		return fmt.Sprintf("unlock state: %s is not held by anybody", e.File)
	}
}

// ForceUnlock takes the lock of the state at path away from the hold of that
// id. Where its process is dead, there is only what it left in the file to wipe.
// Where it lives, it fails at its next write, and the lock file keeps the mark
// that [Store.TookOver] tells of; ForceUnlock then takes a second. by says who
// does it. It returns *NotHolderError when the id is not that of the holder, and
// [durable.ErrNotSeized] where the system cannot take a lock from a process that
// lives.
func ForceUnlock(path, id string, by Holder) error {
	at, err := pathsOf(path)
	if err != nil {
		return err
	}
	s, err := Inspect(path)
	if err != nil {
		return err
	}
	if s.Holder.ID == "" || s.Holder.ID != id {
		return &NotHolderError{File: at.lock, ID: id, Have: s.Holder.ID, Held: s.Held}
	}
	if !s.Held {
		h, err := takeLock(at.lock, by)
		if err != nil {
			return err // somebody was faster, and needs no help
		}
		return h.release()
	}
	by.TookOver, by.Renewed = true, s.At.UTC().Truncate(time.Second)
	if by.ID == "" {
		by.ID = randomHex(4)
	}
	facts, err := encode(by)
	if err != nil {
		return fmt.Errorf("unlock state: %w", err)
	}
	lock, err := durable.Seize(at.lock, append(facts, '\n'))
	if err != nil {
		return fmt.Errorf("unlock state: %w", err)
	}
	time.Sleep(seizeGrace)
	if err := errors.Join(mark(lock), lock.Release()); err != nil {
		return fmt.Errorf("unlock state: %w", err)
	}
	return nil
}
