package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
)

// good is a config that works; the cases break it in one place each.
const good = `provider "gemini" {}

batch "qa" {
  range      = [1, 2]
  model      = "gemini-2.5-flash"
  source     = "in/b_*.jsonl"
  output_dir = "out"
}
`

func row(key string) string {
	return `{"key":"` + key + `","request":{"contents":[{"role":"user","parts":[{"text":"What is ` + key + `?"}]}]}}` + "\n"
}

// badInput is one mistake. A "" file is removed; words must all be told.
type badInput struct {
	name    string
	replace [2]string // in the config
	config  string    // in place of the whole config
	files   map[string]string
	env     map[string]string
	args    []string // beside those of apply
	words   []string
}

func badInputs() []badInput {
	return []badInput{
		{name: "no config", files: map[string]string{"qaplan.hcl": ""}, words: []string{"qaplan.hcl"}},
		{name: "empty config", config: "\n", words: []string{"No batches", "batch \"NAME\""}},
		{name: "unclosed brace", replace: [2]string{"\n}\n", "\n"}, words: []string{"qaplan.hcl:"}},
		{name: "unclosed quote", replace: [2]string{`"out"`, `"out`}, words: []string{"qaplan.hcl:7"}},
		{name: "binary config", config: "\x00\x01\x02", words: []string{"qaplan.hcl:1"}},
		{name: "misspelt attribute", replace: [2]string{"model ", "modle "}, words: []string{"qaplan.hcl:5", "modle", `"model"`}},
		{name: "misspelt block", replace: [2]string{`batch "qa"`, `bacth "qa"`}, words: []string{"qaplan.hcl:3", "bacth", `"batch"`}},
		{name: "unknown provider", replace: [2]string{`"gemini"`, `"gemni"`}, words: []string{"qaplan.hcl:1", "gemni"}},
		{name: "provider without a name", replace: [2]string{`provider "gemini"`, "provider"}, words: []string{"qaplan.hcl:1", "provider"}},
		{name: "two providers", replace: [2]string{"provider \"gemini\" {}\n", "provider \"gemini\" {}\nprovider \"emulator\" {}\n"}, words: []string{"qaplan.hcl:2", "provider"}},
		{name: "no model", replace: [2]string{"  model      = \"gemini-2.5-flash\"\n", ""}, words: []string{"qaplan.hcl:3", "model"}},
		{name: "no range", replace: [2]string{"  range      = [1, 2]\n", ""}, words: []string{"qaplan.hcl:3", "range"}},
		{name: "no source", replace: [2]string{"  source     = \"in/b_*.jsonl\"\n", ""}, words: []string{"qaplan.hcl:3", "source"}},
		{name: "no output folder", replace: [2]string{"  output_dir = \"out\"\n", ""}, words: []string{"qaplan.hcl:3", "output_dir"}},
		{name: "range backwards", replace: [2]string{"[1, 2]", "[2, 1]"}, words: []string{"qaplan.hcl:4", "[1, 2]"}},
		{name: "range of one number", replace: [2]string{"[1, 2]", "[1]"}, words: []string{"qaplan.hcl:4", "first and the last"}},
		{name: "range of words", replace: [2]string{"[1, 2]", `["a", "b"]`}, words: []string{"qaplan.hcl:4", "range"}},
		{name: "range with a fraction", replace: [2]string{"[1, 2]", "[1, 2.5]"}, words: []string{"qaplan.hcl:4", "range"}},
		{name: "range below zero", replace: [2]string{"[1, 2]", "[-1, 2]"}, words: []string{"qaplan.hcl:4", "range"}},
		{name: "model with blanks", replace: [2]string{"gemini-2.5-flash", "Gemini 2.5 Flash"}, words: []string{"qaplan.hcl:5", "gemini-2.5-flash"}},
		{name: "model is a bool", replace: [2]string{`"gemini-2.5-flash"`, "true"}, words: []string{"qaplan.hcl:5", "model"}},
		{name: "no star in the source", replace: [2]string{"b_*.jsonl", "b_1.jsonl"}, words: []string{"qaplan.hcl:6", "*"}},
		{name: "two stars in the source", replace: [2]string{"b_*.jsonl", "*_*.jsonl"}, words: []string{"qaplan.hcl:6", "*"}},
		{name: "Windows path", replace: [2]string{`"in/b_*.jsonl"`, `"c:\Users\me\b_*.jsonl"`}, words: []string{"qaplan.hcl:6", "forward slashes"}},
		{name: "escaped Windows path", replace: [2]string{`"in/b_*.jsonl"`, `"in\\b_*.jsonl"`}, words: []string{"qaplan.hcl:6", "forward slashes"}},
		{name: "home folder", replace: [2]string{`"in/b_*.jsonl"`, `"~/b_*.jsonl"`}, words: []string{"qaplan.hcl:6", "pathexpand"}},
		{name: "bucket of no service", replace: [2]string{`"out"`, `"http://bucket/out"`}, words: []string{"qaplan.hcl:7", "http://", "gs://, s3:// and file:///"}},
		{name: "bucket without a name", replace: [2]string{`"out"`, `"gs:///out"`}, words: []string{"qaplan.hcl:7", "gs://bucket/path"}},
		{name: "output is the source folder", replace: [2]string{`"out"`, `"in"`}, words: []string{"qaplan.hcl:7", "output_dir"}},
		{name: "output below a file", replace: [2]string{`"out"`, `"qaplan.hcl/out"`}, words: []string{"qaplan.hcl/out"}},
		{name: "missing folder", replace: [2]string{"in/b_", "inn/b_"}, words: []string{"qaplan.hcl:6", "inn"}},
		{name: "missing files", replace: [2]string{"[1, 2]", "[1, 9]"}, words: []string{"qaplan.hcl:", "3-9"}},
		{name: "two files of one number", files: map[string]string{"in/b_01.jsonl": row("k")}, words: []string{"in/b_01.jsonl", "in/b_1.jsonl"}},
		{name: "two blocks to one result", config: good + strings.Replace(good[strings.Index(good, "batch"):], `"qa"`, `"qb"`, 1), words: []string{"out/b_1.jsonl", "batch.qa[1]", "batch.qb[1]"}},
		{name: "one label twice", config: good + good[strings.Index(good, "batch"):], words: []string{"qaplan.hcl:9", "qaplan.hcl:3"}},
		{name: "label with a dot", replace: [2]string{`"qa"`, `"q.a"`}, words: []string{"qaplan.hcl:3", "q.a"}},
		{name: "unknown function", replace: [2]string{`"out"`, `fromat("out")`}, words: []string{"qaplan.hcl:7", "fromat"}},
		{name: "unknown variable", replace: [2]string{`"gemini-2.5-flash"`, "var.modell"}, words: []string{"qaplan.hcl:5", "modell"}},
		{name: "unset variable", replace: [2]string{"provider", "variable \"m\" {}\nprovider"}, words: []string{"qaplan.hcl:1", "--var"}},
		{name: "undeclared variable", args: []string{"--var", "x=1"}, words: []string{"x"}},
		{name: "variable without a value", args: []string{"--var", "x"}, words: []string{"NAME=VALUE"}},
		{name: "missing variable file", args: []string{"--var-file", "none.vars"}, words: []string{"none.vars"}},
		{name: "key in the config", replace: [2]string{"{}", "{\n  base_url = \"https://x/AIza" + strings.Repeat("x", 35) + "\"\n}"}, words: []string{"qaplan.hcl:2", "GEMINI_API_KEY"}},
		{name: "base URL without scheme", replace: [2]string{"{}", "{\n  base_url = \"example.org\"\n}"}, words: []string{"qaplan.hcl:2", "http"}},
		{name: "base URL in the environment", env: map[string]string{"GOOGLE_GEMINI_BASE_URL": "ftp://x"}, words: []string{"GOOGLE_GEMINI_BASE_URL", "http"}},
		{name: "newer version wanted", config: "qaplan { required_version = \">= 9\" }\n" + good, words: []string{"qaplan.hcl:1", ">= 9", version}},
		{name: "hook as an argument", replace: [2]string{"\n}\n", "\n  on_complete = 5\n}\n"}, words: []string{"on_complete", "block"}},
		{name: "hook without a command", replace: [2]string{"\n}\n", "\n  on_complete {}\n}\n"}, words: []string{"on_complete", "command"}},
		{name: "unknown fault", config: strings.Replace(good, "\"gemini\" {}", "\"emulator\" {\n  fault \"reset_aftr\" {}\n}", 1), words: []string{"qaplan.hcl:2", "reset_aftr", "Did you mean \"reset_after\"?"}},
		{name: "unknown kind of call", config: strings.Replace(good, "\"gemini\" {}", "\"emulator\" {\n  fault \"slow\" { op = \"buy\" }\n}", 1), words: []string{"qaplan.hcl:2", "\"buy\""}},
		{name: "interval without a unit", replace: [2]string{"{}", "{\n  poll_interval = \"30\"\n}"}, words: []string{"qaplan.hcl:2", "poll_interval"}},
		{name: "limit of zero", replace: [2]string{"{}", "{\n  rate { parallelism = 0 }\n}"}, words: []string{"qaplan.hcl:2", "parallelism"}},
		{name: "unknown on_change", replace: [2]string{"\n}\n", "\n  on_change = \"redo\"\n}\n"}, words: []string{"on_change", "redo", "keep"}},

		{name: "empty source", files: map[string]string{"in/b_2.jsonl": "\n"}, words: []string{"in/b_2.jsonl"}},
		{name: "line is no JSON", files: map[string]string{"in/b_2.jsonl": row("a") + "oops\n"}, words: []string{"in/b_2.jsonl:2"}},
		{name: "line is cut", files: map[string]string{"in/b_2.jsonl": row("a") + row("b")[:20]}, words: []string{"in/b_2.jsonl:2"}},
		{name: "line is a list", files: map[string]string{"in/b_2.jsonl": "[1]\n"}, words: []string{"in/b_2.jsonl:1"}},
		{name: "JSON and not JSONL", files: map[string]string{"in/b_2.jsonl": "[\n" + strings.TrimSpace(row("a")) + "\n]\n"}, words: []string{"in/b_2.jsonl:1"}},
		{name: "key missing", files: map[string]string{"in/b_2.jsonl": row("a") + `{"request":{"contents":[]}}` + "\n"}, words: []string{"in/b_2.jsonl:2", "key"}},
		{name: "key twice", files: map[string]string{"in/b_2.jsonl": row("a") + row("b") + row("a")}, words: []string{"in/b_2.jsonl:3", "line 1"}},
		{name: "key is a number", files: map[string]string{"in/b_2.jsonl": `{"key":1,"request":{"contents":[]}}` + "\n"}, words: []string{"in/b_2.jsonl:1", "key"}},
		{name: "request missing", files: map[string]string{"in/b_2.jsonl": `{"key":"a"}` + "\n"}, words: []string{"in/b_2.jsonl:1", "request"}},
		{name: "invalid UTF-8", files: map[string]string{"in/b_2.jsonl": row("a") + strings.Replace(row("b"), "What", "Wh\xff", 1)}, words: []string{"in/b_2.jsonl:2", "UTF-8"}},
		{name: "UTF-16", files: map[string]string{"in/b_2.jsonl": "\xff\xfe{\x00\"\x00k\x00"}, words: []string{"in/b_2.jsonl", "UTF"}},

		{name: "unknown address", args: []string{"--target", "batch.qa[7]"}, words: []string{"--target", "batch.qa[7]"}},
		{name: "address without block", args: []string{"--target", "qa[1]"}, words: []string{"--target", `"qa[1]"`, "batch.NAME[72]"}},
		{name: "address of another block", args: []string{"--rerun", "batch.qb"}, words: []string{"--rerun", "Did you mean"}},
		{name: "timeout below zero", args: []string{"--timeout", "-5m"}, words: []string{"--timeout", "negative"}},
		{name: "missing folder of --chdir", args: []string{"-C", "nowhere"}, words: []string{"nowhere"}},
		{name: "damaged state", files: map[string]string{"qaplan.state.json": "{"}, words: []string{"qaplan.state.json"}},
		{name: "newer state", files: map[string]string{"qaplan.state.json": "{\n  \"version\": 99,\n"}, words: []string{"qaplan.state.json", "99"}},
	}
}

