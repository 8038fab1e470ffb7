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

const quotaWords = "You exceeded your current quota. For more see https://example.com/quota.\nDetails follow."

// notes gives what an apply whose events these are writes to stderr, without
// lines of progress.
func notes(t *testing.T, waits bool, events ...apply.Event) []string {
	t.Helper()
	c, _, errs := console("")
	p := NewProgress(c, items(), waits)
	for _, e := range events {
		p.Event(e)
	}
	p.Close()
	if errs.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(errs.String(), "\n"), "\n")
}

// A refused wave is one note for each pause, whatever is refused and waited for
// in it.
func TestNotesOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := addr("qa", 1), addr("qa", 2)
		refused := func(to *planner.Address) apply.Event {
			return apply.Event{Type: apply.EventCreateRefused, Severity: planner.SeverityWarning, Address: to, Message: quotaWords, Reason: "quota"}
		}
		pause := func(budget string, d time.Duration) apply.Event {
			return apply.Event{Type: apply.EventRateWait, Budget: budget, Reason: quotaWords, Until: time.Now().Add(d), Early: budget == apply.BudgetCreates}
		}
		day := apply.Event{Type: apply.EventRateWait, Budget: apply.BudgetCreates, Reason: "a quota of the day", Until: time.Now().Add(time.Hour)}
		ended := apply.Event{Type: apply.EventJobState, Address: &b, Job: "batches/j", JobState: "SUCCEEDED", OldState: "RUNNING"}
		running := apply.Event{Type: apply.EventJobState, Address: &b, Job: "batches/j", JobState: "RUNNING", OldState: "PENDING"}
		deferred := apply.Event{Type: apply.EventDeferred, Address: &a, Budget: apply.BudgetCreates, Reason: quotaWords, Until: time.Now().Add(time.Minute)}
		const first = "The service takes no more jobs for now: You exceeded your current quota. The next try is in 2m00s or once a job has ended."
		const second = "The service takes no more jobs for now: You exceeded your current quota. The next try is in 4m00s or once a job has ended."
		tests := []struct {
			name   string
			waits  bool
			events []apply.Event
			want   []string
		}{
			{"one pause", true, []apply.Event{refused(&a), pause("creates", 2*time.Minute), refused(&b), deferred, pause("creates", 2*time.Minute), running, pause("creates", 150*time.Second)}, []string{first}},
			{"ended early", true, []apply.Event{refused(&a), pause("creates", 2*time.Minute), ended, refused(&b), pause("creates", 4*time.Minute)}, []string{first, second}},
			{"not ended early", true, []apply.Event{day, ended, day}, []string{"The service takes no more jobs for now: a quota of the day. The next try is in 1h00m."}},
			{"kept pauses", true, []apply.Event{{Type: apply.EventRateWait, Budget: apply.BudgetCreates, Cause: budget.CauseGrowth, Until: time.Now().Add(time.Minute)},
				{Type: apply.EventRateWait, Budget: apply.BudgetCreates, Cause: budget.CauseRhythm, Until: time.Now().Add(time.Hour)}}, nil},
			{"known waits", true, []apply.Event{pause("poll_interval", time.Minute), pause("max_active_jobs", time.Minute), pause("creates_per_minute", time.Minute), pause("requests_per_minute", time.Minute)}, nil},
			{"no waiting", false, []apply.Event{refused(&a), pause("creates", 2*time.Minute), deferred}, []string{
				"The service takes no more jobs for now: You exceeded your current quota. A later run tries again, in 2m00s at the earliest or once a job has ended."}},
			{"uploads", true, []apply.Event{pause("file_storage", time.Minute)}, []string{"The service takes no more uploads for now: You exceeded your current quota. The next try is in 1m00s. Between runs, qaplan clean deletes uploads that nothing needs any more."}},
			{"outage", true, []apply.Event{pause("calls", time.Second/2)}, []string{"The service cannot be asked for now: You exceeded your current quota. The next try is in 1s."}},
		}
		for _, tt := range tests {
			if diff := cmp.Diff(tt.want, notes(t, tt.waits, tt.events...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

// Before there is a plan, each pause is told of, and nothing else.
func TestBeforehand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, errs := console("")
		told := c.Beforehand()
		pause := func(of string, d time.Duration) {
			told(apply.Event{Type: apply.EventRateWait, Budget: of, Reason: "list jobs: no route", Until: time.Now().Add(d)})
		}
		told(apply.Event{Type: apply.EventCreateComplete})
		pause(apply.BudgetRequests, time.Second)
		pause(apply.BudgetTakeOver, 2*time.Minute)
		pause(apply.BudgetCalls, 30*time.Second)
		pause(apply.BudgetCalls, 20*time.Second) // of the same
		time.Sleep(30 * time.Second)
		pause(apply.BudgetCalls, time.Minute)
		want := "List jobs: no route. This run begins in 2m00s.\n" +
			"The service cannot be asked for now: list jobs: no route. The next try is in 30s.\n" +
			"The service cannot be asked for now: list jobs: no route. The next try is in 1m00s.\n"
		if diff := cmp.Diff(want, errs.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What ends buying is an error at the end of the run: it is told before only
// when the run goes on for long, and once.
func TestNotesOfStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := addr("qa", 1), addr("qa", 2)
		stop := func(to *planner.Address, reason string) apply.Event {
			return apply.Event{Type: apply.EventCreateRefused, Severity: planner.SeverityWarning, Address: to, Message: "no billing", Reason: reason}
		}
		poll := apply.Event{Type: apply.EventRateWait, Budget: apply.BudgetPoll, Until: time.Now().Add(time.Minute)}
		warning := []string{"Warning: batch.qa[1]: the service refused the create: no billing"}
		tests := []struct {
			name   string
			events []apply.Event
			want   []string
		}{
			{"ends", []apply.Event{stop(&a, "run"), stop(&b, "run")}, nil},
			{"goes on", []apply.Event{stop(&a, "run"), stop(&b, "run"), poll, poll}, warning},
			{"model", []apply.Event{stop(&a, "model"), poll}, warning},
			{"told as an error too", []apply.Event{stop(&a, "other"), poll}, nil},
			{"content", []apply.Event{stop(&a, "input")}, warning},
		}
		for _, tt := range tests {
			if diff := cmp.Diff(tt.want, notes(t, true, tt.events...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

// The line of progress tells of the wait that began last and is not over.
func TestNextWait(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	w := newWaits()
	begin := func(budget, reason string, d time.Duration) {
		w.follow(&apply.Event{Type: apply.EventRateWait, Budget: budget, Reason: reason, Until: now.Add(d)}, now)
	}
	check := func(after time.Duration, want string) {
		t.Helper()
		if got := w.next(0, now.Add(after)); got != want {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
	check(0, "")
	begin(apply.BudgetCreates, quotaWords, 2*time.Minute)
	begin(apply.BudgetActiveJobs, "2 of 2 jobs are active in the project", 20*time.Second)
	check(0, "next listing in 20s; 2 of 2 jobs are active in the project")
	check(19999*time.Millisecond, "next listing in 1s; 2 of 2 jobs are active in the project")
	check(20*time.Second, "next try in 1m40s; the service takes no more jobs for now: You exceeded your current quota")
	begin(apply.BudgetCreateRate, "the declared limit", 6*time.Second)
	check(0, "next create in 6s; creates_per_minute is declared")
	begin(apply.BudgetCreateRate, "the declared limit", 12*time.Second) // of another worker
	check(0, "next create in 6s; creates_per_minute is declared")
	check(6*time.Second, "next create in 6s; creates_per_minute is declared")
	begin(apply.BudgetPoll, "jobs are running", 30*time.Second)
	check(0, "next listing in 30s")
	if got, want := w.next(3, now), "next listing in 30s; 3 jobs running"; got != want {
		t.Errorf("with jobs: %q, want %q", got, want)
	}
	w.follow(&apply.Event{Type: apply.EventCreateComplete}, now)
	check(time.Minute, "")
}

func TestLeftLine(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	tests := []struct {
		left apply.Left
		want string
	}{
		{apply.Left{Budget: apply.BudgetActiveJobs, Reason: "100 of 100 jobs are active in the project", Count: 108}, "108 batches are left for a later run: 100 of 100 jobs are active in the project."},
		{apply.Left{Budget: apply.BudgetCreates, Reason: "the service refused the last create, with 12 jobs active: " + quotaWords, Count: 2},
			"2 batches are left for a later run: the service refused the last create, with 12 jobs active: You exceeded your current quota."},
		{apply.Left{Budget: apply.BudgetCreates, Reason: quotaWords, Until: now.Add(90 * time.Second), Count: 1}, "1 batch is left for a later run: the service takes no more jobs for now: You exceeded your current quota. It may go on in 1m30s."},
		{apply.Left{Budget: apply.BudgetCreates, Cause: budget.CauseGrowth, Reason: "after a refusal creates go out few at a time", Until: now.Add(time.Minute), Count: 3},
			"3 batches are left for a later run: after a refusal creates go out few at a time. It may go on in 1m00s."},
		{apply.Left{Reason: "buying stopped for this block: batch \"qa\": no such model", Count: 6}, "6 batches are left for a later run: buying stopped for this block."},
		{apply.Left{Budget: apply.BudgetMaxCost, Reason: "$24.10 of max_cost = $25.00 are spent or on their way, and the next batch would exceed it; a higher limit lets it go", Count: 3, Refused: true},
			"3 batches are left for a later run: $24.10 of max_cost = $25.00 are spent or on their way, and the next batch would exceed it; a higher limit lets it go."},
		{apply.Left{Budget: apply.BudgetTokens, Reason: "enqueued tokens of gemini-2.5-flash: 2.9 of 3.0 M; its 270.0 k tokens would exceed the declared limit; a finished job makes room", Count: 3},
			"3 batches are left for a later run: enqueued tokens of gemini-2.5-flash: 2.9 of 3.0 M; its 270.0 k tokens would exceed the declared limit; a finished job makes room."},
		{apply.Left{Reason: "they came up after the plan was shown", Until: now, Count: 2}, "2 batches are left for a later run: they came up after the plan was shown."},
	}
	for _, tt := range tests {
		if got := LeftLine(tt.left, now); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// With --wait nothing is left for a later run.
func TestDeferredWords(t *testing.T) {
	a := addr("qa", 1)
	limited := apply.Event{Type: apply.EventDeferred, Address: &a, Budget: apply.BudgetActiveJobs, Reason: "2 of 2 jobs are active in the project"}
	other := apply.Event{Type: apply.EventDeferred, Address: &a, Reason: "buying stopped: no billing"}
	tests := []struct {
		e     apply.Event
		waits bool
		want  string
	}{
		{limited, true, "batch.qa[1]: waits because 2 of 2 jobs are active in the project"},
		{limited, false, "batch.qa[1]: left for a later run because 2 of 2 jobs are active in the project"},
		{other, false, "batch.qa[1]: left for a later run: buying stopped: no billing"},
	}
	for _, tt := range tests {
		if got := Sentence(&tt.e, tt.waits); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// A run that waits asks for what it may come to do, also where its plan is empty.
func TestQuestion(t *testing.T) {
	unsure := planner.Plan{Problems: []planner.Problem{{Severity: planner.SeverityWarning, Code: "listing_incomplete"}}}
	if !unsure.Unsure() {
		t.Error("a plan with an incomplete listing does not say so")
	}
	for _, tt := range []struct {
		plan planner.Plan
		want string
	}{
		{unsure, "purchases included?"},
		{planner.Plan{Summary: planner.Summary{InProgress: 2}}, "Wait for 2 jobs,"},
		{planner.Plan{Applyable: true, Summary: planner.Summary{Create: 3}}, "buy 3 jobs, and go on until all is done?"},
	} {
		if got := Question(&tt.plan, true); !strings.Contains(got, tt.want) {
			t.Errorf("the question is %q, want %q in it", got, tt.want)
		}
	}
}
