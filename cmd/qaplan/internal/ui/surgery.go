package ui

import (
	"errors"
	"fmt"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/durable"
)

// ForgetQuestion asks for the approval of taking batches out of the state.
func ForgetQuestion(items []planner.Item) string {
	open := 0
	for i := range items {
		if items[i].Undelivered {
			open++
		}
	}
	q := "Forget " + count(len(items), "batch") + "?"
	if open > 0 {
		q = fmt.Sprintf("Forget %s, of which %d bought answers that are not delivered?", count(len(items), "batch"), open)
	}
	return q
}

// ForgetWarning says which of the batches may be bought twice once they are
// forgotten.
func ForgetWarning(items []planner.Item) (Explained, bool) {
	var open []planner.Address
	for i := range items {
		if items[i].Phase == planner.PhaseUnknown {
			open = append(open, items[i].Address)
		}
	}
	if len(open) == 0 {
		return Explained{}, false
	}
	return Explained{
		Warning: true,
		Summary: fmt.Sprintf("It is not known yet whether the last send of %s bought a job", someOf(open)),
		Detail:  "Once this is forgotten, the job may be bought a second time before the first one shows in the listing. An apply settles it.",
	}, true
}

// someOf names the first address, and how many more there are.
func someOf(list []planner.Address) string {
	if len(list) == 1 {
		return list[0].String()
	}
	return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
}

// Forgotten says what was taken out of the state.
func Forgotten(n int, backup string) string {
	return fmt.Sprintf("\nForgot %s.%s\n", count(n, "batch"), kept(backup))
}

// kept names the file with the state as it was, if there is one.
func kept(backup string) string {
	if backup == "" {
		return ""
	}
	return " The state as it was is in " + Printable(backup) + "."
}

// Moved says which records have other addresses now.
func Moved(moves []state.Move, backup string) string {
	rows := make([][]string, len(moves))
	for i, m := range moves {
		rows[i] = []string{m.From.String(), "->", m.To.String()}
	}
	return indent("  ", table(rows)) + fmt.Sprintf("\nMoved %s.%s\n", count(len(moves), "batch"), kept(backup))
}

// MoveWarnings tells what follows from moved records whose addresses do not go
// with the config.
func MoveWarnings(moves []state.Move, declared func(planner.Address) bool) []Explained {
	var lost, open []planner.Address
	moved := map[planner.Address]bool{}
	for _, m := range moves {
		moved[m.To] = true
	}
	for _, m := range moves {
		if !declared(m.To) {
			lost = append(lost, m.To)
		}
		if declared(m.From) && !moved[m.From] {
			open = append(open, m.From)
		}
	}
	var warnings []Explained
	if len(lost) > 0 {
		warnings = append(warnings, Explained{
			Warning: true,
			Summary: "The config declares no " + someOf(lost),
			Detail:  "Until it does, what was moved there counts as having left the config: it is held, or forgotten when all of it is delivered.",
		})
	}
	if len(open) > 0 {
		warnings = append(warnings, Explained{
			Warning: true,
			Summary: "The config still declares " + someOf(open),
			Detail:  "Nothing is recorded there now, so that the next apply buys a job for it. Take it out of the config first where that is not meant.",
		})
	}
	return warnings
}

// RenderPush shows a state and what is to replace it, side by side.
func RenderPush(have, given *state.State) string {
	row := func(name string, st *state.State) []string {
		if st.Lineage == "" {
			return []string{name, "empty"}
		}
		return []string{name, "state " + st.Lineage[:min(6, len(st.Lineage))], fmt.Sprintf("serial %d", st.Serial), count(len(st.Batches), "batch")}
	}
	return indent("  ", table([][]string{row("now", have), row("then", given)}))
}

// Pushed says that the state was replaced.
func Pushed(st *state.State, backup string) string {
	return fmt.Sprintf("\nThe state knows %s now, at serial %d.%s\n", count(len(st.Batches), "batch"), st.Serial, kept(backup))
}

// RenderLock shows who holds the state, and whether that run lives.
func RenderLock(l *state.LockStatus) string {
	return indent("  ", table([][]string{
		{"lock", Printable(l.Holder.ID)},
		{"file", Printable(l.File)},
		{"held by", Printable(l.Holder.Facts(l.At))},
		{"version", Printable(l.Holder.Version)},
		{"alive", life(l)},
	}))
}

