//go:build ci

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ending is a program in the place of qaplan that ends as it is told and says what
// qaplan says; STUB_CODE has the code of plan and apply.
const ending = `#!/bin/bash
echo "$*" >>"$STUB_CALLS"
case ${QAPLAN_VAR_state:-} in
  file://*/.qaplan/nothing/qaplan.state.json) echo "with an empty state" >>"$STUB_CALLS" ;;
esac
out=/dev/stdout
plan() {
  printf '{"digest":"sha256:%064d","config_digest":"%s","inputs_digest":"i"}\n' 7 "$(cat qaplan.hcl 2>/dev/null)"
}
while [ $# -gt 0 ]; do
  case $1 in
    plan | apply | show) command=$1 ;;
    --output) out=$2 ;;
    --out) plan >"$2" ;;
    json) plan; exit 0 ;;
  esac
  shift
done
code=$STUB_CODE
case $command in
  show) echo "the state"; exit 0 ;;
  apply) echo "Apply complete: 0 uploaded, 1 created." ;;
  plan)
    case $code in
      0 | 2 | 3 | 5) printf '<!-- qaplan:plan qaplan.hcl -->\n<!-- qaplan:digest sha256:%064d -->\nthe plan\n' 7 >"$out" ;;
    esac
    if [ "$code" = 5 ]; then code=0; fi
    ;;
esac
exit "$code"
`

