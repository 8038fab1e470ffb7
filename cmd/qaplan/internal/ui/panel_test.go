package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
)

// panelOf is a run of n batches in the middle of everything.
func panelOf(n int) *panel {
	part := func(of154 int) int { return of154 * n / 154 }
	p := &panel{
		elapsed: 62 * time.Minute,
		phases: map[planner.Phase]int{
			planner.PhaseDone: part(47), planner.PhaseSucceeded: 3, planner.PhaseSubmitted: part(20), planner.PhaseUnknown: 1,
			planner.PhaseUploaded: 2, planner.PhaseFailed: 1, planner.PhaseHeld: 2,
		},
		up:   traffic{files: part(73), filesAll: part(124), bytes: int64(part(22_000_000)), bytesAll: int64(part(37_000_000)), rate: 1_200_000},
		down: traffic{files: part(47), filesAll: part(150), bytes: int64(part(31_400_000)), rate: 480_000},
		wait: wait{"next try", 100 * time.Second, "the service takes no more jobs for now: You exceeded your current quota, please check your plan and billing details"},
		outlook: apply.Outlook{
			Forecast: &planner.Forecast{AtOnce: 20, Waves: part(4), OverMin: 3 * 3600, OverMax: 5 * 3600},
			Spending: apply.Spending{Spent: budget.FromDollars(1.2), ToCome: budget.FromDollars(3.4)},
			Limits: []budget.Use{
				{Limit: budget.Limit{Budget: budget.ActiveJobs, Most: 100, Confidence: 1}, Used: 21},
				{Limit: budget.Limit{Budget: budget.EnqueuedTokens, Model: "gemini-2.5-flash", Most: 3_000_000, Learned: true, Confidence: 0.8}, Used: 2_910_000},
			},
			Purses: []apply.Purse{{Block: "refinement", Used: budget.FromDollars(4.6), Limit: budget.FromDollars(25)}},
		},
	}
	rest := n
	for _, m := range p.phases {
		rest -= m
	}
	p.phases[planner.PhaseAbsent] = rest
	return p
}

// The panel at the widths of terminals, small and large runs.
func TestPanel(t *testing.T) {
	for _, n := range []int{154, 10_000} {
		for _, width := range []int{40, 80, 120, 200} {
			lines := panelOf(n).lines(width-1, 23, Style{})
			golden(t, fmt.Sprintf("panel_%d_%d.txt", n, width), strings.Join(lines, "\n")+"\n")
			painted := panelOf(n).lines(width-1, 23, Painted(true))
			for i, l := range lines {
				if cells(l) >= width || strings.ContainsAny(l, "\x1b\r\n") {
					t.Errorf("width %d: %d columns: %q", width, cells(l), l)
				}
				if got := plainText(painted[i]); got != l {
					t.Errorf("width %d: painted it is %q, not %q", width, got, l)
				}
			}
			if len(lines) > 17 {
				t.Errorf("width %d: %d lines", width, len(lines))
			}
		}
	}
	golden(t, "panel_colour.txt", strings.Join(panelOf(154).lines(79, 23, Painted(true)), "\n")+"\n")
}

// Only the terminal's own colours are used, none as a background: what is seen
// on black is seen on white. What colour tells, a sign tells as well.
func TestPanelColours(t *testing.T) {
	text := strings.Join(panelOf(154).lines(79, 23, Painted(true)), "\n")
	for _, seq := range strings.Split(text, "\x1b[")[1:] {
		code, _, _ := strings.Cut(seq, "m")
		switch code {
		case "0", "1", "31", "32", "35", "36":
		default:
			t.Errorf("the sequence %q is used", code)
		}
	}
}

// What matters most stays on a low terminal.
func TestPanelHeight(t *testing.T) {
	for height := 1; height < 20; height++ {
		lines := panelOf(154).lines(79, height, Style{})
		text := strings.Join(lines, "\n")
		if len(lines) > height || !strings.HasPrefix(text, "Batches") {
			t.Errorf("height %d: %d lines:\n%s", height, len(lines), text)
		}
		if height >= 7 && (!strings.Contains(text, "\nNext ") || !strings.Contains(text, "\nTime ")) {
			t.Errorf("height %d lacks what comes next:\n%s", height, text)
		}
	}
}

// A terminal of a few columns, names as wide as they may be, and a run of which
// nothing is known yet break nothing.
func TestPanelExtremes(t *testing.T) {
	wide := panelOf(154)
	wide.outlook.Purses[0].Block = strings.Repeat("汉字", 20)
	wide.wait.why = strings.Repeat("汉字 ", 40)
	for _, p := range []*panel{wide, {}, {phases: map[planner.Phase]int{planner.PhaseAbsent: 1}}} {
		for width := 1; width < 90; width++ {
			for _, l := range p.lines(width, 23, Painted(true)) {
				if shownCells(l) > width {
					t.Fatalf("width %d: %d columns: %q", width, shownCells(l), l)
				}
			}
		}
	}
}

// Each phase that has batches is seen, and the bar is as long as it should be.
func TestShares(t *testing.T) {
	for _, tt := range []struct {
		counts []int
		width  int
		want   string
	}{
		{[]int{1, 1}, 10, "[5 5]"},
		{[]int{9999, 1, 0}, 10, "[9 1 0]"},
		{[]int{1, 0, 9999}, 10, "[1 0 9]"},
		{[]int{1, 1, 1}, 10, "[4 3 3]"},
		{[]int{0, 0}, 10, "[0 0]"},
		{[]int{1, 1, 1, 1}, 2, "[0 0 1 1]"},
		{[]int{5}, 0, "[0]"},
	} {
		if got := fmt.Sprint(shares(tt.counts, tt.width)); got != tt.want {
			t.Errorf("shares(%v, %d) = %s, want %s", tt.counts, tt.width, got, tt.want)
		}
	}
}
