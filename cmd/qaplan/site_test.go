package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/emulator"
)

// site is a project in a folder of its own, and the service that it buys from,
// which this process serves on loopback. The real qaplan works on it in
// processes of its own, one for each run.
type site struct {
	t       *testing.T
	dir     string // of the project
	front   *front
	url     string
	batches int
	// prepare changes how a child is started; nil for no change.
	prepare func(*exec.Cmd)
}

const siteConfig = `provider "gemini" {
  settle_time   = "2s"
  poll_interval = "100ms"
}

batch "qa" {
  range      = [1, %d]
  model      = "gemini-2.5-flash"
  source     = "in/batch_*_proper.jsonl"
  output_dir = "out"
}
`

// newSite makes a project of so many batches of two rows.
func newSite(t *testing.T, batches int) *site {
	t.Helper()
	s := &site{t: t, dir: filepath.Join(t.TempDir(), "project"), front: &front{}, batches: batches}
	srv := httptest.NewServer(s.front)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	if err := writeBatches(s.path("in"), 1, batches, 2); err != nil {
		t.Fatal(err)
	}
	s.age()
	s.write("qaplan.hcl", fmt.Sprintf(siteConfig, batches))
	return s
}

// age makes the sources old enough to be remembered by the cache.
func (s *site) age() {
	s.t.Helper()
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	for n := range s.batches {
		if err := os.Chtimes(s.path("in", fmt.Sprintf("batch_%03d_proper.jsonl", n+1)), old, old); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// serve opens the emulator of a folder as the service of the site.
func (s *site) serve(dir string, cfg emulator.Config) *emulator.Server {
	s.t.Helper()
	cfg.Dir = dir
	server, err := emulator.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { server.Close() })
	s.front.mu.Lock()
	defer s.front.mu.Unlock()
	s.front.server = server
	return server
}

// front stands before the service and knows the calls.
type front struct {
	mu     sync.Mutex
	server *emulator.Server
	// watch sees each call before the service does. What it returns is called
	// when the service has acted; the caller has its answer after that.
	watch func(call string, r *http.Request) (acted func())
	// answer stands in for the service where it says so.
	answer func(call string, w http.ResponseWriter, r *http.Request) bool
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	server, watch, answer := f.server, f.watch, f.answer
	f.mu.Unlock()
	if watch != nil {
		defer watch(callOf(r), r)()
	}
	if answer == nil || !answer(callOf(r), w, r) {
		server.ServeHTTP(w, r)
	}
}

func (f *front) setWatch(watch func(call string, r *http.Request) func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch = watch
}

// The kinds of calls that tests tell apart.
const (
	callUpload   = "upload"
	callCreate   = "create"
	callDownload = "download"
	callOther    = "other"
)

func callOf(r *http.Request) string {
	switch p := r.URL.Path; {
	case strings.HasPrefix(p, "/upload/"):
		return callUpload
	case strings.HasSuffix(p, ":batchGenerateContent"):
		return callCreate
	case strings.HasSuffix(p, ":download"):
		return callDownload
	}
	return callOther
}

// child is one process of qaplan.
type child struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer

	mu     sync.Mutex // of starting and killing
	killed bool
	ended  chan struct{} // closed when the process is gone
}

// child makes a run ready. It is this test's own binary, which is qaplan when
// it is called by that name.
func (s *site) child(args ...string) *child {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	c := &child{cmd: exec.Command(self, args...), ended: make(chan struct{})}
	c.cmd.Args[0] = "qaplan"
	c.cmd.Dir = s.dir
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	c.cmd.Env = append(os.Environ(), "GOOGLE_GEMINI_BASE_URL="+s.url, "GEMINI_API_KEY=test-key-of-no-value", "GOOGLE_API_KEY=")
	if s.prepare != nil {
		s.prepare(c.cmd)
	}
	return c
}

func (c *child) start(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		c.cmd.Wait() //nolint:errcheck // the exit code says it
		close(c.ended)
	}()
	t.Cleanup(c.kill)
}

// kill ends the process as kill -9 does, unless it has ended.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd.Process.Kill() == nil {
		c.killed = true
	}
}

