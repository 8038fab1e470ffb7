package ui

import (
	"fmt"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

// RenderCancellations shows what a cancel would concern.
func RenderCancellations(list []planner.Cancellation) string {
	rows := make([][]string, len(list))
	for i, c := range list {
		rows[i] = []string{c.Address.String(), Printable(c.Job), string(c.State)}
		if c.Unknown {
			rows[i] = []string{c.Address.String(), "(not known)", "a create was sent; nothing is sent for it again"}
		}
	}
	return "To be cancelled:\n\n" + indent("  ", table(rows))
}

// CancelQuestion asks for the approval of cancels.
func CancelQuestion(list []planner.Cancellation) string {
	jobs := 0
	for _, c := range list {
		if !c.Unknown {
			jobs++
		}
	}
	switch marks := len(list) - jobs; {
	case marks == 0:
		return "Cancel " + count(jobs, "job") + "? What they have used is paid for."
	case jobs == 0:
		return "Send nothing more for " + count(marks, "batch") + "?"
	default:
		return fmt.Sprintf("Cancel %s, whose use is paid for, and send nothing more for %s?", count(jobs, "job"), count(marks, "batch"))
	}
}

// CancelEnds says how cancels ended, apart from what was shown before: a line
// for each that was not simply cancelled, then the counts.
func CancelEnds(results []apply.CancelResult, width int) string {
	var out strings.Builder
	out.WriteString("\n")
	say := func(format string, args ...any) {
		lines := wrap(fmt.Sprintf(format, args...), width-4)
		out.WriteString(lines[0] + "\n" + indent("    ", lines[1:]))
	}
	n := map[apply.CancelEnd]int{}
	for i := range results {
		r := &results[i]
		n[r.End]++
		switch r.End {
		case apply.CancelLate:
			if r.Job == "" {
				say("%s: its create bought nothing; there is nothing to cancel.", r.Address)
			} else {
				say("%s: %s had ended by itself (%s) and is left as it is.", r.Address, Printable(r.Job), r.State)
			}
		case apply.CancelTaken:
			say("%s: the service accepted the cancel of %s, which has not ended yet. qaplan status shows when it has.", r.Address, Printable(r.Job))
		case apply.CancelMarked:
			say("%s: nothing is sent for it again. When its job turns up, the plan says so; cancel it then.", r.Address)
		}
	}
	parts := []string{fmt.Sprintf("%d cancelled", n[apply.CancelEnded])}
	for _, more := range []struct {
		end  apply.CancelEnd
		word string
	}{{apply.CancelTaken, "accepted and not ended yet"}, {apply.CancelMarked, "marked"}, {apply.CancelLate, "had ended"}, {apply.CancelFailed, "failed"}, {apply.CancelOpen, "not reached"}} {
		if n[more.end] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[more.end], more.word))
		}
	}
	return out.String() + "Cancel: " + strings.Join(parts, ", ") + ".\n"
}

// RenderUnneeded shows the uploads that a clean would delete.
func RenderUnneeded(files []planner.File) string {
	rows := make([][]string, len(files))
	for i, f := range files {
		rows[i] = []string{Printable(f.Name), size(f.Bytes), "expires " + minute(f.Expires)}
	}
	return "No longer needed:\n\n" + indent("  ", table(rows, 1))
}

// CleanQuestion asks for the approval of deleting uploads.
func CleanQuestion(files []planner.File) string {
	return fmt.Sprintf("Delete %s at the service (%s)?", count(len(files), "upload"), bytesOf(files))
}

// Cleaned says what was deleted.
func Cleaned(files []planner.File) string {
	return fmt.Sprintf("\nDeleted %s (%s).\n", count(len(files), "upload"), bytesOf(files))
}

func bytesOf(files []planner.File) string {
	var n int64
	for _, f := range files {
		n += f.Bytes
	}
	return volume(n)
}

// RenderStrangers shows the states whose labels name batches of the config.
func RenderStrangers(list []planner.Stranger) string {
	var out strings.Builder
	out.WriteString("Labels of other states name batches of this config:\n\n")
	for _, s := range list {
		made := count(s.Jobs, "job")
		if s.Uploads > 0 {
			made += ", " + count(s.Uploads, "upload") + " without one"
		}
		fmt.Fprintf(&out, "  state %s: %s\n      for %s, %s\n", s.Lineage, made, count(len(s.Batches), "batch"), someOf(s.Batches))
		if s.Jobs == 0 {
			continue
		}
		when := "made at " + minute(s.First)
		if last := minute(s.Last); last != minute(s.First) {
			when = "made from " + minute(s.First) + " to " + last
		}
		out.WriteString("      " + when + "\n")
	}
	return out.String()
}

// RebuildQuestion asks for the approval of taking over other states.
func RebuildQuestion(list []planner.Stranger, adopt int) string {
	record := "record " + count(adopt, "batch") + " that the service knows?"
	if len(list) == 0 {
		return "R" + record[1:]
	}
	q := fmt.Sprintf("Count %s as former ones of this state", count(len(list), "state"))
	if len(list) == 1 {
		q = "Count state " + list[0].Lineage + " as a former one of this state"
	}
	if adopt == 0 {
		return q + "?"
	}
	return q + ", and " + record
}

// Rebuilt says what was recorded, and of how many batches it is not known yet
// what the lost state bought last.
func Rebuilt(adopted, unknown int, settle time.Duration, backup string) string {
	said := fmt.Sprintf("\nRecorded %s.%s\n", count(adopted, "batch"), kept(backup))
	if unknown > 0 {
		said += fmt.Sprintf("%s: the service may not list yet what was bought last. Applies wait %s, and buy only what did not turn up by then.\n",
			count(unknown, "batch")+" with an outcome that is unknown", length(settle))
	}
	return said
}

// NothingToRebuild says that nothing was found, and where the state is an empty
// one, that it may be too soon.
func NothingToRebuild(empty bool, settle time.Duration) string {
	said := "Nothing to rebuild: the service shows nothing for these batches that the state does not know.\n"
	if empty {
		said += fmt.Sprintf("If a run with a lost state has just bought jobs, they may not be listed yet: rebuild again %s after it, before you apply.\n", length(settle))
	}
	return said
}
