package apply_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// outage is how long the service stays out of order.
const outage = 2 * time.Hour

// TestOutages keeps each wire fault on for hours. A run may wait all that time,
// but it gives up nothing: no batch fails, none is held but where design.md says
// so, nothing is bought twice, and when the fault is over the next run ends well.
func TestOutages(t *testing.T) {
	for _, r := range reaches() {
		if r.big {
			continue
		}
		t.Run(r.op, func(t *testing.T) {
			t.Parallel()
			for i, f := range slices.Concat(lostAnswers(), quotaShapes()) {
				f.Op, f.Count = r.op, -1
				if i%every != 0 || !r.harmedBy(f) {
					continue
				}
				c := cell{r, f}
				t.Run(c.String(), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { c.outlast(t) })
				})
			}
		})
	}
}

func (c cell) outlast(t *testing.T) {
	w := c.world(t)
	ctx, cancel := context.WithTimeout(t.Context(), outage)
	defer cancel()
	began := time.Now()
	rep, err := w.apply(ctx, true)
	if rep.Stopped != nil || err != nil && ctx.Err() == nil {
		t.Errorf("the run ended after %s: error %v, stopped %v", time.Since(began), err, rep.Stopped)
	}
	if c.op == emulator.OpDownload && c.fault.Name == emulator.FaultEmpty200 {
		// Answers without a row, for more than a settle time: that is no result.
		w.mustHoldAll(rep, planner.HoldResultGone)
		return
	}
	// After five names that are taken, an upload is left for the next run.
	taken := c.fault.Value == "409" && len(rep.Errors) == 2
	if s := rep.Summary; s.Failed+s.Held > 0 || s.Done < 2 && ctx.Err() == nil && !taken {
		t.Errorf("the run ended after %s: %+v, held %+v, failed %+v", time.Since(began), s, rep.Plan.Held, rep.Plan.Failed)
	}
	w.mustHaveStruck()
	w.mustConverge()
}

func (w *world) mustHoldAll(rep apply.Report, reason planner.Reason) {
	w.t.Helper()
	if rep.Summary.Held != len(w.desired.Batches) || slices.ContainsFunc(rep.Plan.Held, func(h planner.Held) bool { return h.Reason != reason }) {
		w.t.Errorf("summary %+v, held %+v; want all held as %s", rep.Summary, rep.Plan.Held, reason)
	}
	if n := w.purchases(); n != len(w.desired.Batches) {
		w.t.Errorf("%d jobs were bought for %d batches", n, len(w.desired.Batches))
	}
}

// ending is how a run ends that meets a refusal in the service's own words.
type ending string

const (
	endsWell   ending = "the run ends well"
	endsWrong  ending = "the run ends with an error" // of a listing: nothing can be planned
	endsBuying ending = "buying ends"                // exit 1 with the service's words
	endsTries  ending = "the batches are left for the next run"
	endsNever  ending = "the run waits"
	endsHeld   ending = "the batches are held"
)

// refusals say what each call's refusals lead to. Before and after differ only
// where the service had done what it refused.
func refusals() map[string]map[string]ending {
	reading := map[string]ending{"400": endsWrong, "401": endsWrong, "403": endsWrong, "404": endsWrong}
	return map[string]map[string]ending{
		emulator.OpListJobs:  reading,
		emulator.OpListFiles: reading,
		// Only the service's own word that there is no such model counts.
		emulator.OpGetModel: {"400": endsWell, "401": endsWell, "403": endsWell, "404": endsBuying},

		emulator.OpUploadStart:    {"400": endsTries, "401": endsBuying, "403": endsBuying, "404": endsTries},
		emulator.OpUploadFinalize: {"400": endsTries, "401": endsBuying, "403": endsBuying, "404": endsNever},
		emulator.OpUploadQuery:    {"400": endsWell, "401": endsBuying, "403": endsBuying, "404": endsWell},
		emulator.OpGetFile:        {"400": endsTries, "401": endsBuying, "403": endsBuying, "404": endsWell},
		emulator.OpCreate:         {"400": endsTries, "401": endsBuying, "403": endsBuying, "404": endsBuying},
		// The jobs come up in the listing after 40 minutes.
		emulator.OpGetJob:   {"400": endsWell, "401": endsWell, "403": endsWell, "404": endsHeld},
		emulator.OpDownload: {"400": endsNever, "401": endsNever, "403": endsNever, "404": endsHeld},
	}
}

