package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/qaplan/qaplan/planner"
)

// snapshot gives all that is durable now.
func (s *Store) snapshot() *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := &Snapshot{s.state, s.head}
	now.cloneMaps()
	return now
}

// Backup keeps the state as it is now in a file beside it and gives the file's
// name: that of the state, ".backup-" and the serial, with a number behind it
// where another state was kept under that name. The file is a snapshot, which
// can be pushed. Nothing removes it. A state that was never written has no
// backup: the name is "".
func (s *Store) Backup() (string, error) {
	now := s.snapshot()
	if now.Lineage == "" {
		return "", nil
	}
	var text bytes.Buffer
	if err := now.Encode(&text); err != nil {
		return "", fmt.Errorf("back up the state: %w", err)
	}
	first := fmt.Sprintf("%s.backup-%d", s.medium.name(), now.Serial)
	name, err := s.medium.keep(func(yield func(string) bool) {
		for name, n := first, 2; yield(name); n++ {
			name = fmt.Sprintf("%s-%d", first, n)
		}
	}, text.Bytes())
	if err != nil {
		return "", fmt.Errorf("back up the state: %w", err)
	}
	return name, nil
}

// WriteFormer makes durable that the states with those lineages, six digits
// each as labels carry them, were former ones of this: what their labels name
// is this state's own from now on. The state's own lineage is passed over.
func (s *Store) WriteFormer(lineages ...string) error {
	own, err := s.Lineage()
	if err != nil {
		return err
	}
	now := s.State().Former
	all := slices.Concat(now, lineages)
	slices.Sort(all)
	all = slices.DeleteFunc(slices.Compact(all), func(l string) bool { return l == own[:6] })
	if err := checkFormer(all); err != nil {
		return fmt.Errorf("record former lineages: %w", err)
	}
	if slices.Equal(all, now) {
		return nil
	}
	if err := s.record(transition{Op: "rebuild", Former: all}); err != nil {
		return fmt.Errorf("record former lineages: %w", err)
	}
	return nil
}

// Move is a record that gets another address.
type Move struct{ From, To planner.Address }

var (
	// ErrNoRecord tells that the state knows nothing of a batch.
	ErrNoRecord = errors.New("the state has no record of it")
	// ErrTaken tells that a record would take the place of another one.
	ErrTaken = errors.New("the state has a record there already")
	// ErrUnsettled tells that a send is not settled. Its label carries the
	// address: under another one it would not be found any more.
	ErrUnsettled = errors.New("it is not known yet whether its last send bought a job")
)

// MoveError tells why a record cannot be moved: [ErrNoRecord], [ErrTaken] or
// [ErrUnsettled].
type MoveError struct {
	Move
	Err error
}

func (e *MoveError) Error() string {
	if errors.Is(e.Err, ErrTaken) {
		return fmt.Sprintf("move %s to %s: %v", e.From, e.To, e.Err)
	}
	return fmt.Sprintf("move %s: %v", e.From, e.Err)
}

func (e *MoveError) Unwrap() error { return e.Err }

// Move gives records other addresses, all of them or, with a *MoveError, none.
// A record stays as it is: the labels in it name the former address, and what
// counts from then on are the names of the jobs.
func (s *Store) Move(moves ...Move) error {
	if err := s.CheckMove(moves...); err != nil {
		return err
	}
	now := s.State().Batches
	changes := make([]Change, 0, 2*len(moves))
	for _, m := range moves {
		changes = append(changes, Change{Address: m.From}, Change{Address: m.To, Record: now[m.From]})
	}
	return s.Write("state_mv", changes...)
}

// CheckMove tells whether Move would move them.
func (s *Store) CheckMove(moves ...Move) error {
	now := s.State().Batches
	taken := map[planner.Address]bool{}
	for _, m := range moves {
		switch rec := now[m.From]; {
		case rec == nil:
			return &MoveError{m, ErrNoRecord}
		case now[m.To] != nil || taken[m.To]:
			return &MoveError{m, ErrTaken}
		case unsettled(rec):
			return &MoveError{m, ErrUnsettled}
		}
		taken[m.To] = true
	}
	return nil
}

