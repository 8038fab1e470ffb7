package budget

import (
	"testing"
	"time"
)

func TestQuantities(t *testing.T) {
	for _, tt := range []struct {
		n, like int64
		want    string
	}{
		{2_940_000, 3_000_000, "2.9 M"}, {999, 999, "999"}, {9_999, 9_999, "9999"}, {12_345, 12_345, "12.3 k"},
		{500_000, 3_000_000, "0.5 M"}, {1_500_000_000, 5_000_000_000, "1.5 G"}, {0, 3_000_000, "0.0 M"},
	} {
		if got := quantity(tt.n, tt.like) + unit(tt.like); got != tt.want {
			t.Errorf("%d beside %d: %q, want %q", tt.n, tt.like, got, tt.want)
		}
	}
}

func TestSpans(t *testing.T) {
	for _, tt := range []struct {
		low, high time.Duration
		want      string
	}{
		{0, 0, ""},
		{0, time.Minute, "up to 10 min"},
		{31 * time.Minute, 42 * time.Minute, "30 to 50 min"},
		{50 * time.Minute, 119 * time.Minute, "50 to 120 min"},
		{100 * time.Minute, 121 * time.Minute, "1 to 3 h"},
		{13*time.Hour + 59*time.Minute, 17*time.Hour + time.Minute, "13 to 18 h"},
		{70 * time.Hour, 80 * time.Hour, "2.5 to 3.5 days"},
		{96 * time.Hour, 96 * time.Hour, "4 days"},
	} {
		got := Span{tt.low, tt.high}.rounded()
		if got.Low > tt.low || got.High < tt.high {
			t.Errorf("%v to %v is rounded inwards: %v", tt.low, tt.high, got)
		}
		if got.String() != tt.want {
			t.Errorf("%v to %v: %q, want %q", tt.low, tt.high, got, tt.want)
		}
	}
}

// Every cause has words.
func TestReasons(t *testing.T) {
	for _, c := range []Cause{
		CauseDeclared, CauseLearned, CauseRefused, CauseTooMany, CauseRhythm, CauseNamed,
		CauseProbe, CauseGrowth, CauseLook, CauseTooLarge, CauseUnasked,
	} {
		for _, budget := range []string{ActiveJobs, EnqueuedTokens, CreatesPerMinute, Refusals, FileStorage} {
			if d := (Decision{Cause: c, Budget: budget}); d.Reason() == "" || d.Admit() {
				t.Errorf("%+v: %q", d, d.Reason())
			}
		}
	}
	if d := (Decision{}); !d.Admit() || d.Reason() != "" || d.Standing() != "" {
		t.Errorf("the zero decision: %v, %q, %q", d.Admit(), d.Reason(), d.Standing())
	}
}
