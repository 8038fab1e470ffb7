package budget

import (
	"math"
	"testing"
	"time"
)

func TestPacerSpacesEvenly(t *testing.T) {
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, perMinute := range []int{1, 7, 10, 300, 100000} {
		p := NewPacer(perMinute, time.Time{})
		var calls []time.Time
		for range 3 * min(perMinute, 1000) {
			calls = append(calls, p.Take(start))
		}
		for i, at := range calls {
			n := 0
			for _, other := range calls[i:] {
				if other.Sub(at) < time.Minute+slack {
					n++
				}
			}
			if n > perMinute {
				t.Fatalf("%d a minute: %d calls within the minute from call %d", perMinute, n, i)
			}
		}
	}
}

func TestPacerRemembersTheLastRun(t *testing.T) {
	last := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	p := NewPacer(10, last)
	if got, want := p.Take(last.Add(time.Second)), last.Add(6*time.Second+300*time.Millisecond); !got.Equal(want) {
		t.Errorf("first call after a run that just ended: got %v, want %v", got, want)
	}
	p = NewPacer(10, last)
	if got, want := p.Take(last.Add(time.Minute)), last.Add(time.Minute); !got.Equal(want) {
		t.Errorf("first call a minute later: got %v, want %v", got, want)
	}
}

func TestPacerUnlimited(t *testing.T) {
	var p Pacer
	now := time.Now()
	for range 5 {
		if got := p.Take(now); !got.Equal(now) {
			t.Fatalf("an unlimited pacer made a call wait until %v", got)
		}
	}
}

func TestCooldown(t *testing.T) {
	tests := []struct {
		first   time.Duration
		strikes int
		hint    time.Duration
		want    time.Duration
	}{
		{2 * time.Minute, 1, 0, 2 * time.Minute},
		{2 * time.Minute, 2, 0, 4 * time.Minute},
		{2 * time.Minute, 5, 0, 32 * time.Minute},
		{2 * time.Minute, 6, 0, time.Hour},
		{2 * time.Minute, math.MaxInt, 0, time.Hour},
		{2 * time.Minute, 1, 10 * time.Minute, 10 * time.Minute},
		{2 * time.Minute, 1, math.MaxInt64, time.Hour},
		{3 * time.Hour, 1, 0, 3 * time.Hour}, // declared by the user: obeyed
		{0, 1, 0, 0},
	}
	for _, tt := range tests {
		if got := Cooldown(tt.first, tt.strikes, tt.hint); got != tt.want {
			t.Errorf("Cooldown(%v, %d, %v) = %v, want %v", tt.first, tt.strikes, tt.hint, got, tt.want)
		}
	}
}
