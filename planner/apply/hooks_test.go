package apply_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// listener is what stands in for a command of on_complete.
type listener world

func (l *listener) Complete(ctx context.Context, c *planner.Completion) error {
	return l.crash.pass("call hook", func() error {
		l.told = append(l.told, *c)
		return l.tell(ctx, c)
	})
}

// heeds makes the world tell of completions, each of which must find what it
// tells of on the disk.
func (w *world) heeds() {
	w.tell = func(_ context.Context, c *planner.Completion) error {
		if c.Address != nil {
			p := w.paths[*c.Address]
			if _, err := os.Stat(filepath.Join(p.OutputDir, p.OutputName)); err != nil {
				w.t.Errorf("%s was told before its result was there: %v", c.Subject(), err)
			}
		}
		return nil
	}
}

// tellings are the subjects that were told, in order.
func (w *world) tellings() []string {
	var out []string
	for i := range w.told {
		out = append(out, w.told[i].Subject())
	}
	return out
}

// mustHaveTold checks that each batch and the block were told, the block last, and
// that another run tells nothing and changes nothing.
func (w *world) mustHaveTold() {
	w.t.Helper()
	got := w.tellings()
	want := []string{"batch.qa"}
	for i := range w.desired.Batches {
		want = append(want, w.desired.Batches[i].Address.String())
	}
	for _, s := range want {
		if !slices.Contains(got, s) {
			w.t.Errorf("%s was not told; told were %v", s, got)
		}
	}
	if len(got) == 0 || got[len(got)-1] != "batch.qa" {
		w.t.Errorf("the block was not told last: %v", got)
	}
	before := w.state().Serial
	w.converge()
	if now := w.tellings(); len(now) != len(got) {
		w.t.Errorf("told again: %v", now[len(got):])
	}
	if after := w.state().Serial; after != before {
		w.t.Errorf("a run with nothing to tell changed the state: serial %d, was %d", after, before)
	}
}

func TestCompletions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, quick())
		w.heeds()
		w.mustConverge()
		if got, want := strings.Join(w.tellings(), " "), "batch.qa[51] batch.qa[52] batch.qa[53] batch.qa"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		w.mustHaveTold()
		one, whole := w.told[0], w.told[3]
		rec := w.state().Batches[*one.Address]
		if one.Event != planner.CompletionBatch || one.SHA256 != rec.Result.SHA256 || one.Job != rec.Last().Job || one.Rows != 2 || one.Good != 2 || *one.Number != 51 || one.Input == 0 {
			t.Errorf("the batch was told as %+v", one)
		}
		if whole.Event != planner.CompletionBlock || whole.Batches != 3 || whole.Done != 3 || whole.Failed != 0 || whole.Rows != 6 || whole.Good != 6 {
			t.Errorf("the block was told as %+v", whole)
		}

		// Another result is another completion, of the batch and of the block.
		w.told, w.rerunOf = nil, 52
		w.converge()
		if got, want := strings.Join(w.tellings(), " "), "batch.qa[52] batch.qa"; got != want {
			t.Errorf("after a rerun told %s, want %s", got, want)
		}
	})
}

// Whatever the instant at which a run dies, each completion is told at least
// once, and once it is recorded never again.
func TestCompletionsAcrossCrashes(t *testing.T) {
	points := 0
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 1, quick())
		w.heeds()
		w.mustConverge()
		points = len(w.crash.points)
		for _, name := range []string{"call hook", "journal told"} {
			if n := len(slices.DeleteFunc(slices.Clone(w.crash.points), func(p string) bool { return p != name })); n != 3 {
				t.Errorf("a run passes %q %d times, want 3", name, n)
			}
		}
	})
	for n := 1; n <= 2*points; n += every {
		p := nth(n)
		t.Run(p.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 1, quick())
				w.heeds()
				scenario{}.kill(w, p)
				dead := len(w.told)
				w.crash = &crasher{}
				time.Sleep(time.Second)
				w.mustConverge()
				w.mustHaveTold()
				count := map[string]int{}
				for i := range w.told {
					if count[w.told[i].ID]++; count[w.told[i].ID] > 2 {
						t.Errorf("%s was told %d times after one crash (%d tellings before it)", w.told[i].Subject(), count[w.told[i].ID], dead)
					}
				}
			})
		})
	}
}

