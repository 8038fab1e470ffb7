package emulator_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// spent adds up what the lines of an output say they used.
func spent(lines []outputRow) (p emulator.Purchase) {
	for _, r := range lines {
		if r.Response == nil {
			continue
		}
		u := r.Response.UsageMetadata
		p.InputTokens += int64(u.PromptTokenCount)
		p.OutputTokens += int64(u.CandidatesTokenCount)
		p.ThoughtsTokens += int64(u.ThoughtsTokenCount)
		p.CachedTokens += int64(u.CachedContentTokenCount)
	}
	return p
}

// tokensOf is the part of a purchase that spent gives.
func tokensOf(p emulator.Purchase) emulator.Purchase {
	return emulator.Purchase{InputTokens: p.InputTokens, OutputTokens: p.OutputTokens, ThoughtsTokens: p.ThoughtsTokens, CachedTokens: p.CachedTokens}
}

// TestSpent holds the books against the usage in the output, with every fate in
// it, and has nothing in them before the end.
func TestSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		share := 0.1
		a := openAPI(t, emulator.Config{Rows: emulator.RowFaults{
			ErrorShare: share, TruncatedShare: share, BlockedShare: share, EmptyShare: share, MissingShare: share,
			DuplicatedShare: share, InvalidShare: share, SwappedShare: share,
		}})
		lines := strings.ReplaceAll(string(requests(200, 0)), `"request":{`, `"request":{"cached_content":"cachedContents/guide",`)
		a.upload("in", []byte(lines))
		job := a.create("in", "")
		if p := purchases(t, a.server)[0]; tokensOf(p) != (emulator.Purchase{}) || p.CostUSD != 0 {
			t.Errorf("before the end: %+v", p)
		}
		time.Sleep(time.Minute)
		want := spent(rows(t, a.want(200, a.output(job)).body))
		for range 2 { // the second time, it is kept
			got := purchases(t, a.server)[0]
			if diff := cmp.Diff(want, tokensOf(got)); diff != "" {
				t.Errorf("tokens (-output +books):\n%s", diff)
			}
			cost := (float64(want.InputTokens-want.CachedTokens)*0.15 + float64(want.CachedTokens)*0.03 + float64(want.OutputTokens+want.ThoughtsTokens)*1.25) / 1e6
			if math.Abs(got.CostUSD-cost) > 1e-12 || want.CachedTokens < 1024 || cost == 0 {
				t.Errorf("cost %v of %+v, want %v", got.CostUSD, want, cost)
			}
		}
	})
}

// TestSpentWithoutSuccess looks at jobs that were ended early.
func TestSpentWithoutSuccess(t *testing.T) {
	for _, faults := range [][]emulator.Fault{
		{{Name: emulator.FaultJobFailed}},
		{{Name: emulator.FaultJobFailed}, {Name: emulator.FaultPartialOutput}},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{Faults: faults})
			job := a.run("in", requests(4, 0))
			var want emulator.Purchase
			if len(faults) > 1 {
				want = spent(rows(t, a.want(200, a.output(job)).body))
			}
			got := purchases(t, a.server)[0]
			if diff := cmp.Diff(want, tokensOf(got)); diff != "" || (got.CostUSD == 0) != (len(faults) == 1) {
				t.Errorf("cost %v, tokens (-output +books):\n%s", got.CostUSD, diff)
			}
		})
	}
}

// TestPrices buys one row of each price on days on which it holds.
func TestPrices(t *testing.T) {
	date := func(s string) time.Time {
		d, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, test := range []struct {
		model, at     string
		input, output float64
		long          bool
	}{
		{"gemini-2.5-flash", "2026-11-23 10:00:00", 0.15, 1.25, false},
		{"gemini-2.5-flash-lite", "2026-11-23 10:00:00", 0.05, 0.20, false},
		{"gemini-2.5-flash", "2026-11-23 10:00:00", 0.15, 1.25, true},
		{"gemini-2.5-pro", "2026-11-23 10:00:00", 0.625, 5, false},
		{"gemini-2.5-pro", "2026-11-23 10:00:00", 1.25, 7.50, true},
		{"gemini-3.8-flash", "2026-12-31 23:59:00", 0.375, 1.875, false},
		{"gemini-3.8-flash", "2027-01-01 00:00:00", 0.75, 3.75, false},
		{"gemini-4-argon", "2026-11-30 23:59:00", 1, 5, false},
		{"gemini-4-argon", "2026-12-01 00:00:00", 2, 10, false},
		{"gemini-2.0-flash-lite", "2026-11-23 10:00:00", 0, 0, false},
	} {
		now := date(test.at)
		a := openAPI(t, emulator.Config{Clock: func() time.Time { return now }})
		size := 0
		if test.long {
			size = 1_500_000 // characters, of which seven or fewer are a token
		}
		a.upload("in", requests(1, size))
		a.want(200, a.call("POST", "/v1/models/"+test.model+":batchGenerateContent", `{"batch":{"inputConfig":{"fileName":"files/in"}}}`))
		now = now.Add(time.Hour)
		p := purchases(t, a.server)[0]
		if test.long != (p.InputTokens > 200_000) || p.OutputTokens == 0 {
			t.Errorf("tokens %+v", p)
		}
		want := (float64(p.InputTokens)*test.input + float64(p.OutputTokens+p.ThoughtsTokens)*test.output) / 1e6
		if math.Abs(p.CostUSD-want) > 1e-12 {
			t.Errorf("%s costs %v, want %v", fmt.Sprint(test), p.CostUSD, want)
		}
	}
}
