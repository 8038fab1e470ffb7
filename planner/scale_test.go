package planner

import (
	"fmt"
	"testing"
)

// finishedBatches is a state in which n batches are delivered, which is what
// most plans of a long-lived state look at. The service lists all the jobs.
func finishedBatches(n int) *scene {
	s := newScene()
	s.d.Batches = make([]Batch, 0, n)
	for i := range n {
		a := Address{Block: "r", Number: i}
		sha := fmt.Sprintf("%064x", i)
		b := wanted(a, sha)
		tok := NewToken(ours6, a, 1, sha, "m1").String()
		name := fmt.Sprintf("batches/%d", i)
		s.d.Batches = append(s.d.Batches, b)
		s.o.Recorded.Batches[a] = &Record{
			Source: b.Source.Record(), UploadN: 1,
			Attempts: []Attempt{{Number: 1, Outcome: OutcomeBought, Model: "m1", SHA256: sha, Rows: goodRows, Token: tok, File: UploadName(sha, ours6, 1),
				Job: name, State: string(JobSucceeded), Created: now, Ended: now, Output: "files/batch-x", OutputRead: true}},
			Result: &Result{Path: b.Output, SHA256: sha, Attempt: 1, Source: sha, Rows: goodRows, Succeeded: goodRows},
		}
		s.o.Results[a] = ResultOurs
		s.o.Live.Jobs = append(s.o.Live.Jobs, Job{Name: name, DisplayName: "r [" + tok + "]", Model: "m1", InputFile: UploadName(sha, ours6, 1),
			State: JobSucceeded, RawState: "BATCH_STATE_SUCCEEDED", Done: true, Created: now, Ended: now, Output: "files/batch-x"})
	}
	return s
}

// repairedBatches is a state in which n batches are delivered, each with a row
// that stayed bad after as many repairs as there may be.
func repairedBatches(n int) *scene {
	s := finishedBatches(n)
	for i := range s.d.Batches {
		b := &s.d.Batches[i]
		b.Repair = &Repair{MaxAttempts: 1}
		rec := s.recOf(b.Address)
		again := rec.Attempts[0]
		again.Number, again.Job, again.Repair, again.Input, again.Rows = 2, again.Job+"-2", true, rest1, restRows
		rec.Attempts = append(rec.Attempts, again)
		rec.Result.Attempt, rec.Result.Failed = 2, 1
		rec.Judged = &Judgement{Source: b.Source.SHA256, Attempt: 2, Classes: Classes{Good: goodRows - 1, Error: 1}, Rest: bad(rest2)}
	}
	return s
}

// freshBatches is a config for which nothing was bought.
func freshBatches(n int) *scene {
	s := newScene()
	s.d.Batches = nil
	for i := range n {
		s.d.Batches = append(s.d.Batches, wanted(Address{Block: "r", Number: i}, fmt.Sprintf("%064x", i)))
	}
	return s
}

// TestScaleIsLinear compares what a plan of many batches allocates with what a
// plan of few does: the count for each batch must not grow with their number.
func TestScaleIsLinear(t *testing.T) {
	saved := func(n int) *scene {
		s := freshBatches(n)
		p, _ := s.diff()
		s.opts.Saved = NewSaved(p, true)
		return s
	}
	for name, make := range map[string]func(int) *scene{"finished": finishedBatches, "repaired": repairedBatches, "fresh": freshBatches, "saved": saved} {
		buys := name == "fresh" || name == "saved"
		perBatch := func(n int) float64 {
			s := make(n)
			p, items := s.diff()
			if len(items) != n || !buys && len(p.Changes) > 0 || buys && len(p.Changes) != n {
				t.Fatalf("%s: %d items, %d changes for %d batches", name, len(items), len(p.Changes), n)
			}
			return testing.AllocsPerRun(1, func() { s.diff() }) / float64(n)
		}
		few, many := perBatch(1000), perBatch(16000)
		t.Logf("%s: %.1f allocations a batch for 1000 batches, %.1f for 16000", name, few, many)
		if many > 1.5*few {
			t.Errorf("%s: a plan of 16000 batches allocates %.1f times for each, one of 1000 only %.1f times", name, many, few)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	for name, make := range map[string]func(int) *scene{"finished": finishedBatches, "repaired": repairedBatches} {
		for _, n := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s=%d", name, n), func(b *testing.B) {
				s := make(n)
				b.ReportAllocs()
				for b.Loop() {
					if p, _ := s.diff(); len(p.Changes) > 0 {
						b.Fatalf("%d changes", len(p.Changes))
					}
				}
			})
		}
	}
}
