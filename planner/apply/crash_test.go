package apply_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// scenario is a way for a whole apply to go.
type scenario struct {
	name    string
	batches int
	rows    int
	// parallel is the number of calls in flight, 1 when 0. With more than one
	// the order of the points differs from run to run, and so does their number.
	parallel int
	faults   []emulator.Fault
	// must are points that a run has to pass, with how often at least. They are
	// what keeps the matrix from shrinking unnoticed.
	must map[string]int
	// rerun asks for another job of the first batch, which was delivered before.
	rerun  bool
	repair int // of rows that are not good: jobs for a batch
	page   int // size of the listings' pages
	// bucket keeps the state in a bucket, resultsThere the results as well.
	bucket, resultsThere bool
	poll                 time.Duration // a minute when 0
	limit                time.Duration // of a run that would wait for ever
	// end runs to the end and checks what holds there, where that is not that
	// all is done.
	end func(w *world)
}

func scenarios() []scenario {
	return []scenario{
		{name: "plain", batches: 3, rows: 4, must: map[string]int{
			"journal lineage": 1, "journal upload_intent": 3, "call upload start": 3, "call upload upload+finalize": 3,
			"journal upload_complete": 3, "journal create_intent": 3, "call create": 3, "journal create_complete": 3,
			"call list jobs": 3, "call list files": 1, "journal refresh": 1, "call download": 3, "journal download_complete": 3,
		}},
		{name: "four at a time", batches: 5, rows: 1, parallel: 4, must: map[string]int{"journal create_intent": 5, "call create": 5, "call download": 5}},
		{name: "job failed with some answers", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultJobFailed, Op: "create", First: 1}, {Name: emulator.FaultPartialOutput, Op: "create", First: 1}},
			must:   map[string]int{"call create": 3, "journal answers_kept": 1, "journal download_complete": 2}},
		{name: "another job asked for", batches: 2, rows: 2, rerun: true,
			must: map[string]int{"journal create_intent": 1, "call create": 1, "journal download_complete": 1}},
		{name: "refused for a while", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultQuota429, Op: "create", First: 2, Count: 2}},
			must:   map[string]int{"journal create_refused": 2, "call create": 4}},
		{name: "answer of a create lost", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultResetAfter, Op: "create", First: 1}},
			must:   map[string]int{"journal create_unknown": 1, "journal create_found": 1, "call create": 2}},
		{name: "create never arrived", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultResetBefore, Op: "create", First: 1}},
			must:   map[string]int{"journal create_unknown": 1, "journal create_absent": 1, "call create": 3}},
		{name: "job failed once", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultJobFailed, Op: "create", First: 1}},
			must:   map[string]int{"call create": 3, "journal create_complete": 3}},
		{name: "row missing", batches: 2, rows: 5,
			faults: []emulator.Fault{{Name: emulator.FaultMissingRow, Op: "create", First: 1}},
			must:   map[string]int{"call download": 3, "journal download_complete": 2}},
		{name: "a row repaired", batches: 2, rows: 4, repair: 2,
			faults: []emulator.Fault{{Name: emulator.FaultInlineErrorDetails, Op: "create", First: 1}},
			must:   map[string]int{"call create": 3, "journal answers_kept": 1, "journal create_complete": 3, "call download": 3, "journal download_complete": 2}},
		{name: "a repair that fails", batches: 1, rows: 4, repair: 2,
			faults: []emulator.Fault{{Name: emulator.FaultInlineErrorDetails, Op: "create", First: 1}, {Name: emulator.FaultJobFailed, Op: "create", First: 2}},
			must:   map[string]int{"call create": 3, "journal answers_kept": 1, "journal create_complete": 3, "journal download_complete": 1}},
		{name: "answer of a repair's create lost", batches: 1, rows: 4, repair: 1,
			faults: []emulator.Fault{{Name: emulator.FaultMissingRow, Op: "create", First: 1}, {Name: emulator.FaultResetAfter, Op: "create", First: 2}},
			must:   map[string]int{"journal create_unknown": 1, "journal create_found": 1, "call create": 2, "journal download_complete": 1}},
		{name: "expired with some answers, then a row repaired", batches: 1, rows: 6, repair: 2,
			faults: []emulator.Fault{{Name: emulator.FaultJobExpired, Op: "create", First: 1, Value: "2h"}, {Name: emulator.FaultPartialOutput, Op: "create", First: 1},
				{Name: emulator.FaultInlineErrorDetails, Op: "create", First: 2}},
			must: map[string]int{"call create": 3, "journal answers_kept": 2, "journal download_complete": 1}},
		{name: "answer of an upload lost", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultResetAfter, Op: "upload_finalize", First: 1}},
			must:   map[string]int{"journal upload_complete": 2}},
	}
}

