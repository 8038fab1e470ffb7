package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPrice(t *testing.T) {
	for text, want := range map[string]*Price{
		"": nil,
		"price {\n input = 0.15\n output = 1.25\n}":                {Input: 0.15, Output: 1.25, Cached: 0.15},
		"price {\n input = 2\n output = 0\n cached = null\n}":      {Input: 2, Cached: 2},
		"price {\n input = \"10000\"\n output = 1\n cached = 0\n}": {Input: 10000, Output: 1},
	} {
		b := &load(t, block(text)).Blocks[0]
		if diff := cmp.Diff(want, b.Price); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
		if b.MaxCost != 0 {
			t.Errorf("%q: a limit of %v, want none", text, b.MaxCost)
		}
	}
}

func TestEnqueuedTokens(t *testing.T) {
	some := Rate{MaxEnqueuedTokens: map[string]int64{"a": 5}}
	all := Rate{MaxEnqueuedTokensAll: 7}
	var none Rate
	got := []int64{some.EnqueuedTokens("a"), some.EnqueuedTokens("b"), all.EnqueuedTokens("a"), none.EnqueuedTokens("a")}
	if diff := cmp.Diff([]int64{5, 0, 7, 0}, got); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
}
