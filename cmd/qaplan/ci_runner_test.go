//go:build ci

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rhysd/actionlint"
)

// workflows runs the example workflows as GitHub's runners do: each run in a
// folder of its own, with nothing of the one before. The steps are those of the
// files; only the actions that they use are played.
type workflows struct {
	t      *testing.T
	forge  *forge
	origin string // the bare repository
	// source is the text of a workflow after its lines marked EDIT were edited.
	source func(file string) string
	env    map[string]string // of the runner's machine: where the services are
	// builds lets each run build qaplan as a first run does; otherwise the cache
	// has it.
	builds bool
	binary string // in place of qaplan, "" for the real one
	runs   int
}

// event is what starts a run.
type event struct {
	name    string // pull_request, push, schedule, workflow_dispatch
	pull    int
	sha     string // what is checked out without a ref
	base    string
	fork    bool
	inputs  map[string]any
	attempt int // 0 is the first
}

// ran is how a run ended.
type ran struct {
	id       string
	outcomes map[string]string // by the name of the step
	log      string
	summary  string
	failed   bool
	dir      string
}

func (w *workflows) run(file, job string, ev event) *ran {
	w.t.Helper()
	r, err := w.begin(file, job, ev)
	if err != nil {
		w.t.Fatalf("%s: %v", file, err)
	}
	return r.play()
}

// playing is a run that is going on.
type playing struct {
	w     *workflows
	ev    event
	job   *actionlint.Job
	scope *scope
	env   map[string]string
	dir   string // what belongs to the run alone
	work  string // GITHUB_WORKSPACE
	ran   *ran

	mu        sync.Mutex
	killed    bool // the machine is gone
	cancelled bool
	current   *exec.Cmd
}

func (w *workflows) begin(file, job string, ev event) (*playing, error) {
	wf, errs := actionlint.Parse([]byte(w.source(file)))
	if len(errs) > 0 {
		return nil, errs[0]
	}
	w.runs++
	p := &playing{w: w, ev: ev, job: wf.Jobs[job], dir: filepath.Join(w.t.TempDir(), "run")}
	if p.job == nil {
		return nil, fmt.Errorf("there is no job %s", job)
	}
	p.work = filepath.Join(p.dir, "work")
	p.ran = &ran{id: strconv.Itoa(9000 + w.runs), outcomes: map[string]string{}, dir: p.work}
	for _, d := range []string{"work", "home", "temp", "bin"} {
		if err := os.MkdirAll(filepath.Join(p.dir, d), 0o777); err != nil {
			return nil, err
		}
	}
	gh, err := exec.LookPath("gh")
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(gh, filepath.Join(p.dir, "bin", "gh")); err != nil {
		return nil, err
	}
	p.env = p.machine()
	p.scope = &scope{values: p.contexts()}
	if wf.Env != nil {
		for name, v := range wf.Env.Vars {
			value, err := p.scope.fill(v.Value.Value)
			if err != nil {
				return nil, err
			}
			p.env[strings.ToUpper(name)] = value
			p.scope.values["env"].(map[string]any)[name] = value
		}
	}
	return p, nil
}

// machine is the environment that a runner gives its steps.
func (p *playing) machine() map[string]string {
	env := map[string]string{
		"PATH": filepath.Join(p.dir, "bin") + ":" + filepath.Join(p.w.env["GOROOT"], "bin") + ":/usr/local/bin:/usr/bin:/bin",
		"HOME": filepath.Join(p.dir, "home"), "LANG": "C.UTF-8", "CI": "true", "GITHUB_ACTIONS": "true",
		"GITHUB_WORKSPACE": p.work, "RUNNER_TEMP": filepath.Join(p.dir, "temp"), "GITHUB_REPOSITORY": forgeRepository,
		"GITHUB_SERVER_URL": "https://github.example", "GITHUB_RUN_ID": p.ran.id, "GITHUB_RUN_ATTEMPT": strconv.Itoa(max(1, p.ev.attempt)),
		"GITHUB_EVENT_NAME": p.ev.name, "GITHUB_SHA": p.ev.sha, "GIT_CONFIG_NOSYSTEM": "1", forgeURL: p.w.forge.server.URL,
	}
	maps.Copy(env, p.w.env)
	return env
}

