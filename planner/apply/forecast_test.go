package apply_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
)

// TestForecast tells of the declared limit before anything has finished, and of
// times once something has.
func TestForecast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 20, 5, quick())
		w.options = func(o *apply.Options) { o.Limits.MaxActiveJobs = 4 }
		f := w.forecast()
		if f == nil || f.AtOnce != 4 || f.Waves != 5 || f.OverMax != 0 || f.Limit != "active jobs, 4" || f.Learned {
			t.Errorf("before: got %+v", f)
		}
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		// 12 of them are still to be sent, four at a time, and each takes 2 to 4 min. How
		// much longer it might take is for the budget to say.
		f = w.forecast()
		if f == nil || f.Waves != 3 || f.OverMin > 10*60 || f.OverMax < 10*60 {
			t.Errorf("under way: got %+v", f)
		}
		w.mustConverge()
		if f = w.forecast(); f != nil {
			t.Errorf("at the end: got %+v", f)
		}
	})
}

// TestForecastLeavesOutWhatNeverGoes counts no wave for what no money is
// there for.
func TestForecastLeavesOutWhatNeverGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, 5, quick())
		w.options = func(o *apply.Options) { o.Limits.MaxActiveJobs = 1 }
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if f := w.forecast(); f == nil || f.Waves != 3 {
			t.Errorf("without a limit: got %+v", f)
		}
		w.options = func(o *apply.Options) { o.Limits.MaxActiveJobs, o.MaxCost = 1, 1 }
		if f := w.forecast(); f != nil && f.Waves != 0 {
			t.Errorf("with a limit that nothing fits into: got %+v", f)
		}
	})
}

func (w *world) forecast() (f *planner.Forecast) {
	w.t.Helper()
	err := w.process(w.t.Context(), false, func(ctx context.Context, p process) error {
		plan, _, err := p.engine.Plan(ctx)
		if err == nil {
			f = plan.Forecast
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}
