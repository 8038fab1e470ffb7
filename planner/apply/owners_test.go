package apply_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

// foreign plants a job of another tool: no label, and an input that is gone.
func (w *world) foreign(p emulator.PlantedJob) string {
	w.t.Helper()
	p.InputFile = "files/long-gone"
	if p.Age == 0 {
		p.Age = 72 * time.Hour
	}
	name, err := w.server.AddJob(p)
	if err != nil {
		w.t.Fatal(err)
	}
	return name
}

// A job whose input is gone is found by the keys of its answers, where only one
// batch has them. Nothing is bought for it again.
func TestJobIsFoundByItsAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 4, emulator.Config{})
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(52, 4))})
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(53, 4))})
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(900, 4))}) // nobody's here
		p, _ := w.plan(t.Context())
		if p.Summary.Adopt != 2 || p.Summary.Create != 1 || p.Summary.Held != 0 {
			t.Errorf("the plan adopts %d and creates %d with %d held, want 2, 1, 0: %+v", p.Summary.Adopt, p.Summary.Create, p.Summary.Held, p.Held)
		}
		w.converge()
		w.mustHaveRightResults()
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought, want the one that was missing", n)
		}
		if p, _ := w.plan(t.Context()); len(p.Changes) > 0 {
			t.Errorf("the plan after the apply is not empty: %+v", p.Changes)
		}
	})
}

// Where several batches have the same keys, answers prove nothing: the block is
// held until a person says whose the job is.
func TestSameKeysProveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, 0, emulator.Config{})
		same := func(n int) string {
			return strings.ReplaceAll(requests(n, 4), "b"+string(rune('0'+n/10))+string(rune('0'+n%10))+"-", "request-")
		}
		w.add(51, same(51))
		w.add(52, same(52))
		job := w.foreign(emulator.PlantedJob{Requests: []byte(same(51))})
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(900, 4))})
		p, _ := w.plan(t.Context())
		if p.Summary.Held != 2 || len(p.Changes) != 0 {
			t.Fatalf("%d held and %d changes, want 2 and none", p.Summary.Held, len(p.Changes))
		}
		for _, h := range p.Held {
			if h.Reason != planner.HoldMaybeBought || h.Job != job {
				t.Errorf("%s is held as %s for %s, want maybe_bought for %s", h.Address, h.Reason, h.Job, job)
			}
		}
		w.desired.Batches[0].Imports = []string{job}
		w.converge()
		w.mustHaveRightResults()
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought, want one", n)
		}
	})
}

// A job that still runs has no answers: the block waits for a person, and once
// it has ended its answers tell.
func TestRunningJobHoldsUntilItsAnswersTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 4, emulator.Config{RunTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(51, 4)), State: "RUNNING"})
		if p, _ := w.plan(t.Context()); p.Summary.Held != 2 || len(p.Changes) != 0 {
			t.Fatalf("%d held and %d changes while it runs, want 2 and none", p.Summary.Held, len(p.Changes))
		}
		time.Sleep(3 * time.Hour)
		w.converge()
		w.mustHaveRightResults()
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought, want one", n)
		}
	})
}

// A job that was imported while it ran and turns out to be another batch's is
// unbound. The batch is held, the right job is offered, and the wrong one goes
// where it belongs.
func TestWrongImportIsFoundLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 4, emulator.Config{RunTime: emulator.Span{Min: time.Hour, Max: time.Hour}})
		of52 := w.foreign(emulator.PlantedJob{Requests: []byte(requests(52, 4)), State: "RUNNING"})
		of51 := w.foreign(emulator.PlantedJob{Requests: []byte(requests(51, 4)), State: "RUNNING"})
		w.desired.Batches[0].Imports = []string{of52} // crosswise
		w.desired.Batches[1].Imports = []string{of51}
		if _, err := w.apply(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		p, items := w.plan(t.Context())
		if p.Summary.Held != 2 || p.Summary.Done != 1 || len(p.Changes) != 0 {
			t.Fatalf("%+v with %d changes, want 2 held, 1 done, none to be changed: %+v", p.Summary, len(p.Changes), items)
		}
		for i, right := range []string{of51, of52} {
			if h := p.Held[i]; h.Reason != planner.HoldWrongJob || !strings.HasPrefix(h.Exit, "qaplan import '"+h.Address.String()+"' "+right) {
				t.Errorf("%s is held as %s with the way out %q, want wrong_job and an import of %s", h.Address, h.Reason, h.Exit, right)
			}
		}
		w.desired.Batches[0].Imports = []string{of52, of51}
		w.desired.Batches[1].Imports = []string{of51, of52}
		w.converge()
		w.mustHaveRightResults()
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought, want only that of batch 53", n)
		}
	})
}