func life(l *state.LockStatus) string {
	switch {
	case !l.Held:
		return "no: nothing holds the lock any more"
	case l.Lease > 0 && l.Process == state.ProcessDead:
		return fmt.Sprintf("no: process %d is gone from this machine", l.Holder.PID)
	case l.Lease > 0 && l.Dead():
		return fmt.Sprintf("hardly: it should give a sign of life every few seconds, and has given none for more than %s", l.Lease)
	case l.Lease > 0:
		return "yes: it gives signs of life"
	case l.Process == state.ProcessAlive:
		return "yes: its process runs on this machine and holds the lock"
	case l.Process == state.ProcessDead:
		return fmt.Sprintf("perhaps: something holds the lock, but process %d is gone from this machine", l.Holder.PID)
	default:
		return "yes: a process on another machine holds the lock"
	}
}

// Unlocked says what became of the lock.
func Unlocked(l *state.LockStatus) string {
	if !l.Held {
		return "The run is dead and its lock was free already; what it left in the lock file is wiped. The next run goes on from what it recorded.\n"
	}
	if l.Lease > 0 && l.Dead() {
		return fmt.Sprintf("The lock is free. The next run goes on from what the run recorded; should it live all the same, it stops at its next write. The next apply judges what it sent after %s.\n", state.SendTime)
	}
	return fmt.Sprintf("The lock was taken away. That run stops at its next write. The next apply judges what it sent after %s.\n", state.SendTime)
}

// lockedWords says who holds the state.
func lockedWords(e *state.LockedError) string {
	if e.Holder.ID == "" {
		return fmt.Sprintf("The state is locked by another run (%s)", e.File)
	}
	return fmt.Sprintf("The state is locked: %s (lock %s)", e.Holder.Facts(e.At), e.Holder.ID)
}

// silence is how long a holder that renews its facts every ten seconds may be
// silent before it seems to hang.
const silence = time.Minute

func lockedHint(e *state.LockedError) string {
	hint := "Wait for its end, interrupt it (nothing that it did is lost), or let this run wait for it with --lock-timeout 10m."
	if e.Lease > 0 {
		hint += fmt.Sprintf(" The lock of a run that was killed is taken over after %s without a sign of life, by a run that waits so long.", e.Lease)
	}
	if e.Silent() >= silence {
		hint += fmt.Sprintf(" It has given no sign of life for a while: if its process hangs, end it, or take the lock away with qaplan force-unlock %s.", e.Holder.ID)
	}
	return hint
}

// surgeryHint says what to do about a state, a record or a lock that stays as it
// is; "" for other errors.
func surgeryHint(err error) string {
	const away = "To put it in the place of this one all the same, move %s and its journal away and push again; what was bought since is found again at the service."
	if e, ok := errors.AsType[*state.OtherStateError](err); ok {
		return fmt.Sprintf("Check that it belongs to this config. "+away, e.File)
	}
	if e, ok := errors.AsType[*state.OlderStateError](err); ok {
		return fmt.Sprintf(away, e.File)
	}
	if e, ok := errors.AsType[*state.NotHolderError](err); ok && e.Have != "" {
		return fmt.Sprintf("Look who holds it now, and if it is still meant: qaplan force-unlock %s.", e.Have)
	}
	if e, ok := errors.AsType[*state.NotHolderError](err); ok && !e.Held {
		return "There is nothing to unlock: run the command that was refused again."
	} else if ok {
		return "Wait for the end of that run, or end its process."
	}
	switch {
	case errors.Is(err, state.ErrNoRecord):
		return "qaplan state list shows what it knows."
	case errors.Is(err, durable.ErrLost):
		return "Somebody took the lock away from this run, or removed the lock's file. Nothing more is recorded; the next run finds what was done."
	case errors.Is(err, durable.ErrNotSeized):
		return "The lock ends with its process, however that ends."
	case errors.Is(err, state.ErrTaken):
		return "Make the state forget what stands there first, with qaplan state rm, or move that one away."
	case errors.Is(err, state.ErrUnsettled):
		return "Its label at the service carries the address. Run qaplan apply until its outcome is known, then move it."
	}
	return ""
}
