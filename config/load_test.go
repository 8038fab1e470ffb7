package config

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// block is the smallest block that is right; extra arguments may follow.
func block(extra ...string) string {
	return `batch "qa" {
  range      = [1, 2]
  model      = "gemini-2.5-flash"
  source     = "in/batch_*.jsonl"
  output_dir = "out"
` + strings.Join(extra, "\n") + "\n}\n"
}

// load loads a text as the config of an empty folder and fails on errors.
func load(t *testing.T, text string, change ...func(*Options)) *Config {
	t.Helper()
	cfg, ds := loadText(t, text, change...)
	if ds.HasErrors() {
		t.Fatalf("load:\n%s\nof\n%s", render(t, ds, 0), text)
	}
	return cfg
}

func loadText(t *testing.T, text string, change ...func(*Options)) (*Config, Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": text})
	opts := Options{Path: filepath.Join(dir, "qaplan.hcl"), Version: "0.1.0"}
	for _, c := range change {
		c(&opts)
	}
	return Load(context.Background(), opts)
}

// plain compares configs without what only diagnostics need.
var plain = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}, Block{}, Dataset{}),
	cmpopts.IgnoreFields(Config{}, "Path", "Dir", "Digest"), cmpopts.IgnoreFields(Block{}, "RulesDigest"), cmpopts.IgnoreFields(Dataset{}, "Digest"),
}

// asRequested are the rules of a block that says nothing about answers.
var asRequested = batchfile.Rules{AsRequested: true}

func TestLoadDefaults(t *testing.T) {
	cfg := load(t, block())
	want := &Config{
		Backend: Backend{Type: "local", Path: filepath.Join(cfg.Dir, "qaplan.state.json"), Shown: "qaplan.state.json"},
		Provider: Provider{
			Kind: ProviderGemini, SettleTime: 15 * time.Minute, PollInterval: 30 * time.Second, Cooldown: 2 * time.Minute,
			Rate: Rate{Parallelism: 4},
		},
		Blocks: []Block{{
			Name: "qa", First: 1, Last: 2, Model: "gemini-2.5-flash", Source: "in/batch_*.jsonl",
			OutputDir: "out", OutputDirAbs: filepath.Join(cfg.Dir, "out"),
			OnChange: planner.OnChangeHold, Unclaimed: UnclaimedHold, MaxAttempts: 3,
			Rules: asRequested,
		}},
	}
	if diff := cmp.Diff(want, cfg, plain); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if got, want := cfg.Blocks[0].DisplayName(2), "qa_2"; got != want {
		t.Errorf("display name %q, want %q", got, want)
	}
	if len(cfg.Digest) != 64 {
		t.Errorf("digest %q, want 64 hex digits", cfg.Digest)
	}
}

