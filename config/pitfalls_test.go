package config

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
)

// These tests are about traps of HCL and of its Go libraries, each of which has
// bitten some tool.

// Marked values panic in the library's decoders; here every argument meets one.
func TestSensitiveEverywhere(t *testing.T) {
	secret := "variable \"s\" {\n  sensitive = true\n  default   = %s\n}\n"
	tests := []struct{ value, text string }{
		{`"hunter2hunter2"`, strings.Replace(block(), `"gemini-2.5-flash"`, "var.s", 1)},
		{`"hunter2hunter2"`, strings.Replace(block(), `"out"`, "var.s", 1)},
		{`"hunter2hunter2"`, strings.Replace(block(), `"in/batch_*.jsonl"`, `"${var.s}*"`, 1)},
		{`[987654, 987655]`, strings.Replace(block(), `[1, 2]`, "var.s", 1)},
		{`987654`, strings.Replace(block(), `[1, 2]`, "[1, var.s]", 1)},
		{`987654`, block("exclude = [var.s]")},
		{`"hunter2hunter2"`, block("on_change = var.s")},
		{`"hunter2hunter2"`, block("unclaimed = var.s")},
		{`"hunter2hunter2"`, block("max_attempts = var.s")},
		{`"hunter2hunter2"`, block("allow_missing = var.s")},
		{`"hunter2hunter2"`, block("expect { finish_reasons = [var.s] }")},
		{`"hunter2hunter2"`, block("expect { finish_reasons = var.s }")},
		{`"hunter2hunter2"`, block("expect { schema = var.s }")},
		{`"hunter2hunter2"`, block("expect { key_field = var.s }")},
		{`"hunter2hunter2"`, block("expect { json = var.s }")},
		{`987654`, block("expect { min_chars = -var.s }")},
		{`987654`, block("max_cost = var.s")},
		{`987654`, block("price {\n input = 1\n output = var.s\n}")},
		{`987654`, "provider \"gemini\" {\n  rate { max_enqueued_tokens = var.s }\n}\n" + block()},
		{`{ hunter2hunter2 = 5 }`, "provider \"gemini\" {\n  rate { max_enqueued_tokens = var.s }\n}\n" + block()},
		{`"hunter2hunter2"`, block("repair { model = var.s }")},
		{`987654`, block("repair { max_attempts = var.s }")},
		{`987654`, block("repair { generation_config = { seed = var.s } }")},
		{`"hunter2hunter2"`, block("repair { generation_config = { (var.s) = 1 } }")},
		{`{ hunter2hunter2 = null }`, block("repair { generation_config = var.s }")},
		{`"hunter2hunter2"`, block() + "dataset \"d\" {\n  from = var.s\n  path = \"d.csv\"\n}\n"},
		{`["hunter2hunter2"]`, block() + "dataset \"d\" {\n  from = var.s\n  path = \"d.csv\"\n}\n"},
		{`"hunter2hunter2.csv"`, block() + "dataset \"d\" {\n  from = \"qa\"\n  path = var.s\n}\n"},
		{`"hunter2hunter2"`, block() + dataset("d", "d.csv", "format = var.s")},
		{`"hunter2hunter2"`, block() + dataset("d", "d.csv", "fields = { x = var.s }")},
		{`"hunter2hunter2"`, block() + dataset("d", "d.csv", "fields = { (var.s) = \"key\" }")},
		{`"hunter2hunter2"`, block(`display_name = "x${var.s}"`)},
		{`987654`, block(`display_name = var.s + each.number`)},
		{`"hunter2hunter2"`, block(`display_name = upper(jsondecode(var.s))`)},
		{`"hunter2hunter2"`, block(`display_name = {a = 1}[var.s]`)},
		{`"hunter2hunter2"`, block(`display_name = var.s.x`)},
		{`"hunter2hunter2"`, `provider "gemini" { base_url = var.s }` + "\n" + block()},
		{`"hunter2hunter2"`, `provider "gemini" { settle_time = var.s }` + "\n" + block()},
		{`"hunter2hunter2"`, "provider \"gemini\" {\n  rate { parallelism = var.s }\n}\n" + block()},
		{`"hunter2hunter2"`, `provider "emulator" { queue_time = [var.s, "1s"] }` + "\n" + block()},
		{`"hunter2hunter2"`, `provider "emulator" { queue_time = var.s }` + "\n" + block()},
		{`"hunter2hunter2"`, `provider "emulator" { models = [var.s] }` + "\n" + block()},
		{`"hunter2hunter2"`, `provider "emulator" { clock_rate = var.s }` + "\n" + block()},
		{`"hunter2hunter2"`, `provider "emulator" { history = var.s }` + "\n" + block()},
		{`"hunter2hunter2"`, "provider \"emulator\" {\n  quota { enqueued_tokens = { (var.s) = 1 } }\n}\n" + block()},
		{`"hunter2hunter2"`, "provider \"emulator\" {\n  quota { enqueued_tokens = { x = var.s } }\n}\n" + block()},
		{`"hunter2hunter2"`, "provider \"emulator\" {\n  fault \"x\" { value = var.s }\n}\n" + block()},
		{`"hunter2hunter2"`, "qaplan {\n  backend \"local\" { path = var.s }\n}\n" + block()},
		{`"hunter2hunter2"`, "variable \"v\" {\n  default = 1\n  validation {\n    condition = var.s\n    error_message = var.s\n  }\n}\n" + block()},
		{`"hunter2hunter2"`, "locals {\n  x = parseint(var.s, 10)\n}\n" + block()},
		{`"hunter2hunter2"`, "locals {\n  x = [for s in [1] : s if var.s]\n}\n" + block()},
		{`{ a = "hunter2hunter2" }`, "locals {\n  x = var.s.b\n}\n" + block()},
	}
	for _, tt := range tests {
		_, ds := loadText(t, fmt.Sprintf(secret, tt.value)+tt.text)
		if !ds.HasErrors() {
			t.Errorf("no error for\n%s", tt.text)
		}
		checkForm(t, ds)
		for _, word := range []string{"hunter2", "HUNTER2", "98765"} {
			if text := render(t, ds, 0); strings.Contains(text, word) {
				t.Errorf("the secret is shown for\n%s\n%s", tt.text, text)
			}
		}
	}
}

