package state

import (
	"fmt"
	"time"
)

// CorruptError tells that a file of the state is damaged in a way that no
// crash explains. Nothing was changed.
type CorruptError struct {
	File   string
	Line   int // from 1; 0 when it concerns the whole file
	Reason string
	// Journal tells that File is the journal and not the snapshot.
	Journal bool
	// Backup is the snapshot from before the last run that changed something,
	// or "" when there is none.
	Backup string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read state: %s: %s; %s", place(e.File, e.Line), e.Reason, e.Hint())
}

// Hint says what to do.
func (e *CorruptError) Hint() string {
	const found = "what it lacks is found again in the listing of the service"
	switch {
	case e.Journal:
		return fmt.Sprintf("restore it from a copy, or move it away to go on from the snapshot: %s", found)
	case e.Backup != "":
		return fmt.Sprintf("restore it from a copy, or put %s in its place and move the journal away: %s", e.Backup, found)
	default:
		return fmt.Sprintf("restore it from a copy, or move it and its journal away to start anew: %s", found)
	}
}

// VersionError tells that a newer version of the program wrote the file.
type VersionError struct {
	File     string
	Line     int
	Version  int // of the file
	Readable int // the newest that this program reads
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("read state: %s: format version %d, but this qaplan reads versions up to %d; use the newer qaplan that wrote it",
		place(e.File, e.Line), e.Version, e.Readable)
}

// IdentityError tells that the state belongs to another service than the
// config names.
type IdentityError struct {
	File      string
	Have, Ask Identity // of the state, and of the config
}

func (e *IdentityError) Error() string {
	return fmt.Sprintf("read state: %s belongs to %s, but the config names %s; give the config the former provider, or another path for its state",
		e.File, e.Have, e.Ask)
}

// String names the service in messages.
func (id Identity) String() string {
	s := "provider " + id.Kind
	if id.BaseURL != "" {
		s += " at " + id.BaseURL
	}
	if id.ID != "" {
		s += " with the data " + id.ID
	}
	return s
}

// LineageError tells that the journal belongs to another state than the
// snapshot beside it.
type LineageError struct {
	File       string
	Line       int
	Have, Want string // of the journal, and of the snapshot
}

func (e *LineageError) Error() string {
	return fmt.Sprintf("read state: %s: it is of the state %.6s…, but the snapshot beside it is of the state %.6s…; put back the snapshot that belongs to it, or move the journal away",
		place(e.File, e.Line), e.Have, e.Want)
}

// LockedError tells that another run holds the state.
type LockedError struct {
	File   string // the lock
	Holder Holder // zero when it did not say
}

func (e *LockedError) Error() string {
	h := e.Holder
	if h.ID == "" {
		return fmt.Sprintf("lock state: %s is held by another run; wait for its end, or let this run wait with --lock-timeout", e.File)
	}
	return fmt.Sprintf("lock state: %s is held by %s of %s (process %d, since %s, lock %s); wait for its end, or let this run wait with --lock-timeout",
		e.File, h.Operation, h.Who, h.PID, h.Started.Format(time.RFC3339), h.ID)
}

func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
