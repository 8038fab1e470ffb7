package budget

import (
	"math"
	"slices"
	"time"
)

// Forecast says how the rest is expected to go.
type Forecast struct {
	// AtOnce is how many jobs run at once while some wait, and Waves how often
	// that many would have to be sent.
	AtOnce, Waves int
	// Over is how long it takes until everything has finished, unknown as long as
	// no job has.
	Over Span
	// Budget is the limit that holds creates back, "" where none is known; Model
	// is set where it is a model's.
	Budget, Model string
	// Limit is what that limit is, Learned whether it was found out by refusals,
	// and Confidence then how sure that is, from 0 to 1.
	Limit      int64
	Learned    bool
	Confidence float64
}

const (
	forecastDraws  = 11   // ways in which the durations may fall
	forecastCreate = 2000 // creates that are followed one by one
	forecastLook   = 64   // creates that are looked through for one that fits
)

// Forecast plays the rest through, several times, with durations as they were so
// far, in another order each time. It draws no lots: the same arguments give the
// same answer.
func (p *Creates) Forecast(now time.Time, waiting []Create, running []Running, h History) Forecast {
	play := newPlay(p, wall(now), waiting, running, h)
	var times []time.Duration
	var f Forecast
	for draw := range forecastDraws {
		r := play.run(draw)
		times = append(times, r.took)
		if draw == forecastDraws/2 {
			f = p.binding(r.budget, r.model)
			f.AtOnce = r.atOnce
		}
	}
	if f.AtOnce > 0 {
		f.Waves = (len(waiting) + f.AtOnce - 1) / f.AtOnce
	}
	if play.known > 0 {
		slices.Sort(times)
		// Few durations say little about the next ones.
		unsure := 1 + 1/math.Sqrt(float64(play.known))
		f.Over = Span{
			Low:  time.Duration(float64(times[1]) / unsure),
			High: time.Duration(float64(times[len(times)-2]) * unsure),
		}.rounded()
	}
	return f
}

// binding describes the limit that holds creates back.
func (p *Creates) binding(budget, model string) Forecast {
	f := Forecast{Budget: budget, Model: model}
	m := p.know.Models[model]
	switch budget {
	case ActiveJobs:
		f.Limit, f.Model = int64(p.set.Limits.MaxActiveJobs), ""
		if l := p.know.Jobs.limit(); l > 0 && (f.Limit == 0 || l < f.Limit) {
			f.Limit, f.Learned, f.Confidence = l, true, p.know.Jobs.Confidence()
		}
	case EnqueuedTokens:
		f.Limit = p.set.Limits.EnqueuedTokens(model)
		if l := m.Tokens.limit(); l > 0 && (f.Limit == 0 || l < f.Limit) {
			f.Limit, f.Learned, f.Confidence = l, true, m.Tokens.Confidence()
		}
	case Refusals:
		f.Limit, f.Learned, f.Confidence = int64(m.Rhythm.Burst), true, 1
	case CreatesPerMinute:
		f.Limit, f.Model = int64(p.set.Limits.CreatesPerMinute), ""
	}
	return f
}

// play is what a forecast plays through.
type play struct {
	jobs    int64 // at once, 0 is no limit
	gap     time.Duration
	models  map[string]*playModel
	waiting []playJob
	running []playJob
	share   float64 // of the creates that is followed one by one
	known   int     // durations
}

// playModel is what limits a model's creates.
type playModel struct {
	name   string
	tokens int64 // at once, 0 is no limit
	burst  int
	window time.Duration
	took   *Durations
}

// playJob is a job to come, or at work for a while.
type playJob struct {
	model  *playModel
	tokens int64
	age    time.Duration
}

func newPlay(p *Creates, now time.Time, waiting []Create, running []Running, h History) *play {
	pl := &play{models: map[string]*playModel{}, gap: spacing(p.set.Limits.CreatesPerMinute), share: 1}
	pl.jobs = lower(int64(p.set.Limits.MaxActiveJobs), p.know.Jobs.limit())
	model := func(name string) *playModel {
		if pl.models[name] == nil {
			m := p.know.Models[name]
			pm := &playModel{name: name, tokens: lower(p.set.Limits.EnqueuedTokens(name), m.Tokens.limit()), took: h.of(name)}
			if m.Rhythm.Known {
				pm.burst, pm.window = m.Rhythm.Burst, m.Rhythm.Window
			}
			pl.models[name] = pm
			pl.known = max(pl.known, pm.took.Count())
		}
		return pl.models[name]
	}
	for _, j := range running {
		pl.running = append(pl.running, playJob{model: model(j.Model), tokens: j.Tokens.Tokens, age: j.Age})
	}
	if len(waiting) > forecastCreate {
		pl.share = float64(forecastCreate) / float64(len(waiting))
	}
	// Evenly picked, so that what is left out is like what is followed.
	for i := range min(len(waiting), forecastCreate) {
		c := &waiting[int(float64(i)/pl.share)]
		pl.waiting = append(pl.waiting, playJob{model: model(c.Model), tokens: c.Tokens.Upper()})
	}
	return pl
}

// lower is the lower one of two limits, where 0 is none.
func lower(a, b int64) int64 {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
