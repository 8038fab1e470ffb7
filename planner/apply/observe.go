package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/results"
)

// clockSlack is how far the service's Date may run backwards between two
// answers before it is no longer trusted: its servers differ, and Date has
// whole seconds.
const clockSlack = 2 * time.Second

// observeHere looks at the state and at this machine's disk.
func (e *Engine) observeHere(ctx context.Context) (*planner.Observed, error) {
	o := &planner.Observed{Recorded: e.recorded(), Marks: e.marks}
	if err := e.observeResults(ctx, o); err != nil {
		return nil, err
	}
	e.results = o.Results
	return o, e.judgeRows(ctx, o)
}

// settled plans without asking the service, where nothing that it might say
// could change the plan; nil where it has to be asked.
func (e *Engine) settled(o *planner.Observed) *round {
	if e.thorough || len(e.claims)+len(e.former) > 0 || e.opt.Plan.Saved.Buys() || !planner.MayBeSettled(&e.opt.Desired, &o.Recorded) {
		return nil
	}
	if r := e.think(o); r.plan.Settled(r.items, r.at) {
		return r
	}
	return nil
}

// observeLive asks the service what a diff needs, and no more: one walk of the
// listing where nothing can be bought, further ones until two agree where
// something may be, and the files only where an upload may be used.
func (e *Engine) observeLive(ctx context.Context, o *planner.Observed) (*planner.Observed, error) {
	e.recallDate(&o.Recorded)
	first, err := e.walkOn(ctx, &o.Recorded)
	if err != nil {
		return nil, err
	}
	o.Live = planner.Live{Refreshed: true, Complete: true, Jobs: first.list()}
	e.setTimes(&o.Live, first, first)
	if err := e.askMissing(ctx, o); err != nil {
		return nil, err
	}
	filesWanted, err := e.askImports(ctx, o)
	if err != nil {
		return nil, err
	}
	// A trial tells what hangs on the listing. It cannot tell which purchases of
	// a saved plan are as they were.
	trial, items := planner.Diff(&e.opt.Desired, o, e.opt.Plan)
	anew := e.thorough || hasUnknown(items) || hangsOnJobs(trial) || filesWanted
	if anew || trial.Summary.Create > 0 || e.opt.Plan.Saved.Buys() {
		former, last, err := e.makeSure(ctx, o, first, anew)
		if err != nil {
			return nil, err
		}
		if err := e.knowFiles(ctx, o); err != nil {
			return nil, err
		}
		e.setTimes(&o.Live, former, last)
		if err := e.askMissing(ctx, o); err != nil {
			return nil, err
		}
		if _, err := e.askImports(ctx, o); err != nil {
			return nil, err
		}
		jobs, _ := e.claimedJobs(o)
		if err := e.askOwners(ctx, o, jobs); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func hasUnknown(items []planner.Item) bool {
	return slices.ContainsFunc(items, func(i planner.Item) bool { return i.Phase == planner.PhaseUnknown })
}

// askImports asks for the jobs that import blocks and claims name and that the
// listing lacks, and tells whether files have to be listed for them.
func (e *Engine) askImports(ctx context.Context, o *planner.Observed) (filesWanted bool, err error) {
	jobs, files := e.claimedJobs(o)
	listed := make(map[string]bool, len(o.Live.Jobs))
	for i := range o.Live.Jobs {
		listed[o.Live.Jobs[i].Name] = true
	}
	for _, id := range jobs {
		if listed[id] {
			continue
		}
		found, err := e.opt.Jobs.GetJob(ctx, id)
		switch {
		case err == nil:
			o.Live.Jobs = append(o.Live.Jobs, normaliseJob(&found))
		case provider.ClassOf(err) != provider.ClassGone:
			return false, err
		}
	}
	return len(jobs) > 0 || files, nil
}

// hangsOnJobs reports whether a batch is held for a job that its input or its
// answers may explain.
func hangsOnJobs(p *planner.Plan) bool {
	return slices.ContainsFunc(p.Held, func(h planner.Held) bool {
		return h.Reason == planner.HoldMaybeBought || h.Reason == planner.HoldClaimedElsewhere || h.Reason == planner.HoldWrongJob
	})
}

// recorded is the state as it is now.
func (e *Engine) recorded() planner.Recorded {
	if e.opt.Journal == nil {
		return e.opt.Recorded.Recorded()
	}
	r := e.opt.Journal.State().Recorded()
	r.Former = slices.Concat(r.Former, e.former)
	return r
}

// noteDate watches the service's clock. Once it is missing or runs backwards,
// this process relies on its own monotonic clock to the end.
func (e *Engine) noteDate(date time.Time) {
	if date.IsZero() || date.Before(e.lastDate.Add(-clockSlack)) {
		e.localClock = true
		return
	}
	if date.After(e.lastDate) {
		e.lastDate = date
	}
}

// recallDate takes over what the service had told before the sends that are not
// settled: counted from an older Date, a send would be settled too soon.
func (e *Engine) recallDate(r *planner.Recorded) {
	for _, rec := range r.Batches {
		for i := range rec.Attempts {
			if a := &rec.Attempts[i]; a.Outcome == planner.OutcomeIntent && a.ServiceTime.After(e.lastDate) {
				e.lastDate = a.ServiceTime
			}
		}
	}
}

// noteMade watches the service's clock too: what a listing shows was made before
// it. A Date from before that is an old one, as a cache may keep it, and a send
// would seem to be settling since then.
func (e *Engine) noteMade(made, date time.Time) {
	e.localClock = e.localClock || made.After(date.Add(clockSlack))
}

// serviceTime is the newest time that the service told, or the local one where
// it tells none.
func (e *Engine) serviceTime() time.Time {
	if e.localClock || e.lastDate.IsZero() {
		return time.Now().Round(0).UTC()
	}
	return e.lastDate.UTC()
}

// setTimes says when the listing was read that began with one walk and ended
// with another: by the service's clock, or by the local one where that is all
// there is to rely on.
func (e *Engine) setTimes(live *planner.Live, from, to *walk) {
	live.First, live.Last, live.LocalClock = from.first, to.last, e.localClock
	if e.localClock {
		live.First, live.Last = from.began, to.ended
	}
}

// filesFor is how long a listing of the uploads is good enough for buying: what
// this process uploads is known without it, and an upload that somebody deletes
// in between is noticed by its create, which buys nothing then.
const filesFor = 2 * time.Hour

// knowFiles lists the uploads, or takes the list of an earlier look of this
// process together with what was uploaded since.
func (e *Engine) knowFiles(ctx context.Context, o *planner.Observed) error {
	if !e.filesAt.IsZero() && time.Since(e.filesAt) < filesFor {
		o.Live.Files, o.Live.FilesListed = slices.Clone(e.files), true
		addUploads(o)
		return nil
	}
	if err := e.listFiles(ctx, o); err != nil {
		return err
	}
	e.files, e.filesAt = o.Live.Files, time.Now()
	return nil
}

// addUploads adds the recorded uploads that the list lacks.
func addUploads(o *planner.Observed) {
	listed := make(map[string]bool, len(o.Live.Files))
	for i := range o.Live.Files {
		listed[o.Live.Files[i].Name] = true
	}
	for _, rec := range o.Recorded.Batches {
		if up := rec.Upload; up != nil && up.Done && !listed[up.File] {
			listed[up.File] = true
			o.Live.Files = append(o.Live.Files, planner.File{Name: up.File, SHA256: up.SHA256, Bytes: up.Bytes, Expires: up.Expires, Active: true})
		}
	}
	slices.SortFunc(o.Live.Files, func(a, b planner.File) int { return strings.Compare(a.Name, b.Name) })
}

// listFiles reads the uploads that are alive.
func (e *Engine) listFiles(ctx context.Context, o *planner.Observed) error {
	files := map[string]planner.File{}
	seen := map[string]bool{}
	for token := ""; ; {
		page, err := e.opt.Files.ListFiles(ctx, token)
		if err != nil {
			return err
		}
		e.noteDate(page.Date)
		for i := range page.Files {
			f := &page.Files[i]
			e.noteMade(f.CreateTime, page.Date)
			if f.Source == "GENERATED" {
				continue
			}
			files[f.Name] = planner.File{Name: f.Name, SHA256: f.SHA256, Bytes: f.Bytes, Expires: f.ExpireTime, Active: f.State == "" || f.State == "ACTIVE"}
		}
		if page.Next == "" {
			break
		}
		if seen[page.Next] {
			return fmt.Errorf("list files: the service gave the same page token twice; nothing was changed, run again")
		}
		seen[page.Next] = true
		token = page.Next
	}
	o.Live.Files = slices.SortedFunc(maps.Values(files), func(a, b planner.File) int { return strings.Compare(a.Name, b.Name) })
	o.Live.FilesListed = true
	return nil
}

// askMissing asks for recorded jobs that the listing lacks and that are old
// enough to be in it, and for successes that name no output: answers that
// stand inline are told only so.
func (e *Engine) askMissing(ctx context.Context, o *planner.Observed) error {
	if o.Live.Missing == nil {
		o.Live.Missing = map[string]bool{}
	}
	at := make(map[string]int, len(o.Live.Jobs))
	for i := range o.Live.Jobs {
		at[o.Live.Jobs[i].Name] = i
	}
	awaited, visible := e.awaitedJobs(o, at)
	for _, job := range awaited {
		if o.Live.Missing[job] {
			continue // asked a moment ago
		}
		if e.asked[job] == nil {
			found, err := e.opt.Jobs.GetJob(ctx, job)
			switch {
			case err == nil:
				j := normaliseJob(&found)
				e.asked[job] = &j
			case provider.ClassOf(err) == provider.ClassGone:
				o.Live.Missing[job] = true
			case ctx.Err() != nil:
				return fmt.Errorf("get job %s: %w", job, err)
			default:
				e.warn(nil, "get job %s: %v; it is looked at again in the next run", job, err)
				continue
			}
		}
		if j := e.asked[job]; j != nil {
			if i, ok := at[job]; ok {
				o.Live.Jobs[i] = *j
			} else {
				at[job] = len(o.Live.Jobs)
				o.Live.Jobs = append(o.Live.Jobs, *j)
			}
			if !j.Final() {
				delete(e.asked, job) // it may go on: ask again next time
			}
		}
		if o.Live.Missing[job] && !visible {
			break // not one job of ours is there: the first answer tells it all
		}
	}
	return nil
}

// awaitedJobs lists the jobs that have to be asked for, oldest first: undelivered
// ones, and earlier ones whose end is not known. It tells as well whether any
// recorded job is in the listing.
func (e *Engine) awaitedJobs(o *planner.Observed, at map[string]int) (awaited []string, visible bool) {
	type job struct {
		name    string
		created time.Time
	}
	var list []job
	for _, rec := range o.Recorded.Batches {
		for i := range rec.Attempts {
			a := &rec.Attempts[i]
			if a.Job == "" {
				continue
			}
			k, listed := at[a.Job]
			visible = visible || listed
			delivered := rec.Result != nil && rec.Result.Attempt >= a.Number
			switch {
			case a.Gone || (delivered || i != len(rec.Attempts)-1) && !a.Ended.IsZero():
			case listed:
				j := &o.Live.Jobs[k]
				if j.State == planner.JobSucceeded && j.Output == "" && !j.Inline && a.Output == "" && !a.Inline {
					list = append(list, job{a.Job, a.Created})
				}
			case o.Live.Last.Sub(a.Created) > e.opt.Desired.SettleTime:
				list = append(list, job{a.Job, a.Created})
			}
		}
	}
	slices.SortFunc(list, func(a, b job) int {
		if c := a.created.Compare(b.created); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	for _, j := range list {
		awaited = append(awaited, j.name)
	}
	return awaited, visible
}

// observeResults looks at what stands at each result path: one stat, and a
// hash only where size or time differ from the record. A folder in a bucket that cannot
// be listed, or does not answer, is asked for once: that takes minutes to find out.
func (e *Engine) observeResults(ctx context.Context, o *planner.Observed) error {
	o.Results = make(map[planner.Address]planner.ResultSeen, len(e.opt.Desired.Batches))
	var errs []error
	away := map[string]bool{} // such folders
	for i := range e.opt.Desired.Batches {
		a := e.opt.Desired.Batches[i].Address
		dir := e.opt.Paths[a].OutputDir
		if away[dir] {
			continue
		}
		seen, err := e.resultSeen(ctx, a, o.Recorded.Batches[a])
		if err != nil {
			bucket, _ := errors.AsType[*blob.Error](err)
			away[dir] = bucket != nil && (bucket.Op == blob.OpList || bucket.Kind == blob.KindTemporary)
			errs = append(errs, fmt.Errorf("%s: look at the result file: %w", a, err))
			continue
		}
		o.Results[a] = seen
	}
	return errors.Join(errs...)
}

func (e *Engine) resultSeen(ctx context.Context, a planner.Address, rec *planner.Record) (planner.ResultSeen, error) {
	return e.outputs.seen(ctx, e.opt.Paths[a], rec)
}

// Close ends the use of the output folders: on Windows a folder that is open
// cannot be removed. Plan and Apply may not run, nor be called after it.
func (e *Engine) Close() error { return e.outputs.close() }

func (e *Engine) outputDir(path string) (*results.Dir, error) { return e.outputs.open(path) }
