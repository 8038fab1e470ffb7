package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/qaplan/qaplan/state/durable"
)

// paths are the files of one state.
type paths struct {
	snapshot, journal, lock, backup string
}

// pathsOf follows a symbolic link to the snapshot, so that all its names share
// one journal and one lock.
func pathsOf(path string) (paths, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return paths{}, fmt.Errorf("read state: %s is a symbolic link that leads nowhere: %w", path, err)
		}
		path = target
	}
	return paths{path, path + ".journal", path + ".lock", path + ".backup"}, nil
}

// backupThere is the path of the backup, "" when there is none.
func (at paths) backupThere() string {
	if _, err := os.Stat(at.backup); err != nil {
		return ""
	}
	return at.backup
}

// loaded is a state with what a writer has to know of its files.
type loaded struct {
	Snapshot
	journal *journal
	// journalSize is the journal's length with what is torn off.
	journalSize int64
	// snapshotSize is 0 when there is no snapshot.
	snapshotSize int64
	folded       int64 // serial of the snapshot
}

// Read gives the state as it is now. It takes no lock and changes no byte, so
// it may run beside an apply: it sees all that was durable when it began, and
// perhaps some of what follows, always as it was between two transitions. A
// state that is not there is an empty one.
//
// It returns *CorruptError, *VersionError, *LineageError, or *IdentityError
// when the state belongs to another service than id; the zero Identity fits
// every state.
func Read(path string, id Identity) (*State, error) {
	s, err := Pull(path, id)
	if err != nil {
		return nil, err
	}
	return &s.State, nil
}

// Pull is [Read] for a state that is to be written elsewhere: what it gives can
// be encoded, and pushed again.
func Pull(path string, id Identity) (*Snapshot, error) {
	at, err := pathsOf(path)
	if err != nil {
		return nil, err
	}
	// A writer may empty the journal and begin a new one while it is being
	// read. Such a mixture does not last; damage does.
	const pause = 10 * time.Millisecond
	for try := 1; ; try++ {
		before := at.stamp()
		l, err := load(at, id)
		if err == nil {
			return &l.Snapshot, nil
		}
		if _, damaged := errors.AsType[*CorruptError](err); !damaged || try == 5 || try > 1 && at.stamp() == before {
			return nil, err
		}
		time.Sleep(pause)
	}
}

// stamp changes when somebody writes the files.
func (at paths) stamp() (s [2]struct {
	size    int64
	changed time.Time
}) {
	for i, name := range []string{at.journal, at.snapshot} {
		if info, err := os.Stat(name); err == nil {
			s[i].size, s[i].changed = info.Size(), info.ModTime()
		}
	}
	return s
}

// load reads the journal first: when a snapshot replaces it in between, the
// entries that were read are in the snapshot already and are passed over. The
// other way round they would be missed.
func load(at paths, id Identity) (*loaded, error) {
	data, err := durable.ReadFile(at.journal)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read state: %w", err)
	}
	j, err := parseJournal(at.journal, data)
	if damage, ok := errors.AsType[*CorruptError](err); ok {
		_, err := os.Stat(at.snapshot)
		damage.Alone = errors.Is(err, fs.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	l := &loaded{journal: j, journalSize: int64(len(data))}
	if err := l.readSnapshot(at); err != nil {
		return nil, err
	}
	if err := l.replay(at); err != nil {
		return nil, err
	}
	if !l.Provider.fits(id) {
		return nil, &IdentityError{File: at.snapshot, Have: l.Provider, Ask: id}
	}
	if l.Provider == (Identity{}) {
		l.Provider = id
	}
	return l, nil
}

func (l *loaded) readSnapshot(at paths) error {
	f, err := durable.Open(at.snapshot)
	if errors.Is(err, fs.ErrNotExist) {
		l.State = State{Version: FormatVersion}
		l.cloneMaps()
		return nil
	}
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	defer f.Close()
	s, err := readSnapshot(at.snapshot, f)
	if damage, ok := errors.AsType[*CorruptError](err); ok {
		damage.Backup = at.backupThere()
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	l.Snapshot, l.snapshotSize, l.folded = *s, info.Size(), s.Serial
	return nil
}

// replay adds what the journal has and the snapshot lacks.
func (l *loaded) replay(at paths) error {
	j := l.journal
	if !j.begun {
		return nil
	}
	h := j.header
	if l.Lineage == "" {
		l.Lineage = h.Lineage
	}
	if l.Provider == (Identity{}) {
		l.Provider = h.Provider
	}
	switch {
	case h.Lineage != l.Lineage:
		return &LineageError{File: at.journal, Line: 1, Have: h.Lineage, Want: l.Lineage}
	case !h.Provider.fits(l.Provider):
		return &IdentityError{File: at.journal, Have: h.Provider, Ask: l.Provider}
	case h.After > l.Serial && l.snapshotSize == 0:
		// Told of the snapshot: without it, moving the journal away would leave
		// nothing.
		return &CorruptError{File: at.snapshot, Reason: fmt.Sprintf("it is not there, and %s goes on from its number %d", at.journal, h.After), Backup: at.backupThere()}
	case h.After > l.Serial:
		return corruptJournal(at.journal, 1, fmt.Errorf("it goes on from number %d, but %s ends at number %d: an older copy of it was put back", h.After, at.snapshot, l.Serial))
	}
	for i := range j.entries {
		e := &j.entries[i]
		switch {
		case e.Seq < l.Serial: // in the snapshot; the journal was not emptied
		case e.Seq == l.Serial:
			if e.sum != l.head {
				return corruptJournal(at.journal, i+2, fmt.Errorf("its number %d is another than that in %s: one of the two files is a copy from another run", e.Seq, at.snapshot))
			}
		default:
			e.apply(&l.State)
			l.head = e.sum
		}
	}
	return nil
}
