package apply_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider/emulator"
)

// TestLatencyExceedsNoMinute lets calls take between nothing and nearly 3 s to
// arrive: the service counts them as they come, and sees no more in any minute than
// is declared.
func TestLatencyExceedsNoMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := quick()
		cfg.Quota.RequestsPerMinute, cfg.Quota.CreatesPerMinute = 40, 6
		w := newWorld(t, 40, 3, cfg)
		w.options = func(o *apply.Options) {
			o.Limits.RequestsPerMinute, o.Limits.CreatesPerMinute, o.Limits.Parallelism = 40, 6, 4
			o.PollInterval = 10 * time.Second
		}
		var calls, refused atomic.Int64
		next := seeing(emulator.Transport(w.server), func(status int) {
			if status == http.StatusTooManyRequests {
				refused.Add(1)
			}
		})
		w.transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Duration(calls.Add(1)*7%30) * 99 * time.Millisecond)
			return next.RoundTrip(r)
		})
		w.converge() // what checks the results has no limit of its own
		if refused.Load() != 0 || calls.Load() < 3*40 {
			t.Errorf("%d of %d calls were refused", refused.Load(), calls.Load())
		}
	})
}

// TestCleanEndsThePauseForStorage deletes uploads while a pause for a full file
// storage lasts: the next run uploads at once.
func TestCleanEndsThePauseForStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4, 2, quick(emulator.Fault{Name: emulator.FaultQuota429, Op: emulator.OpUploadStart, First: 3, Value: "storage"}))
		w.options = func(o *apply.Options) { o.Cooldown = 100 * time.Hour }
		w.mustApply(false)
		time.Sleep(time.Hour)
		if rep := w.mustApply(false); rep.Summary.Uploaded != 0 || rep.Summary.Deferred == 0 || w.state().Learned.Named[budget.FileStorage].Until.IsZero() {
			t.Fatalf("there is no pause: %+v", rep.Summary)
		}
		if deleted, err := w.clean(t.Context()); err != nil || len(deleted) == 0 {
			t.Fatalf("deleted %d, %v", len(deleted), err)
		}
		if rep := w.mustApply(false); rep.Summary.Uploaded != 2 {
			t.Errorf("after the clean: %+v", rep.Summary)
		}
		time.Sleep(time.Hour)
		w.mustConverge()
	})
}

// TestThePlanTellsOfWhatIsTooLarge warns of a batch that no declared limit would
// ever let go, before anything is done.
func TestThePlanTellsOfWhatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, quick())
		w.add(60, requests(60, 400))
		w.options = func(o *apply.Options) { o.Limits.EnqueuedTokens = 2000 }
		err := w.process(t.Context(), false, func(ctx context.Context, p process) error {
			plan, _, err := p.engine.Plan(ctx)
			if err != nil {
				return err
			}
			var told []planner.Address
			for _, pr := range plan.Problems {
				if pr.Code == planner.CodeTooLarge && strings.Contains(pr.Summary, "split the batch") {
					told = append(told, *pr.Address)
				}
			}
			if len(told) != 1 || told[0].Number != 60 {
				t.Errorf("told of %v: %+v", told, plan.Problems)
			}
			if f := plan.Forecast; f != nil && f.AtOnce*f.Waves > 2 {
				t.Errorf("two batches can be bought, and the forecast is %+v", f)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
