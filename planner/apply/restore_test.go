package apply_test

import (
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
	"github.com/qaplan/qaplan/state"
)

// copyingJournal hands out a copy of the state's files after each write.
type copyingJournal struct {
	apply.Journal
	copy func(op string)
}

func (j *copyingJournal) Lineage() (string, error) {
	before := j.State().Lineage
	lineage, err := j.Journal.Lineage()
	if before == "" && err == nil {
		j.copy("lineage")
	}
	return lineage, err
}

func (j *copyingJournal) Write(op string, changes ...state.Change) error {
	err := j.Journal.Write(op, changes...)
	if err == nil {
		j.copy(op)
	}
	return err
}

// stateCopy is what a backup, or the cache of a CI, may hold.
type stateCopy struct {
	name  string // of the write after which it was taken
	files map[string]string
	// begun tells that an upload was recorded for a batch, and no send after it.
	begun bool
}

// takeCopies lets all further runs copy the state after each write, and after
// the run.
func (w *world) takeCopies(copies *[]stateCopy) (take func(name string)) {
	take = func(name string) {
		c := stateCopy{name: name, files: w.stateFiles()}
		s, err := state.Read(w.statePath(), state.Identity{})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, rec := range s.Batches {
			c.begun = c.begun || rec.Upload != nil && len(rec.Attempts) == 0
		}
		*copies = append(*copies, c)
	}
	w.options = func(o *apply.Options) { o.Journal = &copyingJournal{Journal: o.Journal, copy: take} }
	return take
}

// restore puts a copy in the place of the state.
func (w *world) restore(files map[string]string) {
	w.t.Helper()
	for _, path := range []string{w.statePath(), w.statePath() + ".journal"} {
		content, ok := files[filepath.Base(path)]
		if !ok {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				w.t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// past is a life of a state: three batches, bought in two runs, and delivered
// or not.
type past struct {
	name    string
	lag     time.Duration // by which the listing is behind the creates
	deliver bool
	age     time.Duration // that goes by until the copy is restored
}

// live makes the world of a past, with the copies of its state.
func (p past) live(t *testing.T) (*world, []stateCopy) {
	t.Helper()
	w := newWorld(t, 2, 2, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultListLag, Op: emulator.OpCreate, Count: -1, Value: p.lag.String()}}})
	var copies []stateCopy
	take := w.takeCopies(&copies)
	w.short()
	take("the first run")
	w.add(70, requests(70, 2))
	w.short()
	take("the second run")
	if p.deliver {
		w.mustConverge()
	}
	w.options = nil
	time.Sleep(p.age)
	return w, copies
}

func pasts() []past {
	return []past{
		{name: "jobs at work"},
		{name: "jobs at work, the listing behind", lag: 5 * time.Minute},
		{name: "jobs at work, the listing has caught up", lag: 5 * time.Minute, age: 15 * time.Minute},
		{name: "delivered", deliver: true},
		{name: "delivered, uploads expired", deliver: true, age: 49 * time.Hour},
		{name: "ended, uploads expired", age: 49 * time.Hour},
	}
}

// A copy of the state from any point of its life, restored at any time, buys
// nothing again: what is live wins. So it is with the journal and without.
//
// One thing remains, and the README says so: a copy from between an upload and
// its create, restored before the listing shows the job, knows of an upload for
// which nothing was bought, and nothing at the service says otherwise. A settle
// time later the listing does.
func TestRestoredCopies(t *testing.T) {
	for _, p := range pasts() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			var names []string
			synctest.Test(t, func(t *testing.T) {
				w, copies := p.live(t)
				for _, c := range copies {
					names = append(names, c.name)
				}
				if p.deliver { // every restored copy ends where it began: one world serves all
					seen := map[string]bool{}
					for i := range copies {
						w.mustSurvive(copies[i], false)
						if c, ok := copies[i].withoutJournal(seen); ok {
							w.mustSurvive(c, false)
						}
					}
				}
			})
			if len(names) < 12 {
				t.Fatalf("a life has %d writes, want at least 4 for each batch: %q", len(names), names)
			}
			if p.deliver {
				return
			}
			seen, holes := map[string]bool{}, 0
			for i := range names {
				synctest.Test(t, func(t *testing.T) {
					w, copies := p.live(t)
					hole := copies[i].begun && p.lag > p.age
					if hole {
						holes++
					}
					w.mustSurvive(copies[i], hole)
				})
				synctest.Test(t, func(t *testing.T) {
					w, copies := p.live(t)
					if c, ok := copies[i].withoutJournal(seen); ok {
						w.mustSurvive(c, false)
					}
				})
			}
			if want := map[bool]int{true: 6}[p.lag > p.age]; holes != want {
				t.Errorf("%d copies are excused, want %d: after the begin and the end of each upload", holes, want)
			}
		})
	}
}

// withoutJournal is a copy of the snapshot alone, when there is one and it is
// not among those seen already.
func (c stateCopy) withoutJournal(seen map[string]bool) (stateCopy, bool) {
	const snapshot = "qaplan.state.json"
	text, ok := c.files[snapshot]
	key := fmt.Sprint(strings.Count(text, "\n"), len(text)) // the lineage differs from world to world
	if !ok || seen[key] {
		return stateCopy{}, false // no state at all is another story
	}
	seen[key] = true
	return stateCopy{name: c.name + ", without the journal", files: map[string]string{snapshot: text}}, true
}

// mustSurvive restores a copy and checks that all gets done, and that nothing is
// bought again; from the hole that the README names, one job at most.
func (w *world) mustSurvive(c stateCopy, hole bool) {
	w.t.Helper()
	name := c.name
	w.restore(c.files)
	before := w.creates()
	w.converge()
	again := w.creates() - before
	switch {
	case hole && again <= 1:
	case again != 0:
		w.t.Errorf("%s: %d creates were sent again", name, again)
	}
	p, items := w.plan(w.t.Context())
	if len(p.Changes) != 0 || slices.ContainsFunc(items, func(i planner.Item) bool { return i.Phase != planner.PhaseDone }) {
		w.t.Errorf("%s: changes %+v, held %+v; want all done", name, p.Changes, p.Held)
	}
	w.mustHaveRightResults()
}
