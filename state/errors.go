package state

import (
	"cmp"
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
	// Given tells that File was handed in, and is not a file of the state.
	Given bool
	// Alone tells that there is no snapshot beside the journal.
	Alone bool
	// Backup is the snapshot from before the last run that changed something,
	// or "" when there is none.
	Backup string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read state: %s: %s; %s", place(e.File, e.Line), e.Reason, e.Hint())
}

// Hint says what to do.
func (e *CorruptError) Hint() string {
	const lacks, knew = "what it lacks is found again at the service", "what it knew is found again at the service"
	switch {
	case e.Given:
		return "hand in another copy, as qaplan state pull or a backup made it"
	case e.Journal && e.Alone:
		return fmt.Sprintf("restore it from a copy, or move it away and run qaplan state rebuild: %s", knew)
	case e.Journal:
		return fmt.Sprintf("restore it from a copy, or move it away to go on from the snapshot: %s", lacks)
	case e.Backup != "":
		return fmt.Sprintf("restore it from a copy, or put %s in its place and move the journal away: %s", e.Backup, lacks)
	default:
		return fmt.Sprintf("restore it from a copy, or move it and its journal away and run qaplan state rebuild: %s", knew)
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
	File   string    // the lock
	Holder Holder    // zero when it did not say
	At     time.Time // when it was held
	// Lease is how long the holder of a state in a bucket may give no sign of
	// life; 0 for a file, whose lock ends with its process.
	Lease time.Duration
	// Dying tells that the holder should have given a sign of life by now. Who
	// asks again for as long as Lease gets the lock, unless it does.
	Dying bool
}

func (e *LockedError) Error() string {
	if e.Holder.ID == "" {
		return fmt.Sprintf("lock state: %s is held by another run; wait for its end, or let this run wait with --lock-timeout", e.File)
	}
	return fmt.Sprintf("lock state: %s is held: %s, lock %s; wait for its end, or let this run wait with --lock-timeout",
		e.File, e.Holder.Facts(e.At), e.Holder.ID)
}

// Silent is how long the holder had given no sign of life, 0 when that is not
// known.
func (e *LockedError) Silent() time.Duration { return e.Holder.silent(e.At) }

// Facts describes the holder as seen at a time, like "apply by ann@desk, pid
// 123, since 12:03:10, last seen 4 s ago". Times of day are in the zone of now.
func (h *Holder) Facts(now time.Time) string {
	facts := cmp.Or(h.Operation, "a run")
	if h.Who != "" {
		facts += " by " + h.Who
	}
	if h.PID != 0 {
		facts += fmt.Sprintf(", pid %d", h.PID)
	}
	if !h.Started.IsZero() {
		started := h.Started.In(now.Location())
		layout := time.DateTime
		if started.Format(time.DateOnly) == now.Format(time.DateOnly) {
			layout = time.TimeOnly
		}
		facts += ", since " + started.Format(layout)
	}
	if !h.Renewed.IsZero() && !now.IsZero() {
		facts += ", last seen " + ago(h.silent(now))
	}
	return facts
}

// silent is never negative: the clocks of two machines may differ.
func (h *Holder) silent(now time.Time) time.Duration {
	if h.Renewed.IsZero() || now.IsZero() {
		return 0
	}
	return max(0, now.Sub(h.Renewed))
}

func ago(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%d s ago", d/time.Second)
	case d < 100*time.Minute:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	default:
		return fmt.Sprintf("%d h ago", d/time.Hour)
	}
}

func place(file string, line int) string {
	if line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}