// A sensitive value may be used where nothing shows it.
func TestSensitiveAllowed(t *testing.T) {
	cfg := load(t, "variable \"d\" {\n  sensitive = true\n  default = \"20m\"\n}\nvariable \"n\" {\n  sensitive = true\n  default = 3\n}\n"+
		"provider \"gemini\" {\n  settle_time = var.d\n  rate { parallelism = var.n }\n}\n"+
		block("max_attempts = var.n", "allow_missing = var.n > 2", "display_name = nonsensitive(var.d)"))
	b := &cfg.Blocks[0]
	got := []any{cfg.Provider.SettleTime, cfg.Provider.Rate.Parallelism, b.MaxAttempts, b.AllowMissing, b.DisplayName(1)}
	if diff := cmp.Diff([]any{20 * time.Minute, 3, 3, true, "20m"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// A failed expression is reported once, and not again by what is made from it.
func TestNoTwinErrors(t *testing.T) {
	for _, text := range []string{
		strings.Replace(block(), `"gemini-2.5-flash"`, "var.nope", 1),
		"locals {\n  a = var.nope\n  b = local.a\n  c = [local.b]\n}\n" + strings.Replace(block("display_name = local.b"), `"out"`, "local.c[0]", 1),
		"variable \"v\" {}\n" + strings.Replace(block("display_name = var.v"), `"out"`, "var.v", 1),
		"variable \"v\" { type = strin }\n" + strings.Replace(block("display_name = var.v"), `"out"`, "var.v", 1),
		"variable \"v\" {\n  type    = number\n  default = \"x\"\n  validation {\n    condition     = var.v > 1\n    error_message = \"no\"\n  }\n}\n" + strings.Replace(block(), "[1, 2]", "[1, var.v]", 1),
		block(`display_name = "${each.nummer}"`),
		block("repair { generation_config = { a = var.nope } }"),
		block() + dataset("d", "d.csv", "fields = { a = var.nope }"),
		"locals {\n  a = { b = var.nope }\n}\n" + block() + dataset("d", "d.csv", "fields = local.a"),
		block(`display_name = upper(each.number, 1)`),
		strings.Replace(block(), "[1, 2]", "[1, 1 / 0]", 1),
	} {
		if _, ds := loadText(t, text); len(ds) != 1 {
			t.Errorf("got %d diagnostics, want 1, for\n%s\n%s", len(ds), text, render(t, ds, 0))
		}
	}
}

// Go's maps have no order; what is said has one.
func TestStableOrder(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl": "locals {\n  a = nope\n  b = local.a\n  c = formt()\n}\nvariable \"x\" {}\nvariable \"y\" {}\nprovider \"gemini\" {\n  rate {\n    parallelism = 0\n    max_active_jobs = 0\n    creates_per_minute = 0\n  }\n  zeta = 1\n  alpha = 2\n}\n" +
			"batch \"b\" {}\nbatch \"a\" {\n  one = 1\n  two = 2\n}\n",
		"qaplan.vars": "q = 1\np = 2\n",
	})
	opts := Options{Path: filepath.Join(dir, "qaplan.hcl"), Vars: []string{"z=1", "w"}}
	_, first := Load(context.Background(), opts)
	for range 50 {
		if _, again := Load(context.Background(), opts); !cmp.Equal(first, again) {
			t.Fatalf("another run says something else:\n%s", cmp.Diff(first, again))
		}
	}
	for i := 1; i < len(first); i++ {
		if compareDiagnostics(first[i-1], first[i]) >= 0 {
			t.Errorf("diagnostic %d is out of order or twice", i)
		}
	}
	if len(first) < 15 {
		t.Errorf("got %d diagnostics, want all of them", len(first))
	}
}

// Writing is linear: HCL's own writer scans the file again for each diagnostic,
// and so many times as many then take the square of that. What else a machine does
// may make one of them ten times as slow and changes nothing here.
func TestWriteTextLinear(t *testing.T) {
	const few, times = 100, 32
	took := func(n int) time.Duration {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "batch \"q%d\" {\n  range = [2, 1]\n  model = \"gemini-2.5-flash\"\n  source = \"in/b_*.jsonl\"\n  output_dir = \"out\"\n}\n", i)
		}
		start := time.Now()
		_, ds := loadText(t, b.String())
		if len(ds) != n {
			t.Fatalf("got %d diagnostics, want %d", len(ds), n)
		}
		for i := range ds { // one by one: WriteText alone stops at the first few
			if err := ds[i:i+1].WriteText(io.Discard, 78); err != nil {
				t.Fatal(err)
			}
		}
		return time.Since(start)
	}
	small, large := time.Duration(1<<62), time.Duration(1<<62)
	for range 3 { // by turns: what slows one down meets the other as well
		small, large = min(small, took(few)), min(large, took(times*few))
	}
	if large > 10*times*small {
		t.Errorf("%d diagnostics took %v, %d took %v: more than linear", few, small, times*few, large)
	}
	t.Logf("%v for %d, %v for %d", small, few, large, times*few)
}