// Every mistake is told with its place and what to do, ends with code 1, and
// costs nothing: nothing reaches the service that changes anything there.
func TestBadInputCostsNothing(t *testing.T) {
	cases := badInputs()
	if len(cases) < 40 {
		t.Fatalf("%d cases, want at least 40", len(cases))
	}
	em, err := emulator.New(emulator.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(em)
	t.Cleanup(func() { srv.Close(); em.Close() })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t, srv.URL) })
	}
	checkNothingSpent(t, em)
}

func (c *badInput) check(t *testing.T, url string) {
	dir := t.TempDir()
	files := map[string]string{"qaplan.hcl": good, "in/b_1.jsonl": row("a") + row("b"), "in/b_2.jsonl": row("c")}
	if c.config != "" {
		files["qaplan.hcl"] = c.config
	}
	if c.replace[0] != "" {
		changed := strings.Replace(good, c.replace[0], c.replace[1], 1)
		if changed == good {
			t.Fatalf("the config has no %q", c.replace[0])
		}
		files["qaplan.hcl"] = changed
	}
	for name, text := range c.files {
		files[name] = text
	}
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"GEMINI_API_KEY": "a-key-that-nobody-may-see", "GOOGLE_GEMINI_BASE_URL": url}
	for name, v := range c.env {
		env[name] = v
	}
	args := append([]string{"-C", dir, "apply", "--auto-approve"}, c.args...)
	if len(c.args) > 0 && c.args[0] == "-C" {
		args = []string{"apply", "--auto-approve", "-C", filepath.Join(dir, c.args[1])}
	}
	code, stdout, stderr := call(t, env, args...)
	if code != exitError {
		t.Errorf("exit code %d, want %d", code, exitError)
	}
	if stdout != "" {
		t.Errorf("stdout has %q, want nothing", stdout)
	}
	for _, w := range c.words {
		if !strings.Contains(stderr, w) {
			t.Errorf("stderr does not tell %q", w)
		}
	}
	if strings.Contains(stderr, env["GEMINI_API_KEY"]) || strings.Contains(stderr, strings.Repeat("x", 35)) {
		t.Error("stderr shows the key")
	}
	if t.Failed() {
		t.Logf("stderr:\n%s", stderr)
	}
}

