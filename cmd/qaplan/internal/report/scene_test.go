package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// begin is when the jobs of a scene begin.
func begin() time.Time { return time.Date(2026, 3, 2, 8, 15, 0, 0, time.UTC) }

// scene makes facts. Batches are of the blocks in the order in which they are
// added; the plan is the planner's own.
type scene struct {
	t       *testing.T
	desired planner.Desired
	state   *state.State
	cost    map[planner.Address]apply.Spending
	live    planner.Live
	facts   Facts
	seed    uint64
}

func newScene(t *testing.T) *scene {
	return &scene{
		t: t, seed: 1, cost: map[planner.Address]apply.Spending{},
		state: &state.State{Lineage: "0123456789abcdef0123456789abcdef", Serial: 812, Batches: map[planner.Address]*planner.Record{}},
		facts: Facts{
			Version: "0.1.0", Config: "qaplan.hcl", Now: begin().Add(30 * time.Hour), Service: planner.Service{Kind: "gemini", BaseURL: "https://service.example"},
			BadRows: []BadRow{}, MaxCost: map[string]budget.USD{},
			Files: Files{State: "qaplan.state.json", Sources: []string{"submissions/batch_*_proper.jsonl"}, Results: []string{"results"}, Datasets: []string{}},
		},
	}
}

// random gives a number below n; the same scene gets the same ones.
func (s *scene) random(n int64) int64 {
	s.seed = s.seed*6364136223846793005 + 1442695040888963407
	return int64(s.seed>>33) % n
}

const rowsOfBatch = 100

func sha(n int) string { return fmt.Sprintf("%064x", n) }

// want adds a batch to the config.
func (s *scene) want(block string, n int, model string) planner.Address {
	a := planner.Address{Block: block, Number: n}
	s.desired.Batches = append(s.desired.Batches, planner.Batch{
		Address: a, Model: model, Output: fmt.Sprintf("results/batch_%03d_proper.jsonl", n), OnChange: planner.OnChangeHold, MaxAttempts: 3,
		Source: planner.Source{Path: fmt.Sprintf("submissions/batch_%03d_proper.jsonl", n), SHA256: sha(n), Bytes: 40_000, Rows: rowsOfBatch, Tokens: 9000},
	})
	return a
}

func (s *scene) record(a planner.Address) *planner.Record {
	rec := s.state.Batches[a]
	if rec == nil {
		rec = &planner.Record{}
		s.state.Batches[a] = rec
	}
	for i := range s.desired.Batches {
		if b := &s.desired.Batches[len(s.desired.Batches)-1-i]; b.Address == a {
			rec.Source = planner.SourceRecord{Path: b.Source.Path, SHA256: b.Source.SHA256, Bytes: b.Source.Bytes, Rows: b.Source.Rows}
			break
		}
	}
	return rec
}

// upload gives a batch an upload.
func (s *scene) upload(a planner.Address, at time.Time) {
	rec := s.record(a)
	rec.Upload = &planner.Upload{File: fmt.Sprintf("files/qp-%s-%d", a.Block, a.Number), SHA256: rec.Source.SHA256, Bytes: rec.Source.Bytes, Done: true, Expires: at.Add(FileLife)}
}

// job gives a batch another attempt, at work where it took no time.
func (s *scene) job(a planner.Address, model string, at time.Time, took time.Duration, jobState planner.JobState) *planner.Attempt {
	rec := s.record(a)
	rec.Attempts = append(rec.Attempts, planner.Attempt{
		Number: rec.NextNumber(), Outcome: planner.OutcomeBought, Model: model, SHA256: rec.Source.SHA256, Rows: rowsOfBatch, Estimate: 9000,
		Sent: at.Add(-time.Second), Job: fmt.Sprintf("batches/%s%d-%d", a.Block, a.Number, rec.NextNumber()), State: string(jobState), Created: at,
	})
	last := rec.Last()
	if took > 0 {
		last.Ended = at.Add(took)
	}
	return last
}