// An import that the answers contradict is refused before it is recorded.
func TestImportIsComparedWithTheAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 4, emulator.Config{})
		of52 := w.foreign(emulator.PlantedJob{Requests: []byte(requests(52, 4))})
		w.desired.Batches[0].Imports = []string{of52}
		if _, err := w.apply(t.Context(), true); err == nil || !strings.Contains(err.Error(), "its answers are to batch.qa[52]") {
			t.Errorf("the import ended with %v, want a refusal that names batch.qa[52]", err)
		}
		if n := w.purchases(); n != 0 {
			t.Errorf("%d jobs were bought", n)
		}
	})
}

// Answers that cannot be read tell nothing, and then nothing is bought.
func TestUnreadableAnswersHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 4, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultStatusBefore, Op: emulator.OpDownload, Count: -1, Value: "403"}}})
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(52, 4))})
		rep, err := w.apply(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		if rep.Summary.Held != 2 || w.purchases() != 0 {
			t.Errorf("%d held, %d bought, want 2 and none", rep.Summary.Held, w.purchases())
		}
		if err := w.server.SetFaults(); err != nil {
			t.Fatal(err)
		}
		w.converge()
		w.mustHaveRightResults()
		if n := w.purchases(); n != 1 {
			t.Errorf("%d jobs were bought, want one", n)
		}
	})
}

// An apply that adopts by answers, by an import and by an upload is killed at
// any instant: what was made by others is taken once, and only the rest is
// bought.
func TestAdoptionSurvivesACrash(t *testing.T) {
	adopted := func(t *testing.T, p point) (points []string) {
		w := newWorld(t, 4, 2, quick())
		w.foreign(emulator.PlantedJob{Requests: []byte(requests(51, 2))})
		running := w.foreign(emulator.PlantedJob{Requests: []byte(requests(52, 2)), State: "RUNNING"})
		w.desired.Batches[1].Imports = []string{running}
		if _, err := w.server.AddFile("files/by-hand", "", []byte(requests(53, 2)), time.Hour); err != nil {
			t.Fatal(err)
		}
		w.crash = &crasher{at: p.at, after: p.after}
		w.apply(t.Context(), true) // it dies on the way
		points = w.crash.points
		w.crash = &crasher{}
		time.Sleep(time.Second)
		w.converge()
		w.mustHaveRightResults()
		if n := w.purchases(); n != 2 {
			t.Errorf("%d jobs were bought, want those of 53 and 54", n)
		}
		if p, items := w.plan(t.Context()); len(p.Changes) > 0 || p.Summary.Done != 4 {
			t.Errorf("%+v, changes %+v, items %+v", p.Summary, p.Changes, items)
		}
		return points
	}
	var points []string
	synctest.Test(t, func(t *testing.T) { points = adopted(t, point{}) })
	if all := strings.Join(points, "; "); strings.Count(all, "journal adopt") < 3 {
		t.Fatalf("the points of the run are %s", all)
	}
	for n := 1; n <= 2*len(points); n++ {
		p := nth(n)
		t.Run(p.String()+" "+points[p.at-1], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { adopted(t, p) })
		})
	}
}
