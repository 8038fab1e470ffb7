//go:build ci

package main

import (
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// onCall makes the service do something at its n-th call of a kind from now on,
// before it acts or after that.
func (p *project) onCall(kind string, n int64, before, after func()) {
	var seen atomic.Int64
	p.front.setWatch(func(call string, _ *http.Request) func() {
		if call != kind || seen.Add(1) != n {
			return func() {}
		}
		if before != nil {
			before()
		}
		return func() {
			if after != nil {
				after()
			}
		}
	})
}

// killedAt runs the schedule on a machine that vanishes when the n-th create was
// carried out, before its answer is there.
func (p *project) killedAt(n int64) {
	p.t.Helper()
	run, err := p.workflows.begin("qaplan-apply.yml", "apply", event{name: "schedule"})
	if err != nil {
		p.t.Fatal(err)
	}
	var seen atomic.Int64
	killed := make(chan struct{})
	p.front.setWatch(func(call string, _ *http.Request) func() {
		if call != callCreate {
			return func() {}
		}
		switch nth := seen.Add(1); {
		case nth < n:
			return func() {}
		case nth > n: // of a worker beside it: what was not carried out by then never is
			<-killed
			panic(http.ErrAbortHandler)
		}
		return func() {
			run.kill()
			close(killed)
		}
	})
	run.play()
	p.front.setWatch(nil)
	if !run.gone() {
		p.t.Fatalf("the machine was not taken away:\n%s", run.ran.log)
	}
}

// A week of a team: pull requests, merges, a schedule, and what goes wrong. Each
// run is a fresh clone, and state and results are in a place that all share. What
// the ledger shows at the end is each job once, and the one twice that was asked
// for.
func TestCIWeek(t *testing.T) {
	const sources = 30
	p := newProject(t, sources)
	p.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{
		Rate: 600, QueueTime: emulator.Span{Max: time.Minute}, RunTime: emulator.Span{Min: time.Minute, Max: 5 * time.Minute},
		Quota: emulator.Quota{ActiveJobs: 6},
	})

	// Monday: the first pull request, planned, merged, begun. Six jobs at once are
	// allowed.
	first, run := p.propose("qaplan.hcl", fmt.Sprintf(sharedConfig, 10))
	if run.failed {
		t.Fatalf("the plan failed:\n%s", run.log)
	}
	p.mustSay(first, "qaplan:plan", "### qaplan: 10 jobs to buy")
	if run = p.merge(first); run.failed {
		t.Fatalf("the apply failed:\n%s", run.log)
	}
	p.mustSay(first, "qaplan:apply", "Work remains, and nothing is wrong", "deferred")

	// Tuesday: the machine of a run on schedule vanishes while a create is under way.
	waitUntilIdle(t, p)
	p.killedAt(2)
	old := p.copyShared()
	bought := p.bought()

	// The next one knows, or finds, what was bought.
	p.schedule()
	p.until(first, "10 done, 0 failed, 0 held")
	p.mustHaveBought(10)
	if p.bought() == bought {
		t.Error("the run after the kill had nothing to buy: the kill came too late")
	}

	// Wednesday: two pull requests at once. The second is merged first.
	second, _ := p.propose("qaplan.hcl", fmt.Sprintf(sharedConfig, 20))
	p.mustSay(second, "qaplan:plan", "### qaplan: 10 jobs to buy", "10 done")
	third, _ := p.propose("range.txt", "A sibling that changes no batch.\n")
	p.mustSay(third, "qaplan:plan", "### qaplan: no changes")
	if run = p.merge(third); run.failed {
		t.Fatalf("the apply failed:\n%s", run.log)
	}
	p.mustSay(third, "qaplan:apply", "All is done.", "10 done")
	if run = p.merge(second); run.failed { // its plan still holds
		t.Fatalf("the apply failed:\n%s", run.log)
	}
	p.mustSay(second, "qaplan:apply", "Work remains, and nothing is wrong")

	// Thursday: a person applies on a machine of their own while a run is at it.
	waitUntilIdle(t, p)
	p.overlap()
	p.until(second, "20 done, 0 failed, 0 held")
	p.mustHaveBought(20)

	// Friday: an old state comes back, from before the week's purchases were known.
	p.restoreShared(old)
	p.schedule()
	p.until(second, "20 done, 0 failed, 0 held")
	p.mustHaveBought(20)

	// Saturday: two that change the range. The one that was reviewed before the other
	// was merged buys nothing until somebody has seen what it has become.
	fourth, _ := p.propose("qaplan.hcl", fmt.Sprintf(sharedConfig, 26))
	p.mustSay(fourth, "qaplan:plan", "### qaplan: 6 jobs to buy")
	fifth, _ := p.propose("prices.hcl", "# not of this project\n")
	p.git(p.clone, "checkout", "--quiet", fmt.Sprint("change-", fifth))
	p.put("qaplan.hcl", strings.Replace(fmt.Sprintf(sharedConfig, 20), "output_dir = var.results", "output_dir = var.results\n  exclude    = [21, 22]", 1))
	p.commit("Leave two out")
	p.git(p.clone, "push", "--quiet", "origin", "HEAD")
	p.plan(fifth, false)
	p.merge(fifth)
	p.resolve(fourth, strings.Replace(fmt.Sprintf(sharedConfig, 26), "output_dir = var.results", "output_dir = var.results\n  exclude    = [21, 22]", 1))
	run = p.merge(fourth)
	if !run.failed || p.bought() != 20 {
		t.Errorf("a plan that nobody reviewed was carried out: %d jobs\n%s", p.bought(), run.log)
	}
	c := p.mustSay(fourth, "qaplan:apply", "is not the one that was reviewed", "### qaplan: 4 jobs to buy", "Exit code 5")
	p.schedule() // buys none of it either
	p.mustHaveBought(20)
	_, after, _ := strings.Cut(c.Body, "`sha256:")
	digest, _, _ := strings.Cut(after, "`")
	if run = p.apply(event{name: "workflow_dispatch", inputs: map[string]any{"digest": "sha256:" + digest}}); run.failed {
		t.Fatalf("the approved plan was not applied:\n%s", run.log)
	}
	p.until(fourth, "24 done, 0 failed, 0 held")
	p.mustHaveBought(24)

	// Sunday: one batch is bought again, because somebody asks for it. The job of that
	// run is re-run by the button, which asks for nothing new.
	asked := event{name: "workflow_dispatch", inputs: map[string]any{"rerun": "batch.qa[7]"}}
	p.apply(asked)
	p.until(fourth, "24 done, 0 failed, 0 held")
	asked.attempt = 2
	p.apply(asked)
	for number, jobs := range p.jobs() {
		want := 1
		if number == 7 {
			want = 2
		}
		if jobs != want {
			t.Errorf("%d jobs were bought for batch %d, want %d", jobs, number, want)
		}
	}
	if err := checkAnswers(p.path("in"), filepath.Join(p.shared, "results"), 24); err != nil {
		t.Error(err)
	}
	t.Logf("%d runs of workflows, %d jobs, %d comments written", p.workflows.runs, p.bought(), p.forge.writes)
}

