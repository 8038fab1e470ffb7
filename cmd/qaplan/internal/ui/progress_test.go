package ui

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
)

// story for the progress: one batch of each kind on its way.
func follow(p *Progress) {
	at := func(n int) *planner.Address { a := addr("qa", n); return &a }
	one := create(1, planner.ActionUpload, planner.ActionCreate)
	one.Address = *at(1)
	three := create(3, planner.ActionDownload)
	three.Address = *at(3)
	for _, e := range []apply.Event{
		{Type: apply.EventPlannedChange, Address: at(1), Change: &one},
		{Type: apply.EventPlannedChange, Address: at(3), Change: &three},
		{Type: apply.EventUploadStart, Address: at(1), Total: 300_000},
		{Type: apply.EventUploadProgress, Address: at(1), Bytes: 150_000, Total: 300_000},
		{Type: apply.EventJobState, Address: at(4), Job: "batches/d", JobState: "SUCCEEDED", OldState: "RUNNING"},
		{Type: apply.EventDownloadProgress, Address: at(3), Bytes: 4_000},
		{Type: apply.EventDownloadComplete, Address: at(3), Path: "out/x", Rows: 1, Bytes: 5_000},
		{Type: apply.EventRateWait, Budget: "creates", Reason: "RESOURCE_EXHAUSTED\x1b", Until: time.Now().Add(90 * time.Second), Early: true},
	} {
		e.Time = time.Now()
		p.Event(e)
	}
}

func TestProgressLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, out, errs := console("")
		p := NewProgress(c, items(), true)
		follow(p)
		time.Sleep(75 * time.Second)
		p.Close()
		lines := strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
		want := []string{
			"The service takes no more jobs for now: RESOURCE_EXHAUSTED\\x1b. The next try is in 1m30s or once a job has ended.",
			"30s: 2 to do, 1 in progress, 4 done, 0 failed, 1 held of 8; next try in 1m00s; the service takes no more jobs for now: RESOURCE_EXHAUSTED\\x1b",
			"1m00s: 2 to do, 1 in progress, 4 done, 0 failed, 1 held of 8; next try in 30s; the service takes no more jobs for now: RESOURCE_EXHAUSTED\\x1b",
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
		if out.Len() > 0 {
			t.Errorf("stdout has %q", out)
		}
	})
}

// On a terminal the panel is redrawn when something in it changes, and gone at the
// end.
func TestProgressRedraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, errs := console("")
		c.redraws = true
		p := NewProgress(c, items(), true)
		follow(p)
		time.Sleep(2900 * time.Millisecond)
		p.Close()
		text := errs.String()
		if n := strings.Count(text, "\x1b[?2026h"); n != 3 {
			t.Errorf("drawn %d times in three seconds, want once for each:\n%q", n, text)
		}
		if !strings.HasSuffix(text, clearBelow) {
			t.Errorf("the panel is left standing: %q", text[max(0, len(text)-80):])
		}
	})
}

// What the panel tells follows the events, and each look at the service.
func TestProgressFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := console("")
		p := NewProgress(c, items(), true)
		defer p.Close()
		follow(p)
		v := p.panel(time.Now().Add(10 * time.Second))
		if v.elapsed != 10*time.Second {
			t.Errorf("%s so far", v.elapsed)
		}
		if got, want := v.up, (traffic{filesAll: 1, bytes: 150_000, bytesAll: 300_000, rate: 15_000}); got != want {
			t.Errorf("uploads %+v, want %+v", got, want)
		}
		if got, want := v.down, (traffic{files: 1, filesAll: 4, bytes: 5_000}); got != want {
			t.Errorf("results %+v, want %+v", got, want)
		}
		if got, want := v.wait, (wait{"next try", 80 * time.Second, "the service takes no more jobs for now: RESOURCE_EXHAUSTED\\x1b"}); got != want {
			t.Errorf("waits for %+v, want %+v", got, want)
		}
		all := items()
		all[0].Phase = planner.PhaseFailed
		p.Outlook(apply.Outlook{Items: all, Limits: []budget.Use{{Used: 1}}})
		p.Outlook(apply.Outlook{Limits: []budget.Use{{Used: 2}}})
		v = p.panel(time.Now())
		want := map[planner.Phase]int{planner.PhaseFailed: 1, planner.PhaseAbsent: 1, planner.PhaseSubmitted: 2, planner.PhaseDone: 3, planner.PhaseHeld: 1}
		if diff := cmp.Diff(want, v.phases); diff != "" {
			t.Errorf("phases (-want +got):\n%s", diff)
		}
		if len(v.outlook.Limits) != 1 || v.outlook.Limits[0].Used != 2 {
			t.Errorf("limits %+v", v.outlook.Limits)
		}
		if v = p.panel(time.Now().Add(time.Minute)); v.up.rate != 0 || v.down.rate != 0 {
			t.Errorf("a minute later %d and %d bytes a second", v.up.rate, v.down.rate)
		}
		one := addr("qa", 1)
		p.Event(apply.Event{Time: time.Now(), Type: apply.EventUploadComplete, Address: &one, Bytes: 300_000})
		if v = p.panel(time.Now()); v.up != (traffic{files: 1, filesAll: 1, bytes: 300_000, bytesAll: 300_000}) {
			t.Errorf("when all is uploaded: %+v", v.up)
		}
	})
}
