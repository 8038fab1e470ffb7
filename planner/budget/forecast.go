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
	// Binding is the limit that holds creates back, zero where none is known.
	Binding Limit
	// Or is another limit that may hold them back in its place: refusals do not
	// tell yet which it is.
	Or Limit
}

const (
	forecastDraws = 11   // ways in which the durations may fall
	forecastAhead = 64   // creates that are looked through for one that fits
	forecastMost  = 2000 // creates that are followed one by one, or
	forecastWaves = 8    // as many waves of them
	forecastWide  = 1000 // jobs at once that are followed one by one
	forecastTimes = 512  // different durations

	// durationScatter is how far durations scatter, as a share of their mean.
	durationScatter = 1.5
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
			f.Binding, f.AtOnce = p.limit(r.budget, r.model), r.atOnce
			if f.Binding.Budget == ActiveJobs && f.Binding.Learned {
				f.Or = p.doubt(p.know.Jobs.By)
			}
		}
	}
	if f.AtOnce > 0 {
		f.Waves = (len(waiting) + f.AtOnce - 1) / f.AtOnce
	}
	if play.known > 0 {
		slices.Sort(times)
		// Few durations say little about the mean: they scatter by more than it.
		unsure := 1 + durationScatter/math.Sqrt(float64(play.known))
		f.Over = Span{
			Low:  time.Duration(float64(times[1]) / unsure),
			High: time.Duration(float64(times[len(times)-2]) * unsure),
		}.rounded()
	}
	return f
}
