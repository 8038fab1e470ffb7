package ui

import "slices"

// manyRanges is how many ranges of the same are shown apart; more than that are
// one line with gaps, so that a plan of any size fits on a screen.
const manyRanges = 8

// stretch is some numbers of one block: consecutive ones, or what is left of
// them once others are taken out.
type stretch struct {
	block       string
	first, last int
	n           int // numbers
	ranges      int // of consecutive numbers
}

func single(block string, number int) stretch { return stretch{block, number, number, 1, 1} }

func (s *stretch) gaps() bool { return s.ranges > 1 }

// String names the batches from the first to the last.
func (s *stretch) String() string { return span(s.block, s.first, s.last) }

// who names the batches in a sentence.
func (s *stretch) who() string {
	if s.n == 1 {
		return s.String()
	}
	words := s.String() + ", " + count(s.n, "batch")
	if s.gaps() {
		words += " with gaps"
	}
	return words
}

// add takes in another stretch of the same block that follows.
func (s *stretch) add(next stretch) {
	if s.last+1 != next.first {
		s.ranges++
	}
	s.ranges += next.ranges - 1
	s.last = next.last
	s.n += next.n
}

// mergeMany joins elements that are alike where they make more ranges than are
// shown apart. Elements are in the order of their numbers; key is "" for those
// that are never joined.
func mergeMany[T any](list []T, key func(*T) string, join func(into, next *T)) []T {
	ranges := map[string]int{}
	for i := range list {
		ranges[key(&list[i])]++
	}
	out := make([]T, 0, len(list))
	at := map[string]int{}
	for i := range list {
		k := key(&list[i])
		if k == "" || ranges[k] <= manyRanges {
			out = append(out, list[i])
			continue
		}
		if j, seen := at[k]; seen {
			join(&out[j], &list[i])
			continue
		}
		at[k] = len(out)
		out = append(out, list[i])
	}
	return slices.Clip(out)
}
