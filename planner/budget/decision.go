package budget

import (
	"fmt"
	"time"
)

// Cause says why a create waits.
type Cause string

const (
	CauseDeclared Cause = "declared"   // a declared limit is reached
	CauseLearned  Cause = "learned"    // what was refused before would be again
	CauseRefused  Cause = "refused"    // the pause after a refusal
	CauseTooMany  Cause = "too_many"   // too many creates were refused lately
	CauseRhythm   Cause = "rhythm"     // creates are refused for a while after so many
	CauseNamed    Cause = "named"      // the service named the quota
	CauseProbe    Cause = "probe"      // another create finds out what is accepted
	CauseGrowth   Cause = "growth"     // after a refusal creates grow slowly
	CauseLook     Cause = "look"       // what is active was not looked at yet
	CauseTooLarge Cause = "too_large"  // it alone is more than the limit
	CauseUnasked  Cause = "not_booked" // a send that was not booked
)

// Decision says whether a create may go now. Its zero value admits.
type Decision struct {
	// Cause is "" when the create is admitted.
	Cause  Cause
	Budget string // the budget that stands against it
	Model  string // where the budget is a model's
	// Used and Limit are where the budget stands, and Wanted is what the create
	// would add. In the pause after a refusal Used is how many jobs would have
	// been active, the refused one counted; 0 where that is not known.
	Used, Limit, Wanted int64
	// Learned tells that Limit was not declared.
	Learned bool
	// Until is when it may go, or be tried; zero: when a job has finished.
	Until time.Time
	// Early tells that a job that finishes ends the wait before Until.
	Early bool
	// Message is the service's own, where there is one.
	Message string
	// Trial tells, of a create that is admitted, that it goes alone: it finds
	// out whether more is accepted than is known.
	Trial bool
}

// Admit reports whether the create may go.
func (d Decision) Admit() bool { return d.Cause == "" }

// Never reports whether waiting cannot help.
func (d Decision) Never() bool { return d.Cause == CauseTooLarge }

// Standing is where the budget stands, such as "enqueued tokens of
// gemini-2.5-flash: 2.9 of 3.0 M", or "" when there is nothing to count.
func (d Decision) Standing() string {
	var what string
	switch d.Budget {
	case ActiveJobs:
		what = "active jobs"
	case EnqueuedTokens:
		what = "enqueued tokens of " + d.Model
	default:
		return ""
	}
	return fmt.Sprintf("%s: %s of %s%s", what, quantity(d.Used, d.Limit), quantity(d.Limit, d.Limit), unit(d.Limit))
}

// Reason says in plain words why the create waits.
func (d Decision) Reason() string {
	switch d.Cause {
	case CauseDeclared:
		if d.Budget == CreatesPerMinute {
			return fmt.Sprintf("%d creates a minute are declared", d.Limit)
		}
		return d.wanted() + " would exceed the declared limit; a finished job makes room"
	case CauseLearned:
		return d.wanted() + " would exceed what the service has accepted so far; a finished job makes room"
	case CauseRefused:
		return "the service refused the last create" + with(d.Used) + saying(d.Message)
	case CauseTooMany:
		return "the service refused many creates lately" + saying(d.Message)
	case CauseRhythm:
		return fmt.Sprintf("the service accepts %d in a row and then refuses for a while, whatever their size", d.Limit)
	case CauseNamed:
		return "the service named the quota" + saying(d.Message)
	case CauseProbe:
		return "another create tries first whether more is accepted"
	case CauseGrowth:
		return "after a refusal creates go out few at a time"
	case CauseLook:
		return "what is active was not looked at yet"
	case CauseTooLarge:
		return d.wanted() + " are more than the limit itself: split the batch, or declare a higher limit"
	case CauseUnasked:
		return "it was not booked"
	}
	return ""
}

// wanted says what the create would add.
func (d Decision) wanted() string {
	if d.Budget == ActiveJobs {
		return "one more job"
	}
	return fmt.Sprintf("its %s%s tokens", quantity(d.Wanted, d.Wanted), unit(d.Wanted))
}

// with says how many jobs were active beside one that was refused.
func with(jobs int64) string {
	switch {
	case jobs <= 0:
		return ""
	case jobs == 1:
		return ", with no job active"
	case jobs == 2:
		return ", with 1 job active"
	}
	return fmt.Sprintf(", with %d jobs active", jobs-1)
}

func saying(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}