// goHere is what go build needs of this machine, since modules are not to be had
// again.
func goHere(t *testing.T) map[string]string {
	t.Helper()
	out, err := exec.Command("go", "env", "-json", "GOROOT", "GOMODCACHE", "GOCACHE", "GOPROXY", "GOTOOLCHAIN").Output()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	if err := json.Unmarshal(out, &env); err != nil {
		t.Fatal(err)
	}
	return env
}

func (p *playing) contexts() map[string]any {
	key := "test-key-of-no-value"
	head := forgeRepository
	if p.ev.fork {
		key, head = "", "stranger/batches"
	}
	return map[string]any{
		"github": map[string]any{
			"repository": forgeRepository, "actor": "somebody", "token": botToken, "ref": "refs/heads/main", "event_name": p.ev.name,
			"event": map[string]any{"pull_request": map[string]any{
				"number": strconv.Itoa(p.ev.pull), "base": map[string]any{"ref": p.ev.base},
				"head": map[string]any{"repo": map[string]any{"full_name": head}},
			}},
		},
		"env": map[string]any{}, "secrets": map[string]any{"GEMINI_API_KEY": key}, "inputs": p.ev.inputs,
		"steps": map[string]any{}, "runner": map[string]any{"os": "Linux", "arch": "X64", "temp": filepath.Join(p.dir, "temp")},
	}
}

// play carries the steps out.
func (p *playing) play() *ran {
	p.w.t.Helper()
	if p.job.If != nil {
		if on, err := p.scope.holds(p.job.If.Value); err != nil || !on {
			p.w.t.Fatalf("the job does not run: %v", err)
		}
	}
	for i, step := range p.job.Steps {
		name := step.Name.Value
		outcome, err := p.step(i, step)
		if err != nil {
			p.w.t.Fatalf("step %q: %v\n%s", name, err, p.ran.log)
		}
		p.ran.outcomes[name] = outcome
		if step.ID != nil {
			p.steps(step.ID.Value)["outcome"] = outcome
		}
		if outcome == "failure" {
			p.scope.failed = true
		}
		if p.gone() {
			break
		}
	}
	p.ran.failed = p.scope.failed || p.scope.cancelled
	if text, err := os.ReadFile(filepath.Join(p.dir, "temp", "summary")); err == nil {
		p.ran.summary = string(text)
	}
	return p.ran
}

func (p *playing) steps(id string) map[string]any {
	all := p.scope.values["steps"].(map[string]any)
	if all[id] == nil {
		all[id] = map[string]any{"outputs": map[string]any{}}
	}
	return all[id].(map[string]any)
}

func (p *playing) step(i int, step *actionlint.Step) (outcome string, err error) {
	condition := ""
	if step.If != nil {
		condition = step.If.Value
	}
	on, err := p.scope.holds(condition)
	if err != nil {
		return "", err
	}
	if !on {
		return "skipped", nil
	}
	switch e := step.Exec.(type) {
	case *actionlint.ExecAction:
		inputs := map[string]string{}
		for name, in := range e.Inputs {
			if inputs[name], err = p.scope.fill(in.Value.Value); err != nil {
				return "", err
			}
		}
		uses, _, _ := strings.Cut(e.Uses.Value, "@")
		outputs, err := p.action(uses, inputs)
		if err != nil {
			return "", fmt.Errorf("%s: %w", uses, err)
		}
		if step.ID != nil {
			maps.Copy(p.steps(step.ID.Value)["outputs"].(map[string]any), outputs)
		}
		return "success", nil
	case *actionlint.ExecRun:
		return p.script(i, step, e)
	}
	return "", fmt.Errorf("unknown kind of step %T", step.Exec)
}

