package apply_test

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// elsewhere is the same config on another machine, with a state of its own and
// the same project at the service.
func (w *world) elsewhere() *world {
	w.t.Helper()
	o := &world{t: w.t, dir: filepath.Join(w.dir, "elsewhere"), server: w.server, desired: w.desired, paths: map[planner.Address]apply.Path{}, crash: &crasher{}}
	if err := os.MkdirAll(filepath.Join(o.dir, "in"), 0o700); err != nil {
		w.t.Fatal(err)
	}
	for a, p := range w.paths {
		p.OutputDir = filepath.Join(o.dir, "out")
		o.paths[a] = p
	}
	return o
}

// holds gives the reasons for which batches are held, by number.
func holds(p *planner.Plan) map[int]planner.Reason {
	held := map[int]planner.Reason{}
	for i := range p.Held {
		held[p.Held[i].Address.Number] = p.Held[i].Reason
	}
	return held
}

// A second state on the same project buys nothing that the first one has, at no
// stage of it, and takes nothing silently. What the first does not have it buys.
func TestSecondStateOnTheSameProject(t *testing.T) {
	claimed := map[int]planner.Reason{51: planner.HoldClaimedElsewhere, 52: planner.HoldClaimedElsewhere}
	for _, tt := range []struct {
		name   string
		faults []emulator.Fault
		first  func(w *world)
	}{
		{"uploads only", []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpCreate, Count: 2}}, func(w *world) {
			for n := range 2 {
				w.options = func(o *apply.Options) {
					o.Plan.Targets = []planner.Selector{{Block: "qa", First: 51 + n, Last: 51 + n}}
				}
				w.short()
				time.Sleep(5 * time.Minute)
			}
			w.options = nil
		}},
		{"jobs at work", nil, func(w *world) { w.short() }},
		{"a create without an answer, not listed yet", lostCreate["listed late"](10 * time.Minute), func(w *world) { w.short() }},
		{"jobs done", nil, (*world).mustConverge},
		{"jobs done, uploads expired", nil, func(w *world) {
			w.mustConverge()
			time.Sleep(49 * time.Hour)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, 2, emulator.Config{Faults: tt.faults})
				tt.first(w)
				creates := w.creates()
				o := w.elsewhere()
				for _, wait := range []bool{false, true} {
					rep, err := o.apply(t.Context(), wait)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(claimed, holds(rep.Plan)); diff != "" {
						t.Errorf("wait %v: what is held (-want +got):\n%s", wait, diff)
					}
				}
				if n := w.creates() - creates; n != 0 {
					t.Errorf("the second state sent %d creates", n)
				}
				o.add(70, requests(70, 2))
				rep, err := o.apply(t.Context(), true)
				if err != nil || rep.Summary.Created != 1 || rep.Summary.Done != 1 {
					t.Errorf("with a batch of its own: %+v, %v; want that one bought and done", rep.Summary, err)
				}
				// The first state is not troubled by the second one's jobs.
				w.converge()
				if p, items := w.plan(t.Context()); len(p.Changes)+len(p.Held) != 0 || items[0].Phase != planner.PhaseDone {
					t.Errorf("the first state: changes %+v, held %+v", p.Changes, p.Held)
				}
				w.mustHaveRightResults()
				if n := len(w.ledger().Purchases); n != 3 {
					t.Errorf("%d jobs were bought, want 3", n)
				}
			})
		})
	}
}