// deliver gives a batch its result, with bad rows.
func (s *scene) deliver(a planner.Address, bad planner.Classes) {
	rec := s.record(a)
	last := rec.Last()
	last.Output, last.OutputRead, last.Answered = "files/batch-out", true, rowsOfBatch-bad.Missing
	last.Tokens = planner.Tokens{Input: 9000 + s.random(900), Output: 20_000 + s.random(4000), Thoughts: 30_000 + s.random(20_000)}
	bad.Good = rowsOfBatch - bad.Bad()
	rec.Judged = &planner.Judgement{Source: rec.Source.SHA256, Rules: "r", Attempt: last.Number, Classes: bad}
	rec.Result = &planner.Result{
		Path: fmt.Sprintf("results/batch_%03d_proper.jsonl", a.Number), SHA256: sha(-a.Number), Attempt: last.Number, Source: rec.Source.SHA256, Rows: rowsOfBatch,
		Succeeded: bad.Good, Failed: bad.Bad() - bad.Missing, Missing: bad.Missing, Tokens: last.Tokens, Written: last.Ended.Add(40 * time.Second),
	}
	classes := []struct {
		class string
		n     int
		why   string
	}{{"error", bad.Error, "Internal error encountered"}, {"truncated", bad.Truncated, "cut off at the limit of output tokens, after 2048 tokens"}, {"missing", bad.Missing, "no answer from the service"}}
	for _, c := range classes {
		for i := range c.n {
			code := 0
			if c.class == "error" {
				code = 13
			}
			s.facts.BadRows = append(s.facts.BadRows, BadRow{BadRow: ui.BadRow{
				Address: a, Key: fmt.Sprintf("q-%d-%s-%d", a.Number, c.class, i), Line: i + 1, Class: c.class, Code: code, Reason: c.why,
			}})
		}
	}
}

// report makes the report. What a batch cost is told from its tokens.
func (s *scene) report() *Report {
	s.t.Helper()
	o := planner.Observed{Recorded: s.state.Recorded(), Live: s.live, Results: map[planner.Address]planner.ResultSeen{}}
	for a, rec := range s.state.Batches {
		if rec.Result != nil {
			o.Results[a] = planner.ResultOurs
		}
		c := apply.Spending{}
		for i := range rec.Attempts {
			t := rec.Attempts[i].Tokens
			usd := budget.USD(t.Input*150 + (t.Output+t.Thoughts)*1250)
			c.ByAttempt = append(c.ByAttempt, usd)
			c.Spent += usd
			if rec.Attempts[i].Ended.IsZero() {
				c.ToCome += budget.FromDollars(0.06)
			}
		}
		s.cost[a] = c
	}
	p, items := planner.Diff(&s.desired, &o, planner.Options{Version: "0.1.0", Now: s.facts.Now})
	s.facts.State, s.facts.Plan, s.facts.Items, s.facts.Spending = s.state, p, items, s.cost
	return New(&s.facts)
}

const flash = "gemini-2.5-flash"

// handReport is the case of examples/refinement: 21 of 154 batches were bought,
// 9 more uploaded, then the quota ran out.
func handReport(t *testing.T) *Report {
	s := newScene(t)
	for n := 51; n <= 204; n++ {
		a := s.want("refinement", n, flash)
		at := begin().Add(time.Duration(n-51) * 40 * time.Second)
		switch {
		case n <= 71:
			s.upload(a, at.Add(-20*time.Second))
			s.job(a, flash, at, 0, planner.JobPending).Adopted = true
		case n <= 80:
			s.upload(a, at)
			s.record(a).Upload.Foreign = true
		}
	}
	rec := s.record(planner.Address{Block: "refinement", Number: 72})
	rec.Attempts = append(rec.Attempts, planner.Attempt{
		Number: 1, Outcome: planner.OutcomeRefused, Model: flash, SHA256: rec.Source.SHA256, Rows: rowsOfBatch, Sent: begin().Add(15 * time.Minute),
		Error: "You exceeded your current quota, please check your plan and billing details.",
	})
	s.state.Learned.Jobs = budget.Ceiling{Good: 21, Bad: 22, Hits: 1}
	s.facts.Now = begin().Add(time.Hour)
	return s.report()
}

