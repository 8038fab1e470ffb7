package budget

import "time"

// play is what a forecast plays through.
type play struct {
	jobs    int64 // at once, 0 is no limit
	gap     time.Duration
	models  map[string]*playModel
	waiting []playJob
	running []playJob
	known   int // durations
	// scale is what limits and creates were divided by, to follow fewer; longer is
	// how many times as many creates there are as are followed.
	scale, longer float64
}

// playModel is what limits a model's creates.
type playModel struct {
	name   string
	tokens int64 // at once, 0 is no limit
	burst  int
	window time.Duration
	first  time.Duration // until the next create may go
	took   *Durations
	times  []time.Duration // quantiles of took
}

// playJob is a job to come, or at work for a while.
type playJob struct {
	model  *playModel
	tokens int64
	age    time.Duration
}

func newPlay(p *Creates, now time.Time, waiting []Create, running []Running, h History) *play {
	pl := &play{
		models: map[string]*playModel{}, gap: spacing(p.set.Limits.CreatesPerMinute),
		jobs: int64(p.set.Limits.MaxActiveJobs),
	}
	if jobs, _ := p.explains(p.know.Jobs.By); jobs {
		pl.jobs = lower(pl.jobs, p.know.Jobs.seen(p.freshJobs()))
	}
	ages := map[string][]time.Duration{}
	for _, j := range running {
		ages[j.Model] = append(ages[j.Model], max(j.Age, 0))
	}
	model := func(name string) *playModel {
		m := pl.models[name]
		if m == nil {
			m = newPlayModel(p, now, name, h.of(name), ages[name])
			pl.models[name] = m
			pl.known = max(pl.known, h.of(name).Count())
		}
		return m
	}
	for _, j := range running {
		pl.running = append(pl.running, playJob{model: model(j.Model), tokens: j.Tokens.Tokens, age: j.Age})
	}
	for i := range waiting {
		pl.waiting = append(pl.waiting, playJob{model: model(waiting[i].Model), tokens: waiting[i].Tokens.Upper()})
	}
	pl.shrink()
	return pl
}

func newPlayModel(p *Creates, now time.Time, name string, took *Durations, ages []time.Duration) *playModel {
	know := p.know.Models[name]
	m := &playModel{
		name: name, took: took.withRunning(ages),
		tokens: p.set.Limits.EnqueuedTokens(name),
	}
	if _, tokens := p.explains(name); tokens {
		m.tokens = lower(m.tokens, know.Tokens.seen(know.Fresh.Tokens))
	}
	first, _ := know.Rhythm.ready(now)
	if know.Pause.stands(now, p.freed, know.Rhythm.Known) && know.Pause.Until.After(first) {
		first = know.Pause.Until
	}
	if until := exhausted(p.know.Due); until.After(first) {
		first = until
	}
	if until := p.named(now, &Create{Model: name}).Until; until.After(first) {
		first = until
	}
	if m.first = first.Sub(now); know.Rhythm.Known {
		m.burst, m.window = know.Rhythm.Burst, know.Rhythm.Window
	}
	for i := range forecastTimes {
		m.times = append(m.times, m.took.rest(0, (float64(i)+0.5)/forecastTimes))
	}
	return m
}

// shrink makes what is followed one by one small enough: where very many run at
// once, fewer under limits that are as much lower; where they come in many waves,
// the first ones, evenly picked, so that what is left out is like what is not.
func (pl *play) shrink() {
	wide := pl.wide()
	if pl.scale = max(1, wide/forecastWide); pl.scale > 1 {
		pl.jobs = int64(float64(pl.jobs) / pl.scale)
		pl.gap = time.Duration(float64(pl.gap) * pl.scale)
		for _, m := range pl.models {
			m.tokens = int64(float64(m.tokens) / pl.scale)
		}
		pl.waiting = pick(pl.waiting, int(float64(len(pl.waiting))/pl.scale))
		pl.running = pick(pl.running, int(float64(len(pl.running))/pl.scale))
		wide /= pl.scale
	}
	pl.longer = 1
	if most := max(forecastMost, int(forecastWaves*wide)); len(pl.waiting) > most {
		pl.longer = float64(len(pl.waiting)) / float64(most)
		pl.waiting = pick(pl.waiting, most)
	}
}

// wide is about how many jobs may run at once.
func (pl *play) wide() float64 {
	tokens, jobs := map[*playModel]float64{}, map[*playModel]float64{}
	for _, j := range pl.waiting {
		tokens[j.model] += float64(j.tokens)
		jobs[j.model]++
	}
	var n float64
	for _, m := range pl.models {
		fit := jobs[m]
		if m.tokens > 0 && tokens[m] > 0 {
			fit = min(fit, float64(m.tokens)*jobs[m]/tokens[m])
		}
		n += fit
	}
	if pl.jobs > 0 {
		n = min(n, float64(pl.jobs))
	}
	return n
}

// pick gives n of a list, evenly.
func pick(list []playJob, n int) []playJob {
	picked := make([]playJob, n)
	for i := range picked {
		picked[i] = list[int(float64(i)*float64(len(list))/float64(n))]
	}
	return picked
}
