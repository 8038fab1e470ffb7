package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/qaplan/qaplan/state/durable"
)

// minJournal is the length below which the journal is left to grow, in bytes.
const minJournal = 4 << 20

// compactAt is the length at which a journal beside a snapshot of that size is
// folded. Twice the snapshot makes the cost of rewriting it a constant part of
// the cost of the transitions in between, however many batches there are.
func compactAt(snapshotSize int64) int64 { return max(minJournal, 2*snapshotSize) }

// compactEarly folds the journal in the middle of a long run. When the
// snapshot cannot be written, the journal is as good as before, so the run
// goes on and tries again later.
func (s *Store) compactEarly() {
	if err := s.compact(); err != nil {
		s.compactAt = 2 * s.good
		return
	}
	s.compactAt = compactAt(s.snapshotSize)
}

// compact writes the snapshot and empties the journal. Only the leader may
// call it, or who has ended the store: nothing changes the state meanwhile.
func (s *Store) compact() error {
	if s.fileSize == 0 {
		return nil
	}
	if err := s.fold(); err != nil {
		return err
	}
	if err := s.emptyLog(); err != nil {
		// It is not known what the journal holds now, so that nothing may be
		// appended to it any more.
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
		return err
	}
	return nil
}

// fold makes the snapshot hold what the journal has.
func (s *Store) fold() error {
	if err := s.lock.lock.Check(); err != nil {
		return err
	}
	if s.good > 0 && (s.snapshotSize == 0 || s.folded != s.state.Serial) {
		return s.writeSnapshot(&Snapshot{s.state, s.head})
	}
	return nil
}

func (s *Store) writeSnapshot(now *Snapshot) error {
	// What a killed run left; it takes only space, so a failure is no matter.
	_ = durable.RemoveTemps(s.at.snapshot)
	_ = durable.RemoveTemps(s.at.backup)
	if err := s.backUp(); err != nil {
		return err
	}
	var size int64
	err := durable.Replace(s.fs, s.at.snapshot, 0o600, func(w io.Writer) error {
		counted := &counter{w: w}
		err := writeSnapshot(counted, now)
		size = counted.n
		return err
	})
	if err != nil {
		return err
	}
	s.snapshotSize, s.folded = size, now.Serial
	return nil
}

// backUp keeps the snapshot as it was before this run.
func (s *Store) backUp() error {
	if s.backedUp {
		return nil
	}
	old, err := durable.Open(s.at.snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		s.backedUp = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("back up the snapshot: %w", err)
	}
	defer old.Close()
	err = durable.Replace(s.fs, s.at.backup, 0o600, func(w io.Writer) error {
		_, err := io.Copy(w, old)
		return err
	})
	s.backedUp = err == nil
	return err
}

func (s *Store) emptyLog() error {
	if s.log == nil {
		log, err := s.fs.OpenFile(s.at.journal, os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		s.log = log
	}
	if err := s.log.Truncate(0); err != nil {
		return err
	}
	if err := s.log.Sync(); err != nil {
		return err
	}
	s.good, s.fileSize, s.open = 0, 0, false
	return nil
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
