package apply_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

// cancelTales are jobs that never end, and cancels of somebody else's.
func cancelTales() []tale {
	create := func(name, value string) emulator.Fault { return on(name, emulator.OpCreate, value, 1, 1) }
	cancel := func(name, value string) emulator.Fault { return on(name, emulator.OpCancel, value, 1, 1) }
	return []tale{
		{name: "pending for ever", faults: []emulator.Fault{create(emulator.FaultJobStuck, "PENDING")}},
		{name: "running for ever", faults: []emulator.Fault{create(emulator.FaultJobStuck, "RUNNING")}},
		{name: "cancelled late", faults: []emulator.Fault{create(emulator.FaultJobStuck, ""), cancel(emulator.FaultCancelDelayed, "20m")}},
		{name: "cancelled with the other code", faults: []emulator.Fault{create(emulator.FaultJobStuck, ""), cancel(emulator.FaultCancelCode, "")}},
		{name: "cancelled with some answers", faults: []emulator.Fault{create(emulator.FaultJobStuck, ""), create(emulator.FaultPartialOutput, "")}},
	}
}

// TestStuckJobIsCancelledBySomebody waits for a job that never ends, which is
// never touched; when somebody cancels it the batch is held, and only a person's
// wish buys another.
func TestStuckJobIsCancelledBySomebody(t *testing.T) {
	for _, s := range cancelTales() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newQuickWorld(t, 2, s.faults...)
				run := func(d time.Duration) (done, inProgress int, held []planner.Held) {
					ctx, cancel := context.WithTimeout(t.Context(), d)
					defer cancel()
					rep, err := w.apply(ctx, true)
					if err != nil || rep.Stopped != nil || len(rep.Errors) > 0 {
						t.Fatalf("apply: %v, stopped: %v, errors: %v", err, rep.Stopped, rep.Errors)
					}
					return rep.Summary.Done, rep.Summary.InProgress, rep.Plan.Held
				}
				if done, waiting, _ := run(3 * time.Hour); done != 1 || waiting != 1 {
					t.Errorf("%d done and %d in progress, want one of each", done, waiting)
				}
				w.mustOnlyHaveReached()
				w.cancelRemotely()
				_, _, held := run(3 * time.Hour)
				if len(held) != 1 || held[0].Reason != planner.HoldCancelled || w.purchases() != 2 {
					t.Errorf("held %+v after %d purchases, want the cancelled batch held and nothing bought", held, w.purchases())
				}
				w.mustHaveStruck()
				w.rerunOf = held[0].Address.Number
				w.mustConverge()
			})
		})
	}
}

// cancelRemotely cancels every job that is not over, as somebody else would, and
// tells how many there were.
func (w *world) cancelRemotely() (cancelled int) {
	w.t.Helper()
	ledger, err := w.server.Ledger()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range ledger.Purchases {
		if !slices.Contains([]string{"BATCH_STATE_PENDING", "BATCH_STATE_RUNNING"}, p.State) {
			continue
		}
		r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://service.test/v1beta/"+p.Job+":cancel", nil)
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("X-Goog-Api-Key", "somebody-else")
		resp, err := emulator.Transport(w.server).RoundTrip(r)
		if err != nil || resp.StatusCode != http.StatusOK {
			w.t.Fatalf("cancel %s: %v, %v", p.Job, resp, err)
		}
		resp.Body.Close()
		cancelled++
	}
	return cancelled
}

// TestEveryFaultHasACell keeps the tables whole when a fault is added.
func TestEveryFaultHasACell(t *testing.T) {
	covered := map[string]bool{}
	for _, r := range reaches() {
		for _, c := range r.cells(1) {
			covered[c.fault.Name] = true
		}
	}
	for _, s := range slices.Concat(listingTales(), createTales(), fileTales(), answerTales(), cancelTales()) {
		for _, f := range s.faults {
			covered[f.Name] = true
		}
	}
	for _, name := range emulator.FaultNames() {
		if !covered[name] {
			t.Errorf("no test meets the fault %s", name)
		}
	}
	if n := len(quotaShapes()); n < 8 {
		t.Errorf("%d shapes of a 429, want at least 8", n)
	}
}