func TestLoadEverything(t *testing.T) {
	cfg := load(t, `
qaplan {
  required_version = ">= 0.1"
  backend "local" { path = "states/${var.team}.json" }
}
provider "gemini" {
  base_url      = "HTTPS://Example.com/proxy/"
  settle_time   = "20m"
  poll_interval = "1m"
  cooldown      = "90s"
  count_tokens  = 12
  rate {
    requests_per_minute = 300
    creates_per_minute  = "10"
    parallelism         = 8
    max_active_jobs     = 100
    max_enqueued_tokens = { "models/gemini-2.5-pro" = 3000000, unset = null }
  }
}
variable "team" {
  type        = string
  description = "Who pays."
  default     = "red"
  validation {
    condition     = length(var.team) > 2
    error_message = "A team has a name."
  }
}
locals {
  prefix = upper(local.word)
  word   = "refinement"
}
batch "zwei" {
  range        = [3, 5]
  model        = "models/gemini-2.5-pro"
  source       = "../other/in_*.jsonl"
  output_dir   = "./results/two/"
  exclude      = [4, 4]
  display_name = each.number
  on_change    = "rerun"
  unclaimed    = "ignore"
  max_attempts = 5
  allow_missing = true
}
batch "eins" {
  range        = [51, 204]
  model        = "gemini-2.5-flash"
  source       = "submissions/batch_*_proper.jsonl"
  output_dir   = "results"
  display_name = each.number == 52 ? null : format("%s_batch_%03d", local.prefix, each.number)
  on_change    = "keep"
  max_cost     = "25.50"
  price {
    input  = 0.15
    output = 1.25
    cached = 0.0375
  }
}
`)
	want := &Config{
		Backend: Backend{Type: "local", Path: filepath.Join(cfg.Dir, "states", "red.json"), Shown: "states/red.json"},
		Provider: Provider{
			Kind: ProviderGemini, BaseURL: "https://example.com/proxy",
			SettleTime: 20 * time.Minute, PollInterval: time.Minute, Cooldown: 90 * time.Second, CountTokens: 12,
			Rate: Rate{RequestsPerMinute: 300, CreatesPerMinute: 10, Parallelism: 8, MaxActiveJobs: 100, MaxEnqueuedTokens: map[string]int64{"gemini-2.5-pro": 3000000}},
		},
		Blocks: []Block{{
			Name: "eins", First: 51, Last: 204, Model: "gemini-2.5-flash", Source: "submissions/batch_*_proper.jsonl",
			OutputDir: "results", OutputDirAbs: filepath.Join(cfg.Dir, "results"),
			OnChange: planner.OnChangeKeep, Unclaimed: UnclaimedHold, MaxAttempts: 3,
			Rules: asRequested, Price: &Price{Input: 0.15, Output: 1.25, Cached: 0.0375}, MaxCost: 25.5, MaxCostPlace: filepath.ToSlash(filepath.Join(cfg.Dir, "qaplan.hcl")) + ":52",
		}, {
			Name: "zwei", First: 3, Last: 5, Exclude: []int{4}, Model: "gemini-2.5-pro", Source: "../other/in_*.jsonl",
			OutputDir: "results/two", OutputDirAbs: filepath.Join(cfg.Dir, "results", "two"),
			OnChange: planner.OnChangeRerun, Unclaimed: UnclaimedIgnore, MaxAttempts: 5, AllowMissing: true,
			Rules: asRequested,
		}},
	}
	if diff := cmp.Diff(want, cfg, plain); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	names := []string{cfg.Blocks[0].DisplayName(51), cfg.Blocks[0].DisplayName(52), cfg.Blocks[0].DisplayName(204), cfg.Blocks[1].DisplayName(5)}
	if diff := cmp.Diff([]string{"REFINEMENT_batch_051", "eins_52", "REFINEMENT_batch_204", "5"}, names); diff != "" {
		t.Errorf("display names (-want +got):\n%s", diff)
	}
	if got := cfg.Blocks[1].Count(); got != 2 {
		t.Errorf("count %d, want 2", got)
	}
	if got := cfg.Blocks[0].Declared().Start.Line; got != 45 {
		t.Errorf("declared on line %d, want 45", got)
	}
}

func TestLoadRehearsal(t *testing.T) {
	cfg := load(t, `
qaplan {
  backend "local" { path = "states/x.json" }
}
provider "emulator" {
  queue_time = ["1s", "3s"]
  run_time   = "500ms"
  clock_rate = 60
  models     = ["models/gemini-2.5-flash"]
  page_size  = 7
  history    = "past/history.json"
  refuse_camel_case = true
  rate {
    parallelism         = 2
    max_enqueued_tokens = "5000000"
  }
  quota {
    max_active_jobs     = 3
    creates_per_minute  = 4
    requests_per_minute = 5
    file_bytes          = 6
    storage_bytes       = 7
    enqueued_tokens     = { "gemini-2.5-flash" = 3000000 }
    release_delay       = "1h"
    creates_per_day     = 8
    named_refusals      = true
    burst               = 2
    burst_pause         = ["15m", "20m"]
  }
  rows {
    error_share      = 0.01
    truncated_share  = 0.02
    blocked_share    = 0.03
    empty_share      = 0.04
    missing_share    = 0.05
    duplicated_share = 0.06
    invalid_share    = 0.07
    swapped_share    = 0.08
  }
  fault "reset_after" {
    op    = "create"
    first = 2
    count = -1
    value = "1s"
  }
  fault "slow" {}
}
`+block()+strings.NewReplacer(`"qa"`, `"up"`, `"out"`, `"../../out"`).Replace(block()))
	want := Provider{
		Kind: ProviderEmulator, SettleTime: 15 * time.Minute, PollInterval: time.Second, Cooldown: 2 * time.Minute,
		Rate: Rate{Parallelism: 2, MaxEnqueuedTokensAll: 5000000},
		Emulator: &Emulator{
			DataDir:   filepath.Join(cfg.Dir, ".qaplan", "emulator", ".data"),
			History:   filepath.Join(cfg.Dir, "past", "history.json"),
			QueueTime: Span{time.Second, 3 * time.Second}, RunTime: Span{500 * time.Millisecond, 500 * time.Millisecond},
			ClockRate: 60, Models: []string{"gemini-2.5-flash"}, PageSize: 7,
			Quota: Quota{
				MaxActiveJobs: 3, CreatesPerMinute: 4, RequestsPerMinute: 5, FileBytes: 6, StorageBytes: 7,
				EnqueuedTokens: map[string]int64{"gemini-2.5-flash": 3000000}, ReleaseDelay: time.Hour,
				CreatesPerDay: 8, NamedRefusals: true, Burst: 2, BurstPause: Span{15 * time.Minute, 20 * time.Minute},
			},
			Rows: Rows{
				Error: 0.01, Truncated: 0.02, Blocked: 0.03, Empty: 0.04, Missing: 0.05, Duplicated: 0.06, Invalid: 0.07, Swapped: 0.08,
			},
			Faults:          []Fault{{Name: "reset_after", Op: "create", First: 2, Count: -1, Value: "1s"}, {Name: "slow", First: 1, Count: 1}},
			RefuseCamelCase: true,
		},
	}
	if diff := cmp.Diff(want, cfg.Provider); diff != "" {
		t.Errorf("provider (-want +got):\n%s", diff)
	}
	if got, want := cfg.Backend.Path, filepath.Join(cfg.Dir, ".qaplan", "emulator", "states", "x.json"); got != want {
		t.Errorf("state in %s, want %s", got, want)
	}
	for i, want := range []string{".qaplan/emulator/out", ".qaplan/emulator/_up/_up/out"} {
		b := cfg.Blocks[i]
		if b.OutputDir != want || b.OutputDirAbs != filepath.Join(cfg.Dir, filepath.FromSlash(want)) {
			t.Errorf("results in %s (%s), want %s", b.OutputDir, b.OutputDirAbs, want)
		}
	}
}

