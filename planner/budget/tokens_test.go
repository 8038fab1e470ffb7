package budget

import (
	"encoding/json"
	"maps"
	"math"
	"testing"

	"github.com/qaplan/qaplan/planner"
)

func TestEstimatesGetBetter(t *testing.T) {
	k := Kind{"qa", "gemini-2.5-flash"}
	var m Measures
	first := m.Input(k, 1000)
	if want := (Estimate{Tokens: 1000, Basis: BasisCharacters, Bias: 0.15}); first != want {
		t.Errorf("before anything finished: %+v, want %+v", first, want)
	}
	if got := first.Upper(); got != 1150 {
		t.Errorf("with its margin: %d, want 1150", got)
	}
	margin := float64(first.Upper()) / 1000
	for n := 1; n <= 256; n++ {
		// Twice as many tokens as characters/4 say, give or take 2 %.
		real := int64(2000 * (1 + 0.02*float64(n%2*2-1)))
		m.Add(Finished{Kind: k, Rows: 10, Answered: 10, Estimate: 1000, Tokens: planner.Tokens{Input: real}})
		if n&(n-1) != 0 {
			continue
		}
		e := m.Input(k, 1000)
		if e.Basis != BasisMeasured || math.Abs(float64(e.Tokens)-2000) > 41 {
			t.Errorf("after %d batches: %+v", n, e)
		}
		now := float64(e.Upper()) / float64(e.Tokens)
		if now >= margin {
			t.Errorf("after %d batches the margin is no smaller: %.3f, before %.3f", n, now, margin)
		}
		margin = now
	}
	if margin > 1.08 {
		t.Errorf("after 256 batches the margin is still %.3f", margin)
	}
	if other := m.Input(Kind{"other", "gemini-2.5-flash"}, 1000); other.Basis != BasisCharacters {
		t.Errorf("another block's estimate: %+v", other)
	}
}

// A sample that the service has counted is better than characters/4, and a batch
// that has finished is better than a sample: for one job and for many.
func TestSamplesAreBetweenCharactersAndBatches(t *testing.T) {
	k := Kind{"qa", "gemini-2.5-flash"}
	var characters, counted, measured Measures
	var s Sample
	for n := range 8 {
		if !s.Add(100, int64(198+n%2*4)) {
			t.Fatal("a request tells nothing")
		}
	}
	counted.Count(k, s)
	measured.Count(k, s)
	measured.Add(Finished{Kind: k, Rows: 10, Answered: 10, Estimate: 1000, Tokens: planner.Tokens{Input: 2000}})
	for jobs := 1; jobs <= 4096; jobs *= 2 {
		margin := func(m *Measures, basis Basis, tokens int64) float64 {
			e := m.Input(k, 1000)
			if e.Basis != basis || e.Tokens != tokens {
				t.Fatalf("got %+v, want %d tokens, %s", e, tokens, basis)
			}
			var l Load
			for range jobs {
				l.Add(e)
			}
			return float64(l.Upper()) / float64(l.Tokens)
		}
		most, middle, least := margin(&characters, BasisCharacters, 1000), margin(&counted, BasisCounted, 2000), margin(&measured, BasisMeasured, 2000)
		if !(most > middle && middle > least) {
			t.Errorf("%d jobs: margins of characters %.4f, a sample %.4f, a batch %.4f", jobs, most, middle, least)
		}
	}
}