// waves is a run of n batches in two blocks, so many jobs at once, of which a
// share is done; some failed, some are old, rows went wrong.
func waves(t *testing.T, n, atOnce int, share float64) *Report {
	s := newScene(t)
	s.facts.Limits.MaxActiveJobs = atOnce * 6 / 5
	s.facts.Limits.EnqueuedTokens = int64(atOnce) * 12_000
	s.facts.MaxCost["refinement"] = 25 * budget.Dollar
	slots := make([]time.Time, atOnce)
	for i := range slots {
		slots[i] = begin().Add(time.Duration(i) * 6 * time.Second)
	}
	until := int(float64(n) * share)
	var last time.Time
	for i := range n {
		block, model := "refinement", flash
		if i >= n*4/5 {
			block, model = "hard", "gemini-2.5-pro"
		}
		a := s.want(block, i+1, model)
		slot := &slots[i%atOnce]
		took := 25*time.Minute + time.Duration(s.random(200))*time.Minute
		switch {
		case i < until && i%41 == 17:
			s.upload(a, slot.Add(-30*time.Second))
			for range 3 {
				s.job(a, model, *slot, took/3, planner.JobFailed).Error = "System error. Please try again later."
				*slot = slot.Add(took / 3)
			}
		case i < until:
			s.upload(a, slot.Add(-30*time.Second))
			s.job(a, model, *slot, took, planner.JobSucceeded)
			s.deliver(a, planner.Classes{Error: int(s.random(3)), Truncated: int(s.random(8)) / 6, Missing: int(s.random(10)) / 9})
			*slot = slot.Add(took + 90*time.Second)
		case i < until+atOnce:
			s.upload(a, slot.Add(-30*time.Second))
			s.job(a, model, *slot, 0, planner.JobRunning)
			if i%7 == 0 {
				s.record(a).Last().Created = begin().Add(time.Hour)
			}
		case i < until+atOnce+9:
			s.upload(a, *slot)
		}
		if slot.After(last) {
			last = *slot
		}
	}
	s.facts.Now = last.Add(5 * time.Minute)
	if cut := 2000; len(s.facts.BadRows) > cut {
		s.facts.MoreBadRows = len(s.facts.BadRows) - cut
		s.facts.BadRows = s.facts.BadRows[:cut]
	}
	return s.report()
}

// untouched is a config of which nothing was bought.
func untouched(t *testing.T) *Report {
	s := newScene(t)
	s.state = &state.State{Batches: map[planner.Address]*planner.Record{}}
	for n := range 154 {
		s.want("refinement", n+51, flash)
	}
	return s.report()
}

// allFailed is a run in which no job succeeded.
func allFailed(t *testing.T) *Report {
	s := newScene(t)
	for n := range 12 {
		a := s.want("refinement", n+1, flash)
		for k := range 3 {
			s.job(a, flash, begin().Add(time.Duration(n+20*k)*time.Minute), 12*time.Minute, planner.JobFailed).Error = "System error."
		}
	}
	return s.report()
}

// oneRunning is one batch whose job has not ended.
func oneRunning(t *testing.T) *Report {
	s := newScene(t)
	a := s.want("refinement", 1, flash)
	s.upload(a, begin())
	s.job(a, flash, begin().Add(10*time.Second), 0, planner.JobRunning)
	s.facts.Now = begin().Add(20 * time.Minute)
	return s.report()
}

// hostile has words of all kinds that would do harm if they were not escaped.
func hostile(t *testing.T) *Report {
	s := newScene(t)
	words := "</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028`|]]>-->&<b>\x00\x1b[31m\xff"
	a := s.want("refinement", 1, words)
	s.job(a, words, begin(), time.Hour, planner.JobSucceeded)
	s.deliver(a, planner.Classes{Error: 2})
	b := s.want("refinement", 2, flash)
	for range 3 {
		s.job(b, flash, begin(), time.Hour, planner.JobFailed).Error = words
	}
	for i := range s.facts.BadRows {
		r := &s.facts.BadRows[i]
		r.Key, r.Reason, r.Request, r.Answer = words, words, words, words
	}
	s.facts.Config, s.facts.Service.BaseURL = words, words
	s.facts.Files = Files{State: words, Sources: []string{words}, Results: []string{words}, Datasets: []string{words}}
	return s.report()
}
