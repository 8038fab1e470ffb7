package state

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
	if err := s.compact(true); err != nil {
		counted, _ := s.medium.size()
		s.compactAt = 2 * counted
		return
	}
	s.compactAt = compactAt(s.snapshotSize)
}

// compact writes the snapshot and empties the journal. Only the leader may
// call it, or who has ended the store: nothing changes the state meanwhile. more
// tells that entries may follow.
func (s *Store) compact(more bool) error {
	if _, all := s.medium.size(); all == 0 {
		return nil
	}
	if err := s.fold(); err != nil {
		return err
	}
	if err := s.medium.clear(more); err != nil {
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
	if counted, _ := s.medium.size(); counted > 0 && (s.snapshotSize == 0 || s.folded != s.state.Serial) {
		return s.writeSnapshot(&Snapshot{s.state, s.head})
	}
	return nil
}

func (s *Store) writeSnapshot(now *Snapshot) error {
	size, err := s.medium.replace(now)
	if err != nil {
		return err
	}
	s.snapshotSize, s.folded = size, now.Serial
	return nil
}
