package budget

import (
	"math"
	"testing"
	"time"
)

func TestNextLook(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	var hour Durations
	for range 200 {
		hour.Add(time.Hour)
	}
	h := History{"m": &hour}
	ages := func(n int, age time.Duration) (list []Running) {
		for range n {
			list = append(list, Running{Model: "m", Age: age})
		}
		return list
	}
	tests := []struct {
		name        string
		w           Waiting
		least, most time.Duration
	}{
		{"jobs just begun do not end", Waiting{Running: ages(10, 0), Finish: true}, 9 * time.Minute, 10 * time.Minute},
		{"jobs about to end", Waiting{Running: ages(10, 58*time.Minute), Finish: true}, 30 * time.Second, 2 * time.Minute},
		{"many jobs about to end", Waiting{Running: ages(1000, 58*time.Minute), Finish: true}, 30 * time.Second, 30 * time.Second},
		{"an old job", Waiting{Running: ages(1, 20*time.Hour), Finish: true}, 10 * time.Minute, 10 * time.Minute},
		{"nothing waits for them", Waiting{Running: ages(10, 50*time.Minute)}, 5 * time.Minute, 9 * time.Minute},
		{"one waits for them", Waiting{Running: ages(10, 50*time.Minute), Finish: true}, 4 * time.Minute, 6 * time.Minute},
		{"a pause ends sooner", Waiting{Running: ages(10, 0), Finish: true, Until: now.Add(3 * time.Minute)}, 3 * time.Minute, 3 * time.Minute},
		{"a pause ends at once", Waiting{Running: ages(10, 0), Until: now.Add(time.Second)}, 30 * time.Second, 30 * time.Second},
		{"a pause is over", Waiting{Running: ages(10, 0), Until: now.Add(-time.Hour)}, 30 * time.Second, 30 * time.Second},
		{"a pause alone", Waiting{Until: now.Add(8 * time.Minute)}, 8 * time.Minute, 8 * time.Minute},
		{"a long pause alone", Waiting{Until: now.Add(8 * time.Hour)}, 10 * time.Minute, 10 * time.Minute},
		{"nothing runs", Waiting{}, 30 * time.Second, 30 * time.Second},
		{"clocks that disagree", Waiting{Running: ages(3, -time.Hour), Finish: true}, 30 * time.Second, 10 * time.Minute},
		{"absurd ages", Waiting{Running: ages(3, math.MaxInt64/2), Finish: true}, 30 * time.Second, 10 * time.Minute},
	}
	for _, tt := range tests {
		for _, h := range []History{h, nil, {}, {"other": &hour, "m": nil}} {
			got := NextLook(now, 30*time.Second, h, tt.w).Sub(now)
			if h["m"] != nil && (got < tt.least || got > tt.most) {
				t.Errorf("%s: in %v, want %v to %v", tt.name, got, tt.least, tt.most)
			}
			if got < 30*time.Second || got > longestPause {
				t.Errorf("%s, with other or no history: in %v", tt.name, got)
			}
		}
	}
	if got := NextLook(now, time.Hour, h, Waiting{Running: ages(1000, time.Hour), Finish: true}).Sub(now); got != time.Hour {
		t.Errorf("with an interval of an hour: in %v", got)
	}
	if got := NextLook(now, -1, nil, Waiting{}).Sub(now); got != time.Second {
		t.Errorf("without an interval: in %v", got)
	}
}
