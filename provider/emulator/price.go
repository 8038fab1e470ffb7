package emulator

import (
	"errors"
	"sync"
	"time"
)

// rate is what tokens cost in batch mode, in USD for a million.
type rate struct{ input, cached, output float64 }

// tariff is a line of the price list.
type tariff struct {
	model string
	until time.Time // the first instant at which it holds no more; zero: it holds on
	rate
	// long is the rate of requests with a longer prompt than longPrompt; zero: the
	// same.
	long rate
}

const longPrompt = 200_000 // tokens

// tariffs is the price list of the batch mode as it was published in November
// 2026. Cached tokens cost what they cost outside of batches, as the guide has
// it; another page has half of that. Models that it leaves out cost nothing here.
func tariffs() []tariff {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	newYear := day(2027, time.January, 1)
	return []tariff{
		{model: "gemini-2.0-flash", rate: rate{0.05, 0.025, 0.20}},
		{model: "gemini-2.5-flash", rate: rate{0.15, 0.03, 1.25}},
		{model: "gemini-2.5-flash-lite", rate: rate{0.05, 0.01, 0.20}},
		{model: "gemini-2.5-pro", rate: rate{0.625, 0.125, 5}, long: rate{1.25, 0.25, 7.50}},
		{model: "gemini-3.1-flash-lite", rate: rate{0.125, 0.025, 0.75}},
		{model: "gemini-3.5-flash", rate: rate{0.75, 0.15, 4.50}},
		{model: "gemini-3.5-flash-lite", rate: rate{0.15, 0.03, 1.25}},
		{model: "gemini-3.6-flash", until: newYear, rate: rate{0.375, 0.075, 1.875}},
		{model: "gemini-3.6-flash", rate: rate{0.75, 0.15, 3.75}},
		{model: "gemini-3.7-flash", until: newYear, rate: rate{0.375, 0.075, 1.875}},
		{model: "gemini-3.7-flash", rate: rate{0.75, 0.15, 3.75}},
		{model: "gemini-3.8-flash", until: newYear, rate: rate{0.375, 0.075, 1.875}},
		{model: "gemini-3.8-flash", rate: rate{0.75, 0.15, 3.75}},
		{model: "gemini-4-argon", until: day(2026, time.December, 1), rate: rate{1, 0.20, 5}},
		{model: "gemini-4-argon", rate: rate{2, 0.40, 10}},
	}
}

// tariffOf gives the prices of a model at a time, all zero where it has none.
func tariffOf(model string, at time.Time) tariff {
	for _, t := range tariffs() {
		if t.model == model && (t.until.IsZero() || at.Before(t.until)) {
			return t
		}
	}
	return tariff{}
}

// tokens are those of several answers.
type tokens struct{ input, cached, output, thoughts int64 }

func (t tokens) plus(u tokens) tokens {
	return tokens{t.input + u.input, t.cached + u.cached, t.output + u.output, t.thoughts + u.thoughts}
}

// cost bills thoughts as output.
func (t tokens) cost(r rate) float64 {
	return (float64(t.input-t.cached)*r.input + float64(t.cached)*r.cached + float64(t.output+t.thoughts)*r.output) / 1e6
}

// bill is what the answers of a job used: those to long prompts apart, which may
// cost more.
type bill struct{ short, long tokens }

func (b *bill) add(u usage) {
	into := &b.short
	if u.PromptTokens > longPrompt {
		into = &b.long
	}
	*into = into.plus(tokens{u.PromptTokens, u.CachedTokens, u.CandidatesTokens, u.ThoughtsTokens})
}

func (b bill) total() tokens { return b.short.plus(b.long) }

func (b bill) cost(t tariff) float64 {
	long := t.long
	if long == (rate{}) {
		long = t.rate
	}
	return b.short.cost(t.rate) + b.long.cost(long)
}

// billCache keeps the bills of jobs that have ended: those do not change.
type billCache struct {
	mu    sync.Mutex
	bills map[string]bill // by job id
}

// bill adds up what the answers of a job used that has ended.
func (s *Server) bill(j *job) (b bill, err error) {
	s.bills.mu.Lock()
	defer s.bills.mu.Unlock()
	if b, ok := s.bills.bills[j.ID]; ok {
		return b, nil
	}
	if j.Plan.Missing >= int(j.Rows) {
		return bill{}, nil // it has no output
	}
	in := s.folder.readerAt(j.Body)
	defer func() { err = errors.Join(err, in.Close()) }()
	err = eachRow(in, j.Body.size(), func(r *indexedRow, _ int64) error {
		v := j.Plan.verdict(&r.row, r.index, j.Model)
		for _, response := range []*generateResponse{v.response, v.again} {
			if response != nil {
				b.add(response.Usage)
			}
		}
		return nil
	})
	if err != nil {
		return bill{}, err
	}
	if s.bills.bills == nil {
		s.bills.bills = map[string]bill{}
	}
	s.bills.bills[j.ID] = b
	return b, nil
}
