package budget

import (
	"iter"
	"maps"
	"math"
	"slices"
)

// Sample is what the service has counted for some requests of a kind, beside what
// they had been estimated at. It holds numbers only.
type Sample struct {
	Requests int     `json:"requests"`
	Estimate float64 `json:"estimate"` // characters/4 of all of them
	Tokens   int64   `json:"tokens"`   // as counted
	// Mean and Square add up the logarithms of the ratios of single requests and of
	// their squared distances from the mean, so that requests can be added.
	Mean   float64 `json:"mean"`
	Square float64 `json:"square"`
}

// Add takes one request in and reports whether it tells anything: one without
// text has no ratio.
func (s *Sample) Add(estimate float64, tokens int64) bool {
	if !(estimate > 0) || tokens <= 0 || tokens > maxTokens || estimate > maxTokens {
		return false
	}
	of := spread{n: s.Requests, mean: s.Mean, m2: s.Square}
	of.add(math.Log(float64(tokens) / estimate))
	s.Requests, s.Mean, s.Square = of.n, of.mean, of.m2
	s.Estimate += estimate
	s.Tokens = addTokens(s.Tokens, tokens)
	return true
}

// sane reports whether a sample may be believed that was read from a state.
func (s *Sample) sane() bool {
	return s.Requests > 0 && s.Requests <= 1<<20 && s.Estimate > 0 && s.Estimate < maxTokens && s.Tokens > 0 && s.Tokens < maxTokens &&
		s.Square >= 0 && s.Square < maxTokens && math.Abs(s.Mean) < 100
}

const (
	// usualRowSpread is how far the ratios of single requests are taken to scatter
	// before enough of them were seen; it counts as one measurement.
	usualRowSpread = 0.10
	// A sample is kept clear of a limit by more than a batch that has finished: it
	// is a few requests, and batches may be counted in another way. With what single
	// batches scatter by, this is between the margins of the two other bases for one
	// job and for many.
	sampleBias   = 0.08
	sampleSpread = 0.0175
)

// input is the estimate for requests of which characters/4 is known. Where the
// requests scatter so much that a sample tells no more than characters/4 do, the
// ratio is still the better guess, and the margin is theirs.
func (s *Sample) input(characters4 int64) Estimate {
	t := math.Round(float64(characters4) * float64(s.Tokens) / s.Estimate)
	e := Estimate{Tokens: int64(min(t, maxTokens)), Basis: BasisCounted, Bias: sampleBias, Spread: sampleSpread}
	of := spread{n: s.Requests, mean: s.Mean, m2: s.Square}
	if 2*of.deviation(usualRowSpread)/math.Sqrt(float64(s.Requests)) > sampleBias {
		e.Bias, e.Spread = firstMargin, 0
	}
	return e
}

// Count makes a sample known for a kind, in place of a former one.
func (m *Measures) Count(k Kind, s Sample) {
	if m.counted == nil {
		m.counted = map[Kind]Sample{}
	}
	m.counted[k] = s
}

// Count keeps a sample with what is known.
func (p *Creates) Count(k Kind, s Sample) {
	if p.know.Counted == nil {
		p.know.Counted = map[string]map[string]Sample{}
	}
	if p.know.Counted[k.Block] == nil {
		p.know.Counted[k.Block] = map[string]Sample{}
	}
	p.know.Counted[k.Block][k.Model] = s
	p.rev++
}

// Samples gives the samples that are known, in a stable order.
func (k *Knowledge) Samples() iter.Seq2[Kind, Sample] {
	return func(yield func(Kind, Sample) bool) {
		for _, block := range slices.Sorted(maps.Keys(k.Counted)) {
			for _, model := range slices.Sorted(maps.Keys(k.Counted[block])) {
				if !yield(Kind{block, model}, k.Counted[block][model]) {
					return
				}
			}
		}
	}
}

// saneSamples gives a copy without what cannot be.
func saneSamples(counted map[string]map[string]Sample) map[string]map[string]Sample {
	if counted == nil {
		return nil
	}
	out := map[string]map[string]Sample{}
	for block, models := range counted {
		for model, s := range models {
			if !s.sane() {
				continue
			}
			if out[block] == nil {
				out[block] = map[string]Sample{}
			}
			out[block][model] = s
		}
	}
	return out
}

func cloneSamples(counted map[string]map[string]Sample) map[string]map[string]Sample {
	counted = maps.Clone(counted)
	for block, models := range counted {
		counted[block] = maps.Clone(models)
	}
	return counted
}