// script runs a step as GitHub does with shell: bash.
func (p *playing) script(i int, step *actionlint.Step, e *actionlint.ExecRun) (string, error) {
	text, err := p.scope.fill(e.Run.Value)
	if err != nil {
		return "", err
	}
	if text != e.Run.Value {
		return "", fmt.Errorf("a script has an expression in it, which is how foreign text becomes code")
	}
	temp := filepath.Join(p.dir, "temp")
	file, output := filepath.Join(temp, fmt.Sprintf("step-%d.sh", i)), filepath.Join(temp, fmt.Sprintf("output-%d", i))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", err
	}
	env := maps.Clone(p.env)
	env["GITHUB_OUTPUT"], env["GITHUB_STEP_SUMMARY"] = output, filepath.Join(temp, "summary")
	if step.Env != nil {
		for name, v := range step.Env.Vars {
			if env[strings.ToUpper(name)], err = p.scope.fill(v.Value.Value); err != nil {
				return "", err
			}
		}
	}
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", file)
	cmd.Dir, cmd.Env = p.work, nil
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	err = p.await(cmd)
	p.ran.log += fmt.Sprintf("## %s\n%s", step.Name.Value, &log)
	p.outputs(step, output)
	switch _, exited := err.(*exec.ExitError); {
	case err == nil:
		return "success", nil
	case exited && p.scope.cancelled:
		return "cancelled", nil
	case exited:
		return "failure", nil
	}
	return "", err
}

func (p *playing) await(cmd *exec.Cmd) error {
	p.mu.Lock()
	err := cmd.Start()
	p.current = cmd
	p.mu.Unlock()
	if err != nil {
		return err
	}
	late := time.AfterFunc(5*patience, p.kill) // a step may build qaplan
	err = cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scope.cancelled = p.cancelled
	if !late.Stop() && p.killed {
		return fmt.Errorf("it did not end within %s: %w", 5*patience, err)
	}
	return err
}

// kill takes the machine away, with all that runs on it.
func (p *playing) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	if p.current != nil {
		syscall.Kill(-p.current.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
	}
}

func (p *playing) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// cancel is what the button does first: the shell alone is told.
func (p *playing) cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancelled = true
	if p.current != nil {
		syscall.Kill(p.current.Process.Pid, syscall.SIGINT) //nolint:errcheck // it may have ended
	}
}

// outputs reads what a step left in GITHUB_OUTPUT.
func (p *playing) outputs(step *actionlint.Step, file string) {
	text, err := os.ReadFile(file)
	if err != nil || step.ID == nil {
		return
	}
	into := p.steps(step.ID.Value)["outputs"].(map[string]any)
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			into[name] = value
		}
	}
}

// action plays one of GitHub's own.
func (p *playing) action(uses string, in map[string]string) (map[string]any, error) {
	switch uses {
	case "actions/checkout":
		if in["repository"] != "" {
			root, err := filepath.Abs("../..")
			if err != nil {
				return nil, err
			}
			return nil, os.Symlink(root, filepath.Join(p.work, in["path"]))
		}
		return nil, p.checkout(in["ref"])
	case "actions/cache":
		if p.w.builds {
			return map[string]any{"cache-hit": "false"}, nil
		}
		self, err := p.w.binary, error(nil)
		if self == "" {
			self, err = exec.LookPath("qaplan")
		}
		if err != nil {
			return nil, err
		}
		to := filepath.Join(p.dir, "home", strings.TrimPrefix(in["path"], "~/"))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return nil, err
		}
		return map[string]any{"cache-hit": "true"}, os.Symlink(self, to)
	case "actions/setup-go":
		_, err := os.Stat(filepath.Join(p.work, in["go-version-file"]))
		return nil, err
	case "actions/upload-artifact":
		kept := filepath.Join(p.w.t.TempDir(), in["name"])
		if err := os.MkdirAll(kept, 0o777); err != nil {
			return nil, err
		}
		p.w.forge.mu.Lock()
		defer p.w.forge.mu.Unlock()
		p.w.forge.artifacts = append(p.w.forge.artifacts, forgeArtifact{name: in["name"], run: p.ran.id, dir: kept})
		return nil, exec.Command("cp", in["path"], kept).Run()
	}
	return nil, fmt.Errorf("an action that nobody plays")
}

func (p *playing) checkout(ref string) error {
	if ref == "" {
		ref = p.ev.sha
	}
	for _, args := range [][]string{
		{"clone", "--quiet", "--no-checkout", p.w.origin, "."},
		{"fetch", "--quiet", "origin", "+refs/*:refs/remotes/all/*"},
		{"checkout", "--quiet", ref},
	} {
		cmd := exec.Command("git", args...)
		cmd.Dir = p.work
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %v: %w: %s", args, err, out)
		}
	}
	return nil
}
