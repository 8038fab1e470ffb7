//go:build ci

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"

	"github.com/qaplan/qaplan/provider/emulator"
)

// quick is a service that is done before the next run begins.
var quick = emulator.Config{QueueTime: emulator.Span{Max: 1}, RunTime: emulator.Span{Max: 1}}

func TestCIWorkflowsAreValid(t *testing.T) {
	files, err := filepath.Glob("../../examples/ci/github/*.yml")
	if err != nil || len(files) < 2 {
		t.Fatalf("found %d workflows (%v), want 2", len(files), err)
	}
	l, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "shellcheck"})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		found, err := l.LintFile(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			t.Error(f)
		}
	}
}

// The way of a pull request: planned, commented, commented in the same place after
// a change, merged, bought once, fetched by the schedule.
func TestCIPullRequest(t *testing.T) {
	p := newProject(t, 4)
	p.serve(filepath.Join(t.TempDir(), "service"), quick)
	p.workflows.builds = true // as the first run does
	n, run := p.propose("qaplan.hcl", fmt.Sprintf(sharedConfig, 2))
	p.workflows.builds = false
	if run.failed {
		t.Fatalf("the plan failed:\n%s", run.log)
	}
	first := p.mustSay(n, "qaplan:plan qaplan.hcl -->\n", "### qaplan: 2 jobs to buy", "**Plan: 2 to upload, 2 to create")
	if run.summary != first.Body {
		t.Errorf("the summary is not the comment:\n%s", run.summary)
	}
	p.forge.comment(n, "somebody", "Looks good.")
	p.forge.comment(n, "stranger", first.Body) // says it is a plan, and is none
	p.forge.comment(n, "somebody", "And one more.")

	p.git(p.clone, "checkout", "--quiet", fmt.Sprint("change-", n))
	p.put("qaplan.hcl", fmt.Sprintf(sharedConfig, 3))
	p.commit("One more")
	p.git(p.clone, "push", "--quiet", "origin", "HEAD")
	p.plan(n, false)
	if again := p.mustSay(n, "qaplan:plan", "### qaplan: 3 jobs to buy"); again.ID != first.ID || again.edits != 1 {
		t.Errorf("the comment was not updated in place: %+v", again)
	}
	if got := p.bought(); got != 0 {
		t.Fatalf("%d jobs were bought by plans", got)
	}

	run = p.merge(n)
	if run.failed {
		t.Fatalf("the apply failed:\n%s", run.log)
	}
	p.mustSay(n, "qaplan:apply", "3 created", "https://github.example/example/batches/actions/runs/"+run.id)
	p.until(n, "All is done.")
	p.mustSay(n, "qaplan:apply", "3 done, 0 failed, 0 held", "Exit code 0")
	if err := checkAnswers(p.path("in"), filepath.Join(p.shared, "results"), 3); err != nil {
		t.Error(err)
	}
	run = p.schedule()
	if run.failed || !strings.Contains(run.log, "No changes. 0 in progress, 3 done") {
		t.Errorf("a run with nothing to do:\n%s", run.log)
	}
	for number, jobs := range p.jobs() {
		if jobs != 1 {
			t.Errorf("%d jobs were bought for batch %d", jobs, number)
		}
	}
}
