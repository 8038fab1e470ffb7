package apply

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
)

// maxWalks is how often the job listing is walked until two walks agree.
const maxWalks = 5

// wholeFor is how long a whole walk is good enough to be carried on from.
const wholeFor = 30 * time.Minute

// walk is one reading of the whole job listing.
type walk struct {
	jobs         map[string]planner.Job
	first, last  time.Time // the service's times of the first and the last page
	began, ended time.Time // by the local clock
	// ordered tells that jobs came newest first, as they always did where anybody
	// looked, though no document promises it.
	ordered bool
	// carried tells that what lies behind the first pages was taken from an earlier
	// walk of this process.
	carried bool
}

func (w *walk) list() []planner.Job {
	return slices.SortedFunc(maps.Values(w.jobs), func(a, b planner.Job) int { return strings.Compare(a.Name, b.Name) })
}

// walkJobs reads all pages, or as many as are enough. A job that stands on two
// pages, since the listing moved in between, is one job; the later word counts.
func (e *Engine) walkJobs(ctx context.Context, enough func(w *walk, oldest time.Time) bool) (*walk, error) {
	w := &walk{jobs: map[string]planner.Job{}, ordered: true}
	var oldest time.Time
	seen := map[string]bool{}
	began := time.Now()
	for token := ""; ; {
		page, err := e.opt.Jobs.ListJobs(ctx, token)
		if err != nil {
			return nil, err
		}
		e.noteDate(page.Date)
		for i := range page.Jobs {
			e.noteMade(page.Jobs[i].CreateTime, page.Date)
		}
		if w.first.IsZero() {
			w.first = page.Date
		}
		w.last = page.Date
		for i := range page.Jobs {
			j := normaliseJob(&page.Jobs[i])
			w.jobs[j.Name] = j
			w.ordered = w.ordered && !j.Created.IsZero() && (oldest.IsZero() || !j.Created.After(oldest))
			oldest = j.Created
		}
		if page.Next == "" || w.ordered && enough != nil && enough(w, oldest) {
			w.carried = page.Next != ""
			break
		}
		if seen[page.Next] {
			return nil, fmt.Errorf("list jobs: the service gave the same page token twice; nothing was changed, run again")
		}
		seen[page.Next] = true
		token = page.Next
	}
	w.began, w.ended = began, time.Now()
	return w, nil
}

// walkOn reads the listing as far as it may have changed since the last whole walk
// of this process: until every job that was at work has been seen, and no newer
// ones can follow. What lies behind is over, and is carried over. So polling costs
// a page a look, however many jobs the project has had. It reads all of it where
// jobs do not come newest first, now and then, and where a send is to be settled.
func (e *Engine) walkOn(ctx context.Context, r *planner.Recorded) (*walk, error) {
	if e.whole == nil || !e.whole.ordered || time.Since(e.whole.ended) > wholeFor || e.thorough || e.localClock {
		return e.walkWhole(ctx)
	}
	awaited := map[string]bool{}
	for name, j := range e.whole.jobs {
		if j.Active() {
			awaited[name] = true
		}
	}
	for _, rec := range r.Batches {
		if rec.Strange != nil && !rec.Strange.Settled {
			return e.walkWhole(ctx)
		}
		for i := range rec.Attempts {
			at := &rec.Attempts[i]
			if at.Outcome == planner.OutcomeIntent {
				return e.walkWhole(ctx)
			}
			if at.Outcome == planner.OutcomeBought && at.Ended.IsZero() && !at.Gone {
				awaited[at.Job] = true
			}
		}
	}
	left, since := len(awaited), e.whole.first
	seen := map[string]bool{}
	w, err := e.walkJobs(ctx, func(w *walk, oldest time.Time) bool {
		for name := range awaited {
			if _, there := w.jobs[name]; there && !seen[name] {
				seen[name] = true
				left--
			}
		}
		return left == 0 && oldest.Before(since)
	})
	if err != nil {
		return nil, err
	}
	if !w.carried {
		e.earlier, e.whole = e.whole, w
		return w, nil
	}
	all := maps.Clone(e.whole.jobs)
	maps.Copy(all, w.jobs)
	w.jobs = all
	e.whole.jobs = maps.Clone(all)
	return w, nil
}

func (e *Engine) walkWhole(ctx context.Context) (*walk, error) {
	w, err := e.walkJobs(ctx, nil)
	if err == nil {
		e.earlier, e.whole = nil, w
	}
	return w, err
}

// makeSure walks again until the listing is one to buy and to settle on. A walk
// that carries on from a whole one is such by itself, unless it has to be read
// anew.
func (e *Engine) makeSure(ctx context.Context, o *planner.Observed, first *walk, anew bool) (before, after *walk, err error) {
	if first.carried && !anew {
		o.Live.Complete = true
		return first, first, nil
	}
	if anew {
		e.filesAt = time.Time{}
	}
	if first.carried {
		if first, err = e.walkWhole(ctx); err != nil {
			return nil, nil, err
		}
	}
	// A whole walk of the look before this one may be the first of the two that
	// have to agree.
	earlier := e.earlier
	if anew {
		earlier = nil
	}
	if before, after, err = e.walkUntilAgreed(ctx, o, earlier, first); err == nil {
		e.whole = after
	}
	return before, after, err
}

// walkUntilAgreed walks again until two walks in a row show the same jobs
// among those made before the first of the two began, and gives the two. Jobs
// that are known from the answer to their create are left out: the listing may
// lag behind them. What any of the walks showed is there.
func (e *Engine) walkUntilAgreed(ctx context.Context, o *planner.Observed, earlier, first *walk) (before, after *walk, err error) {
	known := map[string]bool{}
	for _, rec := range o.Recorded.Batches {
		for i := range rec.Attempts {
			known[rec.Attempts[i].Job] = true
		}
	}
	all := &walk{jobs: maps.Clone(first.jobs)}
	before, after = earlier, first
	o.Live.Complete = before != nil && e.agree(before, after, known)
	for n := 2; n <= maxWalks && !o.Live.Complete; n++ {
		before = after
		if after, err = e.walkJobs(ctx, nil); err != nil {
			return nil, nil, err
		}
		maps.Copy(all.jobs, after.jobs)
		o.Live.Complete = e.agree(before, after, known)
	}
	o.Live.Jobs = all.list()
	e.setTimes(&o.Live, before, after)
	return before, after, nil
}

func (e *Engine) agree(before, after *walk, known map[string]bool) bool {
	counts := func(w *walk) map[string]bool {
		set := map[string]bool{}
		for name, j := range w.jobs {
			// The service's whole seconds: a job of the second in which the walk
			// began counts as made before it. The local clock tells nothing about
			// jobs: all count.
			if !known[name] && (e.localClock || j.Created.Before(before.first.Add(time.Second))) {
				set[name] = true
			}
		}
		return set
	}
	return maps.Equal(counts(before), counts(after))
}
