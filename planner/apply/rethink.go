package apply

import (
	"slices"

	"github.com/qaplan/qaplan/planner"
)

// rethink plans again from the same listing and the state as it is now: what
// this run bought is recorded, although the listing does not show it.
func (e *Engine) rethink(r *round) *round {
	o := *r.observed
	o.Recorded = e.recorded()
	o.Results = make(map[planner.Address]planner.ResultSeen, len(r.observed.Results))
	for a, seen := range r.observed.Results {
		if rec := o.Recorded.Batches[a]; rec != nil && rec.Result != nil {
			if was := r.observed.Recorded.Batches[a]; was == nil || was.Result == nil || *was.Result != *rec.Result {
				seen = planner.ResultOurs // written in this round
			}
		}
		o.Results[a] = seen
	}
	addMade(&o, &r.observed.Recorded)
	now := e.think(&o)
	now.mark = r.mark
	return now
}

// addMade adds to what was listed the jobs and uploads that the state records
// now and did not before: they are there, although they are younger than the
// listing.
func addMade(o *planner.Observed, before *planner.Recorded) {
	known := map[string]bool{"": true}
	for i := range o.Live.Jobs {
		known[o.Live.Jobs[i].Name] = true
	}
	for i := range o.Live.Files {
		known[o.Live.Files[i].Name] = true
	}
	for _, rec := range before.Batches {
		for i := range rec.Attempts {
			known[rec.Attempts[i].Job] = true
		}
		if rec.Upload != nil && rec.Upload.Done {
			known[rec.Upload.File] = true
		}
	}
	jobs, files := slices.Clone(o.Live.Jobs), slices.Clone(o.Live.Files)
	for _, rec := range o.Recorded.Batches {
		for i := range rec.Attempts {
			if at := &rec.Attempts[i]; !known[at.Job] {
				jobs = append(jobs, planner.Job{Name: at.Job, Model: at.Model, InputFile: at.File, State: planner.JobState(at.State), Created: at.Created})
			}
		}
		if up := rec.Upload; up != nil && up.Done && !known[up.File] {
			files = append(files, planner.File{Name: up.File, SHA256: up.SHA256, Bytes: up.Bytes, Expires: up.Expires, Active: true})
		}
	}
	o.Live.Jobs, o.Live.Files = jobs, files
}
