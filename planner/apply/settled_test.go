package apply_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/results"
)

// TestPlanSettled plans without the records in memory where all is done, and gives
// up for each reason that there is to look closer.
func TestPlanSettled(t *testing.T) {
	result := func(w *world, number int) string {
		p := w.paths[planner.Address{Block: "qa", Number: number}]
		return p.OutputDir + "/" + p.OutputName
	}
	for name, change := range map[string]func(t *testing.T, w *world){
		"nothing": nil,
		"a source changed": func(t *testing.T, w *world) {
			w.desired.Batches[1].Source.SHA256 = w.desired.Batches[0].Source.SHA256
		},
		"another model":     func(t *testing.T, w *world) { w.desired.Batches[1].Model = "other" },
		"other rules":       func(t *testing.T, w *world) { w.desired.Batches[2].Rules = "other" },
		"a batch more":      func(t *testing.T, w *world) { w.add(60, requests(60, 2)) },
		"a batch less":      func(t *testing.T, w *world) { w.desired.Batches = w.desired.Batches[1:] },
		"the last one less": func(t *testing.T, w *world) { w.desired.Batches = w.desired.Batches[:2] },
		"another order":     func(t *testing.T, w *world) { slices.Reverse(w.desired.Batches) },
		"no batch":          func(t *testing.T, w *world) { w.desired.Batches = nil },
		"a result is gone": func(t *testing.T, w *world) {
			if err := os.Remove(result(w, 52)); err != nil {
				t.Fatal(err)
			}
		},
		"a result changed": func(t *testing.T, w *world) {
			if err := os.WriteFile(result(w, 52), []byte("other"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"an import": func(t *testing.T, w *world) { w.desired.Batches[0].Imports = []string{"batches/1"} },
		"a run was killed": func(t *testing.T, w *world) {
			err := w.process(t.Context(), false, func(_ context.Context, p process) error {
				if err := p.store.WriteTold("batch.qa[51]", "x"); err != nil {
					return err
				}
				return errCrashed
			})
			if err != errCrashed {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3, 2, quick())
				w.mustApply(false)
				if w.planSettled(t.Context()) != nil {
					t.Error("jobs are at work, and the plan is settled")
				}
				w.mustConverge()
				time.Sleep(time.Hour)
				if change != nil {
					change(t, w)
				}
				if settled := w.planSettled(t.Context()) != nil; settled != (change == nil) {
					t.Errorf("settled: %v", settled)
				}
				if change == nil {
					w.plan(t.Context()) // compares both
				}
			})
		})
	}
}

// A place that does not answer takes its time to say so: it is asked once, and not at
// all where nobody wants to know.
func TestPlanSettledAsksOnce(t *testing.T) {
	var d planner.Desired
	for n := 1; n <= 200; n++ {
		batch, _ := batchIn(t.TempDir(), n, "x")
		d.Batches = append(d.Batches, batch)
	}
	at := time.Now().Add(-time.Hour)
	rec := &planner.Record{
		Attempts: []planner.Attempt{{Number: 1, Outcome: planner.OutcomeBought, State: string(planner.JobSucceeded), Ended: at}},
		Result:   &planner.Result{Attempt: 1},
	}
	for _, wanted := range []int{0, 1, 200} {
		asked := 0
		p := apply.PlanSettled(t.Context(), apply.SettledOptions{
			Desired: &d, Path: func(int) apply.Path { return apply.Path{OutputDir: "gs://away/out", OutputName: "1.jsonl"} },
			OpenDir: func(context.Context, string) (*results.Dir, error) {
				asked++
				return nil, errors.New("no answer")
			},
			Records: func(visit func(planner.Address, *planner.Record) bool) (string, int64, bool) {
				for i := range wanted {
					if !visit(d.Batches[i].Address, rec) {
						return "", 0, false
					}
				}
				return "", 0, wanted == len(d.Batches)
			},
		})
		if want := min(wanted, 1); p != nil || asked != want {
			t.Errorf("%d records: asked %d times, want %d; plan %v", wanted, asked, want, p)
		}
	}
}

// readBucket counts the objects that are read, by key.
type readBucket struct {
	blob.Driver
	reads map[string]int
}

func (b *readBucket) Get(ctx context.Context, key string) (io.ReadCloser, blob.Version, error) {
	b.reads[key]++
	return b.Driver.Get(ctx, key)
}

// A result that has another time than was recorded is read once for both plans,
// and again once it has yet another.
func TestResultsAreRecognisedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, quick())
		w.useBucket(true)
		w.mustConverge()
		bucket := &readBucket{Driver: w.bucket, reads: map[string]int{}}
		w.bucket, w.recognised = bucket, &apply.Recognised{}
		for n := 1; n <= 2; n++ {
			for _, p := range w.paths {
				at := time.Now().Add(time.Duration(n) * time.Minute)
				if err := os.Chtimes(filepath.Join(w.dir, "bucket", "out", p.OutputName), at, at); err != nil {
					t.Fatal(err)
				}
			}
			w.plan(t.Context()) // makes both
			read := 0
			for key, times := range bucket.reads {
				if !strings.HasPrefix(key, "out/batch_") {
					continue
				}
				if read++; times != n {
					t.Errorf("%s was read %d times, want %d", key, times, n)
				}
			}
			if read != 3 {
				t.Errorf("%d results were read, want 3", read)
			}
		}
	})
}
