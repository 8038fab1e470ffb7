package apply_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/results"
)

// useBucket lets a world keep its state, and its results where told to, in a
// bucket that is a folder.
func (w *world) useBucket(resultsThere bool) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "bucket")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	w.bucket, w.resultsThere = blob.Folder(blob.Location{Scheme: blob.SchemeFile, Bucket: dir}), resultsThere
}

func (w *world) at(key string) blob.Location {
	return blob.Location{Scheme: blob.SchemeFile, Bucket: filepath.Join(w.dir, "bucket"), Key: key}
}

func (w *world) place(d blob.Driver) state.Place {
	at := w.at("qaplan.state.json")
	return state.InBucket(blob.New(at, d), at, blob.DefaultLease)
}

// open takes the state's lock as a run does; one in a bucket may have to be
// waited for, after a run that was killed.
func (w *world) open(ctx context.Context) (*state.Store, error) {
	id, holder := state.Identity{Kind: "gemini", BaseURL: "http://service.test"}, state.Holder{ID: "test", Operation: "apply"}
	if w.bucket == nil {
		return state.Open(w.statePath(), id, holder)
	}
	p := w.place(&crashingBucket{w.bucket, w.crash})
	for start := time.Now(); ; time.Sleep(5 * time.Second) {
		s, err := p.Open(ctx, id, holder)
		if _, locked := errors.AsType[*state.LockedError](err); !locked || time.Since(start) > time.Hour {
			return s, err
		}
	}
}

func (w *world) openDir(d blob.Driver) func(context.Context, string) (*results.Dir, error) {
	if !w.resultsThere {
		return nil
	}
	return func(_ context.Context, path string) (*results.Dir, error) {
		at := w.at("out")
		return results.OpenBucket(blob.New(at, d), at, filepath.Join(w.dir, "transit")), nil
	}
}

// result reads the result of a batch, wherever it is.
func (w *world) result(p apply.Path) ([]byte, error) {
	if !w.resultsThere {
		return os.ReadFile(filepath.Join(p.OutputDir, p.OutputName))
	}
	data, _, err := blob.New(w.at(""), w.bucket).Read(w.t.Context(), "out/"+p.OutputName)
	return data, err
}

// crashingBucket makes a point of each call to a bucket.
type crashingBucket struct {
	blob.Driver
	crash *crasher
}

func (b *crashingBucket) Get(ctx context.Context, key string) (r io.ReadCloser, v blob.Version, err error) {
	err = b.crash.pass("bucket get "+key, func() (err error) {
		r, v, err = b.Driver.Get(ctx, key)
		return err
	})
	return r, v, err
}

func (b *crashingBucket) Put(ctx context.Context, key string, content io.ReadSeeker, size int64, c blob.Condition) (v blob.Version, err error) {
	err = b.crash.pass("bucket put "+key, func() (err error) {
		v, err = b.Driver.Put(ctx, key, content, size, c)
		return err
	})
	return v, err
}

func (b *crashingBucket) List(ctx context.Context, prefix string, yield func(blob.Object) error) error {
	return b.crash.pass("bucket list "+prefix, func() error { return b.Driver.List(ctx, prefix, yield) })
}

func (b *crashingBucket) Delete(ctx context.Context, key string) error {
	return b.crash.pass("bucket delete "+key, func() error { return b.Driver.Delete(ctx, key) })
}

// bucketScenarios are those of the matrix that differ in what the journal has to
// hold; each passes every call to the bucket as well.
func bucketScenarios() []scenario {
	return []scenario{
		{name: "plain", batches: 2, rows: 2, bucket: true, must: map[string]int{"journal create_intent": 2, "call create": 2, "journal download_complete": 2}},
		{name: "results there too", batches: 1, rows: 2, bucket: true, resultsThere: true, must: map[string]int{"bucket put out/batch_051.jsonl": 1, "journal download_complete": 1}},
		{name: "answer of a create lost", batches: 1, rows: 2, bucket: true,
			faults: []emulator.Fault{{Name: emulator.FaultResetAfter, Op: "create", First: 1}},
			must:   map[string]int{"journal create_unknown": 1, "journal create_found": 1}},
		{name: "job failed with some answers", batches: 1, rows: 2, bucket: true, resultsThere: true,
			faults: []emulator.Fault{{Name: emulator.FaultJobFailed, Op: "create", First: 1}, {Name: emulator.FaultPartialOutput, Op: "create", First: 1}},
			must:   map[string]int{"journal answers_kept": 1, "journal download_complete": 1}},
	}
}

