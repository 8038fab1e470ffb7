package apply_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// rebuild takes over all states whose labels are there, as one process would.
func (w *world) rebuild(ctx context.Context) (found []planner.Stranger, err error) {
	w.t.Helper()
	before := w.options
	defer func() { w.options = before }()
	w.options = func(o *apply.Options) {
		if before != nil {
			before(o)
		}
		o.AdoptOnly = true
	}
	err = w.process(ctx, false, func(ctx context.Context, p process) error {
		if found, err = p.engine.Strangers(ctx); err != nil {
			return err
		}
		lineages := make([]string, len(found))
		for i, s := range found {
			lineages[i] = s.Lineage
		}
		p.engine.TakeOver(lineages)
		if _, _, err := p.engine.Plan(ctx); err != nil {
			return err
		}
		if err := w.crash.pass("journal rebuild", func() error { return p.store.WriteFormer(lineages...) }); err != nil {
			return err
		}
		_, err := p.engine.Apply(ctx)
		return err
	})
	return found, err
}

// loss is a life at whose end the state is lost.
type loss struct {
	name    string
	faults  []emulator.Fault
	rows    emulator.RowFaults
	repair  int
	byHand  bool // the uploads are somebody else's
	creates int  // that the whole run sends, at the least
}

func losses() []loss {
	behind := func(first int) emulator.Fault {
		return emulator.Fault{Name: emulator.FaultListLag, Op: emulator.OpCreate, First: first, Count: -1, Value: "10m"}
	}
	fail := func(first, n int) emulator.Fault {
		return emulator.Fault{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, First: first, Count: n}
	}
	return []loss{
		{name: "all goes well", creates: 3},
		{name: "the listing is behind", faults: []emulator.Fault{behind(1)}, creates: 3},
		// The listing explains each upload by a job that failed, and shows nothing
		// of the one that was bought after it.
		{name: "jobs fail", faults: []emulator.Fault{fail(1, 3), behind(4)}, creates: 6},
		{name: "jobs fail twice", faults: []emulator.Fault{fail(1, 5), behind(4)}, creates: 8},
		{name: "jobs from uploads by hand", faults: []emulator.Fault{behind(1)}, byHand: true, creates: 3},
		{name: "jobs from uploads by hand fail", faults: []emulator.Fault{fail(1, 3), behind(4)}, byHand: true, creates: 6},
		{name: "repairs fail", faults: []emulator.Fault{fail(4, 3), behind(7)}, rows: emulator.RowFaults{ErrorShare: 0.5}, repair: 9, creates: 9},
	}
}

