package apply_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// TestCallsForABatch counts what a run asks of the service: for each batch two calls
// for the upload, one for the create and one for the download, or two where rows are
// missing, and no get of a job or a file. Listings are for all batches: however many
// jobs run, there is one a poll interval at most, of as many pages as the jobs fill,
// and two walks at the beginning.
func TestCallsForABatch(t *testing.T) {
	for _, tt := range []struct {
		batches int
		missing float64
		pages   int64 // that the jobs fill
	}{{20, 0, 1}, {100, 0, 1}, {200, 0, 2}, {20, 0.2, 1}} {
		t.Run(fmt.Sprintf("%d batches, %g of the rows missing", tt.batches, tt.missing), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const interval = time.Minute
				w := newWorld(t, tt.batches, 4, steady(tt.missing))
				w.options = func(o *apply.Options) { o.Limits.Parallelism, o.PollInterval = 8, interval }
				began := time.Now()
				w.converge()
				took, calls := time.Since(began), w.ledger().Calls
				n, twice := int64(tt.batches), int64(0)
				for _, rec := range w.state().Batches {
					if rec.Result.Missing > 0 {
						twice++
					}
				}
				if (twice > 0) != (tt.missing > 0) {
					t.Fatalf("%d batches lack rows", twice)
				}
				listed := calls[emulator.OpListJobs]
				want := map[string]int64{
					emulator.OpUploadStart: n, emulator.OpUploadFinalize: n, emulator.OpCreate: n, emulator.OpDownload: n + twice,
					emulator.OpListFiles: 1, emulator.OpGetModel: 1, emulator.OpListJobs: listed,
				}
				if diff := cmp.Diff(want, calls); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				t.Logf("%d pages of the listing in %s", listed, took)
				if most := tt.pages * (2 + int64(took/interval)); listed > most {
					t.Errorf("%d pages of the listing in %s, want %d at most", listed, took, most)
				}
				w.mustBeDone()
			})
		})
	}
}

// steady is a service whose jobs all take as long, with that share of rows left out.
func steady(missing float64) emulator.Config {
	wait, run := 2*time.Minute, 20*time.Minute
	return emulator.Config{
		QueueTime: emulator.Span{Min: wait, Max: wait}, RunTime: emulator.Span{Min: run, Max: run},
		Quota: emulator.Quota{ActiveJobs: -1}, Rows: emulator.RowFaults{MissingShare: missing},
	}
}