// unsettled reports whether something may have been bought that no listing has
// shown yet.
func unsettled(rec *planner.Record) bool {
	for i := range rec.Attempts {
		if rec.Attempts[i].Outcome == planner.OutcomeIntent {
			return true
		}
	}
	return rec.Strange != nil && !rec.Strange.Settled
}

// OtherStateError tells that a pushed snapshot is another state than the one
// that it would replace.
type OtherStateError struct {
	File        string // of the present state
	Have, Given string // lineages
	Batches     int    // that the present state knows
}

func (e *OtherStateError) Error() string {
	return fmt.Sprintf("push state: what is handed in is the state %.6s…, but here is the state %.6s…, which knows %d batches", e.Given, e.Have, e.Batches)
}

// OlderStateError tells that the present state is further than a pushed one, or
// went another way from where they were the same.
type OlderStateError struct {
	File        string // of the present state
	Have, Given int64  // serials
}

func (e *OlderStateError) Error() string {
	if e.Have == e.Given {
		return fmt.Sprintf("push state: what is handed in has the serial %d like the state here, and another content: both went on from one copy", e.Given)
	}
	return fmt.Sprintf("push state: what is handed in has the serial %d, but the state here is further, at serial %d", e.Given, e.Have)
}

// CheckPush tells whether Push would take a snapshot, and whether it is the
// present state already.
func (s *Store) CheckPush(name string, given *Snapshot) (same bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fits(name, given)
}

// Push replaces the state by a snapshot and reports whether that changed
// anything. It must be of the same service, else *IdentityError with name as
// its file. Unless the present state knows no batch, it must be the same state,
// else *OtherStateError, and not an older one, else *OlderStateError. After
// another error the state on disk is the former or the new one, whole, and the
// store takes no more writes.
func (s *Store) Push(name string, given *Snapshot) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.leading {
		s.idle.Wait()
	}
	if err := s.refused(); err != nil {
		return false, fmt.Errorf("push state: %w", err)
	}
	if same, err := s.fits(name, given); same || err != nil {
		return false, err
	}
	next := &Snapshot{given.State, given.head}
	if next.Provider == (Identity{}) {
		next.Provider = s.state.Provider
	}
	if err := s.replace(next); err != nil {
		return false, fmt.Errorf("push state: %w", err)
	}
	return true, nil
}

// fits checks what may be pushed, and tells whether it is there already.
func (s *Store) fits(name string, given *Snapshot) (same bool, err error) {
	if !given.Provider.fits(s.state.Provider) {
		return false, &IdentityError{File: name, Have: given.Provider, Ask: s.state.Provider}
	}
	if len(s.state.Batches) == 0 {
		return false, nil
	}
	if given.Lineage != s.state.Lineage {
		return false, &OtherStateError{File: s.medium.name(), Have: s.state.Lineage, Given: given.Lineage, Batches: len(s.state.Batches)}
	}
	if given.Serial > s.state.Serial {
		return false, nil
	}
	if given.Serial == s.state.Serial {
		one, err := given.sum()
		if err != nil {
			return false, fmt.Errorf("push state: %w", err)
		}
		other, err := (&Snapshot{s.state, s.head}).sum()
		if err != nil {
			return false, fmt.Errorf("push state: %w", err)
		}
		if one == other {
			return true, nil
		}
	}
	return false, &OlderStateError{File: s.medium.name(), Have: s.state.Serial, Given: given.Serial}
}

func (s *Snapshot) sum() ([sha256.Size]byte, error) {
	h := sha256.New()
	err := s.Encode(h)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// replace makes next the whole state. The caller holds mu, and nobody leads. The
// journal is emptied before, since its entries go on from the former snapshot; a
// crash in between leaves that one.
func (s *Store) replace(next *Snapshot) (err error) {
	defer func() { s.err = err }()
	if _, all := s.medium.size(); all > 0 {
		if err := s.fold(); err != nil {
			return err
		}
		if err := s.medium.clear(false); err != nil {
			return err
		}
	}
	if err := s.writeSnapshot(next); err != nil {
		return err
	}
	s.state, s.head, s.view = next.State, next.head, nil
	s.state.Version = FormatVersion
	s.state.cloneMaps()
	s.next, s.lineage = next.Serial+1, next.Lineage
	s.compactAt = compactAt(s.snapshotSize)
	return nil
}
