package apply_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// TestOldJobsAreToldWhileWaiting has a run wait for a job that never gets on: it is
// pointed out once it is old beside its siblings, once, with what can be done.
func TestOldJobsAreToldWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, 3, quick(emulator.Fault{Name: emulator.FaultJobStuck, Op: emulator.OpCreate, First: 4, Value: "RUNNING"}))
		for i := range w.desired.Batches {
			w.desired.Batches[i].ModelVar = "model"
		}
		w.options = func(o *apply.Options) { o.Limits.MaxActiveJobs = 4 }
		began, told := time.Now(), 0
		ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour) // the job would never end
		defer cancel()
		if rep, err := w.apply(ctx, true); err != nil || !rep.Interrupted {
			t.Fatalf("%+v, %v", rep.Summary, err)
		}
		for _, e := range w.events {
			if e.Type != apply.EventDiagnostic || e.Job == "" {
				continue
			}
			told++
			if at := e.Time.Sub(began); at < 2*time.Hour || !strings.Contains(e.Message, "is old") || !strings.HasSuffix(e.Message, "qaplan cancel '"+e.Address.String()+"'") {
				t.Errorf("after %s: %s", at, e.Message)
			}
		}
		if told != 1 {
			t.Errorf("told %d times, want once", told)
		}
	})
}
