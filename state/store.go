package state

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"sync"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state/durable"
)

// ErrClosed is returned by writes to a store that was closed or abandoned.
var ErrClosed = errors.New("the state is closed")

// Change is what a transition makes of one batch.
type Change struct {
	Address planner.Address
	// Record is the whole of the batch's record afterwards; nil forgets the
	// batch, and what was told of it. Directly before the change of another
	// batch in the same transition, it says that the batch has that address now:
	// what was told goes along.
	Record *planner.Record
}

// Store is a state that is held for writing. Its methods may be called from
// many goroutines.
type Store struct {
	medium medium

	mu   sync.Mutex
	idle sync.Cond // of mu: nobody leads
	// state holds what is durable, and nothing else.
	state State
	head  string // checksum of the last entry
	// view is the copy that State handed out, nil when it is out of date.
	view *State
	// next is the number of the next entry.
	next int64
	// lineage is state.Lineage, or the one that the first write makes durable.
	lineage string

	// One writer leads: it writes and syncs for all that wait.
	leading bool
	pending []*ticket
	learned *budget.Knowledge // waits for the next write
	err     error             // refuses all further writes
	closed  bool

	// Only the leader touches what follows, and the medium.

	// compactAt is the length of the journal from which it is folded into a
	// new snapshot.
	compactAt    int64
	snapshotSize int64
	folded       int64 // serial of the snapshot
}

// medium is where a store keeps its state: files on this machine, or objects in
// a bucket. All but tookOver and name are called by one goroutine at a time.
// What it writes is durable when the call returns, and is not written when the
// store is not held any more.
type medium interface {
	// name stands for the snapshot in messages.
	name() string
	// tookOver is what [Store.TookOver] tells.
	tookOver() bool
	// append adds lines to the journal. h goes before them where a header is
	// missing there.
	append(h header, lines []byte) error
	// size is the length of the journal: of what counts, and of all that is
	// there.
	size() (counted, all int64)
	// replace makes now the snapshot, after a backup of the one from before the
	// run. It gives the new one's length.
	replace(now *Snapshot) (size int64, err error)
	// clear empties the journal, which the snapshot has taken over; more tells
	// that entries may follow, which go on from those.
	clear(more bool) error
	// keep stores a backup beside the state under the first of the names that is
	// free or has that content already, and gives that name.
	keep(names iter.Seq[string], text []byte) (string, error)
	// end ends the hold; clean tells that all writes are known to have been made,
	// or not.
	end(clean bool) error
}

// ticket is one write that waits to become durable.
type ticket struct {
	line  []byte
	entry entry // its transition; empty when only the lineage was asked for
	err   error
	// turn gets true when the owner of the ticket must lead, and false when
	// the write is done.
	turn chan bool
}

// Open takes the lock and reads the state like [Read]. The store must be ended
// with Close or Abandon. It returns *LockedError at once when another run
// holds the lock. Nothing but the lock file is written before the first write.
func Open(path string, id Identity, holder Holder) (*Store, error) {
	return open(durable.OS{}, path, id, holder)
}

func open(fs durable.FS, path string, id Identity, holder Holder) (*Store, error) {
	at, err := pathsOf(path)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(filepath.Dir(at.snapshot), 0o755); err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	lock, err := takeLock(at.lock, holder)
	if err != nil {
		return nil, err
	}
	l, err := load(at, id)
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	return newStore(&files{
		fs: fs, at: at, lock: lock, fileSize: l.journalSize, good: l.journal.good, open: l.journal.open,
	}, l), nil
}

func newStore(m medium, l *loaded) *Store {
	s := &Store{
		medium: m, state: l.State, head: l.head, next: l.Serial + 1, lineage: l.Lineage,
		snapshotSize: l.snapshotSize, folded: l.folded, compactAt: compactAt(l.snapshotSize),
	}
	s.idle.L = &s.mu
	return s
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// State gives all that is durable now. The result never changes, and the
// caller must not change it. After a write it costs a copy of the map: ask
// Record for one batch.
func (s *Store) State() *State {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		view := s.state
		view.cloneMaps()
		s.view = &view
	}
	return s.view
}

// Record gives the durable record of a batch, or nil. The caller must not
// change it.
func (s *Store) Record(a planner.Address) *planner.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Batches[a]
}

// Learn takes over what creates have taught. It is durable with the next write,
// and with Close at the latest: a crash in between costs time alone.
func (s *Store) Learn(k budget.Knowledge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learned = &k
}

// Write makes one transition durable: when it returns nil, all the changes
// survive whatever happens; when it fails, none of them is in the state. The
// store keeps nothing of what changes point to. op is a word for people who
// read the journal.
//
// It takes no context, since what was done must be recorded. Calls that come
// together share one sync. After a failure to write or to sync, every further
// write fails with the same error, because it is not known any more what the
// disk holds; opening the state again finds out.
func (s *Store) Write(op string, changes ...Change) error {
	if len(changes) == 0 {
		return nil
	}
	list := make([]change, len(changes))
	for i, c := range changes {
		if err := list[i].fill(c); err != nil {
			return fmt.Errorf("record %s: %w", op, err)
		}
	}
	if err := s.record(transition{Op: op, Changes: list, Told: s.toldAfter(changes)}); err != nil {
		return fmt.Errorf("record %s of %s: %w", op, changes[0].Address, err)
	}
	return nil
}

// WriteDataset makes durable what is known of the dataset at that path, under
// the rules of [Store.Write]. The zero Dataset removes it.
func (s *Store) WriteDataset(path string, d Dataset) error {
	value := &d
	if d == (Dataset{}) {
		value = nil
	}
	if err := s.record(transition{Op: "dataset", Datasets: map[string]*Dataset{path: value}}); err != nil {
		return fmt.Errorf("record dataset %s: %w", path, err)
	}
	return nil
}

