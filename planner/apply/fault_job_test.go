package apply_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
)

// tale is a world in which listings, jobs, files or answers go wrong.
type tale struct {
	name    string
	faults  []emulator.Fault
	batches int // 2 when 0
	page    int // size of the listings' pages
	big     bool
	poll    time.Duration // a minute when 0
	// end tells what holds at the end, where that is not that all is done.
	end func(w *world, rep apply.Report)
}

func on(name, op, value string, first, count int) emulator.Fault {
	return emulator.Fault{Name: name, Op: op, Value: value, First: first, Count: count}
}

// listingTales are those of listings: they lag, repeat, skip, shift and fail.
// Most hang on a create whose answer was lost: it is to be found in a listing.
func listingTales() []tale {
	lost := on(emulator.FaultResetAfter, emulator.OpCreate, "", 2, 1)
	never := on(emulator.FaultResetBefore, emulator.OpCreate, "", 2, 1)
	jobs, files := emulator.OpListJobs, emulator.OpListFiles
	list := []tale{
		{name: "lags by minutes", faults: []emulator.Fault{lost, on(emulator.FaultListLag, emulator.OpCreate, "10m", 1, -1)}},
		{name: "lags by nearly the settle time", faults: []emulator.Fault{lost, on(emulator.FaultListLag, emulator.OpCreate, "14m", 1, -1)}},
		{name: "lags by hours behind jobs that are known", faults: []emulator.Fault{on(emulator.FaultListLag, emulator.OpCreate, "5h", 1, -1)}},
		{name: "lags behind lost uploads", faults: []emulator.Fault{
			on(emulator.FaultResetAfter, emulator.OpUploadFinalize, "", 1, 2), on(emulator.FaultListLag, emulator.OpUploadFinalize, "10m", 1, -1)}},
		{name: "lags behind the uploads of lost creates", faults: []emulator.Fault{
			on(emulator.FaultResetBefore, emulator.OpCreate, "", 1, 2), on(emulator.FaultListLag, emulator.OpUploadFinalize, "10m", 1, -1)}},
	}
	for _, op := range []string{jobs, files} {
		for _, f := range []emulator.Fault{
			on(emulator.FaultListRepeat, op, "", 1, -1),
			on(emulator.FaultListSkip, op, "", 3, 1), on(emulator.FaultListSkip, op, "1", 3, 3), on(emulator.FaultListSkip, op, "100", 3, 2),
			on(emulator.FaultListShift, op, "1", 4, 1), on(emulator.FaultListShift, op, "2", 4, 3), on(emulator.FaultListShift, op, "-1", 2, -1),
			on(emulator.FaultListFailPage, op, "1", 1, 6), on(emulator.FaultListFailPage, op, "2", 1, 1), on(emulator.FaultListFailPage, op, "3", 1, 1), on(emulator.FaultListFailPage, op, "3", 1, 9),
		} {
			for _, create := range []emulator.Fault{lost, never} {
				if op == files && create == lost {
					continue // found in the first listing of jobs, and no files are listed
				}
				list = append(list, tale{name: op + " " + cell{fault: f}.String() + ", " + create.Name, batches: 6, page: 2, faults: []emulator.Fault{create, f}})
			}
		}
	}
	return list
}

