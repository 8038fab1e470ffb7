package ui

import (
	"fmt"
	"strings"

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
	return "To be cancelled:\n\n" + indent("  ", table(rows)) + "\n"
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

// CancelEnds says how cancels ended: a line for each that was not simply
// cancelled, then the counts.
func CancelEnds(results []apply.CancelResult) string {
	var out strings.Builder
	n := map[apply.CancelEnd]int{}
	for i := range results {
		r := &results[i]
		n[r.End]++
		switch r.End {
		case apply.CancelLate:
			if r.Job == "" {
				fmt.Fprintf(&out, "%s: its create bought nothing; there is nothing to cancel.\n", r.Address)
			} else {
				fmt.Fprintf(&out, "%s: %s had ended by itself (%s) and is left as it is.\n", r.Address, Printable(r.Job), r.State)
			}
		case apply.CancelTaken:
			fmt.Fprintf(&out, "%s: the service took the wish; %s has not ended yet. qaplan status shows when it has.\n", r.Address, Printable(r.Job))
		case apply.CancelMarked:
			fmt.Fprintf(&out, "%s: nothing is sent for it again. When its job turns up, the plan says so; cancel it then.\n", r.Address)
		}
	}
	parts := []string{fmt.Sprintf("%d cancelled", n[apply.CancelEnded]+n[apply.CancelTaken])}
	for _, more := range []struct {
		end  apply.CancelEnd
		word string
	}{{apply.CancelMarked, "marked"}, {apply.CancelLate, "had ended"}, {apply.CancelFailed, "failed"}, {apply.CancelOpen, "not reached"}} {
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
		rows[i] = []string{Printable(f.Name), size(f.Bytes), "expires " + instant(f.Expires)}
	}
	return "No longer needed:\n\n" + indent("  ", table(rows, 1)) + "\n"
}

// CleanQuestion asks for the approval of deleting uploads.
func CleanQuestion(files []planner.File) string {
	return fmt.Sprintf("Delete %s at the service (%s)?", count(len(files), "upload"), bytesOf(files))
}

// Cleaned says what was deleted.
func Cleaned(files []planner.File) string {
	return fmt.Sprintf("Deleted %s (%s).\n", count(len(files), "upload"), bytesOf(files))
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
	rows := make([][]string, len(list))
	for i, s := range list {
		made := count(s.Jobs, "job")
		if s.Uploads > 0 {
			made += ", " + count(s.Uploads, "upload") + " without one"
		}
		when := ""
		if s.Jobs > 0 {
			when = "made " + instant(s.First) + " to " + instant(s.Last)
		}
		rows[i] = []string{"state " + s.Lineage, made, "for " + count(len(s.Batches), "batch") + ", " + someOf(s.Batches), when}
	}
	return "Labels of other states name batches of this config:\n\n" + indent("  ", table(rows)) + "\n"
}

// RebuildQuestion asks for the approval of taking over other states.
func RebuildQuestion(list []planner.Stranger, adopt int) string {
	what := "Record " + count(adopt, "batch") + " that the service knows?"
	if len(list) > 0 {
		what = fmt.Sprintf("Take %s for former ones of this state, and record %s?", count(len(list), "state"), count(adopt, "batch"))
	}
	return what
}

// Rebuilt says what was recorded.
func Rebuilt(adopted int, backup string) string {
	return fmt.Sprintf("Recorded %s.%s\n", count(adopted, "batch"), kept(backup))
}
