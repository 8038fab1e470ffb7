//go:build ci

package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

type gitlabJob struct {
	Script       []string
	AllowFailure struct {
		ExitCodes []int `yaml:"exit_codes"`
	} `yaml:"allow_failure"`
	ResourceGroup string `yaml:"resource_group"`
}

func gitlabJobs(t *testing.T) map[string]gitlabJob {
	t.Helper()
	text, err := os.ReadFile("../../examples/ci/gitlab/.gitlab-ci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Plan  gitlabJob `yaml:"qaplan-plan"`
		Apply gitlabJob `yaml:"qaplan-apply"`
	}
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Plan.Script) == 0 || len(all.Apply.Script) == 0 || all.Apply.ResourceGroup == "" {
		t.Fatalf("a job has no script, or no resource group: %+v", all)
	}
	return map[string]gitlabJob{"plan": all.Plan, "apply": all.Apply}
}

// gitlabAPI is the part of GitLab that keeps the notes of a merge request.
type gitlabAPI struct {
	notes []map[string]any
	calls []string
}

func (g *gitlabAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.calls = append(g.calls, r.Method)
	if r.Header.Get("PRIVATE-TOKEN") != "glpat-test" {
		http.Error(w, "401 Unauthorized", http.StatusUnauthorized)
		return
	}
	var in map[string]any
	if r.Method != "GET" {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in["body"] == "" {
			http.Error(w, "400", http.StatusBadRequest)
			return
		}
	}
	switch {
	case r.URL.Path == "/api/v4/projects/3/merge_requests/5/notes" && r.Method == "GET":
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		at := min(max(page-1, 0), len(g.notes)) // one a page
		end := min(at+1, len(g.notes))
		if next := ""; end < len(g.notes) {
			next = strconv.Itoa(page + 1)
			w.Header().Set("X-Next-Page", next)
		} else {
			w.Header().Set("X-Next-Page", "")
		}
		reply(w, append([]map[string]any{}, g.notes[at:end]...))
	case r.URL.Path == "/api/v4/projects/3/merge_requests/5/notes" && r.Method == "POST":
		g.notes = append(g.notes, map[string]any{"id": len(g.notes) + 1, "body": in["body"], "system": false})
		reply(w, g.notes[len(g.notes)-1])
	case strings.HasPrefix(r.URL.Path, "/api/v4/projects/3/merge_requests/5/notes/") && r.Method == "PUT":
		id, _ := strconv.Atoi(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		g.notes[id-1]["body"] = in["body"]
		reply(w, g.notes[id-1])
	default:
		http.NotFound(w, r)
	}
}

// runScript runs the script of a job, in a folder of its own, with the program that
// ends as it is told in the place of qaplan.
func runScript(t *testing.T, shell []string, script string, env ...string) (code int, out, calls string) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "qaplan"), []byte(ending), 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell[0], append(shell[1:], script)...)
	cmd.Dir = dir
	cmd.Env = append(append([]string{"HOME=" + dir, "STUB_CALLS=" + filepath.Join(dir, "calls")}, env...), "PATH="+bin+":/usr/bin:/bin")
	text, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	called, _ := os.ReadFile(filepath.Join(dir, "calls"))
	if left, _ := filepath.Glob(filepath.Join(dir, ".gitlab-token")); len(left) > 0 && cmd.ProcessState.ExitCode() == 0 {
		t.Error("the file with the token was left behind")
	}
	return cmd.ProcessState.ExitCode(), string(text), string(called)
}

