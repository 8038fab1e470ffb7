package planner

import "slices"

// Cancellation is one thing that a cancel would do for a batch.
type Cancellation struct {
	Address Address
	Attempt int // 0 for a job that no attempt records
	Job     string
	State   JobState
	// Unknown tells that it is not known whether the attempt bought a job: it is
	// marked, so that nothing is sent for the batch again.
	Unknown bool
}

// Cancellations lists what may still do work for a batch: its active jobs,
// those beside the recorded one too, and sends whose outcome is not known. A
// send that before, the record from ahead of the listing, has as unknown is
// among them although the listing calls it absent: whoever cancels was told
// that it is unknown, and wants nothing sent again.
func (it *Item) Cancellations(before *Record) []Cancellation {
	var list []Cancellation
	if it.Record != nil {
		if s := it.Record.Strange; s != nil && !s.CancelAsked && (!s.Settled && it.Phase == PhaseUnknown || s.Settled && before.strangeOpen(s.File)) {
			list = append(list, Cancellation{Address: it.Address, Unknown: true})
		}
		for i := range it.Record.Attempts {
			switch a := &it.Record.Attempts[i]; {
			case a.Outcome == OutcomeIntent && !a.CancelAsked, a.Outcome == OutcomeAbsent && !a.CancelAsked && before.open(a.Number):
				list = append(list, Cancellation{Address: it.Address, Attempt: a.Number, Unknown: true})
			case a.active():
				list = append(list, Cancellation{Address: it.Address, Attempt: a.Number, Job: a.Job, State: JobState(a.State)})
			}
		}
	}
	for _, j := range it.Extra {
		if j.Active() {
			list = append(list, Cancellation{Address: it.Address, Job: j.Name, State: j.State})
		}
	}
	return list
}

// open reports whether the outcome of that send is not known.
func (r *Record) open(attempt int) bool {
	return r != nil && slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Number == attempt && a.Outcome == OutcomeIntent })
}

// strangeOpen reports whether it is not known what followed that upload.
func (r *Record) strangeOpen(file string) bool {
	return r != nil && r.Strange != nil && r.Strange.File == file && !r.Strange.Settled
}

// Jobs names all jobs that are known to be the batch's.
func (it *Item) Jobs() []string {
	var names []string
	if it.Record != nil {
		for i := range it.Record.Attempts {
			if job := it.Record.Attempts[i].Job; job != "" {
				names = append(names, job)
			}
		}
	}
	for _, j := range it.Extra {
		names = append(names, j.Name)
	}
	return names
}

// Cancel marks an attempt as one whose job a person wants cancelled, or whose
// send, where nothing came of it, is not to be repeated. Attempt 0 is the send
// that may have followed an upload which nothing records.
func (r *Record) Cancel(attempt int, asked bool) {
	if attempt == 0 && r.Strange != nil {
		r.Strange.CancelAsked = asked
	}
	for i := range r.Attempts {
		if r.Attempts[i].Number == attempt {
			r.Attempts[i].CancelAsked = asked
		}
	}
}
