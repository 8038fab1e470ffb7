package ui

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// forecastLines say how the rest is expected to go; none where nothing is known.
func forecastLines(f *planner.Forecast) []string {
	if f == nil {
		return nil
	}
	var parts []string
	switch {
	case f.Waves > 1:
		parts = append(parts, fmt.Sprintf("in waves of %d, about %s", f.AtOnce, count(f.Waves, "wave")))
	case f.Waves == 1:
		parts = append(parts, "in one wave")
	}
	if s := forecastSpan(f); s != "" {
		parts = append(parts, "over in "+s)
	}
	if len(parts) == 0 {
		return nil
	}
	lines := []string{"Forecast: " + strings.Join(parts, "; ") + "."}
	if f.Limit != "" && f.Waves > 1 {
		s := "What holds it back: " + Printable(f.Limit)
		if f.Learned {
			s += fmt.Sprintf(" (learned from refusals, %d %% sure)", int(math.Round(f.Confidence*100)))
		}
		lines = append(lines, s+".")
	}
	return lines
}

// forecastSpan is when all is expected to be over, "" where that is not known.
func forecastSpan(f *planner.Forecast) string {
	return budget.Span{Low: time.Duration(f.OverMin) * time.Second, High: time.Duration(f.OverMax) * time.Second}.String()
}
