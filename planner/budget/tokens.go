package budget

import (
	"math"

	"github.com/qaplan/qaplan/planner"
)

// Basis says where an estimate comes from.
type Basis string

const (
	BasisCounted    Basis = "counted"      // by the service: a sample, or these very bytes
	BasisMeasured   Basis = "measured"     // characters/4, corrected by finished batches of the block
	BasisCharacters Basis = "characters/4" // nothing finished yet
	BasisRows       Basis = "rows"         // rows of a foreign job, each as large as our own
	BasisLimit      Basis = "limit"        // output: the limit in the requests
	BasisUnknown    Basis = "unknown"
)

// How far estimates may be off.
const (
	// firstMargin is what characters/4 may be too low by: a margin of 10 to 20 %
	// on the enqueued limit covers what was seen.
	firstMargin = 0.15
	// usualSpread is how far the ratios of the batches of a block are taken to
	// scatter before enough of them were seen; it counts as one measurement.
	usualSpread = 0.025
	// sure is how many standard deviations are kept clear of a limit: a sum
	// that may not exceed it in a thousand creates.
	sure = 3.5
	// rowSpread is how far a foreign job may be from what its rows suggest.
	rowSpread = 0.5
)

// Estimate is a number of tokens and how far it may be off.
type Estimate struct {
	Tokens int64
	Basis  Basis
	// Bias is the share by which all estimates of one basis may be too low
	// together; it does not level out in a sum. Spread is one standard deviation
	// of what single ones scatter by; that does.
	Bias, Spread float64
}

// Upper is what the estimate is not expected to exceed.
func (e Estimate) Upper() int64 {
	var l Load
	l.Add(e)
	return l.Upper()
}

// Load is a sum of estimates.
type Load struct {
	Jobs     int
	Tokens   int64
	bias     float64 // tokens
	variance float64 // tokens squared
}

// Add adds the tokens of one job.
func (l *Load) Add(e Estimate) {
	l.Jobs++
	t := float64(max(e.Tokens, 0))
	l.Tokens = addTokens(l.Tokens, e.Tokens)
	l.bias += float64(t * max(e.Bias, 0))
	d := t * max(e.Spread, 0)
	l.variance += float64(d * d)
}

// plus is the sum of two loads.
func (l Load) plus(o Load) Load {
	return Load{Jobs: l.Jobs + o.Jobs, Tokens: addTokens(l.Tokens, o.Tokens), bias: l.bias + o.bias, variance: l.variance + o.variance}
}

// Upper is what the sum is not expected to exceed.
func (l *Load) Upper() int64 {
	over := math.Ceil(l.bias + float64(sure*math.Sqrt(l.variance)))
	if !(over < maxTokens) { // or not a number
		return maxTokens
	}
	return addTokens(l.Tokens, int64(over))
}

// maxTokens bounds every count of tokens, so that sums of them cannot overflow.
const maxTokens = 1 << 60

func addTokens(a, b int64) int64 {
	return min(max(a, 0)+min(max(b, 0), maxTokens), maxTokens)
}

// Kind is what measurements are kept apart by: what one block sends is alike,
// and each model counts in its own way.
type Kind struct{ Block, Model string }

// Finished is a batch whose answers are in hand.
type Finished struct {
	Kind     Kind
	Rows     int   // that were sent
	Answered int   // that Tokens covers
	Estimate int64 // characters/4 of the rows that were sent
	Tokens   planner.Tokens
}

// Measures compares estimates with what the service counted: in batches that have
// finished, which tell most, else in a sample. The zero value has seen nothing. It
// is made anew from the records in each run.
type Measures struct {
	kinds  map[Kind]*measure
	models map[string]*rowSizes
	// counted are samples that the service has counted, for kinds of which nothing
	// has finished yet.
	counted map[Kind]Sample
}

// measure is about one kind.
type measure struct {
	ratio  spread // of the logarithms of counted to estimated input
	output spread // of the output tokens of a row, thoughts counted, batch by batch
}

// rowSizes are the input tokens of a model's rows.
type rowSizes struct{ rows, tokens int64 }

// spread is a mean and a standard deviation, kept as they grow.
type spread struct {
	n        int
	mean, m2 float64
}

