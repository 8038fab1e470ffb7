package config

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What is written by hand accepts what these expressions accept, which are too
// dear to compile at every start.
func TestFormsAreThoseOfExpressions(t *testing.T) {
	forms := []struct {
		name    string
		pattern string
		is      func(string) bool
		pieces  []string
	}{
		{"model", `^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`, isModel, []string{"a", "z9", "gemini", ".", "-", "_", "2", "A", "é", " "}},
		{"service name", `^(?:batches|files)/[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`, isServiceName,
			[]string{"batches/", "files/", "a", "-", "_", "Z", "/", "0", strings.Repeat("x", 126), "ß", "\n"}},
		{"bare ID", `^[a-z0-9]{12,64}$`, isBareID, []string{"a", "0", strings.Repeat("z", 11), strings.Repeat("9", 50), "A", "-", "\n"}},
		{"reason", `^[A-Z][A-Z0-9_]{0,63}$`, isReason, []string{"A", "STOP", "_", "0", "a", strings.Repeat("X", 60), " "}},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, f := range forms {
		pattern, seen := regexp.MustCompile(f.pattern), map[bool]int{}
		for range 20_000 {
			var b strings.Builder
			for range rng.IntN(7) {
				b.WriteString(f.pieces[rng.IntN(len(f.pieces))])
			}
			s := b.String()
			want := pattern.MatchString(s) && (f.name != "model" || len(s) <= 100)
			seen[want]++
			if got := f.is(s); got != want {
				t.Fatalf("%s %q: %v, want %v", f.name, s, got, want)
			}
		}
		if seen[true] < 100 || seen[false] < 100 {
			t.Errorf("%s: the texts tell nothing: %v", f.name, seen)
		}
	}
}

func TestKeysAreThoseOfAnExpression(t *testing.T) {
	pattern := regexp.MustCompile(`AIza[0-9A-Za-z_-]{35,}|\bAQ\.[0-9A-Za-z_-]{20,}`)
	pieces := []string{"AIza", "AQ.", "A", "_", "-", ".", " ", "é", "x", strings.Repeat("k", 15), strings.Repeat("7", 19), strings.Repeat("Q", 34), "\n"}
	rng, found := rand.New(rand.NewPCG(3, 4)), 0
	for range 50_000 {
		var b strings.Builder
		for range rng.IntN(12) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		s := b.String()
		var want [][2]int
		for _, m := range pattern.FindAllStringIndex(s, -1) {
			want = append(want, [2]int(m))
		}
		found += len(want)
		if got := keysIn(s); !slices.Equal(got, want) {
			t.Fatalf("keys of %q: %v, want %v", s, got, want)
		}
		if got, want := hideKeys(s), pattern.ReplaceAllString(s, "********"); got != want {
			t.Fatalf("%q is shown as %q, want %q", s, got, want)
		}
	}
	if found < 1000 {
		t.Errorf("only %d keys were made", found)
	}
}