// WriteTold makes durable that somebody was told of a completion, under the rules
// of [Store.Write]: what it is about, and its id. "" forgets it.
func (s *Store) WriteTold(subject, id string) error {
	value := &id
	if id == "" {
		value = nil
	}
	if err := s.record(transition{Op: "told", Told: map[string]*string{subject: value}}); err != nil {
		return fmt.Errorf("record that the completion of %s was told: %w", subject, err)
	}
	return nil
}

// Lineage gives the state's identity. The first call for a new state makes one
// and returns when it is durable.
func (s *Store) Lineage() (string, error) {
	s.mu.Lock()
	lineage := s.state.Lineage
	s.mu.Unlock()
	if lineage != "" {
		return lineage, nil
	}
	t := &ticket{turn: make(chan bool, 1)}
	if err := s.submit(t, nil); err != nil {
		return "", fmt.Errorf("record lineage: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Lineage, nil
}

// fill encodes what from says.
func (c *change) fill(from Change) (err error) {
	if err := checkAddress(from.Address); err != nil {
		return err
	}
	c.Address = from.Address.String()
	if from.Record == nil {
		c.Record = []byte("null")
	} else if c.Record, err = encode(from.Record); err != nil {
		return fmt.Errorf("encode %s: %w", c.Address, err)
	}
	return nil
}

// record makes one entry durable. The store keeps it as a later run will read
// it, so that what it shows never differs from what it holds.
func (s *Store) record(what transition) error {
	s.mu.Lock()
	what.Learned, s.learned = s.learned, nil
	s.mu.Unlock()
	body, err := encode(what)
	if err != nil {
		return err
	}
	t := &ticket{turn: make(chan bool, 1)}
	if err := t.entry.decode(body); err != nil {
		return err
	}
	return s.submit(t, body)
}

// submit gives the entry its number and waits until it is durable.
func (s *Store) submit(t *ticket, body []byte) error {
	s.mu.Lock()
	if err := s.refused(); err != nil {
		s.mu.Unlock()
		return err
	}
	if s.lineage == "" {
		s.lineage = randomHex(16)
	}
	if body != nil {
		t.entry.Seq = s.next
		t.line, t.entry.sum = frameEntry(s.lineage, s.next, body)
		s.next++
	}
	s.pending = append(s.pending, t)
	lead := !s.leading
	s.leading = true
	s.mu.Unlock()
	if lead || <-t.turn {
		s.lead(t)
	}
	return t.err
}

func (s *Store) refused() error {
	if s.closed {
		return ErrClosed
	}
	return s.err
}

// lead writes all that waits, of which the leader's own ticket is one, and
// hands over to one of those that came meanwhile. So nobody serves others for
// longer than one write.
func (s *Store) lead(own *ticket) {
	s.mu.Lock()
	batch, lineage, serial := s.pending, s.lineage, s.state.Serial
	s.pending = nil
	err := s.err
	s.mu.Unlock()

	if err == nil {
		err = s.commit(batch, lineage, serial)
	}

	s.mu.Lock()
	if err == nil {
		s.state.Lineage = lineage
		for _, t := range batch {
			if t.line != nil {
				t.entry.apply(&s.state)
				s.head = t.entry.sum
			}
		}
		s.view = nil
	} else if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()

	if err == nil {
		if counted, _ := s.medium.size(); counted >= s.compactAt {
			s.compactEarly()
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range batch {
		if t.err = err; t != own {
			t.turn <- false
		}
	}
	if len(s.pending) > 0 {
		s.pending[0].turn <- true
		return
	}
	s.leading = false
	s.idle.Broadcast()
}

// commit appends the lines to the journal.
func (s *Store) commit(batch []*ticket, lineage string, serial int64) error {
	var lines []byte
	for _, t := range batch {
		lines = append(lines, t.line...)
	}
	return s.medium.append(header{Version: FormatVersion, Provider: s.state.Provider, Lineage: lineage, After: serial}, lines)
}

// Close folds the journal into a new snapshot, empties it and releases the
// lock. Where nothing was written and no journal was found, it leaves every
// file as it was. It waits for writes in flight; later ones fail.
//
// After an error the state is nevertheless whole: what was recorded stands in
// the journal.
func (s *Store) Close() error {
	unsaved := s.saveLearned()
	first, failed := s.end()
	if !first {
		return ErrClosed
	}
	err := errors.Join(failed, unsaved)
	if err == nil {
		err = s.compact(false)
	}
	if err = errors.Join(err, s.medium.end(failed == nil && err == nil)); err != nil {
		return fmt.Errorf("close state: %w", err)
	}
	return nil
}

// saveLearned makes durable what no write has taken along.
func (s *Store) saveLearned() error {
	s.mu.Lock()
	unsaved := s.learned != nil && s.refused() == nil
	s.mu.Unlock()
	if !unsaved {
		return nil
	}
	return s.record(transition{Op: "learned"})
}

// Abandon releases the lock and leaves the journal for the next run, which
// then finds all that was recorded. It waits for the write in flight, which
// takes milliseconds; later ones fail.
func (s *Store) Abandon() {
	first, failed := s.end()
	if !first {
		return
	}
	_ = s.medium.end(failed == nil) // ends with the process, if not now
}

// end refuses further writes and waits for those in flight.
func (s *Store) end() (first bool, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = !s.closed
	s.closed = true
	for s.leading {
		s.idle.Wait()
	}
	return first, s.err
}
