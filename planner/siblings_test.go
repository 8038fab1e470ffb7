package planner

import (
	"testing"
	"time"
)

// siblingsTook gives the subject's block so many more batches, each done by a
// job that took so long.
func siblingsTook(n int, d time.Duration) fact {
	return func(s *scene) {
		for i := range n {
			a := Address{Block: subject.Block, Number: 10 + i}
			b := wanted(a, contentB)
			s.d.Batches = append(s.d.Batches, b)
			rec := s.recOf(a)
			rec.Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, Model: b.Model, SHA256: contentB, Rows: goodRows, Job: "batches/done-" + a.String(),
				State: string(JobSucceeded), Created: now.Add(-24 * time.Hour), Ended: now.Add(-24 * time.Hour).Add(d), Output: "files/out", OutputRead: true}}
			rec.Result = &Result{Path: b.Output, Attempt: 1, Source: contentB, Rows: goodRows, Succeeded: goodRows}
			s.o.Results[a] = ResultOurs
		}
	}
}

func jobSince(d time.Duration) trait {
	return func(a *Attempt, j *Job) { a.Created, j.Created = now.Add(-d), now.Add(-d) }
}

// A job is called old when several of its siblings took much less, and nothing
// else about the plan changes.
func TestOldJobs(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts []fact
		want  string
	}{
		{"no siblings", when(bought(JobRunning, jobSince(40*time.Hour))), "-"},
		{"two siblings", when(bought(JobRunning, jobSince(40*time.Hour)), siblingsTook(2, time.Hour)), "-"},
		{"three siblings", when(bought(JobRunning, jobSince(40*time.Hour)), siblingsTook(3, time.Hour)), "job_old"},
		{"pending", when(bought(JobPending, jobSince(3*time.Hour)), siblingsTook(3, time.Hour)), "job_old"},
		{"not yet three times as old", when(bought(JobRunning, jobSince(3*time.Hour-time.Second)), siblingsTook(3, time.Hour)), "-"},
		{"quick siblings, and not two hours old", when(bought(JobRunning, jobSince(2*time.Hour-time.Second)), siblingsTook(3, time.Minute)), "-"},
		{"quick siblings, and two hours old", when(bought(JobRunning, jobSince(2*time.Hour)), siblingsTook(3, time.Minute)), "job_old"},
		{"ended without output", when(bought(JobSucceeded, jobSince(20*time.Hour)), siblingsTook(3, time.Hour)), "-"},
		{"another model", when(bought(JobRunning, jobSince(40*time.Hour)), siblingsTook(3, time.Hour), func(s *scene) { s.rec().Attempts[0].Model = "m2" }), "-"},
		{"without the service's time", when(localClock, bought(JobRunning, jobSince(40*time.Hour)), siblingsTook(3, time.Hour)), "-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, items := newScene(c.facts...).diff()
			got := "-"
			for _, pr := range p.Problems {
				if pr.Code == "job_old" && *pr.Address == subject {
					got = pr.Code
				}
			}
			if got != c.want {
				t.Errorf("warning is %s, want %s: %+v", got, c.want, p.Problems)
			}
			if len(p.Changes) != 0 {
				t.Errorf("planned: %s", outcome(p, items, subject))
			}
		})
	}
}
