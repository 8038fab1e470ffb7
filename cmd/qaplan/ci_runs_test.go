//go:build ci

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
)

// branchConfig keeps state and results in the folder that the workflows fill from
// the state's branch.
func branchConfig(batches int) string {
	return fmt.Sprintf(strings.NewReplacer(
		sharedState, `backend "local" { path = "qaplan-data/qaplan.state.json" }`,
		"var.results", `"qaplan-data/results"`,
		"variable \"state\" {}\nvariable \"results\" {}\n\n", "",
	).Replace(sharedConfig), batches)
}

// onBranch is a project whose state is on a branch, with one pull request merged
// and nothing applied yet.
func onBranch(t *testing.T, sources, declared int) (p *project, pull int) {
	t.Helper()
	p = newProject(t, sources)
	p.serve(filepath.Join(t.TempDir(), "service"), quick)
	p.workflows.source = func(file string) string { return p.editedWith(file, "qaplan-state") }
	pull, run := p.propose("qaplan.hcl", branchConfig(declared))
	if run.failed || !strings.Contains(run.log, "There is no branch qaplan-state yet") {
		t.Fatalf("the plan failed:\n%s", run.log)
	}
	p.mergeAlone(pull)
	return p, pull
}

// Without a bucket, state and results are on a branch: each run begins with what
// the one before left there.
func TestCIStateOnABranch(t *testing.T) {
	p, pull := onBranch(t, 3, 3)
	if run := p.schedule(); run.failed { // the run of the merge itself gave way to it
		t.Fatalf("the apply failed:\n%s", run.log)
	}
	p.until(pull, "3 done, 0 failed, 0 held")
	p.mustHaveBought(3)
	second, run := p.propose("notes.txt", "Nothing for qaplan.\n")
	p.mustSay(second, "qaplan:plan", "### qaplan: no changes", "3 done")
	if run.failed {
		t.Errorf("the plan failed:\n%s", run.log)
	}
	p.git(p.clone, "fetch", "--quiet", "origin")
	p.git(p.clone, "checkout", "--quiet", "--detach", "origin/qaplan-state")
	if err := checkAnswers(p.path("in"), filepath.Join(p.clone, "results"), 3); err != nil {
		t.Error(err)
	}
	if files := p.git(p.clone, "ls-files"); strings.Contains(files, ".lock") || !strings.Contains(files, "qaplan.state.json") {
		t.Errorf("the branch holds:\n%s", files)
	}
}

// A machine that vanishes takes with it what it had not pushed. The next run finds
// at the service what the branch does not know.
func TestCIMachineVanishesWithTheState(t *testing.T) {
	p, pull := onBranch(t, 4, 1)
	p.until(pull, "1 done, 0 failed, 0 held")
	second, _ := p.propose("qaplan.hcl", branchConfig(4))
	p.mergeAlone(second)
	p.killedAt(2)
	if got := p.bought(); got < 2 {
		t.Fatalf("%d jobs were bought before the kill", got)
	}
	p.until(second, "4 done, 0 failed, 0 held")
	p.mustHaveBought(4)
}

// The button Cancel tells the shell alone. It passes it on, qaplan records what is
// in flight and ends, and the state is kept all the same.
func TestCICancel(t *testing.T) {
	p, pull := onBranch(t, 3, 3)
	run, err := p.workflows.begin("qaplan-apply.yml", "apply", event{name: "schedule"})
	if err != nil {
		t.Fatal(err)
	}
	p.onCall(callCreate, 1, run.cancel, nil)
	ended := run.play()
	p.front.setWatch(nil)
	if !strings.Contains(ended.log, "::error title=qaplan::The run was cancelled.") || ended.outcomes["Keep the state's branch"] != "success" || ended.outcomes["Tell"] != "skipped" {
		t.Errorf("outcomes %v:\n%s", ended.outcomes, ended.log)
	}
	if !strings.Contains(ended.log, "Interrupted: calls in flight are finished and recorded") {
		t.Errorf("qaplan was not told:\n%s", ended.log)
	}
	p.git(p.clone, "fetch", "--quiet", "origin")
	if state := p.git(p.clone, "show", "origin/qaplan-state:qaplan.state.json"); !strings.Contains(state, "batches/") {
		t.Errorf("the branch does not know the job that was bought:\n%s", state)
	}
	p.until(pull, "3 done, 0 failed, 0 held")
	p.mustHaveBought(3)
}

// The rules of the branch that is merged into are asked, not those that the pull
// request brings.
func TestCIPolicyInAPullRequest(t *testing.T) {
	p := newProject(t, 3)
	p.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{})
	rules, err := os.ReadFile("../../examples/ci/policy/qaplan-policy.jq")
	if err != nil {
		t.Fatal(err)
	}
	config := strings.Replace(fmt.Sprintf(sharedConfig, 3), "gemini-2.5-flash", "gemini-2.5-pro", 1)
	n, run := p.propose("qaplan.hcl", config)
	if run.failed || run.outcomes["Policy"] != "success" { // there are no rules yet
		t.Fatalf("outcomes %v:\n%s", run.outcomes, run.log)
	}
	p.git(p.clone, "checkout", "--quiet", "-B", "main", "origin/main")
	p.put("qaplan-policy.jq", string(rules))
	p.commit("Rules")
	p.git(p.clone, "push", "--quiet", "origin", "main")
	p.git(p.clone, "checkout", "--quiet", fmt.Sprint("change-", n))
	p.put("qaplan-policy.jq", `"anything goes"`)
	p.commit("No rules")
	p.git(p.clone, "merge", "--quiet", "-s", "ours", "-m", "Merge main", "main")
	p.git(p.clone, "push", "--quiet", "origin", "HEAD")
	run = p.plan(n, false)
	if !run.failed || run.outcomes["Policy"] != "failure" || run.outcomes["Keep the plan"] != "skipped" || !strings.Contains(run.summary, "buys from the model gemini-2.5-pro, which is not approved: batch.qa[1], batch.qa[2], batch.qa[3]") {
		t.Errorf("outcomes %v:\n%s\n%s", run.outcomes, run.log, run.summary)
	}
	p.mustSay(n, "qaplan:plan", "3 jobs to buy")
}