// A rehearsal never touches the real state, wherever that is.
func TestLoadRehearsalAbsolutePaths(t *testing.T) {
	real := filepath.ToSlash(t.TempDir())
	cfg := load(t, fmt.Sprintf("qaplan {\n  backend \"local\" { path = %q }\n}\nprovider \"emulator\" {}\n", real+"/prod.json")+
		strings.Replace(block(), `"out"`, fmt.Sprintf("%q", real+"/out"), 1))
	if got, want := cfg.Backend.Path, filepath.Join(cfg.Dir, ".qaplan", "emulator", "prod.json"); got != want {
		t.Errorf("state in %s, want %s", got, want)
	}
	if got := cfg.Blocks[0].OutputDir; got != real+"/out" {
		t.Errorf("results in %s, want %s", got, real+"/out")
	}
	if got, want := cfg.Provider.Emulator.RunTime, (Span{2 * time.Second, 2 * time.Second}); got != want {
		t.Errorf("run time %v, want %v", got, want)
	}
}

func TestLoadCheckFault(t *testing.T) {
	_, ds := loadText(t, "provider \"emulator\" {\n  fault \"sloow\" {}\n}\n"+block(), func(o *Options) {
		o.CheckFault = func(f Fault) error { return fmt.Errorf("fault %q: no such fault", f.Name) }
	})
	if got, want := ds.Err().Error(), "Invalid fault"; !strings.HasSuffix(got, want) {
		t.Errorf("error %q, want %q", got, want)
	}
}

func TestLoadBaseURL(t *testing.T) {
	env := func(o *Options) {
		o.Env = func(name string) (string, bool) {
			return " http://127.0.0.1:8080/ ", name == "GOOGLE_GEMINI_BASE_URL"
		}
	}
	cfg := load(t, block(), env)
	if p := cfg.Provider; p.BaseURL != "http://127.0.0.1:8080" || p.BaseURLFrom != "GOOGLE_GEMINI_BASE_URL" {
		t.Errorf("base URL %q from %q, want that of the environment", p.BaseURL, p.BaseURLFrom)
	}
	cfg = load(t, `provider "gemini" { base_url = "https://a.example" }`+"\n"+block(), env)
	if p := cfg.Provider; p.BaseURL != "https://a.example" || p.BaseURLFrom != "" {
		t.Errorf("base URL %q from %q, want that of the config", p.BaseURL, p.BaseURLFrom)
	}
	if p := load(t, `provider "emulator" {}`+"\n"+block(), env).Provider; p.BaseURL != "" {
		t.Errorf("base URL %q with the embedded emulator, want none", p.BaseURL)
	}
	_, ds := loadText(t, `provider "gemini" { base_url = "http://a.example" }`+"\n"+block())
	if len(ds) != 1 || ds[0].Severity != SeverityWarning || ds[0].Summary != "The API key would travel unencrypted" {
		t.Errorf("http to another machine: got %v, want one warning", ds)
	}
}