// stubbed is a project whose qaplan only ends with codes.
func stubbed(t *testing.T) (p *project, calls func() string) {
	t.Helper()
	p = newProject(t, 1)
	dir := t.TempDir()
	p.workflows.binary = filepath.Join(dir, "qaplan")
	if err := os.WriteFile(p.workflows.binary, []byte(ending), 0o777); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "calls")
	p.workflows.env["STUB_CALLS"] = log
	return p, func() string {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(log); err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

// calls counts all that reached the service.
func (p *project) calls() (n int64) {
	p.t.Helper()
	for _, of := range p.ledger().Calls {
		n += of
	}
	return n
}

func (p *project) approved() string {
	p.t.Helper()
	return strings.Fields(p.git(p.clone, "ls-remote", "origin", "refs/heads/qaplan-approved") + " none")[0]
}

// What each exit code of a plan becomes in a pull request.
func TestCIEndsOfAPlan(t *testing.T) {
	tests := []struct {
		code   int
		failed bool
		log    string
		says   string
	}{
		{0, false, "::notice title=qaplan::No changes.", "the plan"},
		{1, true, "::error title=qaplan::There is no plan (exit code 1)", "### qaplan: there is no plan"},
		{2, false, "::notice title=qaplan::There are changes", "the plan"},
		{3, true, "::error title=qaplan::A limit on money refuses", "the plan"},
		{4, true, "::error title=qaplan::There is no plan (exit code 4)", "### qaplan: there is no plan"},
		{130, true, "::error title=qaplan::There is no plan (exit code 130)", "### qaplan: there is no plan"},
	}
	p, calls := stubbed(t)
	n := 0
	for _, tt := range tests {
		p.workflows.env["STUB_CODE"] = fmt.Sprint(tt.code)
		var run *ran
		if n == 0 {
			n, run = p.propose("qaplan.hcl", "# nothing")
		} else {
			run = p.plan(n, false)
		}
		if run.failed != tt.failed || !strings.Contains(run.log, tt.log) {
			t.Errorf("code %d: failed is %t, want %t, with %q:\n%s", tt.code, run.failed, tt.failed, tt.log, run.log)
		}
		p.mustSay(n, "qaplan:plan", tt.says)
		if !strings.Contains(run.summary, tt.says) {
			t.Errorf("code %d: the summary is %q", tt.code, run.summary)
		}
		if strings.Contains(calls(), "--refresh=false") {
			t.Errorf("code %d: planned without the service, and there is a key", tt.code)
		}
	}
}

// A fork gets no key and cannot comment; it sees its plan in the summary.
func TestCIPlanOfAFork(t *testing.T) {
	p, calls := stubbed(t)
	p.workflows.env["STUB_CODE"] = "2"
	n, _ := p.propose("qaplan.hcl", "# nothing")
	calls()
	before := p.forge.writes
	run := p.plan(n, true)
	if run.failed || run.outcomes["Comment"] != "skipped" || run.outcomes["Keep the plan"] != "skipped" || p.forge.writes != before {
		t.Errorf("failed is %t, outcomes %v", run.failed, run.outcomes)
	}
	if !strings.Contains(calls(), "plan --refresh=false") || !strings.Contains(run.summary, "Planned without the key") || !strings.Contains(run.summary, "the plan") {
		t.Errorf("the summary is %q", run.summary)
	}
}

// What a fork would buy is planned as if nothing was bought where the state is in a
// bucket that it cannot reach, and from the state where that is on a branch.
func TestCIPlanOfAForkIsReal(t *testing.T) {
	for _, branch := range []string{"", "qaplan-state"} {
		t.Run("branch "+branch, func(t *testing.T) {
			p := newProject(t, 3)
			p.serve(filepath.Join(t.TempDir(), "service"), quick)
			p.workflows.source = func(file string) string { return p.editedWith(file, branch) }
			config, want := func(n int) string { return fmt.Sprintf(sharedConfig, n) }, "### qaplan: 3 jobs to buy"
			if branch != "" {
				config, want = branchConfig, "### qaplan: 1 job to buy"
			}
			first, _ := p.propose("qaplan.hcl", config(2))
			p.merge(first)
			p.until(first, "2 done, 0 failed, 0 held")
			second, _ := p.propose("qaplan.hcl", config(3))
			p.mustSay(second, "qaplan:plan", "### qaplan: 1 job to buy", "2 done")
			calls := p.calls()
			if run := p.plan(second, true); run.failed || !strings.Contains(run.summary, "Planned without the key") || !strings.Contains(run.summary, want) {
				t.Errorf("the summary is\n%s\n%s", run.summary, run.log)
			}
			if got := p.calls() - calls; got != 0 {
				t.Errorf("the plan of a fork called the service %d times", got)
			}
		})
	}
}

// What each exit code of an apply becomes: whether the run is red, and what the
// comment says. The plan counts as approved whatever becomes of it.
func TestCIEndsOfAnApply(t *testing.T) {
	tests := []struct {
		code             int
		failed           bool
		annotation, says string
	}{
		{0, false, "notice", "All is done."},
		{1, true, "error", "The run failed"},
		{2, false, "notice", "Work remains, and nothing is wrong"},
		{3, true, "error", "A limit on money refuses"},
		{4, false, "warning", "Another run holds the state"},
		{5, true, "error", "is not the one that was reviewed"},
		{6, true, "error", "Some batches need a person"},
		{130, true, "error", "The run was cancelled"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.code), func(t *testing.T) {
			p, calls := stubbed(t)
			p.workflows.env["STUB_CODE"] = "2"
			n, _ := p.propose("qaplan.hcl", "# nothing")
			calls()
			p.workflows.env["STUB_CODE"] = fmt.Sprint(tt.code)
			sha := p.mergeAlone(n)
			run := p.apply(event{name: "push", sha: sha})
			if run.failed != tt.failed || !strings.Contains(run.log, "::"+tt.annotation+" title=qaplan::") {
				t.Errorf("failed is %t, want %t with an %s:\n%s", run.failed, tt.failed, tt.annotation, run.log)
			}
			if p.approved() != sha {
				t.Error("the plan does not count as approved")
			}
			c := p.mustSay(n, "qaplan:apply", tt.says, fmt.Sprint("Exit code ", tt.code), "Apply complete: 0 uploaded, 1 created.")
			if !strings.HasPrefix(run.summary, c.Body) || !strings.Contains(run.summary, "the state") {
				t.Errorf("the summary is %q", run.summary)
			}
			if tt.code == 5 && !strings.Contains(c.Body, "\nthe plan\n") {
				t.Errorf("the comment does not show the plan as it is now:\n%s", c.Body)
			}
			const want = "\napply --auto-approve --detailed-exitcode --lock-timeout 10m --timeout 20m\n"
			if got := calls(); strings.Count(got, want) != 1 || strings.Count(got, "apply ") != 1 {
				t.Errorf("it called:\n%s", got)
			}
			p.apply(event{name: "schedule"}) // goes on with it
			if got := calls(); !strings.HasPrefix(got, want[1:]) || strings.Count(got, "apply ") != 1 {
				t.Errorf("the schedule called:\n%s", got)
			}
		})
	}
}

