package planner

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// alone gives the scene without its live side, and with only those batches that
// are desired and recorded.
func alone(s *scene) *scene {
	s.o.Live, s.o.Judged = Live{}, nil
	s.d.Batches = slices.DeleteFunc(s.d.Batches, func(b Batch) bool { return s.o.Recorded.Batches[b.Address] == nil })
	wanted := map[Address]bool{}
	for i := range s.d.Batches {
		wanted[s.d.Batches[i].Address] = true
	}
	maps.DeleteFunc(s.o.Recorded.Batches, func(a Address, _ *Record) bool { return !wanted[a] })
	return s
}

// delivered ends what is open of a batch, as a run that is through leaves it. What
// else its record holds stays.
func delivered(s *scene, b *Batch) {
	rec := s.o.Recorded.Batches[b.Address]
	if rec.Last() == nil {
		rec.Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, SHA256: contentA, Model: b.Model, Job: "batches/d"}}
	}
	for i := range rec.Attempts {
		switch a := &rec.Attempts[i]; a.Outcome {
		case OutcomeIntent:
			a.Outcome, a.Sent = OutcomeAbsent, now.Add(-jobLife)
		case OutcomeBought:
			a.Ended = now.Add(-time.Hour)
			if a.active() {
				a.State = string(JobSucceeded)
			}
		}
	}
	last := rec.Last()
	last.Outcome, last.State, last.Ended = OutcomeBought, string(JobSucceeded), now.Add(-time.Hour)
	rec.Judged, rec.SecondJob, rec.Refused, b.Rules, b.Model = nil, false, nil, "", rec.boughtWith(last)
	if b.Source.Missing {
		b.Source = wanted(b.Address, last.SHA256).Source
	}
	rec.Result = &Result{SHA256: contentA, Attempt: last.Number, Source: b.Source.SHA256, Rows: goodRows, Succeeded: goodRows}
	s.o.Results[b.Address] = ResultOurs
}

// unjudged reports whether rows are to be judged before a plan is made.
func unjudged(s *scene) bool {
	return slices.ContainsFunc(s.d.Batches, func(b Batch) bool { return s.o.Recorded.Batches[b.Address].Unjudged(&b) > 0 })
}

// settledAtOnce is what Diff makes of the scene, nil where that is not settled.
func settledAtOnce(s *scene) *Plan {
	p, items := Diff(&s.d, &s.o, s.opts)
	if unjudged(s) || !MayBeSettled(&s.d, &s.o.Recorded) || !p.Settled(items, s.opts.Now) {
		return nil
	}
	return p
}

// settledOneByOne is what a Settler makes of it.
func settledOneByOne(t *testing.T, s *scene) *Plan {
	t.Helper()
	settler := NewSettler(&s.d, s.opts)
	seen := 0
	for b := settler.Wanted(); b != nil; b = settler.Wanted() {
		// One record of memory for all, as whoever reads a state has it.
		rec := *s.o.Recorded.Batches[b.Address].Clone()
		settled := settler.Settled(&rec, s.o.Results[b.Address])
		rec = Record{}
		if !settled {
			return nil
		}
		seen++
	}
	if seen != len(s.d.Batches) {
		t.Fatalf("%d of %d batches were wanted", seen, len(s.d.Batches))
	}
	return settler.Plan(s.o.Recorded.Lineage, s.o.Recorded.Serial)
}

// Batch by batch or at once: what is settled is the same, and so is the plan.
func TestSettlerAgreesWithDiff(t *testing.T) {
	settled, open := 0, 0
	eachScene(t, func(t *testing.T, build func() *scene) {
		through := func(but int) *scene {
			s := alone(build())
			for i := range s.d.Batches {
				if i != but {
					delivered(s, &s.d.Batches[i])
				}
			}
			s.opts.Rerun = nil
			return s
		}
		for _, s := range []func() *scene{
			func() *scene { return alone(build()) },
			func() *scene { return through(-1) },
			func() *scene { return through(0) },
			func() *scene { return through(1) },
		} {
			want, got := settledAtOnce(s()), settledOneByOne(t, s())
			if imports := slices.ContainsFunc(s().d.Batches, func(b Batch) bool { return len(b.Imports) > 0 }); imports && got == nil {
				continue // left to Diff
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("at once (-) and one by one (+):\n%s", diff)
			}
			if want != nil {
				settled++
			} else {
				open++
			}
		}
	})
	t.Logf("%d settled, %d not", settled, open)
	if settled < rounds/20 || open < rounds/20 {
		t.Errorf("%d scenes were settled and %d were not: the test says too little", settled, open)
	}
}

// The digest of the inputs is that of their JSON, whatever they are called.
func TestInputsDigestIsThatOfJSON(t *testing.T) {
	type input struct{ Address, Model, SHA256, Output string }
	d := Desired{}
	if got, want := d.inputsDigest(), digestOf([]input{}); got != want {
		t.Errorf("of nothing: %s, want %s", got, want)
	}
	var list []input
	for i, name := range []string{"out/a.jsonl", `q"\`, "<&>", "ü\u2028", "\x7f\x01", "\xff", ""} {
		b := wanted(Address{Block: "q", Number: i}, contentA)
		b.Output = name
		d.Batches = append([]Batch{b}, d.Batches...)
		list = append(list, input{b.Address.String(), b.Model, b.Source.SHA256, name})
		if got, want := d.inputsDigest(), digestOf(list); got != want {
			t.Errorf("up to %q: %s, want %s", name, got, want)
		}
	}
}