// createTales are those of creates that arrive late, and of jobs.
func createTales() []tale {
	late := func(delay string, count int) emulator.Fault {
		return on(emulator.FaultDelayedCreate, emulator.OpCreate, delay, 1, count)
	}
	create := func(name, value string, count int) emulator.Fault {
		return on(name, emulator.OpCreate, value, 1, count)
	}
	lag := create(emulator.FaultListLag, "40m", 2)
	return []tale{
		{name: "a create that arrives after its caller gave up", faults: []emulator.Fault{late("10m", 1), create(emulator.FaultTimeoutAfter, "", 1)}},
		{name: "three that do, nearly a settle time later", batches: 3, faults: []emulator.Fault{late("14m", 3), create(emulator.FaultTimeoutAfter, "", 3)}},
		{name: "one that is listed late as well", faults: []emulator.Fault{late("7m", 1), create(emulator.FaultListLag, "7m", 1)}},
		{name: "a job in an unknown state", faults: []emulator.Fault{create(emulator.FaultUnknownState, "BATCH_STATE_PAUSED", 2)}},
		{name: "one that ends in an unknown state with output", faults: []emulator.Fault{create(emulator.FaultUnknownState, "BATCH_STATE_ODD:output", 2)}},
		{name: "one that ends in an unknown state without", faults: []emulator.Fault{create(emulator.FaultUnknownState, "BATCH_STATE_ODD:bare", 2)}, end: held(planner.HoldStateUnknown)},
		{name: "an unknown state in some listings", faults: []emulator.Fault{on(emulator.FaultUnknownState, emulator.OpListJobs, "BATCH_STATE_ODD", 3, 3)}},
		{name: "an unknown state in all listings", faults: []emulator.Fault{on(emulator.FaultUnknownState, emulator.OpListJobs, "BATCH_STATE_ODD", 1, -1)}},
		{name: "an unknown state when asked", faults: []emulator.Fault{lag, on(emulator.FaultUnknownState, emulator.OpGetJob, "BATCH_STATE_ODD", 1, 2)}},
		{name: "an output that is named late", faults: []emulator.Fault{create(emulator.FaultSucceededWithoutOutput, "20m", 2)}},
		{name: "an output that is named a day late", poll: time.Hour, faults: []emulator.Fault{create(emulator.FaultSucceededWithoutOutput, "23h", 2)}},
		{name: "an output that is never named", poll: time.Hour, faults: []emulator.Fault{create(emulator.FaultSucceededWithoutOutput, "1000h", 2)}, end: held(planner.HoldNoOutput)},
		{name: "a job that fails", faults: []emulator.Fault{create(emulator.FaultJobFailed, "", 1)}},
		{name: "three that fail", faults: []emulator.Fault{create(emulator.FaultJobFailed, "", 3)}},
		{name: "jobs that always fail", faults: []emulator.Fault{create(emulator.FaultJobFailed, "", -1)}, end: failed(3)},
		{name: "a job that fails with some answers", faults: []emulator.Fault{create(emulator.FaultJobFailed, "", 1), create(emulator.FaultPartialOutput, "", 1)}},
		{name: "a job that expires", poll: time.Hour, faults: []emulator.Fault{create(emulator.FaultJobExpired, "", 1)}},
		{name: "two that expire early with some answers", faults: []emulator.Fault{create(emulator.FaultJobExpired, "1h", 2), create(emulator.FaultPartialOutput, "", 2)}},
	}
}

// fileTales are those of uploads.
func fileTales() []tale {
	var list []tale
	add := func(big bool, f emulator.Fault) {
		list = append(list, tale{name: f.Op + " " + cell{fault: f}.String(), big: big, faults: []emulator.Fault{f}})
	}
	for _, count := range []int{1, 3} {
		for _, value := range []string{"", "after"} {
			add(false, on(emulator.FaultChunkWithoutStatus, emulator.OpUploadFinalize, value, 1, count))
			add(true, on(emulator.FaultChunkWithoutStatus, emulator.OpUploadChunk, value, 1, count))
		}
		for _, value := range []string{"", "0", "1"} {
			add(false, on(emulator.FaultCutUpload, emulator.OpUploadFinalize, value, 1, count))
		}
		add(true, on(emulator.FaultCutUpload, emulator.OpUploadChunk, "", 1, count))
		add(false, on(emulator.FaultFinalizeWithoutFile, emulator.OpUploadFinalize, "", 1, count))
		add(false, on(emulator.FaultFinalizeWithoutFile, emulator.OpUploadFinalize, "made", 1, count))
		add(false, on(emulator.FaultFileExpiredEarly, emulator.OpUploadFinalize, "1m", 1, count))
	}
	// The type is refused once; text/plain is tried then.
	add(false, on(emulator.FaultUnsupportedMIME200, emulator.OpUploadFinalize, "", 1, 1))
	add(false, on(emulator.FaultUnsupportedMIME200, emulator.OpUploadStart, "", 1, 1))
	gone := func(count int) []emulator.Fault {
		return []emulator.Fault{on(emulator.FaultFileExpiredEarly, emulator.OpUploadFinalize, "0s", 1, count)}
	}
	return append(list,
		tale{name: "an upload that is gone at once", faults: gone(1)},
		tale{name: "three that are", faults: gone(3), end: nextRun}, // uploaded again once a run
		tale{name: "a lost create and its upload gone", faults: []emulator.Fault{
			on(emulator.FaultResetAfter, emulator.OpCreate, "", 1, 2), on(emulator.FaultFileExpiredEarly, emulator.OpUploadFinalize, "1m", 1, 2)}},
		tale{name: "the name of an output is never asked for", faults: []emulator.Fault{on(emulator.FaultLongNameGet, emulator.OpGetFile, "", 1, -1),
			on(emulator.FaultFinalizeWithoutFile, emulator.OpUploadFinalize, "made", 1, -1)}, end: neverStruck(0)},
	)
}

