package apply_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// newQuickWorld is a world that polls seldom, on a service whose jobs are quick.
func newQuickWorld(t *testing.T, batches int, faults ...emulator.Fault) *world {
	t.Helper()
	return newQuickWorldOf(t, batches, 2, faults...)
}

func newQuickWorldOf(t *testing.T, batches, rows int, faults ...emulator.Fault) *world {
	t.Helper()
	w := newWorld(t, batches, rows, quick(faults...))
	w.transport = &homely{t: t, next: emulator.Transport(w.server)}
	w.options = func(o *apply.Options) { o.PollInterval = time.Minute }
	return w
}

// homely sees to it that nothing is sent to another host.
type homely struct {
	t    *testing.T
	next http.RoundTripper
}

func (h *homely) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != "service.test" {
		h.t.Errorf("a request was sent to %s", r.URL.Host)
	}
	return h.next.RoundTrip(r)
}

// world is one in which the fault meets the call.
func (c cell) world(t *testing.T) *world {
	t.Helper()
	return c.reach.world(t, append(slices.Clone(c.base), c.fault)...)
}

func (r reach) world(t *testing.T, faults ...emulator.Fault) *world {
	t.Helper()
	if !r.big {
		return newQuickWorld(t, 2, faults...)
	}
	w := newQuickWorld(t, 0, faults...)
	w.add(51, strings.Replace(requests(51, 2), ",", ","+strings.Repeat(" ", 9<<20), 1))
	return w
}

// calls are those that arrived, by kind.
func (w *world) calls() map[string]int64 {
	w.t.Helper()
	ledger, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	return ledger.Calls
}

// mustHaveStruck switches all faults off and makes sure that each did something.
func (w *world) mustHaveStruck() {
	w.t.Helper()
	for i, n := range w.server.Struck() {
		if n == 0 {
			w.t.Errorf("fault %d never struck: this test tests nothing", i+1)
		}
	}
	if err := w.server.SetFaults(); err != nil {
		w.t.Fatal(err)
	}
}

// mustOnlyHaveReached makes sure that no kind of call was made that the matrix
// leaves out: nothing remote is cancelled or deleted, and nothing else is bought.
func (w *world) mustOnlyHaveReached() {
	w.t.Helper()
	for op, n := range w.calls() {
		if !slices.ContainsFunc(reaches(), func(r reach) bool { return r.op == op }) {
			w.t.Errorf("%d calls of the kind %s, which no apply should make", n, op)
		}
	}
}

// TestFaultMatrix loses or spoils the answers to each kind of call that an apply
// makes, in each way that there is. Whatever was lost: the run goes on to the
// end by itself, each batch is bought once, every answer is right, and nothing
// is left to do.
func TestFaultMatrix(t *testing.T) {
	var calls map[string]int64
	for _, r := range reaches() {
		synctest.Test(t, func(t *testing.T) {
			w := r.world(t, r.base...)
			w.mustConverge()
			w.mustOnlyHaveReached()
			calls = w.calls()
		})
		if calls[r.op] == 0 {
			t.Fatalf("no %s is made where there should be one: %v", r.op, calls)
		}
		t.Run(r.op, func(t *testing.T) {
			t.Parallel()
			for i, c := range r.cells(calls[r.op]) {
				if i%every != 0 {
					continue
				}
				t.Run(c.String(), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := c.world(t)
						ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
						defer cancel()
						rep, err := w.apply(ctx, true)
						if err != nil || rep.Stopped != nil || rep.Interrupted || len(rep.Errors) > 0 {
							t.Errorf("apply: %v, stopped: %v, interrupted: %v, errors: %v", err, rep.Stopped, rep.Interrupted, rep.Errors)
						}
						w.mustHaveStruck()
						w.mustBeDone()
						w.mustOnlyHaveReached()
					})
				})
			}
		})
	}
}