// TestBucketCrashMatrix is TestCrashMatrix with the state in a bucket: a run that
// dies keeps its lock, which the next one takes over when its lease is over.
func TestBucketCrashMatrix(t *testing.T) {
	for _, sc := range bucketScenarios() {
		points := enumerate(t, sc)
		if len(points) < 40 {
			t.Errorf("%s: only %d points", sc.name, len(points))
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			runs, died := 0, 0
			for n := 1; n <= 2*len(points); n += every {
				p := nth(n)
				t.Run(p.String()+" "+strings.ReplaceAll(points[p.at-1], "/", " "), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						runs++
						if sc.crash(t, p) != "" {
							died++
						}
					})
				})
			}
			// Signs of life come by the clock: a run may have one more than another.
			if died < runs*9/10 {
				t.Errorf("only %d of %d runs were killed", died, runs)
			}
		})
	}
}

// A run whose machine sleeps between its intent and the call loses its lease. The
// one that takes over settles the intent and buys; the first sends nothing when
// it wakes up, and writes nothing.
func TestBucketLeaseLostAsleep(t *testing.T) {
	for _, nap := range []time.Duration{20 * time.Minute, 30 * time.Hour} {
		t.Run(nap.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 2, emulator.Config{})
				w.useBucket(true)
				second := *w
				second.crash = &crasher{}
				asleep := &sleepyBucket{Driver: w.bucket}
				w.bucket = asleep
				w.options = func(o *apply.Options) {
					o.Journal = &sleepyJournal{Journal: o.Journal, nap: nap}
				}
				// A machine that sleeps gives no sign of life either.
				asleep.from, asleep.until = time.Now().Add(time.Second), time.Now().Add(nap)
				woke := make(chan error, 1)
				go func() {
					_, err := w.apply(t.Context(), true)
					woke <- err
				}()
				time.Sleep(2 * time.Second)
				synctest.Wait()
				if s := second.state(); s.Batches[at(51)].Last().Outcome != planner.OutcomeIntent {
					t.Fatal("the first run is not asleep after its intent")
				}
				second.mustConverge()
				if err := <-woke; err == nil || errors.Is(err, context.Canceled) {
					t.Errorf("the run that lost its lease ended with %v, want an error that says so", err)
				}
				second.mustBeDone()
				if n := second.creates(); n != 2 {
					t.Errorf("%d creates were sent, want 2: none by the run that slept", n)
				}
			})
		})
	}
}

// sleepyBucket is the way of a machine to a bucket that sleeps for a while: what
// it calls then is done when it wakes up.
type sleepyBucket struct {
	blob.Driver
	from, until time.Time
}

func (s *sleepyBucket) nap() {
	if now := time.Now(); now.After(s.from) && now.Before(s.until) {
		time.Sleep(s.until.Sub(now))
	}
}

func (s *sleepyBucket) Put(_ context.Context, key string, content io.ReadSeeker, size int64, c blob.Condition) (blob.Version, error) {
	s.nap()
	return s.Driver.Put(context.Background(), key, content, size, c)
}