// answerTales are those of the answers, for good (create) or in one download.
func answerTales() []tale {
	create, download := emulator.OpCreate, emulator.OpDownload
	list := []tale{
		{name: "every row failed", faults: []emulator.Fault{on(emulator.FaultAllRowsFailed, create, "", 1, 1)}, end: badRows(2)},
		{name: "every row cancelled", faults: []emulator.Fault{on(emulator.FaultAllRowsFailed, create, "1", 1, 2)}, end: held(planner.HoldCancelled)},
		{name: "a row missing", faults: []emulator.Fault{on(emulator.FaultMissingRow, create, "", 1, 1)}, end: badRows(1)},
		{name: "all rows missing", faults: []emulator.Fault{on(emulator.FaultMissingRow, create, "2", 1, 2)}, end: held(planner.HoldResultGone)},
		{name: "a row twice", faults: []emulator.Fault{on(emulator.FaultDuplicatedKey, create, "", 1, 1)}},
		{name: "two answers with each other's key", faults: []emulator.Fault{on(emulator.FaultSwappedKeys, create, "", 1, 1)}},
		{name: "lines that nobody asked for", faults: []emulator.Fault{on(emulator.FaultWrongKeyLine, create, "3", 1, 1)}},
		{name: "a last line that is cut", faults: []emulator.Fault{on(emulator.FaultMalformedLastLine, create, "", 1, 1)}, end: badRows(1)},
		{name: "an error with details", faults: []emulator.Fault{on(emulator.FaultInlineErrorDetails, create, "", 1, 1)}, end: badRows(1)},
		{name: "a range that is ignored", faults: []emulator.Fault{on(emulator.FaultCutBody, download, "", 1, 1), on(emulator.FaultIgnoreRange, download, "", 1, -1)}},
		// Nothing tells these from answers that are right: what came is believed.
		{name: "one download with two swapped keys", faults: []emulator.Fault{on(emulator.FaultSwappedKeys, download, "", 1, 1)}, end: believed},
		{name: "one download of errors", faults: []emulator.Fault{on(emulator.FaultAllRowsFailed, download, "", 1, 1)}, end: believed},
		{name: "downloads that are always short by a row", faults: []emulator.Fault{on(emulator.FaultTruncatedDownload, download, "600", 1, -1)}, end: believed},
		{name: "downloads that never hold a row", faults: []emulator.Fault{on(emulator.FaultTruncatedDownload, download, "7", 1, -1)}, end: held(planner.HoldResultGone)},
	}
	for _, f := range []emulator.Fault{
		on(emulator.FaultMissingRow, download, "1", 1, 1), on(emulator.FaultDuplicatedKey, download, "1", 1, 1),
		on(emulator.FaultWrongKeyLine, download, "2", 1, 1), on(emulator.FaultMalformedLastLine, download, "", 1, 1),
		on(emulator.FaultTruncatedDownload, download, "", 1, 1), on(emulator.FaultTruncatedDownload, download, "7", 1, 1),
		on(emulator.FaultTruncatedDownload, download, "0", 1, 1),
	} {
		list = append(list, tale{name: "one download " + cell{fault: f}.String(), faults: []emulator.Fault{f}})
	}
	return list
}

// held expects every batch to be held for a reason.
func held(reason planner.Reason) func(*world, apply.Report) {
	return func(w *world, rep apply.Report) {
		w.t.Helper()
		w.mustHoldAll(rep, reason)
	}
}

