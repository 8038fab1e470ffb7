package budget

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// planned makes creates of the batches of a simulation.
func planned(r *simRun, batches []int) (list []Create) {
	for _, b := range batches {
		list = append(list, Create{ID: fmt.Sprint(b), Model: simModel, Tokens: r.estimate(b)})
	}
	return list
}

func TestForecastOfNothingKnown(t *testing.T) {
	p := NewCreates(Settings{}, Knowledge{})
	batches := simBatches(154, 1)
	r := newSimRun(t, simRule{}, Limits{}, batches, 1)
	f := p.Forecast(simStart(), planned(r, inOrder(154)), nil, nil)
	if want := (Forecast{AtOnce: 154, Waves: 1}); f != want {
		t.Errorf("no limit, no history: %+v, want %+v", f, want)
	}
	if f := p.Forecast(simStart(), nil, nil, nil); f.Waves != 0 || f.Over.String() != "" {
		t.Errorf("nothing to do: %+v", f)
	}
	p = NewCreates(Settings{Limits: Limits{MaxActiveJobs: 9}}, Knowledge{})
	f = p.Forecast(simStart(), planned(r, inOrder(133)), nil, nil)
	if want := (Forecast{AtOnce: 9, Waves: 15, Binding: Limit{Budget: ActiveJobs, Most: 9, Confidence: 1}}); f != want {
		t.Errorf("a declared limit, no history: %+v, want %+v", f, want)
	}
}

// The binding limit is told by name, and how sure it is.
func TestForecastNamesTheLimit(t *testing.T) {
	batches := simBatches(400, 1)
	for _, tt := range []struct {
		rule    simRule
		limits  Limits
		budget  string
		learned bool
		least   int64
		most    int64
	}{
		{ruleTokens(), Limits{MaxEnqueuedTokens: 3_000_000, MaxActiveJobs: 100}, EnqueuedTokens, false, 3_000_000, 3_000_000},
		{ruleTokens(), Limits{}, EnqueuedTokens, true, 2_700_000, 3_300_000},
		{ruleJobs(), Limits{}, ActiveJobs, true, 20, 20},
		{ruleRhythm(), Limits{}, Refusals, true, 2, 2},
	} {
		r := newSimRun(t, tt.rule, tt.limits, batches, 1)
		stopAfter(r, 200)
		f := r.policy.Forecast(r.service.now, planned(r, r.waiting), r.running(), r.history)
		if b := f.Binding; b.Budget != tt.budget || b.Learned != tt.learned || b.Most < tt.least || b.Most > tt.most {
			t.Errorf("%s: %+v", tt.rule.name, f)
		}
		if f.Binding.Confidence < 0.6 {
			t.Errorf("%s: only %.2f sure", tt.rule.name, f.Binding.Confidence)
		}
		if !slices.Contains(r.policy.Limits(), f.Binding) {
			t.Errorf("%s: %+v is none of %+v", tt.rule.name, f.Binding, r.policy.Limits())
		}
		again := r.policy.Forecast(r.service.now, planned(r, r.waiting), r.running(), r.history)
		if !reflect.DeepEqual(f, again) {
			t.Errorf("%s: %+v, and then %+v", tt.rule.name, f, again)
		}
	}
}

func (r *simRun) running() (list []Running) {
	for _, j := range r.service.active {
		list = append(list, Running{Model: simModel, Age: r.service.now.Sub(j.began), Tokens: r.estimate(j.batch)})
	}
	return list
}

// stopAfter drives a run until so many batches are done.
func stopAfter(r *simRun, done int) {
	for r.look(); r.done < done; r.look() {
		r.pass(NextLook(r.service.now, simInterval, r.history, r.round()))
	}
}