func (s *spread) add(x float64) {
	s.n++
	d := x - s.mean
	s.mean += d / float64(s.n)
	s.m2 += float64(d * (x - s.mean))
}

// deviation takes usual for one more measurement of the deviation.
func (s *spread) deviation(usual float64) float64 {
	return math.Sqrt((s.m2 + float64(usual*usual)) / float64(s.n))
}

// Add takes a finished batch in. Rows that were not answered, or whose answers
// carry no counts, would make the ratio of the input too small: only complete
// batches count for it.
func (m *Measures) Add(f Finished) {
	if m.kinds == nil {
		m.kinds, m.models = map[Kind]*measure{}, map[string]*rowSizes{}
	}
	k := m.kinds[f.Kind]
	if k == nil {
		k = &measure{}
		m.kinds[f.Kind] = k
	}
	if f.Answered > 0 && f.Answered <= f.Rows && f.Tokens.Output+f.Tokens.Thoughts > 0 {
		k.output.add(float64(f.Tokens.Output+f.Tokens.Thoughts) / float64(f.Answered))
	}
	if f.Rows <= 0 || f.Answered != f.Rows || f.Tokens.Input <= 0 {
		return
	}
	if f.Estimate > 0 {
		k.ratio.add(math.Log(float64(f.Tokens.Input) / float64(f.Estimate)))
	}
	m.size(f.Kind.Model, f.Rows, f.Tokens.Input)
}

// size notes how large rows of a model are.
func (m *Measures) size(model string, rows int, tokens int64) {
	r := m.models[model]
	if r == nil {
		r = &rowSizes{}
		m.models[model] = r
	}
	r.rows += int64(rows)
	r.tokens = addTokens(r.tokens, tokens)
}

// Input estimates the input tokens of a batch of which only characters/4 is
// known.
func (m *Measures) Input(k Kind, characters4 int64) Estimate {
	at := m.kinds[k]
	if at == nil || at.ratio.n == 0 {
		if s, ok := m.counted[k]; ok {
			return s.input(characters4)
		}
		return Estimate{Tokens: characters4, Basis: BasisCharacters, Bias: firstMargin}
	}
	s := at.ratio.deviation(usualSpread)
	t := math.Round(float64(characters4) * math.Exp(at.ratio.mean))
	return Estimate{
		Tokens: int64(min(t, maxTokens)), Basis: BasisMeasured, Spread: s,
		Bias: min(firstMargin, 2*s/math.Sqrt(float64(at.ratio.n))),
	}
}

// Counted is the estimate for bytes that the service has counted itself.
func Counted(tokens int64) Estimate { return Estimate{Tokens: tokens, Basis: BasisCounted} }

// Foreign estimates the input tokens of a job that is not ours from its rows,
// each taken to be as large as our own of that model, finished ones first, else
// those that typical says are planned: tokens a row.
func (m *Measures) Foreign(model string, rows int, typical float64) Estimate {
	if r := m.models[model]; r != nil && r.rows > 0 {
		typical = float64(r.tokens) / float64(r.rows)
	}
	if rows <= 0 || !(typical > 0) {
		return Estimate{Basis: BasisUnknown}
	}
	t := math.Round(min(typical*float64(rows), maxTokens))
	return Estimate{Tokens: int64(t), Basis: BasisRows, Spread: rowSpread}
}

// Output predicts the output tokens of a batch, thoughts counted: from finished
// batches of its kind, else from the sum of the limits in its requests (0: they
// have none), which is the most that they can come to. What nothing is known of
// is unknown.
func (m *Measures) Output(k Kind, rows int, limit int64) Estimate {
	if at := m.kinds[k]; at != nil && at.output.n > 0 && rows > 0 {
		mean := at.output.mean
		s := at.output.deviation(firstMargin*mean) / mean
		t := math.Round(min(mean*float64(rows), maxTokens))
		return Estimate{Tokens: int64(t), Basis: BasisMeasured, Spread: s, Bias: 2 * s / math.Sqrt(float64(at.output.n))}
	}
	if limit > 0 {
		return Estimate{Tokens: min(limit, maxTokens), Basis: BasisLimit}
	}
	return Estimate{Basis: BasisUnknown}
}
