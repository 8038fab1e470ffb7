//go:build ci

package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
)

// The rules as written, on plans of the real binary and on what they could hold.
func TestCIPolicy(t *testing.T) {
	s := newSite(t, 3)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: quick.QueueTime, RunTime: quick.RunTime})
	s.write("qaplan.hcl", strings.Replace(strings.ReplaceAll(siteConfig, "%d", "3"), "output_dir", "price {\n    input  = 1\n    output = 1\n  }\n  output_dir", 1))
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait", "--target", "batch.qa[1-2]")
	fresh := s.mustRun(exitDone, "plan", "--json").stdout.String()
	rerun := s.mustRun(exitDone, "plan", "--json", "--rerun", "batch.qa[1]").stdout.String()

	change := func(i int, key string, v any) func(map[string]any) {
		return func(plan map[string]any) {
			c := plan["changes"].([]any)[i].(map[string]any)
			if detail, ok := c["detail"].(map[string]any); ok && key != "reason" && key != "actions" {
				c = detail
			}
			if v == nil {
				delete(c, key)
				return
			}
			c[key] = v
		}
	}
	within := func(object, key string, v any) func(map[string]any) {
		return func(plan map[string]any) { plan[object].(map[string]any)[key] = v }
	}
	tests := []struct {
		name, plan string
		edit       func(map[string]any)
		want       string // "" for a plan that keeps to the rules
	}{
		{"as it is", fresh, nil, ""},
		{"dear", fresh, within("estimate", "cost_usd", 25.01), "costs about $25.01, more than $25"},
		{"just cheap enough", fresh, within("estimate", "cost_usd", 25), ""},
		{"many jobs", fresh, within("summary", "create", 51), "buys 51 jobs, more than 50"},
		{"many rows", fresh, within("estimate", "requests", 100001), "buys 100001 rows, more than 100000"},
		{"another model", fresh, change(0, "model", "gemini-9"), "buys from the model gemini-9, which is not approved: batch.qa[3]"},
		{"no cost", fresh, change(0, "cost_usd", nil), "has purchases whose cost is not known: batch.qa[3]"},
		{"asked for again", rerun, nil, "buys again as asked with --rerun: batch.qa[1]"},
		{"a second time", fresh, change(0, "again", true), "buys a second time: batch.qa[3]"},
		{"only fetched", fresh, func(plan map[string]any) {
			change(0, "actions", []string{"download"})(plan)
			change(0, "model", "gemini-9")(plan)
		}, ""},
		{"no plan", `{"version":1}`, nil, "this is no plan that these rules were written for"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var plan map[string]any
			if err := json.Unmarshal([]byte(tt.plan), &plan); err != nil {
				t.Fatal(err)
			}
			if tt.edit != nil {
				tt.edit(plan)
			}
			text, err := json.Marshal(plan)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("jq", "--raw-output", "--from-file", "../../examples/ci/policy/qaplan-policy.jq")
			cmd.Stdin = strings.NewReader(string(text))
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); (tt.want == "") != (err == nil) || err != nil && code != 1 {
				t.Errorf("exit code %d: %s", code, out)
			}
			want := "qaplan-policy: the plan keeps to the limits\n"
			if tt.want != "" {
				want = tt.want
			}
			if lines := strings.Count(string(out), "\n"); !strings.Contains(string(out), want) || lines != 1 {
				t.Errorf("it says:\n%s", out)
			}
		})
	}
}