// How long the rest really takes lies within the span nearly always, and the span
// is of use: with a fifth of the batches done, and durations that differ by a
// factor of a hundred, its end is not three times as far as its beginning.
func TestForecastHolds(t *testing.T) {
	const runs = 10
	for _, sc := range scenarios() {
		within, wide := 0, 0.0
		for seed := uint64(1); seed <= runs; seed++ {
			batches := simBatches(300, seed)
			r := newSimRun(t, sc.rule, sc.limits, batches, seed)
			stopAfter(r, 60)
			f := r.policy.Forecast(r.service.now, planned(r, r.waiting), r.running(), r.history)
			from := r.service.now
			r.run()
			took := r.service.now.Sub(from)
			ok := took >= f.Over.Low && took <= f.Over.High
			t.Logf("%s seed %d: %s, %d at once, %d waves; it took %.1f h", sc.name, seed, f.Over, f.AtOnce, f.Waves, took.Hours())
			if ok {
				within++
			}
			wide += f.Over.High.Hours() / f.Over.Low.Hours() / runs
		}
		if within < runs*8/10 || wide > 3 {
			t.Errorf("%s: %d of %d forecasts hold, from one end to the other is a factor of %.2f", sc.name, within, runs, wide)
		}
	}
}

// A hundred thousand batches are forecast in the time that a plan may take.
func TestForecastOfMany(t *testing.T) {
	var h Durations
	for i := range 1000 {
		h.Add(time.Duration(10+i%100) * time.Minute)
	}
	waiting := make([]Create, 100_000)
	for i := range waiting {
		waiting[i] = Create{ID: "x", Model: simModel, Tokens: Counted(int64(100_000 + i%7*50_000))}
	}
	p := NewCreates(Settings{Limits: Limits{MaxEnqueuedTokens: 400_000_000}}, Knowledge{})
	began := time.Now()
	f := p.Forecast(simStart(), waiting, nil, History{simModel: &h})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	// 1,600 at once, for an hour each: 63 hours.
	if f.AtOnce < 1300 || f.AtOnce > 1700 || f.Over.Low < 40*time.Hour || f.Over.High > 96*time.Hour {
		t.Errorf("%+v: %s", f, f.Over)
	}
}

// A quota that the service named holds the forecast up as it holds creates up.
func TestForecastWaitsForNamedQuota(t *testing.T) {
	now := simStart()
	p := NewCreates(Settings{}, Knowledge{Named: map[string]Named{ofModel(simModel): {Until: now.Add(12 * time.Hour)}}})
	took := &Durations{}
	for range 100 {
		took.Add(time.Minute)
	}
	f := p.Forecast(now, []Create{{ID: "a", Model: simModel}}, nil, History{simModel: took})
	if f.Over.High < 12*time.Hour {
		t.Errorf("over in %v", f.Over)
	}
}

// A first refusal may be one of jobs or one of tokens. What had been accepted until
// then is what goes on, in the same run and in the next one, which has not looked
// yet; jobs are named, since they are counted, and tokens beside them.
func TestForecastAfterOneRefusal(t *testing.T) {
	k := Knowledge{
		Jobs: Ceiling{Bad: 9, Hits: 1, By: simModel},
		Models: map[string]Model{simModel: {
			Tokens: Ceiling{Bad: 9000, Hits: 1, By: simModel},
			Fresh:  Fresh{Jobs: 8, Tokens: 8000},
		}},
	}
	var waiting []Create
	for i := range 32 {
		waiting = append(waiting, Create{ID: fmt.Sprint(i), Model: simModel, Tokens: Estimate{Tokens: 1000, Bias: 0.15}})
	}
	f := NewCreates(Settings{}, k).Forecast(simStart(), waiting, nil, nil)
	if f.AtOnce != 8 || f.Waves != 4 {
		t.Errorf("%d waves of %d, want 4 of 8", f.Waves, f.AtOnce)
	}
	if b := f.Binding; b.Budget != ActiveJobs || b.Most != 8 || !b.Learned || b.Confidence > 0.5 {
		t.Errorf("held back by %+v", b)
	}
	if f.Or.Budget != EnqueuedTokens || f.Or.Most != 8000 || !f.Or.Learned {
		t.Errorf("or by %+v", f.Or)
	}
	// A refusal that only jobs explain leaves no doubt.
	k.Jobs.Sole = 1
	if f := NewCreates(Settings{}, k).Forecast(simStart(), waiting, nil, nil); f.Binding.Budget != ActiveJobs || f.Or != (Limit{}) {
		t.Errorf("after a refusal of jobs alone: %+v", f)
	}
}
