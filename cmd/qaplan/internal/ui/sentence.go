package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

// ApplyLine is the summary of an apply. Scripts read it; it never changes.
func ApplyLine(s apply.Summary) string {
	return fmt.Sprintf("Apply complete: %d uploaded, %d created, %d adopted, %d downloaded, %d forgotten. "+
		"%d in progress, %d done, %d failed, %d held, %d deferred.",
		s.Uploaded, s.Created, s.Adopted, s.Downloaded, s.Forgotten, s.InProgress, s.Done, s.Failed, s.Held, s.Deferred)
}

// Sentence puts an event into one line of words. waits tells that the run goes
// on until all is done.
func Sentence(e *apply.Event, waits bool) string {
	where := ""
	if e.Address != nil {
		where = e.Address.String() + ": "
	}
	return where + Printable(happened(e, waits))
}

// Severity is how much an event should worry a person. A quota that is used up
// is a matter of time, and waited for.
func Severity(e *apply.Event) planner.Severity {
	if e.Type == apply.EventCreateRefused && e.Reason == refusedQuota {
		return ""
	}
	return e.Severity
}

// Reasons of create_refused.
const (
	refusedQuota = "quota"
	refusedRun   = "run"   // buying stops for the whole run
	refusedModel = "model" // buying stops for the block
	refusedOther = "other" // told as an error of the batch too
)

func happened(e *apply.Event, waits bool) string {
	switch e.Type {
	case apply.EventPlannedChange:
		return plannedWords(e.Change)
	case apply.EventUploadStart:
		return "uploading " + volume(e.Total) + " as " + e.File
	case apply.EventUploadProgress:
		return fmt.Sprintf("uploaded %s of %s", volume(e.Bytes), volume(e.Total))
	case apply.EventUploadComplete:
		return "uploaded as " + e.File
	case apply.EventCreateIntent:
		return fmt.Sprintf("sending the create of attempt %d", e.Attempt)
	case apply.EventCreateComplete:
		if e.Reason == "create_found" {
			return fmt.Sprintf("the create of attempt %d, whose answer was lost, made %s", e.Attempt, e.Job)
		}
		return fmt.Sprintf("attempt %d is %s", e.Attempt, e.Job)
	case apply.EventCreateRefused:
		return join("the service refused the create", e.Message)
	case apply.EventCreateUnknown:
		return join("the outcome of the create is not known yet; it is looked for in the listing, never sent again blindly", e.Message)
	case apply.EventAdopted:
		if e.Job != "" {
			return "adopted " + e.Job
		}
		return "adopted " + e.File
	case apply.EventJobState:
		return join(strings.TrimSpace(e.Job+" is "+e.JobState)+was(e.OldState), e.Message)
	case apply.EventDownloadProgress:
		return "downloaded " + volume(e.Bytes) + " so far"
	case apply.EventDownloadComplete:
		return downloaded(e)
	case apply.EventRepairPlanned:
		return fmt.Sprintf("attempt %d is to buy %s again; %d have no good answer", e.Attempt, count(e.Rows, "row"), e.BadRows)
	case apply.EventDatasetWritten:
		return fmt.Sprintf("dataset %s: %s of %s, in %s", e.Dataset, count(e.Rows, "row"), ofBatches(e.Batches, e.Of), e.Path)
	case apply.EventHookComplete:
		return "on_complete was run" + ofBlock(e)
	case apply.EventHookFailed:
		return "on_complete failed, and is run again later" + ofBlock(e) + ": " + e.Message
	case apply.EventRateWait:
		return join("waiting for "+limit(e.Budget)+until(e.Until), firstSentence(e.Reason))
	case apply.EventDeferred:
		return deferredWords(e, waits)
	case apply.EventApplySummary:
		if e.Summary != nil {
			return ApplyLine(*e.Summary)
		}
	}
	if e.Message != "" {
		return e.Message
	}
	return string(e.Type)
}