// failed expects every batch to have used up its attempts.
func failed(attempts int) func(*world, apply.Report) {
	return func(w *world, rep apply.Report) {
		w.t.Helper()
		n := len(w.desired.Batches)
		if rep.Summary.Failed != n || w.purchases() != n*attempts || rep.Plan.Failed[0].Reason != planner.FailAttemptsUsedUp {
			w.t.Errorf("summary %+v, %d purchases, failed %+v; want all failed after %d attempts", rep.Summary, w.purchases(), rep.Plan.Failed, attempts)
		}
	}
}

// badRows expects all to be done, with some rows that have no good answer.
func badRows(n int) func(*world, apply.Report) {
	return func(w *world, rep apply.Report) {
		w.t.Helper()
		bad := 0
		for _, i := range rep.Items {
			bad += i.BadRows
		}
		if bad != n {
			w.t.Errorf("%d bad rows, want %d", bad, n)
		}
		w.mustHaveStruck()
		w.mustBeDone()
	}
}

// believed expects all to be done with what came.
func believed(w *world, rep apply.Report) {
	w.t.Helper()
	w.mustHaveStruck()
	if p, _ := w.plan(w.t.Context()); rep.Summary.Done != 2 || len(p.Changes) != 0 {
		w.t.Errorf("summary %+v, then planned %+v", rep.Summary, p.Changes)
	}
	w.mustHaveBoughtOnce()
}

// nextRun expects an error and that the next run ends well.
func nextRun(w *world, rep apply.Report) {
	w.t.Helper()
	if len(rep.Errors) == 0 {
		w.t.Error("no error tells that something is left for the next run")
	}
	w.mustHaveStruck()
	w.mustConverge()
}

// neverStruck expects the i-th fault to have met no call at all.
func neverStruck(i int) func(*world, apply.Report) {
	return func(w *world, _ apply.Report) {
		w.t.Helper()
		if n := w.server.Struck()[i]; n != 0 {
			w.t.Errorf("it struck %d times", n)
		}
		w.mustBeDone()
	}
}

// TestFaultTales runs a world to its end under each of the faults that are not
// those of the wire.
func TestFaultTales(t *testing.T) {
	for what, tales := range map[string][]tale{"listings": listingTales(), "creates": createTales(), "files": fileTales(), "answers": answerTales()} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			for _, s := range tales {
				t.Run(s.name, func(t *testing.T) {
					synctest.Test(t, s.tell)
				})
			}
		})
	}
}

func (s tale) tell(t *testing.T) {
	w := reach{big: s.big}.world(t, s.faults...)
	for n := len(w.desired.Batches); n < s.batches; n++ {
		w.add(51+n, requests(51+n, 2))
	}
	w.pageSize = s.page
	w.options = func(o *apply.Options) { o.PollInterval = cmp.Or(s.poll, time.Minute) }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Hour)
	defer cancel()
	rep, err := w.apply(ctx, true)
	if err != nil || rep.Stopped != nil || rep.Interrupted {
		t.Errorf("apply: %v, stopped: %v, interrupted: %v", err, rep.Stopped, rep.Interrupted)
	}
	if s.end != nil {
		s.end(w, rep)
		return
	}
	if len(rep.Errors) > 0 {
		t.Errorf("errors: %v", rep.Errors)
	}
	w.mustHaveStruck()
	w.mustBeDone()
	w.mustOnlyHaveReached()
}

// TestSettleMarkIsNotTakenFromThePast lets a new run begin with answers whose
// Date is an hour old, after a create that will only arrive in some minutes.
func TestSettleMarkIsNotTakenFromThePast(t *testing.T) {
	points := enumerate(t, scenario{batches: 1, rows: 2})
	for _, back := range []int{1, 2, 3, 10} {
		synctest.Test(t, func(t *testing.T) {
			w := newQuickWorld(t, 1, on(emulator.FaultDelayedCreate, emulator.OpCreate, "10m", 1, 1))
			w.crash.at, w.crash.after = slices.Index(points, "call create")+1, true
			w.apply(t.Context(), true)
			if w.mustHaveStruck(); !w.crash.dead {
				t.Fatal("the run was not killed at its create")
			}
			w.crash = &crasher{}
			if err := w.server.SetFaults(on(emulator.FaultDateBack, emulator.OpListJobs, "1h", 1, back)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			w.mustHaveStruck()
			w.converge()
			time.Sleep(time.Hour)
			w.mustConverge()
		})
	}
}
