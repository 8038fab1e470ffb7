package budget

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// scenario is a row of the table in the package's documentation.
type scenario struct {
	name   string
	rule   simRule
	limits Limits
	ratio  float64       // at most, to the clairvoyant scheduler
	apart  time.Duration // refusals on average at least; 0 allows none
}

func scenarios() []scenario {
	const apart = 15 * time.Minute
	return []scenario{
		{"(a)", ruleTokens(), Limits{TokensByModel: map[string]int64{simModel: 3_000_000}}, 1.10, 0},
		{"(b)", ruleTokens(), Limits{}, 1.30, apart},
		{"(c)", ruleJobs(), Limits{}, 1.30, apart},
		{"(d)", ruleRhythm(), Limits{}, 1.30, apart},
	}
}

// simSeeds is how many runs a row stands for. One long job that begins late
// decides how long 154 batches take, so a few of those say little.
func simSeeds(batches int) uint64 {
	if batches < 1000 {
		return 20
	}
	return 3
}

// measured is what the runs of a row come to.
type measured struct {
	took, best, bound time.Duration // sums
	worst             float64       // ratio of a single run
	refusals, calls   int
	handMade          int // the most that a run got sent
	runs              int
}

// The policy is held to its targets, and the table in the documentation to what
// was measured.
func TestScenarios(t *testing.T) {
	table := []string{
		"                        hours   ÷ clairvoyant   ÷ bound   minutes a   calls     by hand",
		"                                all    worst              refusal     a batch   sent",
	}
	for _, sc := range scenarios() {
		for _, n := range []int{154, 1000} {
			m := runAll(t, sc, n)
			table = append(table, m.row(sc, n))
		}
	}
	got, want := tableInDoc(t), strings.Join(table, "\n")
	if got != want {
		t.Errorf("the table in doc.go is not what was measured. It says:\n%s\nmeasured:\n%s", got, want)
	}
}

func runAll(t *testing.T, sc scenario, n int) measured {
	var m measured
	for seed := uint64(1); seed <= simSeeds(n); seed++ {
		batches := simBatches(n, seed)
		r := newSimRun(t, sc.rule, sc.limits, batches, seed)
		took, best := r.run(), clairvoyant(sc.rule, batches, seed)
		ratio, calls := took.Seconds()/best.Seconds(), float64(r.calls)/float64(n)
		t.Logf("%s %d batches, seed %d: %.1f h, %.3f of the clairvoyant, %d refusals, %.2f calls a batch", sc.name, n, seed, took.Hours(), ratio, r.refusals, calls)
		if allowed := took / max(sc.apart, 1); sc.apart == 0 && r.refusals > 0 || sc.apart > 0 && r.refusals > int(allowed) {
			t.Errorf("%s %d batches, seed %d: %d refusals", sc.name, n, seed, r.refusals)
		}
		if n >= 1000 && (ratio > sc.ratio || calls > 6) {
			t.Errorf("%s %d batches, seed %d: ratio %.3f, want at most %.2f; %.2f calls a batch, want at most 6", sc.name, n, seed, ratio, sc.ratio, calls)
		}
		m.took, m.best, m.bound = m.took+took, m.best+best, m.bound+shortest(sc.rule, batches, seed)
		m.worst = max(m.worst, ratio)
		m.refusals, m.calls, m.runs = m.refusals+r.refusals, m.calls+r.calls, m.runs+1
		m.handMade = max(m.handMade, handMade(sc.rule, batches, seed))
	}
	if ratio := m.took.Seconds() / m.best.Seconds(); ratio > sc.ratio {
		t.Errorf("%s %d batches: %.3f of the clairvoyant, want at most %.2f", sc.name, n, ratio, sc.ratio)
	}
	return m
}

func (m *measured) row(sc scenario, n int) string {
	refusal := "none"
	if m.refusals > 0 {
		refusal = fmt.Sprintf("%.0f", m.took.Minutes()/float64(m.refusals))
	}
	return fmt.Sprintf("%s %5d batches %12.1f %7.2f %7.2f %10.2f %9s %11.2f %9d", sc.name, n,
		m.took.Hours()/float64(m.runs), m.took.Seconds()/m.best.Seconds(), m.worst, m.took.Seconds()/m.bound.Seconds(),
		refusal, float64(m.calls)/float64(m.runs*n), m.handMade)
}