func TestLoadVersion(t *testing.T) {
	tests := []struct {
		have, want string
		fits       bool
	}{
		{"0.2.0-dev", ">= 0.1", true},
		{"0.2.0-dev", ">= 0.2", true},
		{"0.2.0-dev", "~> 0.2.0", true},
		{"0.2.0", ">= 0.2.0-beta", true},
		{"0.2.0-dev", "> 0.2", false},
		{"0.2.0", ">= 0.1, < 0.2", false},
		{"(devel)", ">= 9", true},
		{"", ">= 9", true},
	}
	for _, tt := range tests {
		text := fmt.Sprintf("qaplan {\n  required_version = %q\n}\n", tt.want)
		_, ds := loadText(t, text+block(), func(o *Options) { o.Version = tt.have })
		if got := !ds.HasErrors(); got != tt.fits {
			t.Errorf("%s with %s: fits %t, want %t", tt.want, tt.have, got, tt.fits)
		}
	}
}

// A later value wins: default, environment, qaplan.vars, --var-file, --var.
func TestVariableOrder(t *testing.T) {
	dir := t.TempDir()
	text := "variable \"model\" {\n  default = \"from-default\"\n}\n" + strings.Replace(block(), `"gemini-2.5-flash"`, "var.model", 1)
	writeFiles(t, dir, map[string]string{"qaplan.hcl": text, "a.vars": `model = "from-a"`, "b.vars": `model = "from-b"`})
	opts := Options{Path: filepath.Join(dir, "qaplan.hcl")}
	expect := func(want string) {
		t.Helper()
		cfg, ds := Load(context.Background(), opts)
		if ds.HasErrors() {
			t.Fatal(render(t, ds, 0))
		}
		if got := cfg.Blocks[0].Model; got != want {
			t.Errorf("model %q, want %q", got, want)
		}
	}
	expect("from-default")
	opts.Env = func(name string) (string, bool) { return "from-env", name == "QAPLAN_VAR_model" }
	expect("from-env")
	writeFiles(t, dir, map[string]string{"qaplan.vars": "# null is unset\nmodel = null\n"})
	expect("from-env")
	writeFiles(t, dir, map[string]string{"qaplan.vars": "model = \"from-vars\"\n"})
	expect("from-vars")
	opts.VarFiles = []string{filepath.Join(dir, "b.vars"), filepath.Join(dir, "a.vars")}
	expect("from-a")
	opts.Vars = []string{"model=first", "model=from-flag"}
	expect("from-flag")
}