// checkNothingSpent compares the books with empty ones; calls that only read
// are let pass.
func checkNothingSpent(t *testing.T, em *emulator.Server) {
	t.Helper()
	l, err := em.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Purchases) > 0 {
		t.Errorf("%d jobs were bought", len(l.Purchases))
	}
	for _, op := range []string{emulator.OpUploadStart, emulator.OpCreate, emulator.OpCancel, emulator.OpDeleteFile, emulator.OpDeleteJob} {
		if n := l.Calls[op]; n > 0 {
			t.Errorf("%d calls of %s", n, op)
		}
	}
}

// call runs qaplan in this process.
func call(t *testing.T, env map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	code = run(context.Background(), args, system{stdin: strings.NewReader(""), stdout: &out, stderr: &errs, env: lookup})
	if form, err := formOf(args); err != nil {
		t.Error(err)
	} else if form != "" {
		if err := conforms(form, out.Bytes()); err != nil {
			t.Error(err)
		}
	}
	return code, out.String(), errs.String()
}

// A file above what the service takes is refused before a byte is sent. It is
// sparse, and never read.
func TestOversizedSource(t *testing.T) {
	em, err := emulator.New(emulator.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(em)
	t.Cleanup(func() { srv.Close(); em.Close() })
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"qaplan.hcl": good, "in/b_1.jsonl": row("a"), "in/b_2.jsonl": row("b")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "in", "b_2.jsonl"), 2<<30+1); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": srv.URL}
	code, _, stderr := call(t, env, "-C", dir, "apply", "--auto-approve")
	if code != exitError || !strings.Contains(stderr, "in/b_2.jsonl") || !strings.Contains(stderr, "at most 2") {
		t.Errorf("exit code %d, stderr:\n%s\nwant 1, the file and the limit", code, stderr)
	}
	checkNothingSpent(t, em)
}