// Nothing is bought that nobody reviewed, whoever says so.
func TestCINothingUnreviewedIsBought(t *testing.T) {
	p, calls := stubbed(t)
	p.workflows.env["STUB_CODE"] = "2"
	n, _ := p.propose("qaplan.hcl", "# nothing")
	p.merge(n)
	first := p.approved()
	calls()

	// A push to main without a pull request.
	p.git(p.clone, "checkout", "--quiet", "-B", "main", "origin/main")
	p.git(p.clone, "pull", "--quiet", "origin", "main")
	p.put("qaplan.hcl", "# smuggled in")
	p.commit("Smuggle")
	p.git(p.clone, "push", "--quiet", "origin", "main")
	run := p.apply(event{name: "push"})
	if got := calls(); !run.failed || !strings.HasPrefix(got, "apply --auto-approve --detailed") || strings.Count(got, "apply ") != 1 || p.approved() != first {
		t.Errorf("failed is %t, approved is moved: %t, called:\n%s", run.failed, p.approved() != first, got)
	}
	if text, _ := os.ReadFile(filepath.Join(run.dir, "qaplan.hcl")); string(text) != "# smuggled in" {
		// Tell has gone back to main to show its plan.
		t.Errorf("the run ended on %q", text)
	}

	// A pull request that was planned before another changed the config.
	n, _ = p.propose("notes.txt", "Planned with the config that is there.\n")
	p.git(p.clone, "checkout", "--quiet", "-B", "main", "origin/main")
	p.put("qaplan.hcl", "# smuggled in after that")
	p.commit("Smuggle")
	p.git(p.clone, "push", "--quiet", "origin", "main")
	calls()
	p.merge(n)
	if got := calls(); strings.Count(got, "apply ") != 1 || p.approved() != first {
		t.Errorf("a plan of another config was accepted:\n%s", got)
	}
	p.mustSay(n, "qaplan:apply", "is not the one that was reviewed", "Exit code 5")

	// A pull request whose plan was kept by a fork, and whose comment is forged.
	n, _ = p.propose("qaplan.hcl", "# of a stranger")
	calls()
	p.forge.artifacts[len(p.forge.artifacts)-1].forked = true
	p.merge(n)
	if got := calls(); strings.Count(got, "apply ") != 1 || p.approved() != first {
		t.Errorf("the plan of a fork was accepted:\n%s", got)
	}
	n, _ = p.propose("qaplan.hcl", "# of a stranger again")
	calls()
	p.forge.said(t, n, "qaplan:plan")
	p.forge.comments[n][0].User.Login = "stranger"
	p.merge(n)
	if got := calls(); strings.Count(got, "apply ") != 1 || p.approved() != first {
		t.Errorf("the comment of a stranger was believed:\n%s", got)
	}

	// A person approves by hand.
	run = p.apply(event{name: "workflow_dispatch", inputs: map[string]any{"digest": "sha256:" + strings.Repeat("a", 64)}})
	if got := calls(); !run.failed || strings.Contains(got, "--expect-digest") || p.approved() != first {
		t.Errorf("another digest: failed is %t, called:\n%s", run.failed, got)
	}
	digest := fmt.Sprintf("sha256:%064d", 7)
	run = p.apply(event{name: "workflow_dispatch", inputs: map[string]any{"digest": digest}})
	if got := calls(); run.failed || !strings.Contains(got, "\napply --auto-approve --expect-digest "+digest+" ") || p.approved() == first {
		t.Errorf("failed is %t, called:\n%s", run.failed, got)
	}
	// And asks for a batch again: once, however often the job is re-run.
	asked := event{name: "workflow_dispatch", inputs: map[string]any{"rerun": "batch.qa[1]"}}
	p.apply(asked)
	if got := calls(); !strings.HasPrefix(got, "apply --auto-approve --rerun batch.qa[1] --detailed") {
		t.Errorf("called:\n%s", got)
	}
	asked.attempt = 2
	p.apply(asked)
	if got := calls(); strings.Contains(got, "--rerun") {
		t.Errorf("called:\n%s", got)
	}
}
