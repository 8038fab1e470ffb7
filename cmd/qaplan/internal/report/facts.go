package report

import (
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// Facts is what a report is made of.
type Facts struct {
	Version string
	Config  string // how the command line calls the config
	Now     time.Time
	// Refreshed tells that the service was asked; else the state alone speaks.
	Refreshed bool
	Service   planner.Service
	State     *state.State
	Plan      *planner.Plan
	Items     []planner.Item
	Spending  map[planner.Address]apply.Spending
	Limits    apply.Limits
	MaxCost   map[string]budget.USD // by block; 0 is no limit
	Files     Files
	BadRows   []BadRow
	// MoreBadRows counts those that are left out.
	MoreBadRows int
}

// New gathers the facts. It is pure: the same facts give the same report.
func New(f *Facts) *Report {
	r := &Report{
		FormatVersion: FormatVersion, QaplanVersion: f.Version, CreatedAt: second(f.Now), Refreshed: f.Refreshed, Config: f.Config,
		Service: f.Service, Lineage: f.State.Lineage, Serial: f.State.Serial, Files: f.Files,
		BadRows: f.BadRows, MoreBadRows: f.MoreBadRows, Stuck: ui.StuckGroups(f.Plan),
	}
	h := newHistory(f)
	if !h.to.IsZero() {
		r.AsOf = second(h.to)
	}
	if f.Refreshed && r.AsOf.Before(r.CreatedAt) {
		r.AsOf = r.CreatedAt
	}
	r.Batches = batches(f)
	r.Summary = summarise(f, r.Batches)
	r.Blocks = blocks(f, r.Batches)
	r.Days = days(f)
	r.Timeline = h.timeline()
	r.Work = h.work()
	r.Throughput = h.throughput()
	r.Durations = durations(f)
	r.Rows, r.Ends = failures(f)
	r.AtWork = atWork(f, r.AsOf)
	r.Limits = limits(f, &r.Work)
	r.Next = next(f, r)
	return r
}

// second is a time as reports tell it.
func second(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Second)
}

// attempts goes through what was recorded, in order.
func attempts(f *Facts, yield func(it *planner.Item, k int, a *planner.Attempt)) {
	for i := range f.Items {
		it := &f.Items[i]
		if it.Record == nil {
			continue
		}
		for k := range it.Record.Attempts {
			yield(it, k, &it.Record.Attempts[k])
		}
	}
}

// hasJob reports whether the attempt bought a job for its batch. A job that
// turned out to be another's belongs there.
func hasJob(a *planner.Attempt) bool {
	return a.Outcome == planner.OutcomeBought && a.Job != "" && !(a.Adopted && a.Wrong)
}

// active reports whether the job may still be at work, as far as is known.
func active(a *planner.Attempt) bool {
	if !hasJob(a) || a.Gone || !a.Ended.IsZero() {
		return false
	}
	switch planner.JobState(a.State) {
	case planner.JobSucceeded, planner.JobFailed, planner.JobCancelled, planner.JobExpired:
		return false
	}
	return true
}

// begun is when a job was created, or its create sent.
func begun(a *planner.Attempt) time.Time {
	if a.Created.IsZero() {
		return a.Sent
	}
	return a.Created
}
