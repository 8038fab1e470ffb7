//go:build ci

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/planner"
)

// project is a repository with the example workflows, whose state and results are
// in a place that all its runs share, and the service that it buys from.
type project struct {
	t *testing.T
	*site
	*workflows
	clone  string // where people work
	shared string // where state and results are
	pulls  int
}

// The state is one line: everything else is the same wherever it lives.
const (
	sharedState = `backend "blob" {
    url        = var.state
    lease_time = "20s"
  }`
	sharedConfig = `qaplan {
  ` + sharedState + `
}

provider "gemini" {
  settle_time   = "2s"
  poll_interval = "100ms"
  cooldown      = "100ms"
  rate { max_active_jobs = 6 }
}

variable "state" {}
variable "results" {}

batch "qa" {
  range      = [1, %d]
  model      = "gemini-2.5-flash"
  source     = "in/batch_*_proper.jsonl"
  output_dir = var.results
}
`
)

// newProject has so many sources, and none of them in the config yet.
func newProject(t *testing.T, sources int) *project {
	t.Helper()
	dir := t.TempDir()
	p := &project{t: t, site: newSite(t, sources), clone: filepath.Join(dir, "clone"), shared: filepath.Join(dir, "shared")}
	p.workflows = &workflows{t: t, forge: newForge(t), origin: filepath.Join(dir, "origin.git"), source: p.edited}
	p.workflows.env = goHere(t)
	maps.Copy(p.workflows.env, map[string]string{
		"GOOGLE_GEMINI_BASE_URL": p.url, "QAPLAN_VAR_state": "file://" + filepath.ToSlash(p.shared) + "/qaplan.state.json", "QAPLAN_VAR_results": filepath.Join(p.shared, "results"),
	})
	if err := os.MkdirAll(p.shared, 0o777); err != nil {
		t.Fatal(err)
	}
	p.git(dir, "init", "--quiet", "--bare", "--initial-branch=main", p.origin)
	p.git(dir, "init", "--quiet", "--initial-branch=main", p.clone)
	p.git(p.clone, "remote", "add", "origin", p.origin)
	if err := writeBatches(filepath.Join(p.clone, "in"), 1, sources, 2); err != nil {
		t.Fatal(err)
	}
	p.put("README.md", "Batches.\n")
	p.put(".gitignore", ".qaplan/\nqaplan-data/\n")
	p.commit("Begin")
	p.git(p.clone, "push", "--quiet", "origin", "main")
	return p
}

// edited is an example workflow with its lines marked EDIT edited.
func (p *project) edited(file string) string { return p.editedWith(file, "") }

func (p *project) editedWith(file, stateBranch string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join("../../examples/ci/github", file))
	if err != nil {
		p.t.Fatal(err)
	}
	out := string(text)
	for old, with := range map[string]string{
		"QAPLAN_REPOSITORY: your-org/qaplan": "QAPLAN_REPOSITORY: example/qaplan",
		`STATE_BRANCH: ""`:                   fmt.Sprintf("STATE_BRANCH: %q", stateBranch),
	} {
		if strings.Count(out, old) != 1 {
			p.t.Fatalf("%s does not have the line %s once", file, old)
		}
		out = strings.Replace(out, old, with, 1)
	}
	return out
}

// git runs git in a folder and gives what it says.
func (p *project) git(dir string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=somebody", "-c", "user.email=somebody@localhost"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (p *project) put(name, text string) {
	p.t.Helper()
	file := filepath.Join(p.clone, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) commit(subject string) {
	p.t.Helper()
	p.git(p.clone, "add", "--all")
	p.git(p.clone, "commit", "--quiet", "--allow-empty", "-m", subject)
}

// propose opens a pull request that changes one file, beginning at main, and plans
// it.
func (p *project) propose(name, text string) (int, *ran) {
	p.t.Helper()
	p.pulls++
	p.git(p.clone, "fetch", "--quiet", "origin")
	p.git(p.clone, "checkout", "--quiet", "-B", fmt.Sprint("change-", p.pulls), "origin/main")
	p.put(name, text)
	p.commit("Change " + name)
	p.git(p.clone, "push", "--quiet", "origin", "HEAD")
	return p.pulls, p.plan(p.pulls, false)
}

// plan runs the workflow of a pull request on what it would be when merged.
func (p *project) plan(pull int, fork bool) *ran {
	p.t.Helper()
	return p.workflows.run("qaplan-plan.yml", "plan", event{name: "pull_request", pull: pull, sha: p.mergeOf(pull), base: "main", fork: fork})
}

// mergeOf makes the commit that GitHub keeps for a pull request: main and it.
func (p *project) mergeOf(pull int) string {
	p.t.Helper()
	p.git(p.clone, "fetch", "--quiet", "origin")
	p.git(p.clone, "checkout", "--quiet", "--detach", "origin/main")
	p.git(p.clone, "merge", "--quiet", "--no-ff", "-m", fmt.Sprint("Merge pull request ", pull), fmt.Sprint("origin/change-", pull))
	p.git(p.clone, "push", "--quiet", "--force", "origin", fmt.Sprintf("HEAD:refs/pull/%d/merge", pull))
	return p.git(p.clone, "rev-parse", "HEAD")
}

// merge merges a pull request and runs what starts then.
func (p *project) merge(pull int) *ran {
	p.t.Helper()
	return p.apply(event{name: "push", sha: p.mergeAlone(pull)})
}

func (p *project) mergeAlone(pull int) string {
	p.t.Helper()
	sha := p.mergeOf(pull)
	p.git(p.clone, "push", "--quiet", "origin", "HEAD:main")
	p.forge.mu.Lock()
	defer p.forge.mu.Unlock()
	p.forge.pulls[sha] = pull
	return sha
}

func (p *project) apply(ev event) *ran {
	p.t.Helper()
	return p.workflows.run("qaplan-apply.yml", "apply", ev)
}

func (p *project) schedule() *ran {
	p.t.Helper()
	return p.apply(event{name: "schedule"})
}

// until runs the schedule until its comment in a pull request has some words. Ask
// for none that only the run that does the last thing says: it may have been the one
// before.
func (p *project) until(pull int, words string) {
	p.t.Helper()
	for range 25 {
		p.schedule()
		if strings.Contains(p.forge.said(p.t, pull, "qaplan:apply").Body, words) {
			return
		}
	}
	p.t.Fatalf("25 runs, and the comment says:\n%s", p.forge.said(p.t, pull, "qaplan:apply").Body)
}

// mustSay checks a comment of the workflows.
func (p *project) mustSay(pull int, marker string, words ...string) forgeComment {
	p.t.Helper()
	c := p.forge.said(p.t, pull, marker)
	for _, w := range words {
		if !strings.Contains(c.Body, w) {
			p.t.Errorf("the comment does not say %q:\n%s", w, c.Body)
		}
	}
	return c
}

// jobs counts what the service was asked to make, by the batch's number.
func (p *project) jobs() map[int]int {
	p.t.Helper()
	n := map[int]int{}
	for _, b := range p.ledger().Purchases {
		tok, ok := planner.ParseToken(b.DisplayName)
		if !ok {
			p.t.Fatalf("a job without a label was bought: %+v", b)
		}
		n[tok.Number]++
	}
	return n
}