// waitUntilIdle waits until the service has no job at work, so that the next run
// has room to buy.
func waitUntilIdle(t *testing.T, p *project) {
	t.Helper()
	for range patience / glance {
		active := 0
		for _, b := range p.ledger().Purchases {
			if b.State == "BATCH_STATE_PENDING" || b.State == "BATCH_STATE_RUNNING" {
				active++
			}
		}
		if active == 0 {
			return
		}
		time.Sleep(glance)
	}
	t.Fatal("the service's jobs do not end")
}

func (p *project) mustHaveBought(n int) {
	p.t.Helper()
	jobs := p.jobs()
	if len(jobs) != n {
		p.t.Errorf("jobs were bought for %d batches, want %d", len(jobs), n)
	}
	for number, of := range jobs {
		if of != 1 {
			p.t.Errorf("%d jobs were bought for batch %d", of, number)
		}
	}
}

// overlap runs the schedule, and an apply of somebody's own while it has a create
// under way: that one finds the state locked.
func (p *project) overlap() {
	p.t.Helper()
	p.git(p.clone, "checkout", "--quiet", "--detach", "origin/main")
	p.git(p.clone, "pull", "--quiet", "origin", "main")
	var code atomic.Int64
	code.Store(-1)
	p.onCall(callCreate, 1, func() {
		cmd := exec.Command("qaplan", "apply", "--auto-approve")
		cmd.Dir = p.clone
		cmd.Env = append(os.Environ(), "GEMINI_API_KEY=test-key-of-no-value", "GOOGLE_API_KEY=")
		for name, value := range p.workflows.env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		cmd.Run() //nolint:errcheck // the exit code says it
		code.Store(int64(cmd.ProcessState.ExitCode()))
	}, nil)
	p.schedule()
	p.front.setWatch(nil)
	if got := code.Load(); got != exitLocked {
		p.t.Errorf("the apply that overlapped ended with %d, want %d", got, exitLocked)
	}
}

// resolve makes a pull request mergeable again, as its author does by hand; no new
// plan is made.
func (p *project) resolve(pull int, config string) {
	p.t.Helper()
	p.git(p.clone, "fetch", "--quiet", "origin")
	p.git(p.clone, "checkout", "--quiet", "-B", fmt.Sprint("change-", pull), fmt.Sprint("origin/change-", pull))
	p.git(p.clone, "merge", "--quiet", "-X", "ours", "-m", "Merge main", "origin/main")
	p.put("qaplan.hcl", config)
	p.commit("Keep both changes")
	p.git(p.clone, "push", "--quiet", "origin", "HEAD")
}

// copyShared keeps the state as it is now; restoreShared brings it back, as a cache
// or a backup does. The results stay.
func (p *project) copyShared() string {
	p.t.Helper()
	to := filepath.Join(p.t.TempDir(), "old")
	if err := os.MkdirAll(to, 0o777); err != nil {
		p.t.Fatal(err)
	}
	for _, file := range p.stateFiles() {
		rel, err := filepath.Rel(p.shared, file)
		if err != nil {
			p.t.Fatal(err)
		}
		cmd := exec.Command("cp", "-p", "--parents", rel, to)
		cmd.Dir = p.shared
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("%v: %s", err, out)
		}
	}
	return to
}

func (p *project) restoreShared(from string) {
	p.t.Helper()
	for _, file := range p.stateFiles() {
		if err := os.Remove(file); err != nil {
			p.t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", "-pR", from+"/.", p.shared).CombinedOutput(); err != nil {
		p.t.Fatalf("%v: %s", err, out)
	}
}

func (p *project) stateFiles() []string {
	p.t.Helper()
	var files []string
	err := filepath.WalkDir(p.shared, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "results":
			return fs.SkipDir
		case !d.IsDir() && !strings.HasSuffix(path, ".lock"): // who holds it now is true all the same
			files = append(files, path)
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		p.t.Fatalf("there is no state: %v", err)
	}
	return files
}
