package ui

import (
	"strings"
	"testing"
)

// found is what a report may give: every verdict, a text that disagrees with
// itself, ids without a number.
func found() Pairs {
	return Pairs{
		Judged: []JudgedPair{
			{Address: addr("refinement", 72), ID: "files/z1lupf7w76in", Verdict: PairVerified, Why: "its bytes are the source's"},
			{Address: addr("refinement", 51), ID: "batches/ej8mfplrwj9lhg9i1k0fibc1m5qhnxaqlmeq", Verdict: PairVerified, Why: "its input holds the source's bytes"},
			{Address: addr("refinement", 52), ID: "batches/stgtetixp5xxw0nzm5uv4n7tjgpftfl27nbw", Verdict: PairUnverified, Why: "same model and number of rows", Said: `same line: "(batch 052)"`, Line: 41},
			{Address: addr("refinement", 53), ID: "batches/ci3inwvjsfr1ji925xcz2yly0po6hr1jfjnu", Verdict: PairContradicted, Why: "it has 90 rows, and the source has 100"},
			{Address: addr("refinement", 54), ID: "batches/g0nyg6kct41eudmjcuvhvu1j9vshgd7khkro", Verdict: PairRecorded},
			{Address: addr("refinement", 55), ID: "batches/3sm5rg8t2acxfsviyrwtkrtxtzavxke7hlj9", Verdict: PairUnverified, Said: "2 lines above: \"\x1b[2JBatch 55\"", Line: 7},
		},
		Clashes: []Clash{{
			Why: "batches/eyrbhb9p3mpo6wl6m22ueqx500lv22c1idlz is said to be batch 56 and batch 57",
			Said: []LooseID{
				{ID: "batches/eyrbhb9p3mpo6wl6m22ueqx500lv22c1idlz", Line: 9, Why: `same line: "batch 56"`},
				{ID: "batches/eyrbhb9p3mpo6wl6m22ueqx500lv22c1idlz", Line: 120, Why: `same line: "batch 57"`},
			},
		}},
		Loose: []LooseID{
			{ID: "files/in-0003", Line: 90, Why: "no batch number stands next to it"},
			{ID: "batches/969rmcbvvmyg6a4cp892wezizoqv3lew7pg3", Line: 101, Why: "several batch numbers stand equally near: 51 and 52"},
		},
	}
}

func TestRenderPairs(t *testing.T) {
	golden(t, "pairs.txt", RenderPairs(found(), PairsView{File: "report.md"}))
	golden(t, "pairs_80.txt", RenderPairs(found(), PairsView{File: "report.md", Width: 80}))
	golden(t, "pairs_120.txt", RenderPairs(found(), PairsView{File: "report.md", Width: 120, Style: Painted(true)}))
}

// Ids are there to be copied, whatever the width.
func TestPairsKeepIDsWhole(t *testing.T) {
	for width := range 130 {
		got := RenderPairs(found(), PairsView{File: "report.md", Width: width, Style: Painted(true)})
		for _, p := range found().Judged {
			if !strings.Contains(got, p.ID+" ") {
				t.Errorf("%d columns: %s is broken in\n%s", width, p.ID, got)
			}
		}
	}
}

func TestPairsLine(t *testing.T) {
	for _, tt := range []struct {
		want  string
		pairs []JudgedPair
	}{
		{"No pairs found.", nil},
		{"6 found: 2 verified, 2 unverified, 1 contradicted, 1 recorded.", found().Judged},
		{"1 found: 1 verified.", found().Judged[:1]},
	} {
		if got := PairsLine(tt.pairs); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