// A sample that scatters, or is tiny, corrects the estimate and keeps its margin;
// what has no text, or is no count, is no request of it.
func TestSamplesThatTellLittle(t *testing.T) {
	for name, tokens := range map[string][]int64{"one request": {200}, "wild ones": {50, 400, 100, 900, 30, 250}} {
		var s Sample
		sum := int64(0)
		for _, n := range tokens {
			s.Add(100, n)
			sum += n
		}
		want := Estimate{Tokens: sum * 10 / int64(len(tokens)), Basis: BasisCounted, Bias: firstMargin}
		if got := s.input(1000); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	var s Sample
	for _, q := range []struct {
		estimate float64
		tokens   int64
	}{{0, 258}, {-1, 5}, {math.NaN(), 5}, {math.Inf(1), 5}, {10, 0}, {10, -5}, {10, math.MaxInt64}} {
		if s.Add(q.estimate, q.tokens) {
			t.Errorf("%+v is taken", q)
		}
	}
	if s != (Sample{}) {
		t.Errorf("got %+v", s)
	}
}

// Samples outlive the process as numbers, and what a damaged state has instead
// is forgotten.
func TestSamplesAreKept(t *testing.T) {
	var s Sample
	for range 4 {
		s.Add(2.5, 3)
	}
	k := Kind{"qa", "gemini-2.5-flash"}
	first := NewCreates(Settings{}, Knowledge{})
	before := first.Revision()
	first.Count(k, s)
	if first.Revision() == before {
		t.Error("a sample is no news")
	}
	kept := first.Knowledge()
	text, err := json.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	first.Count(k, Sample{Requests: 1, Estimate: 1, Tokens: 1})
	if kept.Counted["qa"]["gemini-2.5-flash"] != s {
		t.Error("what was handed out changes")
	}
	var read Knowledge
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	read.Counted["bad"] = map[string]Sample{"none": {}, "negative": {Requests: 1, Estimate: -1, Tokens: 1}, "good": s}
	again := NewCreates(Settings{}, read).Knowledge()
	got := map[Kind]Sample{}
	for k, s := range again.Samples() {
		got[k] = s
	}
	if want := (map[Kind]Sample{k: s, {"bad", "good"}: s}); !maps.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Batches with missing rows, or without counts, do not make the ratio smaller.
func TestIncompleteBatchesAreNotMeasured(t *testing.T) {
	k := Kind{"qa", "m"}
	for _, f := range []Finished{
		{Kind: k, Rows: 10, Answered: 9, Estimate: 1000, Tokens: planner.Tokens{Input: 900}},
		{Kind: k, Rows: 10, Answered: 10, Estimate: 1000},
		{Kind: k, Rows: 0, Answered: 0, Estimate: 1000, Tokens: planner.Tokens{Input: 900}},
		{Kind: k, Rows: 10, Answered: 10, Estimate: 0, Tokens: planner.Tokens{Input: 900}},
		{Kind: k, Rows: -1, Answered: -1, Estimate: -1, Tokens: planner.Tokens{Input: -1}},
	} {
		var m Measures
		m.Add(f)
		if e := m.Input(k, 1000); e.Basis != BasisCharacters {
			t.Errorf("%+v counts: %+v", f, e)
		}
	}
}

// What is common to all estimates adds up in a sum, what scatters levels out.
func TestLoad(t *testing.T) {
	var biased, scattered Load
	for range 100 {
		biased.Add(Estimate{Tokens: 1000, Bias: 0.15})
		scattered.Add(Estimate{Tokens: 1000, Spread: 0.1})
	}
	if got := biased.Upper(); got != 115_000 {
		t.Errorf("biased: %d, want 115000", got)
	}
	if got := scattered.Upper(); got != 103_500 {
		t.Errorf("scattered: %d, want 103500", got)
	}
	half := Load{}
	for range 50 {
		half.Add(Estimate{Tokens: 1000, Spread: 0.1})
	}
	if got := half.plus(half); got.Jobs != 100 || got.Upper() != scattered.Upper() {
		t.Errorf("two halves: %+v, want %+v", got, scattered)
	}
	var absurd Load
	for range 100 {
		absurd.Add(Estimate{Tokens: math.MaxInt64, Bias: 1e300, Spread: 1e300})
		absurd.Add(Estimate{Tokens: math.MinInt64, Bias: -1, Spread: -1})
	}
	if got := absurd.Upper(); got != maxTokens {
		t.Errorf("absurd: %d, want %d", got, int64(maxTokens))
	}
}

func TestForeignJobs(t *testing.T) {
	var m Measures
	if e := m.Foreign("m", 100, 0); e != (Estimate{Basis: BasisUnknown}) {
		t.Errorf("with nothing to go by: %+v", e)
	}
	if e := m.Foreign("m", 100, 250); e.Tokens != 25_000 || e.Basis != BasisRows {
		t.Errorf("by what is planned: %+v", e)
	}
	m.Add(Finished{Kind: Kind{"qa", "m"}, Rows: 10, Answered: 10, Estimate: 1, Tokens: planner.Tokens{Input: 3000}})
	if e := m.Foreign("m", 100, 250); e.Tokens != 30_000 {
		t.Errorf("by what has finished: %+v", e)
	}
	if e := m.Foreign("other", 100, math.NaN()); e.Basis != BasisUnknown {
		t.Errorf("of another model: %+v", e)
	}
	if e := m.Foreign("m", 0, 250); e.Basis != BasisUnknown {
		t.Errorf("without a count of rows: %+v", e)
	}
}

func TestOutput(t *testing.T) {
	k := Kind{"qa", "m"}
	var m Measures
	if e := m.Output(k, 100, 0); e.Basis != BasisUnknown || e.Tokens != 0 {
		t.Errorf("with nothing to go by: %+v", e)
	}
	if e := m.Output(k, 100, 819_200); e.Tokens != 819_200 || e.Basis != BasisLimit || e.Upper() != e.Tokens {
		t.Errorf("by the limits in the requests: %+v", e)
	}
	// Some rows are missing: those that are there tell what a row takes. Thoughts
	// are output.
	m.Add(Finished{Kind: k, Rows: 10, Answered: 8, Tokens: planner.Tokens{Output: 800, Thoughts: 1600}})
	m.Add(Finished{Kind: k, Rows: 10, Answered: 10, Tokens: planner.Tokens{Output: 1000, Thoughts: 2000}})
	if e := m.Output(k, 100, 819_200); e.Tokens != 30_000 || e.Basis != BasisMeasured || e.Upper() <= e.Tokens {
		t.Errorf("by what has finished: %+v", e)
	}
}