// null is "unset" wherever it stands.
func TestNullIsUnset(t *testing.T) {
	want := load(t, block())
	cfg := load(t, `
qaplan {
  required_version = null
  backend "local" { path = null }
}
variable "v" {
  default = null
  type    = number
}
provider "gemini" {
  base_url      = null
  settle_time   = null
  poll_interval = null
  cooldown      = null
  rate {
    requests_per_minute = null
    creates_per_minute  = var.v
    parallelism         = null
    max_active_jobs     = null
    max_enqueued_tokens = null
  }
}
`+block("max_cost = null", "expect {\n schema = null\n}", "display_name = null", "exclude = null", "on_change = null", "unclaimed = null", "max_attempts = null", "allow_missing = null"))
	if diff := cmp.Diff(want, cfg, plain, cmp.Transformer("anywhere", func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, want.Dir, ""), cfg.Dir, "")
	})); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if want.Digest != cfg.Digest {
		t.Error("null changes the digest")
	}
}

// HCL's range() ends at 1,024 values; a range of batches does not.
func TestLongRange(t *testing.T) {
	cfg := load(t, strings.Replace(block(`display_name = format("b%05d", each.number)`), "[1, 2]", "[1, 5000]", 1))
	if got := cfg.Blocks[0].Count(); got != 5000 {
		t.Errorf("count %d, want 5000", got)
	}
	if got := cfg.Blocks[0].DisplayName(4321); got != "b04321" {
		t.Errorf("display name %q, want b04321", got)
	}
}

