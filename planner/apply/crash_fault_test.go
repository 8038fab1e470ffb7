package apply_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

// TestCrashUnderEachFault crosses the crash matrix of one batch with each fault:
// where a fault hits several kinds of calls, with those that every apply makes.
func TestCrashUnderEachFault(t *testing.T) {
	total, least := 0, 0
	covered := map[string]bool{}
	for i, sc := range faultScenarios() {
		points := enumerate(t, sc)
		for _, f := range sc.faults {
			covered[f.Name] = true
		}
		// Creates are what is paid for. Which instants are left out rotates from
		// one fault to the next; strides are odd, so that before and after take
		// turns.
		stride := 3
		if sc.faults[0].Op != emulator.OpCreate {
			stride = 5
		}
		stride *= every
		total += 2 * len(points) / stride
		for _, n := range sc.must {
			least += 2 * n / stride
		}
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			for n := 1 + (i+i/4)%stride; n <= 2*len(points); n += stride {
				p := nth(n)
				t.Run(p.String()+" "+points[p.at-1], func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { sc.crash(t, p) })
				})
			}
		})
	}
	for _, name := range emulator.FaultNames() {
		// No apply asks for the file of an answer by its name.
		if !covered[name] && name != emulator.FaultLongNameGet {
			t.Errorf("no apply is killed under the fault %s", name)
		}
	}
	if total < least {
		t.Errorf("%d crashes, fewer than the %d that whole applies must offer", total, least)
	}
	t.Logf("%d crashes", total)
}

// faultScenarios are small worlds, each with one fault or with the ones that it
// needs to strike.
func faultScenarios() []scenario {
	var list []scenario
	whole := map[string]int{
		"call list jobs": 3, "call list files": 1, "journal lineage": 1, "call GET models": 1,
		"journal upload_intent": 1, "call upload start": 1, "call upload upload+finalize": 1,
		"journal create_intent": 1, "call create": 1,
	}
	add := func(sc scenario, faults ...emulator.Fault) {
		for _, f := range faults {
			sc.name += f.Op + " " + cell{fault: f}.String() + " "
		}
		sc.batches, sc.rows, sc.faults, sc.must = max(1, sc.batches), 2, faults, whole
		list = append(list, sc)
	}
	for _, f := range lostAnswers() {
		for _, op := range []string{emulator.OpCreate, emulator.OpListJobs, emulator.OpUploadFinalize, emulator.OpDownload} {
			f.Op = op
			add(scenario{}, f)
		}
	}
	for _, f := range quotaShapes() {
		f.Op = emulator.OpCreate
		add(scenario{poll: 10 * time.Minute}, f) // some ask for an hour
	}
	for _, f := range []emulator.Fault{
		on(emulator.FaultListRepeat, emulator.OpListJobs, "", 1, -1), on(emulator.FaultListSkip, emulator.OpListJobs, "", 3, 1),
		on(emulator.FaultListShift, emulator.OpListJobs, "", 4, 2), on(emulator.FaultListFailPage, emulator.OpListJobs, "3", 1, 5),
	} {
		add(scenario{batches: 3, page: 1}, f)
	}
	for _, s := range createTales() {
		// A listing that lags for longer than the settle time hides a lost create
		// for good; a batch whose jobs all fail is not done.
		if s.end == nil && s.poll == 0 && s.faults[0].Value != "40m" && s.faults[0].Name != emulator.FaultJobExpired && !(s.faults[0].Name == emulator.FaultJobFailed && s.faults[0].Count > 2) {
			add(scenario{}, s.faults...)
		}
	}
	for _, s := range fileTales() {
		if s.end == nil && !s.big && s.faults[0].Count == 1 {
			add(scenario{}, s.faults...)
		}
	}
	for _, s := range answerTales() {
		if s.end == nil || s.faults[0].Op == emulator.OpCreate && s.faults[0].Count == 1 {
			add(scenario{}, s.faults...)
		}
	}
	add(scenario{limit: 30 * time.Minute, end: stuckIsCancelled}, on(emulator.FaultJobStuck, emulator.OpCreate, "", 1, 1),
		on(emulator.FaultCancelDelayed, emulator.OpCancel, "", 1, 1), on(emulator.FaultCancelCode, emulator.OpCancel, "", 1, 1))
	add(scenario{poll: time.Hour}, on(emulator.FaultJobExpired, emulator.OpCreate, "5h", 1, 1), on(emulator.FaultPartialOutput, emulator.OpCreate, "", 1, 1))
	return list
}

// stuckIsCancelled expects one job that is followed and never touched, until
// somebody cancels it and a person asks for another.
func stuckIsCancelled(w *world) {
	w.t.Helper()
	patient := scenario{limit: 30 * time.Minute}
	rep, err := patient.run(w)
	if err != nil || rep.Summary.InProgress != 1 || w.purchases() != 1 {
		w.t.Errorf("summary %+v after %d purchases, error %v; want one job, in progress", rep.Summary, w.purchases(), err)
	}
	w.cancelRemotely()
	rep, err = patient.run(w)
	if err != nil || len(rep.Plan.Held) != 1 || rep.Plan.Held[0].Reason != planner.HoldCancelled {
		w.t.Errorf("held %+v, error %v; want the batch held as cancelled", rep.Plan.Held, err)
	}
	w.rerunOf = 51
	w.mustConverge()
}
