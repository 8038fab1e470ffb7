package planner

import (
	"slices"
	"strings"
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

// A job that is old comes with what a person may do: cancel it, or buy the rest of
// the block with another model, by the variable where one gives the model.
func TestWaysOutOfOldJobs(t *testing.T) {
	rest := func(numbers ...int) fact {
		return func(s *scene) {
			for _, n := range numbers {
				s.d.Batches = append(s.d.Batches, wanted(Address{Block: subject.Block, Number: n}, contentB))
			}
			s.d.Batches = append(s.d.Batches, wanted(Address{Block: "other", Number: 1}, contentB))
		}
	}
	byVariable := func(s *scene) {
		for i := range s.d.Batches {
			s.d.Batches[i].ModelVar = "model"
		}
	}
	model := func(m string) fact {
		return func(s *scene) {
			for i := range s.d.Batches {
				s.d.Batches[i].Model = m
			}
		}
	}
	cancel := "qaplan cancel '" + subject.String() + "'"
	at := func(text string) string { return strings.ReplaceAll(text, "batch.", "batch."+subject.Block) }
	for _, c := range []struct {
		name  string
		facts []fact
		words string // how the summary ends
		exits []string
	}{
		{"all were bought", nil, "wait for it, or cancel it", []string{cancel}},
		{"a variable", when(rest(20, 21, 22, 30), byVariable), "buy the rest of the block with another model",
			[]string{cancel, at("qaplan apply --target 'batch.[20-22]' --target 'batch.[30]' --var model=MODEL")}},
		{"no variable", when(rest(20)), "with another model, once the config names that as model", []string{cancel, at("qaplan apply --target 'batch.[20]'")}},
		{"many gaps", when(rest(20, 22, 24, 26, 28, 30, 32, 34, 36, 38), byVariable), "with another model",
			[]string{cancel, at("qaplan apply --target 'batch.[20]' --target 'batch.[22]' --target 'batch.[24]' --target 'batch.[26]' --target 'batch.[28]' --target 'batch.[30]' --target 'batch.[32]' --target 'batch.[34]' --var model=MODEL")}},
		{"they have another model by now", when(rest(20), byVariable, model("m2")), "wait for it, or cancel it", []string{cancel}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := newScene(append(when(bought(JobRunning, jobSince(40*time.Hour)), siblingsTook(3, time.Hour)), c.facts...)...).diff()
			i := slices.IndexFunc(p.Problems, func(pr Problem) bool { return pr.Code == CodeJobOld })
			if i < 0 {
				t.Fatalf("nothing is said: %+v", p.Problems)
			}
			pr := p.Problems[i]
			if !strings.HasSuffix(pr.Summary, c.words) || !slices.Equal(pr.Exits, c.exits) {
				t.Errorf("%q, %q; want … %q, %q", pr.Summary, pr.Exits, c.words, c.exits)
			}
		})
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
