package batchfile

import (
	"strings"
	"testing"
)

// TestScanOutputLimits sums what the requests allow as output; candidates
// multiply it.
func TestScanOutputLimits(t *testing.T) {
	row := func(key, config string) string {
		return `{"key":"` + key + `","request":{"contents":[{"parts":[{"text":"a"}]}]` + config + "}}\n"
	}
	for _, tt := range []struct {
		name, text string
		limit      int64
		unlimited  int
	}{
		{"none", row("a", ""), 0, 1},
		{"snake", row("a", `,"generation_config":{"max_output_tokens":2048}`), 2048, 0},
		{"camel", row("a", `,"generationConfig":{"maxOutputTokens":"2048"}`), 2048, 0},
		{"candidates", row("a", `,"generation_config":{"candidateCount":3,"max_output_tokens":100}`), 300, 0},
		{"some", row("a", `,"generation_config":{"max_output_tokens":100}`) + row("b", `,"generation_config":{"temperature":1}`), 100, 1},
		{"no number", row("a", `,"generation_config":{"max_output_tokens":-1}`), 0, 1},
		{"too large", row("a", `,"generation_config":{"max_output_tokens":99999999999999999999,"candidate_count":300}`), 0, 1},
		{"beside", row("a", `,"max_output_tokens":100`), 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sum, _, err := Scan(t.Context(), strings.NewReader(tt.text), ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if sum.OutputLimit != tt.limit || sum.Unlimited != tt.unlimited {
				t.Errorf("got %d and %d without, want %d and %d", sum.OutputLimit, sum.Unlimited, tt.limit, tt.unlimited)
			}
		})
	}
}