func deferredWords(e *apply.Event, waits bool) string {
	s := "left for a later run"
	if waits {
		s = "waits"
	}
	if e.Budget == "" { // what stands against it is no limit, and is told whole
		return join(s, e.Reason)
	}
	return s + " because " + obstacle(e.Budget, e.Cause, e.Reason)
}

func join(s, more string) string {
	if more == "" {
		return s
	}
	return s + ": " + more
}

func was(old string) string {
	if old == "" {
		return ""
	}
	return ", it was " + old
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " until " + t.UTC().Format(time.RFC3339)
}

// limit names a budget.
func limit(budget string) string {
	switch budget {
	case "":
		return "a limit"
	case apply.BudgetCreates:
		return "the limit on creates"
	case apply.BudgetActiveJobs:
		return "the limit on active jobs"
	case apply.BudgetTokens:
		return "the limit on enqueued tokens"
	case apply.BudgetMaxCost:
		return "max_cost"
	case apply.BudgetRunCost:
		return "--max-cost"
	case apply.BudgetStorage:
		return "the limit on file storage"
	case apply.BudgetCalls:
		return "the limit on calls"
	case apply.BudgetPoll:
		return "the next listing"
	case apply.BudgetTakeOver:
		return "the former run's calls to end"
	default:
		return "the limit " + budget
	}
}

// ofBatches counts the batches that are in a dataset, and says where some are
// not.
func ofBatches(n, of int) string {
	if n == of {
		return count(n, "batch")
	}
	return fmt.Sprintf("%d of %s", n, count(of, "batch"))
}

func plannedWords(c *planner.Change) string {
	if c == nil {
		return "a change is planned"
	}
	words := make([]string, len(c.Actions))
	for i, a := range c.Actions {
		words[i] = string(a)
	}
	return "to " + strings.Join(words, " and ") + ": " + because(c.Reason)
}

func downloaded(e *apply.Event) string {
	s := fmt.Sprintf("wrote %s to %s", count(e.Rows, "row"), e.Path)
	if e.Path == "" {
		s = "fetched " + count(e.Rows, "row")
	}
	if e.BadRows > 0 {
		s += fmt.Sprintf(", %d of them without a good answer", e.BadRows)
	}
	return s
}

// ApplyEnd is the last line of an apply: [ApplyLine], unless it was made to stop
// before it had done what it could.
func ApplyEnd(s apply.Summary, stopped bool) string {
	if stopped {
		return "Apply stopped" + strings.TrimPrefix(ApplyLine(s), "Apply complete")
	}
	return ApplyLine(s)
}

// ResultsIn says where results are.
func ResultsIn(folders []string) string {
	const most = 5
	if more := len(folders) - most; more > 0 {
		folders = append(slices.Clone(folders[:most]), count(more, "more folder"))
	}
	s := folders[len(folders)-1]
	if len(folders) > 1 {
		s = strings.Join(folders[:len(folders)-1], ", ") + " and " + s
	}
	return "The results are in " + Printable(s) + "."
}

// Question asks for the approval of a plan.
func Question(p *planner.Plan, wait bool) string {
	switch {
	case !p.Applyable && p.Summary.InProgress == 0:
		return "Wait until the service's job listing stands still, and do what follows from it, purchases included?"
	case !p.Applyable:
		return fmt.Sprintf("Wait for %s, and do what follows from it?", count(p.Summary.InProgress, "job"))
	case p.Summary.Create > 0 && wait:
		return fmt.Sprintf("Carry this out and buy %s, and go on until all is done? What fails is bought again, as max_attempts and repair allow.", jobsFor(p))
	case p.Summary.Create > 0:
		return fmt.Sprintf("Carry this out and buy %s?", jobsFor(p))
	case wait:
		return "Carry this out, and go on until all is done? What fails is bought again, as max_attempts and repair allow."
	}
	return "Carry this out?"
}

// ofBlock names the block of an event that is about a whole one.
func ofBlock(e *apply.Event) string {
	if e.Address != nil {
		return ""
	}
	return " for batch." + e.Block
}