// cty composes accents. A file is found and opened by the name that it has,
// whichever way the config, the folder and the file spell them.
func TestAccents(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Log("this system's own folding of names is tested along")
	}
	const composed, decomposed = "caf\u00e9", "cafe\u0301"
	for _, config := range []string{composed, decomposed} {
		for _, disk := range []string{composed, decomposed} {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{
				"qaplan.hcl":                   strings.Replace(block(), "in/batch_", config+"/"+config+"_", 1),
				disk + "/" + disk + "_1.jsonl": row, disk + "/" + disk + "_2.jsonl": row,
			})
			cfg, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
			if ds.HasErrors() {
				t.Fatal(render(t, ds, 0))
			}
			in, ds, err := cfg.Inputs(t.Context(), source.OpenCache(""), nil)
			if err != nil || ds.HasErrors() {
				t.Errorf("config %q, disk %q: %v\n%s", config, disk, err, render(t, ds, 0))
				continue
			}
			p := in.Paths[0]
			if runtime.GOOS == "linux" && (p.OutputName != disk+"_1.jsonl" || !strings.Contains(p.Source, disk+"/")) {
				t.Errorf("config %q, disk %q: opens %q, result %q, want the spelling of the disk", config, disk, p.Source, p.OutputName)
			}
			if got := in.Desired.Batches[0].Source.Path; got != composed+"/"+composed+"_1.jsonl" {
				t.Errorf("config %q, disk %q: shown as %q, want composed", config, disk, got)
			}
		}
	}
}

// Byte order marks and line ends of Windows are no mistakes.
func TestWindowsText(t *testing.T) {
	text := "\xef\xbb\xbf" + strings.ReplaceAll(block(), "\n", "\r\n")
	cfg := load(t, text)
	if got, want := cfg.Digest, load(t, block()).Digest; got != want {
		t.Error("the digest depends on line ends")
	}
	_, ds := loadText(t, strings.Replace(text, "[1, 2]", "[2, 1]", 1))
	if len(ds) != 1 || ds[0].Range.Start.Line != 2 || strings.Contains(ds[0].Snippet.Code, "\r") {
		t.Errorf("got %+v, want one error on line 2 without a carriage return", ds)
	}
}

// Ten thousand blocks are no reason to wait.
func TestManyBlocks(t *testing.T) {
	var b strings.Builder
	for i := range 10_000 {
		b.WriteString(strings.NewReplacer(`"qa"`, fmt.Sprintf(`"q%d"`, i), `"out"`, fmt.Sprintf(`"out%d"`, i)).Replace(block()))
	}
	if got := len(load(t, b.String()).Blocks); got != 10_000 {
		t.Errorf("got %d blocks, want 10000", got)
	}
}

// The identity of a batch is the number in its name: a file more or less shifts
// nothing.
func TestNumbersAreNotPositions(t *testing.T) {
	dir := t.TempDir()
	line := func(key string) string { return strings.Replace(row, `"a"`, `"`+key+`"`, 1) }
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl":        strings.Replace(block("allow_missing = true"), "[1, 2]", "[1, 20]", 1),
		"in/batch_2.jsonl":  line("two"),
		"in/batch_10.jsonl": line("ten"),
	})
	hashes := func() map[planner.Address]string {
		cfg, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
		if ds.HasErrors() {
			t.Fatal(render(t, ds, 0))
		}
		in, ds, err := cfg.Inputs(t.Context(), source.OpenCache(""), nil)
		if err != nil || ds.HasErrors() {
			t.Fatal(err, render(t, ds, 0))
		}
		out := map[planner.Address]string{}
		for _, b := range in.Desired.Batches {
			out[b.Address] = b.Source.SHA256
		}
		return out
	}
	before := hashes()
	writeFiles(t, dir, map[string]string{"in/batch_003.jsonl": line("three"), "in/batch_1.jsonl": line("one")})
	after := hashes()
	if len(before) != 2 || len(after) != 4 {
		t.Errorf("got %d and %d batches, want 2 and 4", len(before), len(after))
	}
	for a, hash := range before {
		if after[a] != hash {
			t.Errorf("%s is another file now", a)
		}
	}
}

// A key that is longer than keys are is hidden to its end.
func TestLongKeyHidden(t *testing.T) {
	key := "AIza" + strings.Repeat("x", 35) + "-and-the-rest"
	for _, text := range []string{
		"# " + key + "\nbatch {\n",
		block("nope = \"" + key + "\""),
		block("on_change = \"" + key + "\""),
	} {
		_, ds := loadText(t, text)
		if shown := render(t, ds, 0); !ds.HasErrors() || strings.Contains(shown, "AIza") || strings.Contains(shown, "-and-the-rest") {
			t.Errorf("the key is shown, or nothing is said:\n%s", shown)
		}
	}
}
