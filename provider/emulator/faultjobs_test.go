package emulator_test

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

func cancelDelayed(t *testing.T, a *api) {
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultCancelDelayed, Value: "40s", Count: 2}); err != nil {
		t.Fatal(err)
	}
	job, other := a.create("in", ""), a.create("in", "")
	a.want(200, a.call("POST", "/v1/"+job+":cancel", ""))
	time.Sleep(30 * time.Second)
	a.want(200, a.call("POST", "/v1/"+other+":cancel", "")) // takes effect after its end
	if op := a.job(job); op.Metadata.State != "BATCH_STATE_RUNNING" {
		t.Errorf("cancelled too early: %+v", op)
	}
	time.Sleep(10 * time.Second)
	if op := a.job(job); op.Metadata.State != "BATCH_STATE_CANCELLED" || op.Metadata.EndTime != "2000-01-01T00:00:40Z" {
		t.Errorf("job %+v", op)
	}
	time.Sleep(time.Minute)
	if op := a.job(other); op.Metadata.State != "BATCH_STATE_SUCCEEDED" {
		t.Errorf("job that ended before it was cancelled %+v", op)
	}
}

// walk gives the jobs of a listing by two, as the numbers of their creates.
func walk(a *api, jobs []string) (got []int) {
	for _, name := range slices.Concat(a.list("batches", 2)...) {
		got = append(got, slices.Index(jobs, name))
	}
	return got
}

// walked expects to see these of six jobs on the first walk, all on the next.
func walked(want ...int) func(t *testing.T, a *api) {
	return func(t *testing.T, a *api) {
		var jobs []string
		for range 6 {
			jobs = append(jobs, a.create("in", ""))
		}
		if diff := cmp.Diff([][]int{want, {5, 4, 3, 2, 1, 0}}, [][]int{walk(a, jobs), walk(a, jobs)}); diff != "" {
			t.Errorf("walks (-want +got):\n%s", diff)
		}
	}
}

// listShift walks with the fault on the first page, where it does nothing, and
// on the second.
func listShift(t *testing.T, a *api) {
	walked(5, 4, 3, 2, 1, 0)(t, a)
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultListShift, First: 2}); err != nil {
		t.Fatal(err)
	}
	var jobs []string
	for _, page := range a.list("batches", 100) { // the first call
		jobs = slices.Concat(page, jobs)
	}
	slices.Reverse(jobs)
	first := decode[listing](t, a.call("GET", "/v1/batches?pageSize=2", ""))
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultListShift}); err != nil {
		t.Fatal(err)
	}
	second := decode[listing](t, a.call("GET", "/v1/batches?pageSize=2&pageToken="+first.Next, ""))
	if diff := cmp.Diff([]string{jobs[2], jobs[1]}, second.names()); diff != "" {
		t.Errorf("second page of %q (-want +got):\n%s", jobs, diff)
	}
}

func pageFails(t *testing.T, a *api) {
	for range 3 {
		a.create("in", "")
	}
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultListFailPage, Value: "2"}); err != nil {
		t.Fatal(err)
	}
	first := decode[listing](t, a.want(200, a.call("GET", "/v1/batches?pageSize=2", "")))
	a.want(503, a.call("GET", "/v1/batches?pageSize=2&pageToken="+first.Next, ""))
	a.want(200, a.call("GET", "/v1/batches?pageSize=2&pageToken="+first.Next, ""))
}

func listLag(t *testing.T, a *api) {
	late := a.create("in", "late")
	soon := a.create("in", "soon")
	a.want(200, a.call("GET", "/v1/"+late, ""))
	if pages := a.list("batches", 10); !slices.Equal(pages[0], []string{soon}) {
		t.Errorf("listed at once: %v", pages)
	}
	time.Sleep(time.Minute)
	if pages := a.list("batches", 10); !slices.Equal(pages[0], []string{soon, late}) {
		t.Errorf("listed later: %v", pages)
	}
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultListLag, Op: emulator.OpUploadFinalize, Value: "1h"}); err != nil {
		t.Fatal(err)
	}
	a.upload("late", []byte("x"))
	a.want(200, a.call("GET", "/v1/files/late", ""))
	if pages := a.list("files", 10); !slices.Equal(pages[0], []string{"files/in"}) {
		t.Errorf("files listed at once: %v", pages)
	}
}

func delayedCreate(t *testing.T, a *api) {
	if got := a.tryCreate("in", "delayed"); !errors.Is(got.err, syscall.ECONNRESET) {
		t.Errorf("status %d, error %v", got.status, got.err)
	}
	other := a.create("in", "other")
	if pages := a.list("batches", 10); !slices.Equal(pages[0], []string{other}) {
		t.Errorf("jobs at once: %v", pages)
	}
	time.Sleep(time.Minute)
	pages := a.list("batches", 10)
	if len(pages[0]) != 2 || pages[0][1] != other {
		t.Fatalf("jobs later: %v", pages)
	}
	if op := a.job(pages[0][0]); op.Metadata.DisplayName != "delayed" || op.Metadata.CreateTime != "2000-01-01T00:01:00Z" {
		t.Errorf("job %+v", op)
	}
}

