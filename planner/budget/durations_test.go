package budget

import (
	"math"
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	var d Durations
	if d.Quantile(0.5) != 0 || d.Mean() != 0 || d.Count() != 0 {
		t.Errorf("what was never seen: %v, %v, %d", d.Quantile(0.5), d.Mean(), d.Count())
	}
	for i := range 100 {
		d.Add(time.Duration(i+1) * time.Minute)
	}
	d.Add(0)
	d.Add(-time.Hour)
	if d.Count() != 100 || d.Mean() != 50*time.Minute+30*time.Second {
		t.Errorf("%d jobs, mean %v", d.Count(), d.Mean())
	}
	for _, share := range []float64{0.01, 0.1, 0.5, 0.9, 0.99, 1} {
		got, want := d.Quantile(share).Minutes(), 100*share
		if math.Abs(got-want) > 0.1*want+1 {
			t.Errorf("%.0f %% took up to %.1f min, want about %.0f", 100*share, got, want)
		}
	}
	d.Add(1000 * time.Hour)
	d.Add(math.MaxInt64)
	if got := d.Quantile(1); got < 300*time.Hour {
		t.Errorf("the longest: %v", got)
	}
}

// The older a job is, the fewer take longer, and every job may still end.
func TestLasting(t *testing.T) {
	var seen Durations
	for i := range 240 {
		seen.Add(time.Duration(i+1) * time.Minute)
	}
	for _, d := range []*Durations{{}, &seen} {
		before := 1.0
		for age := -time.Hour; age < 100*time.Hour; age += 7 * time.Minute {
			share, ends := d.lasting(age), d.ends(age, time.Hour)
			if share > before || share <= 0 || ends < 0 || ends >= 1 {
				t.Fatalf("%d jobs, age %v: %v last longer, before %v; %v end within an hour", d.n, age, share, before, ends)
			}
			before = share
		}
		for _, share := range []float64{0.1, 0.5, 0.9} {
			left := d.rest(time.Hour, share)
			if got := d.ends(time.Hour, left); math.Abs(got-share) > 0.06 && left < longestJob {
				t.Errorf("%d jobs: %v end within %v, want %v", d.n, got, left, share)
			}
		}
	}
}
