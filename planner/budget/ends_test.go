package budget

import (
	"testing"
	"time"
)

// What is expected of jobs at work follows from how long others took, and from how
// old they are and how many.
func TestEnds(t *testing.T) {
	h := History{"m": &Durations{}}
	for range 40 {
		h["m"].Add(30 * time.Minute)
		h["m"].Add(2 * time.Hour)
	}
	at := func(ages ...time.Duration) (jobs []Running) {
		for _, age := range ages {
			jobs = append(jobs, Running{Model: "m", Age: age})
		}
		return jobs
	}
	for _, age := range []time.Duration{0, 40 * time.Minute} {
		if first, last := Ends(h, at(age)); first != last || first.High <= 0 {
			t.Errorf("one job of %s: the first in %s, the last in %s", age, first, last)
		}
	}
	one, _ := Ends(h, at(0))
	few, fewLast := Ends(h, at(0, 0, 0, 0, 0, 0, 0, 0))
	if few.High > one.High || few.High > 30*time.Minute+10*time.Minute {
		t.Errorf("the first of eight in %s, one alone in %s", few, one)
	}
	if fewLast.Low < 90*time.Minute || fewLast.High > 4*time.Hour {
		t.Errorf("the last of eight in %s", fewLast)
	}
	young, _ := Ends(h, at(0))
	old, _ := Ends(h, at(100*time.Minute))
	if old.High >= young.High {
		t.Errorf("a job of 100 min in %s, a new one in %s", old, young)
	}
	if first, last := Ends(History{}, at(0)); first != (Span{}) || last != (Span{}) {
		t.Errorf("where nothing has finished: %s, %s", first, last)
	}
	if first, last := Ends(h, nil); first != (Span{}) || last != (Span{}) {
		t.Errorf("of no jobs: %s, %s", first, last)
	}
}