func TestVariableTypes(t *testing.T) {
	text := `
variable "span" { type = tuple([number, number]) }
variable "opts" {
  type = object({ dir = optional(string, "out"), tries = optional(number) })
  default = {}
}
variable "names" {
  type    = list(string)
  default = ["a", "b"]
}
variable "loud" {
  type    = bool
  default = false
}
variable "unset" { default = null }
batch "qa" {
  range        = var.span
  model        = "gemini-2.5-flash"
  source       = "in/batch_*.jsonl"
  output_dir   = var.opts.dir
  max_attempts = var.opts.tries
  on_change    = var.unset
  display_name = "${join("-", var.names)}${var.loud ? "!" : "?"}"
}
`
	cfg := load(t, text, func(o *Options) {
		o.Vars = []string{"span=[7, 9]", "opts={ tries = 2 }", "loud=true"}
	})
	b := &cfg.Blocks[0]
	got := []any{b.First, b.Last, b.OutputDir, b.MaxAttempts, b.OnChange, b.DisplayName(8)}
	if diff := cmp.Diff([]any{7, 9, "out", 2, planner.OnChangeHold, "a-b!"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

func TestFunctions(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"data/a.txt": "hello", "data/b.txt": "x", "data/sub/c.txt": "x"})
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	sum := "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	tests := []struct{ expr, want string }{
		{`file("data/a.txt")`, "hello"},
		{`fileexists("data/a.txt")`, "true"},
		{`fileexists("data")`, "false"},
		{`fileexists("none")`, "false"},
		{`join(",", fileset("data", "*.txt"))`, "a.txt,b.txt"},
		{`join(",", fileset("data", "**/*.txt"))`, "a.txt,b.txt,sub/c.txt"},
		{`length(fileset("data", "*.csv"))`, "0"},
		{`filesha256("data/a.txt")`, sum},
		{`sha256("hello")`, sum},
		{`basename("a/b/c.txt")`, "c.txt"},
		{`dirname("a/b/c.txt")`, "a/b"},
		{`abspath("x/../y")`, filepath.ToSlash(filepath.Join(dir, "y"))},
		{`pathexpand("~/x")`, filepath.ToSlash(home) + "/x"},
		{`pathexpand("x")`, "x"},
		{`startswith("batch_1", "batch")`, "true"},
		{`endswith("batch_1", "batch")`, "false"},
		{`sum([1, 2.5, "3"])`, "6.5"},
		{`sum([])`, "0"},
		{`alltrue([true, "true"])`, "true"},
		{`alltrue([true, null])`, "false"},
		{`anytrue([false, true])`, "true"},
		{`anytrue([])`, "false"},
		{`one(["x"])`, "x"},
		{`one([]) == null`, "true"},
		{`one(toset(["x"]))`, "x"},
		{`replace("a.b.c", ".", "-")`, "a-b-c"},
		{`replace("a1b22", "/[0-9]+/", "#")`, "a#b#"},
		{`length("häß")`, "3"},
		{`length({ a = 1, b = 2 })`, "2"},
		{`length([1, 2, 3])`, "3"},
		{`tostring(7)`, "7"},
		{`tonumber("7") + 1`, "8"},
		{`tobool("true")`, "true"},
		{`length(tolist(["a"]))`, "1"},
		{`tomap({ a = 1 })["a"]`, "1"},
		{`try(tonumber("x"), 5)`, "5"},
		{`can(tonumber("x"))`, "false"},
		{`format("%03d", 7)`, "007"},
		{`nonsensitive(sensitive("x"))`, "x"},
		{`jsonencode({ a = [1] })`, `{"a":[1]}`},
		{`range(3)[2]`, "2"},
		{`lookup({ a = "b" }, "a", "c")`, "b"},
		{`[for n in [1, 2] : n * 2][1]`, "4"},
		{`formatdate("YYYY", "2026-11-23T00:00:00Z")`, "2026"},
	}
	for _, tt := range tests {
		text := "locals {\n  x = " + tt.expr + "\n}\n" + block("display_name = tostring(local.x)")
		writeFiles(t, dir, map[string]string{"qaplan.hcl": text})
		cfg, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
		if ds.HasErrors() {
			t.Errorf("%s:\n%s", tt.expr, render(t, ds, 0))
			continue
		}
		if got := cfg.Blocks[0].DisplayName(1); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.expr, got, tt.want)
		}
	}
	for _, expr := range []string{
		`file("none")`, `file("data")`, `filesha256("none")`, `fileset("data", "[")`, `pathexpand("~other/x")`,
		`sum(["x"])`, `sum("x")`, `alltrue([1])`, `alltrue({})`, `one([1, 2])`, `one("x")`, `one(tolist(["a", "b"]))`,
		`length(true)`, `replace("a", "/(/", "b")`,
	} {
		text := "locals {\n  x = " + expr + "\n}\n" + block()
		writeFiles(t, dir, map[string]string{"qaplan.hcl": text})
		_, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
		if len(ds) != 1 || !ds.HasErrors() {
			t.Errorf("%s: got %d diagnostics, want one error\n%s", expr, len(ds), render(t, ds, 0))
		}
	}
}

func TestWindowsPaths(t *testing.T) {
	text := strings.Replace(block(), `"in/batch`, `"c:/data/in/batch`, 1)
	cfg, ds := loadText(t, text)
	if runtime.GOOS == "windows" {
		if ds.HasErrors() || cfg.Blocks[0].Source != "c:/data/in/batch_*.jsonl" {
			t.Errorf("got %v, want the path as it is", ds)
		}
		return
	}
	if len(ds) != 1 || !strings.Contains(ds[0].Detail, "a path of Windows") {
		t.Errorf("got %v, want one error that names Windows", ds)
	}
}

func TestUnreadableConfig(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"utf16", "\xff\xfeb\x00a\x00", "The file is UTF-16"},
		{"nul", "batch \"a\" {}\n\x00", "The file is no text"},
		{"latin1", "# caf\xe9\n", "The file is not valid UTF-8"},
	}
	for _, tt := range tests {
		_, ds := loadText(t, tt.text)
		if len(ds) != 1 || ds[0].Summary != tt.want {
			t.Errorf("%s: got %v, want %q", tt.name, ds, tt.want)
		}
		checkForm(t, ds)
	}
}

func TestLoadInterrupted(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"qaplan.hcl": strings.Replace(block(`display_name = "x${each.number}"`), "[1, 2]", "[1, 1000000]", 1)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg, ds := Load(ctx, Options{Path: filepath.Join(dir, "qaplan.hcl")})
	if cfg != nil || !ds.HasErrors() {
		t.Errorf("got a config (%t), want an error alone", cfg != nil)
	}
}
