package apply_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	rerun bool
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
			must:   map[string]int{"journal create_refused": 2, "journal budget": 3, "call create": 4}},
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
		{name: "answer of an upload lost", batches: 2, rows: 2,
			faults: []emulator.Fault{{Name: emulator.FaultResetAfter, Op: "upload_finalize", First: 1}},
			must:   map[string]int{"journal upload_complete": 2}},
	}
}

// TestCrashMatrix kills a whole apply before and after each journal write and
// each call, one run for each, and then lets it run to the end. Whatever the
// instant: at most one job for each batch, nothing lost, every answer under its
// key, and nothing left to do.
func TestCrashMatrix(t *testing.T) {
	total := 0
	for _, sc := range scenarios() {
		points := enumerate(t, sc)
		total += 2 * len(points)
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			for i, name := range points {
				for _, after := range []bool{false, true} {
					when := "before"
					if after {
						when = "after"
					}
					t.Run(fmt.Sprintf("%s %03d %s", when, i+1, name), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { crashOnce(t, sc, i+1, after) })
					})
				}
			}
		})
	}
	const least = 300
	if total < least {
		t.Errorf("the matrix has %d points, fewer than the %d that a whole apply must pass", total, least)
	}
	t.Logf("%d crashes", total)
}

// enumerate runs a scenario without a crash and names the points it passes.
func enumerate(t *testing.T, sc scenario) (points []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := sc.world(t)
		w.converge()
		points = w.crash.points
		w.mustBeDone()
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
	w := newWorld(t, sc.batches, sc.rows, emulator.Config{Faults: sc.faults})
	w.options = func(o *apply.Options) { o.Limits.Parallelism = max(1, sc.parallel) }
	if sc.rerun {
		w.mustConverge()
		w.crash = &crasher{}
		w.rerunOf = 51
	}
	return w
}

func crashOnce(t *testing.T, sc scenario, at int, after bool) {
	w := sc.world(t)
	w.crash.at, w.crash.after = at, after
	w.apply(t.Context(), true) // it dies on the way; what it returned died with it
	if !w.crash.dead && sc.parallel <= 1 {
		t.Fatalf("the run passed only %d points and was not killed at %d", len(w.crash.points), at)
	}
	w.crash = &crasher{}
	if sc.rerun && w.purchases() > sc.batches {
		w.options = nil // the other job is there; asking again would ask for one more
		w.rerunOf = 0
		w.asked = 1
	}
	time.Sleep(time.Second) // nobody starts again at once
	w.mustConverge()
}