func unknownState(t *testing.T, a *api) {
	see := func(job, state string, done, output bool) {
		t.Helper()
		op := a.job(job)
		if op.Metadata.State != state || op.Done != done || (op.Response != nil) != output || (op.Metadata.Output != nil) != output {
			t.Errorf("job %+v, want %s, done %v, output %v", op, state, done, output)
		}
	}
	job := a.create("in", "")
	see(job, "BATCH_STATE_PENDING", false, false)
	time.Sleep(quick.Max)
	see(job, "BATCH_STATE_PAUSED", false, false)
	time.Sleep(quick.Max)
	see(job, "BATCH_STATE_SUCCEEDED", true, true)
	for suffix, output := range map[string]bool{":output": true, ":bare": false} {
		if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultUnknownState, Value: "BATCH_STATE_ODD" + suffix}); err != nil {
			t.Fatal(err)
		}
		job := a.create("in", "")
		time.Sleep(quick.Max)
		see(job, "BATCH_STATE_RUNNING", false, false)
		time.Sleep(quick.Max)
		see(job, "BATCH_STATE_ODD", true, output)
	}
	if err := a.server.SetFaults(emulator.Fault{Name: emulator.FaultUnknownState, Op: emulator.OpGetJob, Value: "ONCE"}); err != nil {
		t.Fatal(err)
	}
	see(job, "ONCE", true, true)
	see(job, "BATCH_STATE_SUCCEEDED", true, true)
}

func lateOutput(t *testing.T, a *api) {
	job := a.create("in", "")
	time.Sleep(time.Minute)
	if op := a.job(job); op.Metadata.State != "BATCH_STATE_SUCCEEDED" || op.Metadata.Output != nil || op.Response != nil {
		t.Errorf("job %+v", op)
	}
	time.Sleep(time.Minute)
	if op := a.job(job); op.Metadata.Output == nil || op.Response == nil {
		t.Errorf("job a minute later %+v", op)
	}
}

// ended expects a job to be in a state after some time, and not before.
func ended(state string, after time.Duration, code int) func(t *testing.T, a *api) {
	return func(t *testing.T, a *api) {
		job := a.create("in", "")
		time.Sleep(after - time.Second)
		if op := a.job(job); op.Done {
			t.Errorf("ended before its time: %+v", op)
		}
		time.Sleep(time.Second)
		op := a.job(job)
		if op.Metadata.State != state || !op.Done || op.Error == nil || op.Error.Code != code || op.Metadata.Output != nil {
			t.Errorf("job %+v, want %s", op, state)
		}
		a.want(403, a.output(job))
	}
}

func partialOutput(t *testing.T, a *api) {
	job := a.create("in", "")
	time.Sleep(quick.Max)
	a.want(200, a.call("POST", "/v1/"+job+":cancel", ""))
	op := a.job(job)
	if op.Metadata.State != "BATCH_STATE_CANCELLED" || op.Metadata.Output == nil || op.Metadata.BatchStats.FailedRequestCount != "2" {
		t.Errorf("job %+v", op)
	}
	got := map[string]string{}
	for _, r := range rows(t, a.want(200, a.output(job)).body) {
		got[r.Key] = fate(r)
	}
	want := map[string]string{"row-000": "STOP", "row-001": "STOP", "row-002": "error 1", "row-003": "error 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// damaged expects the first job's output to have these keys, a later one's none
// of it, and a damaged download to be followed by a clean one.
func damaged(want []string) func(t *testing.T, a *api) {
	return func(t *testing.T, a *api) {
		job, clean := a.create("in", ""), a.create("in", "")
		time.Sleep(time.Minute)
		for range 2 {
			if diff := cmp.Diff(want, sorted(keys(rows(t, a.want(200, a.output(job)).body)))); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		}
		if got := keys(rows(t, a.want(200, a.output(clean)).body)); len(got) != 4 {
			t.Errorf("keys of a job made later: %q", got)
		}
		for _, name := range []string{emulator.FaultMissingRow, emulator.FaultDuplicatedKey, emulator.FaultWrongKeyLine} {
			if err := a.server.SetFaults(emulator.Fault{Name: name, Op: emulator.OpDownload, Count: 2}); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				if n := len(keys(rows(t, a.want(200, a.output(clean)).body))); (n == 4) != (i == 2) {
					t.Errorf("%s: download %d has %d rows", name, i, n)
				}
			}
		}
	}
}
