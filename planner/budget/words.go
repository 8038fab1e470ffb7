package budget

import (
	"fmt"
	"time"
)

// quantity writes a number in the unit that fits another one; unit names it.
func quantity(n, like int64) string {
	switch {
	case like >= 1e9:
		return tenths(n, 1e9)
	case like >= 1e6:
		return tenths(n, 1e6)
	case like >= 1e4:
		return tenths(n, 1e3)
	}
	return fmt.Sprint(n)
}

func unit(like int64) string {
	switch {
	case like >= 1e9:
		return " G"
	case like >= 1e6:
		return " M"
	case like >= 1e4:
		return " k"
	}
	return ""
}

// tenths gives n in units, with one digit behind the point.
func tenths(n, unit int64) string {
	t := n / (unit / 10)
	return fmt.Sprintf("%d.%d", t/10, t%10)
}

// Span is a range of lengths of time.
type Span struct{ Low, High time.Duration }

// rounded widens a span to plain units: ten minutes below two hours, hours below
// three days, half days above.
func (s Span) rounded() Span {
	unit := spanUnit(s.High)
	s.Low = s.Low / unit * unit
	s.High = (s.High + unit - 1) / unit * unit
	return s
}

func spanUnit(d time.Duration) time.Duration {
	switch {
	case d <= 2*time.Hour:
		return 10 * time.Minute
	case d <= 72*time.Hour:
		return time.Hour
	}
	return 12 * time.Hour
}

// String writes the span, such as "14 to 18 h", or "" for one that is not known.
func (s Span) String() string {
	if s.High <= 0 {
		return ""
	}
	var name string
	var one time.Duration
	switch spanUnit(s.High) {
	case 10 * time.Minute:
		name, one = "min", time.Minute
	case time.Hour:
		name, one = "h", time.Hour
	default:
		name, one = "days", 24*time.Hour
	}
	count := func(d time.Duration) string {
		if d%one != 0 {
			return fmt.Sprintf("%d.%d", d/one, d%one*10/one)
		}
		return fmt.Sprint(int64(d / one))
	}
	switch {
	case s.Low <= 0:
		return "up to " + count(s.High) + " " + name
	case s.Low == s.High:
		return count(s.High) + " " + name
	}
	return count(s.Low) + " to " + count(s.High) + " " + name
}
