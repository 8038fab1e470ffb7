package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestADayOnASchedule runs the real binary every quarter of an hour, as a timer
// would: each run is a process of its own and does not wait. The service takes few
// jobs at once and tells nobody how many. All is done without a person, nothing
// twice, and what one run was refused the next one knows.
func TestADayOnASchedule(t *testing.T) {
	const batches, rate = 30, 4500 // a quarter of an hour is 0.2 s
	s := newSite(t, batches)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{
		Rate:      rate,
		QueueTime: emulator.Span{Min: time.Minute, Max: 10 * time.Minute},
		RunTime:   emulator.Span{Min: 20 * time.Minute, Max: 2 * time.Hour},
		Quota:     emulator.Quota{ActiveJobs: 6},
	})
	s.write("qaplan.hcl", strings.Replace(fmt.Sprintf(siteConfig, batches), "poll_interval", "cooldown = \"100ms\"\n  poll_interval", 1))
	runs := 0
	for began := time.Now(); s.delivered() < batches; runs++ {
		if time.Since(began) > 5*time.Minute {
			t.Fatalf("%d runs, and %d of %d batches are done", runs, s.delivered(), batches)
		}
		next := time.Now().Add(200 * time.Millisecond)
		s.mustRun(exitDone, "apply", "--auto-approve")
		time.Sleep(time.Until(next))
	}
	s.mustBeDone()
	refused := s.ledger().Calls[emulator.OpCreate] - batches
	t.Logf("%d runs, %d refusals", runs, refused)
	if refused > int64(runs+12) { // a slow machine makes few runs
		t.Errorf("%d creates were refused in %d runs", refused, runs)
	}
}
