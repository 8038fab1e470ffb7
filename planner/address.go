package planner

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Address names one batch: the label of its block and its number.
// A number is what the file name says, never a position.
type Address struct {
	Block  string
	Number int
}

// String gives the form used everywhere, such as batch.refinement[72].
func (a Address) String() string {
	return "batch." + a.Block + "[" + strconv.Itoa(a.Number) + "]"
}

// Compare orders by block, then by number.
func (a Address) Compare(b Address) int {
	return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Number, b.Number))
}

// MarshalText makes addresses usable as JSON keys.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText accepts exactly what MarshalText writes.
func (a *Address) UnmarshalText(text []byte) error {
	s, err := ParseSelector(string(text))
	if err != nil {
		return err
	}
	if s.Whole || s.First != s.Last {
		return fmt.Errorf("read address %q: it names more than one batch; write it like batch.NAME[72]", text)
	}
	if s.String() != string(text) {
		return fmt.Errorf("read address %q: it is written %s", text, s)
	}
	*a = Address{Block: s.Block, Number: s.First}
	return nil
}

// Selector is what a command line may name: one batch, a range of numbers, or
// a whole block.
type Selector struct {
	Block       string
	First, Last int  // inclusive; meaningless when Whole
	Whole       bool // batch.NAME without a number
}

// ParseSelector reads batch.NAME, batch.NAME[72] and batch.NAME[72-80].
func ParseSelector(s string) (Selector, error) {
	fail := func(why string) (Selector, error) {
		return Selector{}, fmt.Errorf("read address %q: %s; write it like batch.NAME[72], batch.NAME[72-80] or batch.NAME", s, why)
	}
	rest, ok := strings.CutPrefix(s, "batch.")
	if !ok {
		return fail("it does not start with \"batch.\"")
	}
	name, index, indexed := strings.Cut(rest, "[")
	if !ValidLabel(name) {
		return fail("the block's name may hold letters, digits, _ and -, and starts with no digit")
	}
	if !indexed {
		return Selector{Block: name, Whole: true}, nil
	}
	index, ok = strings.CutSuffix(index, "]")
	if !ok {
		return fail("the closing bracket is missing")
	}
	from, to, ranged := strings.Cut(index, "-")
	first, err := parseNumber(from)
	if err != nil {
		return fail(err.Error())
	}
	last := first
	if ranged {
		if last, err = parseNumber(to); err != nil {
			return fail(err.Error())
		}
	}
	if last < first {
		return fail("the range ends before it starts")
	}
	return Selector{Block: name, First: first, Last: last}, nil
}

func parseNumber(s string) (int, error) {
	if s == "" {
		return 0, errors.New("a number is missing")
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%q is not a number", s)
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", s)
	}
	return n, nil
}

// ValidLabel reports whether s may label a block: letters, digits, "_" and
// "-", with no digit first.
func ValidLabel(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '-')) {
			return false
		}
	}
	return s != ""
}

// MarshalText gives the form that ParseSelector reads.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what ParseSelector does.
func (s *Selector) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSelector(string(text))
	return err
}

// Contains reports whether a is among the batches that s names.
func (s Selector) Contains(a Address) bool {
	return a.Block == s.Block && (s.Whole || s.First <= a.Number && a.Number <= s.Last)
}

// String gives the form that ParseSelector reads.
func (s Selector) String() string {
	switch {
	case s.Whole:
		return "batch." + s.Block
	case s.First == s.Last:
		return Address{Block: s.Block, Number: s.First}.String()
	default:
		return fmt.Sprintf("batch.%s[%d-%d]", s.Block, s.First, s.Last)
	}
}