// code waits for the end and gives the exit code.
func (c *child) code(t *testing.T) int {
	t.Helper()
	select {
	case <-c.ended:
	case <-time.After(patience):
		c.kill()
		<-c.ended
		t.Fatalf("%v did not end within %s; stdout:\n%s\nstderr:\n%s", c.cmd.Args, patience, &c.stdout, &c.stderr)
	}
	return c.cmd.ProcessState.ExitCode()
}

// said is what a run that ended wrote to stderr, on one line.
func (c *child) said() string {
	return regexp.MustCompile(`[\s|]+`).ReplaceAllString(c.stderr.String(), " ")
}

// died reports whether the process ended by the kill and not by itself.
func (c *child) died() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Only Windows gives those that were killed an exit code.
	return c.killed && (c.cmd.ProcessState.ExitCode() == -1 || runtime.GOOS == "windows" && !c.cmd.ProcessState.Success())
}

// run carries out one command.
func (s *site) run(args ...string) *child {
	s.t.Helper()
	c := s.child(args...)
	c.start(s.t)
	c.code(s.t)
	return c
}

// mustRun carries out one command that must end with a code.
func (s *site) mustRun(code int, args ...string) *child {
	s.t.Helper()
	c := s.run(args...)
	if got := c.code(s.t); got != code {
		s.t.Fatalf("%v: exit code %d, want %d; stdout:\n%s\nstderr:\n%s", args, got, code, &c.stdout, &c.stderr)
	}
	return c
}

// ledger reads the service's books.
func (s *site) ledger() emulator.Ledger {
	s.t.Helper()
	s.front.mu.Lock()
	defer s.front.mu.Unlock()
	l, err := s.front.server.Ledger()
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// bought is how many jobs the service has made.
func (s *site) bought() int {
	s.t.Helper()
	return len(s.ledger().Purchases)
}

// delivered is how many result files there are.
func (s *site) delivered() int {
	s.t.Helper()
	files, err := filepath.Glob(s.path("out", "*.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(files)
}

// mustHaveBoughtOnce checks the books: one job for each batch, content and
// model.
func (s *site) mustHaveBoughtOnce() {
	s.t.Helper()
	count := map[string]int{}
	for _, p := range s.ledger().Purchases {
		tok, ok := planner.ParseToken(p.DisplayName)
		if !ok {
			s.t.Errorf("a job without a label was bought: %+v", p)
		}
		what := fmt.Sprintf("%d %s %s", tok.Number, p.SHA256, p.Model)
		if count[what]++; count[what] > 1 {
			s.t.Errorf("bought again: %+v", p)
		}
	}
	if len(count) != s.batches {
		s.t.Errorf("jobs were bought for %d batches, want %d", len(count), s.batches)
	}
}

// mustBeDone checks what must hold at the end: everything bought once, answered
// and delivered, nothing left to do, and nothing left lying about.
func (s *site) mustBeDone() {
	s.t.Helper()
	s.mustHaveBoughtOnce()
	if err := checkAnswers(s.path("in"), s.path("out"), s.batches); err != nil {
		s.t.Error(err)
	}
	want := fmt.Sprintf("No changes. 0 in progress, %d done, 0 failed, 0 held.\n", s.batches)
	if c := s.mustRun(exitDone, "plan", "--detailed-exitcode"); c.stdout.String() != want {
		s.t.Errorf("the plan afterwards: %s", &c.stdout)
	}
	if err := conforms("manifest", s.read("out/manifest.json")); err != nil {
		s.t.Error(err)
	}
	for name, size := range s.files() {
		if folder, _, below := strings.Cut(name, "/"); below && folder == "in" {
			continue
		}
		known := regexp.MustCompile(`^(qaplan\.hcl|qaplan\.state\.json(\.backup|\.lock|\.journal)?|out/(batch_\d+_proper\.jsonl|manifest\.json)|\.qaplan/sources)$`)
		if !known.MatchString(name) {
			s.t.Errorf("%s was left behind", name)
		}
		if strings.HasSuffix(name, ".journal") && len(size) > 0 {
			s.t.Errorf("%s is not empty after a clean end", name)
		}
	}
}

// files reads all files of the project, by their paths with slashes.
func (s *site) files() map[string]string {
	s.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		out[filepath.ToSlash(rel)] = string(text)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}