// point is an instant at which a process dies: before or after something that a
// run does, counted from 1.
type point struct {
	at    int
	after bool
}

// nth gives the instants in their order, from 1: each thing has two.
func nth(n int) point { return point{(n + 1) / 2, n%2 == 0} }

func (p point) String() string {
	if p.after {
		return fmt.Sprintf("after %03d", p.at)
	}
	return fmt.Sprintf("before %03d", p.at)
}

// TestCrashMatrix kills a whole apply before and after each journal write and
// each call, one run for each, and then lets it run to the end. Whatever the
// instant: at most one job for each batch, nothing lost, every answer under its
// key, and nothing left to do.
func TestCrashMatrix(t *testing.T) {
	total, least := 0, 0
	for _, sc := range scenarios() {
		points := enumerate(t, sc)
		total += 2 * len(points) / every
		for _, n := range sc.must {
			least += 2 * n / every
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; n <= 2*len(points); n += every {
				p := nth(n)
				t.Run(p.String()+" "+points[p.at-1], func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { sc.crash(t, p) })
				})
			}
		})
	}
	if total < least {
		t.Errorf("the matrix has %d crashes, fewer than the %d that whole applies must offer", total, least)
	}
	t.Logf("%d crashes", total)
}

// enumerate runs a scenario without a crash and names the points it passes.
func enumerate(t *testing.T, sc scenario) (points []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := sc.world(t)
		sc.run(w)
		points = w.crash.points
		if w.rerunOf != 0 {
			w.rerunOf, w.asked = 0, 1
		}
		sc.finish(w)
		w.mustHaveStruck()
	})
	for name, least := range sc.must {
		n := 0
		for _, p := range points {
			if p == name {
				n++
			}
		}
		if n < least {
			t.Errorf("%s: a run passes %q %d times, want at least %d; it passes:\n%s", sc.name, name, n, least, strings.Join(points, "\n"))
		}
	}
	return points
}

func (sc scenario) world(t *testing.T) *world {
	w := newWorld(t, sc.batches, sc.rows, quick(sc.faults...))
	w.options = func(o *apply.Options) {
		o.Limits.Parallelism = max(1, sc.parallel)
		o.PollInterval = cmp.Or(sc.poll, time.Minute)
	}
	w.pageSize = sc.page
	if sc.bucket {
		w.useBucket(sc.resultsThere)
	}
	if sc.repair > 0 {
		w.repair(&planner.Repair{MaxAttempts: sc.repair})
	}
	if sc.rerun {
		w.mustConverge()
		w.crash = &crasher{}
		w.rerunOf = 51
	}
	return w
}

// crash kills one run after the other, each at its point, and lets the last one
// run to the end. It reports what the last one to be killed died of, "" when it
// came to its end before that.
func (sc scenario) crash(t *testing.T, points ...point) (died string) {
	w := sc.world(t)
	for i, p := range points {
		if died = sc.kill(w, p); died == "" && i == 0 && sc.parallel <= 1 && !sc.bucket {
			t.Fatalf("the run passed only %d points and was not killed at %d", len(w.crash.points), p.at)
		}
		w.crash = &crasher{}
		if sc.rerun && w.purchases() > sc.batches {
			w.rerunOf, w.asked = 0, 1 // the other job is there; asking again would ask for one more
		}
		time.Sleep(time.Second) // nobody starts again at once
	}
	sc.finish(w)
	return died
}

func (sc scenario) kill(w *world, p point) (died string) {
	w.crash.at, w.crash.after = p.at, p.after
	sc.run(w) // it dies on the way; what it returned died with it
	if !w.crash.dead {
		return ""
	}
	return w.crash.points[p.at-1]
}

func (sc scenario) run(w *world) (apply.Report, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), cmp.Or(sc.limit, 100*time.Hour))
	defer cancel()
	return w.apply(ctx, true)
}

// finish runs to the end and checks what must hold there.
func (sc scenario) finish(w *world) {
	if sc.end != nil {
		sc.end(w)
		return
	}
	w.mustConverge()
}