// Two runs that overlap: the second is told, and buys nothing; afterwards it has
// nothing to do. An older state that is put back into the bucket buys nothing
// either.
func TestBucketRunsOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, emulator.Config{})
		w.useBucket(false)
		done := make(chan error, 1)
		go func() {
			_, err := w.apply(t.Context(), true)
			done <- err
		}()
		time.Sleep(time.Second)
		_, err := w.place(w.bucket).Open(t.Context(), state.Identity{}, state.Holder{ID: "second"})
		if locked, ok := errors.AsType[*state.LockedError](err); !ok || locked.Holder.ID != "test" {
			t.Errorf("the second run: %v, want one that names the first", err)
		}
		p, _ := w.plan(t.Context()) // without the lock
		for i := range p.Changes {
			if p.Changes[i].Phase == planner.PhaseAbsent {
				t.Errorf("a plan beside the run sees %+v", p.Changes[i])
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		w.mustBeDone()

		store := blob.New(w.at(""), w.bucket)
		old, _, err := store.Read(t.Context(), "qaplan.state.json")
		if err != nil {
			t.Fatal(err)
		}
		w.add(54, requests(54, 2))
		w.mustConverge()
		if _, err := store.Write(t.Context(), "qaplan.state.json", old, blob.Always()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		w.mustConverge()
		if n := w.creates(); n != 4 {
			t.Errorf("%d creates were sent, want 4: %s", n, fmt.Sprint(w.state().Serial))
		}
	})
}

// shutBucket lists nothing.
type shutBucket struct {
	blob.Driver
	at    blob.Location
	asked *int
}

func (b shutBucket) List(context.Context, string, func(blob.Object) error) error {
	*b.asked++
	return &blob.Error{Op: "list", Location: b.at, Kind: blob.KindDenied, Err: errors.New("not for you")}
}

// TestShutBucketIsAskedOnce plans with results in a bucket that cannot be used: one
// that does not answer takes minutes to say so.
func TestShutBucketIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, 1, emulator.Config{})
		w.useBucket(true)
		w.mustConverge()
		asked := 0
		w.options = func(o *apply.Options) { o.OpenDir = w.openDir(shutBucket{w.bucket, w.at("out"), &asked}) }
		_, err := w.apply(t.Context(), false)
		if shut, ok := errors.AsType[*blob.Error](err); !ok || shut.Kind != blob.KindDenied {
			t.Errorf("error %v, want that of the bucket", err)
		}
		if said := strings.Count(fmt.Sprint(err), "not for you"); asked != 1 || said != 1 {
			t.Errorf("asked %d times and said %d times for 5 batches, want once:\n%v", asked, said, err)
		}
	})
}

// TestLeftoversInBucketAreSwept leaves files in a folder that is a bucket as a killed
// run does.
func TestLeftoversInBucketAreSwept(t *testing.T) { synctest.Test(t, leftoversInBucketAreSwept) }

func leftoversInBucketAreSwept(t *testing.T) {
	w := newWorld(t, 1, 1, quick())
	w.useBucket(true)
	w.options = func(o *apply.Options) { o.OpenDir = w.openDir(w.bucket) }
	out := filepath.Join(w.dir, "bucket", "out")
	if err := os.MkdirAll(filepath.Join(out, ".parts"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, age := range map[string]time.Duration{
		".batch_051.jsonl.tmp-0011223344556677": time.Hour, // of a killed run
		".parts/.x.jsonl.tmp-0011223344556677":  time.Hour, // of a killed run
		".batch_052.jsonl.tmp-0011223344556677": 0,         // another run is writing
		"batch_053.jsonl.tmp-0011223344556677":  time.Hour, // somebody's
		".batch_054.jsonl.tmp-old":              time.Hour, // somebody's
	} {
		at, then := filepath.Join(out, name), time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(at, []byte("x"), 0o600), os.Chtimes(at, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	w.mustConverge()
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := os.ReadDir(filepath.Join(out, ".parts"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range append(entries, parts...) {
		names = append(names, e.Name())
	}
	want := []string{".batch_052.jsonl.tmp-0011223344556677", ".batch_054.jsonl.tmp-old", ".parts", "batch_051.jsonl", "batch_053.jsonl.tmp-0011223344556677", results.ManifestName}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
}
