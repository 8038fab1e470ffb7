package emulator_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestStruck tells faults that changed a call from those that were due and
// could do nothing.
func TestStruck(t *testing.T) {
	upload := func(a *api) { a.upload("new", []byte("x")) }
	create := func(a *api) { a.tryCreate("in", "") }
	list := func(a *api) { a.list("batches", 2) }
	download := func(a *api) {
		job := a.create("in", "")
		time.Sleep(time.Second)
		a.output(job)
	}
	for _, test := range []struct {
		name   string
		faults []emulator.Fault
		do     func(a *api)
		want   []int
	}{
		{"once of twice", []emulator.Fault{{Name: emulator.FaultResetAfter, Op: emulator.OpCreate}},
			func(a *api) { create(a); create(a) }, []int{1}},
		{"each on its own", []emulator.Fault{{Name: emulator.FaultNoDate, Op: emulator.OpCreate, Count: -1}, {Name: emulator.FaultHTML200, Op: emulator.OpListJobs}},
			func(a *api) { create(a); create(a) }, []int{2, 0}},
		{"two of one name", []emulator.Fault{{Name: emulator.FaultNoDate, Count: -1}, {Name: emulator.FaultNoDate, Count: -1}},
			create, []int{1, 0}},
		{"half of an empty body", []emulator.Fault{{Name: emulator.FaultCutBody, Op: emulator.OpUploadStart}}, upload, []int{0}},
		{"a job that was not made", []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpCreate}, {Name: emulator.FaultJobFailed}, {Name: emulator.FaultMissingRow}},
			create, []int{1, 0, 0}},
		{"a job that was made", []emulator.Fault{{Name: emulator.FaultJobFailed}, {Name: emulator.FaultMissingRow}, {Name: emulator.FaultUnknownState, Value: "ODD"}},
			create, []int{1, 1, 1}},
		{"an empty listing", []emulator.Fault{{Name: emulator.FaultListSkip}, {Name: emulator.FaultListRepeat}}, list, []int{0, 0}},
		{"a first page cannot shift", []emulator.Fault{{Name: emulator.FaultListShift}}, list, []int{0}},
		{"no range to ignore", []emulator.Fault{{Name: emulator.FaultIgnoreRange}, {Name: emulator.FaultTruncatedDownload}}, download, []int{0, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openAPI(t, emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
				a.upload("in", requests(4, 0))
				if err := a.server.SetFaults(test.faults...); err != nil {
					t.Fatal(err)
				}
				test.do(a)
				if diff := cmp.Diff(test.want, a.server.Struck()); diff != "" {
					t.Errorf("struck (-want +got):\n%s", diff)
				}
				if err := a.server.SetFaults(); err != nil || len(a.server.Struck()) != 0 {
					t.Errorf("after SetFaults: %v, %v", a.server.Struck(), err)
				}
			})
		})
	}
}