// TestRefusals lets the service refuse a call for as long as it is asked, before
// it has done anything and, which is a lie, after it has. No refusal makes a
// batch fail or is followed by a second purchase, and the run after it ends well.
func TestRefusals(t *testing.T) {
	for op, byCode := range refusals() {
		r := reaches()[slices.IndexFunc(reaches(), func(r reach) bool { return r.op == op })]
		for code, want := range byCode {
			for _, when := range []string{emulator.FaultStatusBefore, emulator.FaultStatusAfter} {
				c := cell{r, emulator.Fault{Name: when, Op: op, Value: code, Count: -1}}
				want := want
				if when == emulator.FaultStatusAfter && op == emulator.OpUploadFinalize && (code == "400" || code == "404") {
					want = endsWell // the file is there under its name
				}
				t.Run(op+" "+c.String(), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { c.refuse(t, want) })
				})
			}
		}
	}
}

func (c cell) refuse(t *testing.T, want ending) {
	w := c.world(t)
	ctx, cancel := context.WithTimeout(t.Context(), outage)
	defer cancel()
	rep, err := w.apply(ctx, true)
	var got ending
	switch s := rep.Summary; {
	case err != nil:
		got = endsWrong
	case rep.Stopped != nil:
		got = endsBuying
	case rep.Interrupted:
		got = endsNever
	case s.Held == 2:
		got = endsHeld
	case len(rep.Errors) == 2:
		got = endsTries
	case s.Done == 2:
		got = endsWell
	}
	if got != want {
		t.Errorf("%q, want %q: error %v, %+v", got, want, err, rep)
	}
	if rep.Summary.Failed > 0 || rep.Summary.Held > 0 && want != endsHeld {
		t.Errorf("summary %+v: no batch may change its phase", rep.Summary)
	}
	switch {
	case want == endsHeld && c.op == emulator.OpDownload:
		w.mustHoldAll(rep, planner.HoldResultGone)
		return // nothing that was there is looked for again by itself
	case want == endsHeld:
		w.mustHoldAll(rep, planner.HoldOtherProject) // not one job of ours is to be seen
	}
	w.mustHaveStruck()
	w.mustConverge()
}

// A run that cannot go on says what it did and where the rest stands: by what is
// recorded, and not by the plan that it set out with.
func TestBrokenRunTellsWhatItDid(t *testing.T) {
	noRoom := func(w *world) {
		outcomes := 0
		full := func(op string) bool {
			if op == "create_complete" {
				outcomes++
			}
			return outcomes == 2
		}
		w.options = func(o *apply.Options) { o.Journal = &fullJournal{o.Journal, full} }
	}
	noListing := func(w *world) {
		if err := w.server.SetFaults(on(emulator.FaultStatusBefore, emulator.OpListJobs, "403", 3, -1)); err != nil {
			w.t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		end  func(*world)
		want apply.Summary
	}{
		{"no room for an outcome", noRoom, apply.Summary{Uploaded: 2, Created: 1, InProgress: 2, Deferred: 2}},
		{"no listing while it waits", noListing, apply.Summary{Uploaded: 3, Created: 3, InProgress: 3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3, 1, emulator.Config{})
				tt.end(w)
				rep, err := w.apply(t.Context(), true)
				if err == nil || rep.Summary != tt.want {
					t.Errorf("the run ended with %+v, %v, want %+v and an error", rep.Summary, err, tt.want)
				}
				w.options = nil
				if err := w.server.SetFaults(); err != nil {
					t.Fatal(err)
				}
				w.mustConverge()
			})
		})
	}
}

// fullJournal has no room from some write on.
type fullJournal struct {
	apply.Journal
	full func(op string) bool
}

func (j *fullJournal) Write(op string, changes ...state.Change) error {
	if j.full(op) {
		return errCrashed
	}
	return j.Journal.Write(op, changes...)
}