// tableInDoc is the table as doc.go has it.
func tableInDoc(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var table, block []string
	for line := range strings.Lines(string(text)) {
		row, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "//\t")
		if !ok {
			block = nil
			continue
		}
		if block = append(block, row); strings.Contains(block[0], "clairvoyant") {
			table = block
		}
	}
	if len(table) == 0 {
		t.Fatal("doc.go has no table")
	}
	return strings.Join(table, "\n")
}

// A policy that is made anew from its JSON at every look, as by runs one after
// the other on any machines, does what one that lives on does.
func TestRestoredBehavesTheSame(t *testing.T) {
	for _, sc := range scenarios() {
		batches := simBatches(154, 1)
		one := newSimRun(t, sc.rule, sc.limits, batches, 1)
		other := newSimRun(t, sc.rule, sc.limits, batches, 1)
		other.restore = true
		took, restored := one.run(), other.run()
		if took != restored || !slices.Equal(one.outcomes, other.outcomes) {
			t.Errorf("%s: %v with %d sends, restored %v with %d", sc.name, took, len(one.outcomes), restored, len(other.outcomes))
		}
	}
}

// Rules that were reported, or are thinkable, beside the four. Whatever the
// service does, the policy gets through, not much slower than if it knew the rule,
// and is refused a dozen times and then no more often than it allows itself.
func TestOtherRules(t *testing.T) {
	for _, tt := range []struct {
		rule  simRule
		ratio float64
	}{
		{simRule{name: "no limit"}, 1.05},
		{simRule{name: "one job at a time", jobs: 1}, 1.1},
		{simRule{name: "20 jobs, 40 after 6 hours", jobs: 20, laterAt: 6 * time.Hour, laterJobs: 40}, 1.2},
		{simRule{name: "20 jobs, 8 after 6 hours", jobs: 20, laterAt: 6 * time.Hour, laterJobs: 8}, 1.2},
		{simRule{name: "20 jobs and 5 M tokens", jobs: 20, tokens: 5_000_000}, 1.2},
		{simRule{name: "what a job held is free 2 hours later", jobs: 20, held: 2 * time.Hour}, 1.2},
		{simRule{name: "10 creates a minute", perWindow: 10, window: time.Minute}, 1.2},
		{simRule{name: "2 creates within 17 minutes", perWindow: 2, window: 17 * time.Minute}, 1.2},
		{simRule{name: "5 creates within 17 minutes", perWindow: 5, window: 17 * time.Minute}, 1.4},
		{simRule{name: "50 creates a day", perWindow: 50, window: 24 * time.Hour}, 1.2},
		{simRule{name: "20 jobs, and pauses after every third create", jobs: 20, burst: 3, from: 7 * time.Minute, to: 9 * time.Minute}, 1.2},
		{simRule{name: "3 M tokens, and pauses after every second create", tokens: 3_000_000, burst: 2, from: 10 * time.Minute, to: 12 * time.Minute}, 1.25},
		{simRule{name: "pauses of 5 to 60 minutes after each create", burst: 1, from: 5 * time.Minute, to: time.Hour}, 1.4},
	} {
		t.Run(tt.rule.name, func(t *testing.T) {
			const n = 300
			seed := uint64(1)
			batches := simBatches(n, seed)
			r := newSimRun(t, tt.rule, Limits{}, batches, seed)
			took, best := r.run(), clairvoyant(tt.rule, batches, seed)
			ratio := took.Seconds() / best.Seconds()
			t.Logf("seed %d: %.1f h, %.3f of the clairvoyant, %d refusals, %.2f calls a batch; knows %+v", seed, took.Hours(), ratio, r.refusals, float64(r.calls)/n, r.policy.Knowledge())
			if ratio > tt.ratio {
				t.Errorf("%.3f of the clairvoyant, want at most %.2f", ratio, tt.ratio)
			}
			if most := refusalBurst + int(took/refusalEvery); r.refusals > most {
				t.Errorf("%d refusals, want at most %d", r.refusals, most)
			}
		})
	}
}