// A command that fails is told, holds up nothing, and is run again by the next
// apply, until it succeeds.
func TestCompletionFails(t *testing.T) {
	for _, wait := range []bool{false, true} {
		t.Run(fmt.Sprint("wait ", wait), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 1, quick())
				w.mustConverge() // before anybody was to be told
				w.tell = func(context.Context, *planner.Completion) error { return errors.New("exit status 3") }
				for run := range 3 {
					w.events = nil
					rep, err := w.apply(t.Context(), wait)
					if err != nil || rep.Remains || len(rep.Errors) > 0 {
						t.Fatalf("a hook that fails ends the run with %v, %+v", err, rep)
					}
					failed := 0
					for _, e := range w.events {
						if e.Type == apply.EventHookFailed && strings.Contains(e.Message, "exit status 3") && e.Severity == planner.SeverityWarning {
							failed++
						}
					}
					if failed < 3 || failed > 9 || len(w.state().Told) != 0 {
						t.Errorf("run %d: told as failed %d times, recorded %v", run, failed, w.state().Told)
					}
				}
				w.told = nil
				w.heeds()
				w.converge()
				w.mustHaveTold()
				w.mustBeDone()
			})
		})
	}
}

// A command that takes long delays no purchase and no download.
func TestSlowCompletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6, 1, quick())
		w.options = func(o *apply.Options) { o.Limits.MaxActiveJobs, o.PollInterval = 1, time.Minute }
		delivered := -1
		w.tell = func(_ context.Context, c *planner.Completion) error {
			if delivered < 0 {
				time.Sleep(20 * time.Hour)
				delivered = 0
				for _, rec := range w.state().Batches {
					if rec.Result != nil {
						delivered++
					}
				}
			}
			return nil
		}
		w.mustConverge()
		w.mustHaveTold()
		if delivered != 6 {
			t.Errorf("%d of 6 batches were delivered while a command ran, want all", delivered)
		}
	})
}

// A run that is asked to end lets the command that runs come to its end, records
// it, and begins no other.
func TestCompletionInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, quick())
		w.mustConverge()
		ctx, cancel := context.WithCancel(t.Context())
		w.tell = func(inner context.Context, _ *planner.Completion) error {
			cancel()
			time.Sleep(time.Second)
			return inner.Err()
		}
		if _, err := w.apply(ctx, true); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if got := w.tellings(); len(got) != 1 || len(w.state().Told) != 1 {
			t.Errorf("told %v, recorded %v; want the first of each", got, w.state().Told)
		}
		w.heeds()
		w.converge()
		w.mustHaveTold()
		if got, want := strings.Join(w.tellings(), " "), "batch.qa[51] batch.qa[52] batch.qa[53] batch.qa"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	})
}

// A block is complete when nothing is left to do for it, failures counted; a
// selection that leaves some of it out tells of neither.
func TestCompletionOfABlockWithFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 1, quick(emulator.Fault{Name: emulator.FaultJobFailed, Op: "create", First: 1, Count: 1}))
		for i := range w.desired.Batches {
			w.desired.Batches[i].MaxAttempts = 1
		}
		w.heeds()
		target := planner.Selector{Block: "qa", First: 52, Last: 52}
		w.options = func(o *apply.Options) { o.Plan.Targets = []planner.Selector{target} }
		w.converge()
		w.options = nil
		if got := strings.Join(w.tellings(), " "); strings.Contains(got, "batch.qa ") || strings.HasSuffix(got, "batch.qa") {
			t.Errorf("a selection told of the block: %s", got)
		}
		w.converge()
		last := w.told[len(w.told)-1]
		if last.Subject() != "batch.qa" || last.Done != 2 || last.Failed != 1 || last.Batches != 3 {
			t.Errorf("the last to be told is %+v", last)
		}
	})
}
