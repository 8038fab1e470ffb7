package provider

import (
	"errors"
	"fmt"
	"time"
)

// Class says what a caller may conclude from a failed call.
type Class string

const (
	// ClassRefused: the service said no in its own words; nothing was done.
	ClassRefused Class = "refused"
	// ClassQuota: a 429 in the service's own words; nothing was done, and the
	// same call may go through later.
	ClassQuota Class = "quota"
	// ClassGone: the thing that the call names is not there (404, or 403 for
	// a file, which is what the service answers for missing and expired ones).
	ClassGone Class = "gone"
	// ClassTemporary: the call had no effect that matters and may be sent
	// again. Never used for creates.
	ClassTemporary Class = "temporary"
	// ClassUnknown: whether the call had an effect cannot be told.
	ClassUnknown Class = "unknown"
)

// Error is a failed call.
type Error struct {
	Op         string // create job, list jobs, upload, …
	Target     string // models/…, files/…, batches/…, or ""
	Class      Class
	HTTPStatus int    // 0 when no answer came
	Status     string // such as RESOURCE_EXHAUSTED
	Reason     string // such as API_KEY_INVALID, from google.rpc.ErrorInfo
	Message    string // the service's words, bounded, without secrets
	// About is what a refusal is about, or what else failed, one of the About
	// constants; "" when that is not known.
	About string
	// NotSent tells that no byte of the request left this machine: it was not
	// admitted, its context had ended, or no connection came about. A create
	// keeps [ClassUnknown] nevertheless; a caller that reads NotSent may be
	// kinder.
	NotSent bool
	// Quotas are the quota ids that a 429 names, usually none on create.
	Quotas []string
	// RetryDelay is the service's hint, clamped to [0, 1 h]; 0 when it gave none.
	RetryDelay time.Duration
	// Date is the service's time, zero when no answer came.
	Date time.Time
	Err  error // the cause below, when there is one
}

// ErrDamaged is the cause of an upload's error when the service holds other
// bytes under the name than the ones that were to be sent.
var ErrDamaged = errors.New("the service holds other bytes than were sent")

// Error says what was called, what came back and, in the service's own words,
// why.
func (e *Error) Error() string {
	s := e.Op
	if e.Target != "" {
		s += " " + e.Target
	}
	switch {
	case e.HTTPStatus != 0 && e.Status != "":
		s += fmt.Sprintf(": HTTP %d %s", e.HTTPStatus, e.Status)
	case e.HTTPStatus != 0:
		s += fmt.Sprintf(": HTTP %d", e.HTTPStatus)
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ClassOf gives the class of err, ClassUnknown when it carries none.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassUnknown
}