func TestCIGitLab(t *testing.T) {
	jobs := gitlabJobs(t)
	shell := []string{"bash", "-eo", "pipefail", "-c"}
	api := &gitlabAPI{notes: []map[string]any{
		{"id": 1, "body": "Looks good.", "system": false},
		{"id": 2, "body": "<!-- qaplan:plan qaplan.hcl --> added", "system": true},
	}}
	srv := httptest.NewServer(api)
	t.Cleanup(srv.Close)
	env := []string{
		"CI_API_V4_URL=" + srv.URL + "/api/v4", "CI_PROJECT_ID=3", "CI_MERGE_REQUEST_IID=5", "CI_JOB_URL=https://gitlab.example/jobs/9",
		"QAPLAN_GITLAB_TOKEN=glpat-test", "GEMINI_API_KEY=test-key-of-no-value", "QAPLAN_MAX_COST=25",
	}
	plan := strings.Join(jobs["plan"].Script, "\n")
	for code, want := range map[int]int{0: 0, 1: 1, 2: 0, 3: 3, 4: 4, 130: 130} {
		got, out, calls := runScript(t, shell, plan, append(env, fmt.Sprint("STUB_CODE=", code))...)
		if got != want || strings.Contains(calls, "--refresh=false") {
			t.Errorf("plan with code %d ended with %d, called %s:\n%s", code, got, calls, out)
		}
		words := "the plan"
		if code == 1 || code == 4 || code == 130 {
			words = "### qaplan: there is no plan"
		}
		if len(api.notes) != 3 || !strings.Contains(fmt.Sprint(api.notes[2]["body"]), words) {
			t.Errorf("after code %d the notes are %v", code, api.notes)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(api.calls), func(m string) bool { return m != "POST" })); n != 1 {
		t.Errorf("%d notes were made, want one that is updated", n)
	}
	// A fork has no variables: no note, no key.
	before := len(api.calls)
	code, out, calls := runScript(t, shell, plan, "STUB_CODE=2")
	if code != 0 || len(api.calls) != before || !strings.Contains(calls, "plan --refresh=false") || !strings.Contains(calls, "with an empty state") {
		t.Errorf("ended with %d, called %s:\n%s", code, calls, out)
	}

	apply := strings.Join(jobs["apply"].Script, "\n")
	for _, code := range []int{0, 1, 2, 3, 4, 5, 6, 130} {
		got, out, calls := runScript(t, shell, apply, append(env, fmt.Sprint("STUB_CODE=", code))...)
		if got != code || !strings.HasPrefix(calls, "apply --auto-approve --detailed-exitcode --max-cost 25 ") {
			t.Errorf("apply with code %d ended with %d, called %s:\n%s", code, got, calls, out)
		}
	}
	if got := jobs["apply"].AllowFailure.ExitCodes; !slices.Equal(got, []int{2, 4}) {
		t.Errorf("exit codes %v are allowed, want 2 and 4", got)
	}
}

// Cron mails what a command prints: only what a person has to know.
func TestCICron(t *testing.T) {
	text, err := os.ReadFile("../../examples/ci/schedule/crontab")
	if err != nil {
		t.Fatal(err)
	}
	_, command, found := strings.Cut(string(text), "\n*/15 * * * * ")
	if !found || strings.Contains(command, "%") { // which cron takes for the end of a line
		t.Fatalf("there is no command: %q", command)
	}
	secrets := filepath.Join(t.TempDir(), "secrets.sh")
	if err := os.WriteFile(secrets, []byte("export GEMINI_API_KEY=test-key-of-no-value\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{0, 1, 2, 3, 4, 5, 6, 130} {
		_, out, calls := runScript(t, []string{"sh", "-c"}, command, "PROJECT=.", "SECRETS="+secrets, fmt.Sprint("STUB_CODE=", code))
		quiet := code == 0 || code == 2 || code == 4
		if quiet != (out == "") || !quiet && !strings.Contains(out, fmt.Sprintf("exit code %d:\nApply complete", code)) {
			t.Errorf("with code %d cron mails %q", code, out)
		}
		if !strings.HasPrefix(calls, "apply --auto-approve --detailed-exitcode --timeout 14m") {
			t.Errorf("it called %q", calls)
		}
	}
}

func TestCISystemd(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"qaplan.service", "qaplan.timer"} {
		text, err := os.ReadFile(filepath.Join("../../examples/ci/schedule", name))
		if err != nil {
			t.Fatal(err)
		}
		// The program is not installed here, and the user does not exist.
		unit := strings.NewReplacer("/usr/local/bin/qaplan", "/bin/true", "User=qaplan", "User=root").Replace(string(text))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(unit), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, "qaplan.timer"), filepath.Join(dir, "qaplan.service"))
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), dir) {
		t.Errorf("%v: %s", err, out)
	}
	service, err := os.ReadFile("../../examples/ci/schedule/qaplan.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nSuccessExitStatus=2 4\n", "\nUser=qaplan\n"} {
		if !strings.Contains(string(service), want) {
			t.Errorf("the service lacks %q", want)
		}
	}
}

// The image's program is static, so that it runs from scratch, and nobody is root.
func TestCIContainer(t *testing.T) {
	text, err := os.ReadFile("../../examples/ci/container/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	build := regexp.MustCompile(`(?m)^RUN (.*go build.*)-o /out/qaplan (\./cmd/qaplan)$`).FindStringSubmatch(string(text))
	if build == nil {
		t.Fatal("there is no line that builds qaplan")
	}
	program := filepath.Join(t.TempDir(), "qaplan")
	cmd := exec.Command("sh", "-ec", strings.Replace(build[1], "-trimpath ", "", 1)+"-o "+program+" "+build[2]) // as built already
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program needs a C library")
		}
	}
	stages := strings.Split(string(text), "\nFROM ")[2:] // those that become images
	if len(stages) != 2 {
		t.Fatalf("found %d images, want 2", len(stages))
	}
	for _, stage := range stages {
		if !strings.Contains(stage, "\nUSER 65532:65532\n") {
			t.Errorf("this image runs as root:\n%s", stage)
		}
	}
}