func (l loss) world(t *testing.T) *world {
	rows := 2
	if l.repair > 0 {
		rows = 9 // some are good: a repair of all rows looks like another whole attempt
	}
	w := newWorld(t, 3, rows, emulator.Config{Faults: l.faults, Rows: l.rows})
	for i := range w.desired.Batches {
		w.desired.Batches[i].MaxAttempts = 9
	}
	if l.repair > 0 {
		w.repair(&planner.Repair{MaxAttempts: l.repair})
	}
	if l.byHand {
		for _, b := range w.desired.Batches {
			content, err := os.ReadFile(w.paths[b.Address].Source)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.server.AddFile("", b.DisplayName, content, 47*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w
}

// lose deletes the state.
func (w *world) lose() {
	w.t.Helper()
	for _, name := range []string{"", ".journal", ".backup"} {
		if err := os.Remove(w.statePath() + name); err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
}

// The state is deleted after any step of a run, and rebuilt a minute later: what
// was bought is found again, and nothing is bought twice, whether the listing
// shows it by then or not.
func TestRebuildAfterAnyStep(t *testing.T) {
	for _, l := range losses() {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			lost := func(t *testing.T, at int) (points []string) {
				w := l.world(t)
				w.crash = &crasher{at: at, after: true}
				w.apply(t.Context(), true)
				points = w.crash.points
				w.crash = &crasher{}
				w.lose()
				time.Sleep(time.Minute)
				bought := w.purchases()
				found, err := w.rebuild(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if n := w.purchases(); n != bought {
					t.Fatalf("the rebuild bought %d jobs", n-bought)
				}
				if len(found) == 0 && l.byHand {
					// Nothing at the service has a label of the lost state yet. A person
					// is told to wait, and to rebuild then.
					time.Sleep(w.desired.SettleTime)
					if _, err := w.rebuild(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				w.mustConverge()
				return points
			}
			var points []string
			synctest.Test(t, func(t *testing.T) { points = lost(t, 0) })
			creates := 0
			for _, p := range points {
				if p == "call create" {
					creates++
				}
			}
			if creates < l.creates {
				t.Fatalf("a run sends %d creates, want %d at least; it passes:\n%s", creates, l.creates, strings.Join(points, "\n"))
			}
			for i := 0; i < len(points); i += 2 {
				t.Run(fmt.Sprintf("%d %s", i+1, points[i]), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { lost(t, i+1) })
				})
			}
		})
	}
}

// A rebuild that is killed at any instant can be done again.
func TestRebuildSurvivesACrash(t *testing.T) {
	rebuilt := func(t *testing.T, at int, after bool) (points []string) {
		w := newWorld(t, 3, 2, slow())
		w.desired.Batches = w.desired.Batches[:2]
		w.mustApply(false)
		if err := os.Remove(w.statePath()); err != nil {
			t.Fatal(err)
		}
		w.crash = &crasher{at: at, after: after}
		w.rebuild(t.Context())
		points = w.crash.points
		w.crash = &crasher{}
		if _, err := w.rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.desired.Batches = w.desired.Batches[:3]
		w.mustConverge()
		return points
	}
	var points []string
	synctest.Test(t, func(t *testing.T) { points = rebuilt(t, 0, false) })
	for i, name := range points {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s %t", i+1, name, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { rebuilt(t, i+1, after) })
			})
		}
	}
}

// What the lost state bought last was for another model, or from an upload on
// which a job by hand had failed: a job that is listed explains no upload.
func TestRebuildAfterAChange(t *testing.T) {
	for _, tt := range []struct {
		name   string
		failed int // of the creates
		unseen int // is the first create that the listing does not show yet
		live   func(*world)
	}{
		{"another model", 3, 4, func(w *world) {
			w.short()
			time.Sleep(time.Hour)
			for i := range w.desired.Batches {
				w.desired.Batches[i].Model, w.desired.Batches[i].OnChange = "gemini-2.5-pro", planner.OnChangeRerun
			}
			w.short()
		}},
		{"jobs by hand", 0, 2, func(w *world) {
			all := w.desired.Batches
			w.desired.Batches = all[:1] // whose job tells of the lost state
			w.short()
			w.desired.Batches = all
			for _, b := range all[1:] {
				content, err := os.ReadFile(w.paths[b.Address].Source)
				if err != nil {
					w.t.Fatal(err)
				}
				if _, err := w.server.AddJob(emulator.PlantedJob{Requests: content, Age: time.Hour, State: "FAILED"}); err != nil {
					w.t.Fatal(err)
				}
			}
			w.short()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				faults := []emulator.Fault{{Name: emulator.FaultListLag, Op: emulator.OpCreate, First: tt.unseen, Count: -1, Value: "10m"}}
				if tt.failed > 0 {
					faults = append(faults, emulator.Fault{Name: emulator.FaultJobFailed, Op: emulator.OpCreate, First: 1, Count: tt.failed})
				}
				w := newWorld(t, 3, 2, emulator.Config{Faults: faults})
				tt.live(w)
				w.lose()
				time.Sleep(time.Minute)
				if _, err := w.rebuild(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.mustConverge()
				if n := w.purchases(); n != tt.failed+3 {
					t.Errorf("%d jobs were bought, want %d", n, tt.failed+3)
				}
			})
		})
	}
}
