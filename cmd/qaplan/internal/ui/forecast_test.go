package ui

import (
	"strings"
	"testing"

	"github.com/qaplan/qaplan/planner"
)

func TestForecastLines(t *testing.T) {
	for _, tt := range []struct {
		f    *planner.Forecast
		want string
	}{
		{nil, ""},
		{&planner.Forecast{}, ""},
		{&planner.Forecast{OverMin: 14 * 3600, OverMax: 18 * 3600}, "Forecast: over in 14 to 18 h."},
		{&planner.Forecast{AtOnce: 7, Waves: 1, OverMax: 3600}, "Forecast: in one wave; over in up to 60 min."},
		{&planner.Forecast{AtOnce: 9, Waves: 14, OverMin: 14 * 3600, OverMax: 18 * 3600, Limit: "enqueued tokens of gemini-2.5-flash, 3 M"},
			"Forecast: in waves of 9, about 14 waves; over in 14 to 18 h.\nWhat holds it back: enqueued tokens of gemini-2.5-flash, 3 M."},
		{&planner.Forecast{AtOnce: 9, Waves: 14, Limit: "active jobs, 9", Learned: true, Confidence: 0.8},
			"Forecast: in waves of 9, about 14 waves.\nWhat holds it back: active jobs, 9 (learned from refusals, 80 % sure)."},
	} {
		if got := strings.Join(forecastLines(tt.f), "\n"); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
