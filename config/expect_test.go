package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// loadIn loads a text as the config of a folder that holds files as well, and
// fails on errors.
func loadIn(t *testing.T, text string, files map[string]string) *Config {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, files)
	writeFiles(t, dir, map[string]string{"qaplan.hcl": text})
	cfg, ds := Load(t.Context(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	if ds.HasErrors() {
		t.Fatalf("load:\n%s\nof\n%s", render(t, ds, 0), text)
	}
	return cfg
}

func TestExpect(t *testing.T) {
	tests := []struct {
		name, text string
		want       batchfile.Rules
		schema     bool
	}{
		{"none", "", asRequested, false},
		{"empty", "expect {}", asRequested, false},
		{"null", "expect {\n finish_reasons = null\n json = null\n schema = null\n min_chars = null\n key_field = null\n as_requested = null\n}", asRequested, false},
		{
			"everything", `expect {
  finish_reasons = ["STOP", "MAX_TOKENS", "STOP"]
  json           = true
  schema         = "schemas/qa.json"
  min_chars      = 40
  key_field      = "id"
  as_requested   = false
}`, batchfile.Rules{FinishReasons: []string{"MAX_TOKENS", "STOP"}, JSON: true, MinChars: 40, KeyField: "id"}, true,
		},
		{"a schema is about JSON", `expect { schema = "schemas/qa.json" }`, batchfile.Rules{JSON: true, AsRequested: true}, true},
		{"so is a key", `expect { key_field = "id" }`, batchfile.Rules{JSON: true, KeyField: "id", AsRequested: true}, false},
		{"a new reason", `expect { finish_reasons = toset(["BRAND_NEW"]) }`, batchfile.Rules{FinishReasons: []string{"BRAND_NEW"}, AsRequested: true}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &loadIn(t, block(tt.text), map[string]string{"schemas/qa.json": "\xef\xbb\xbf{\"type\":\"object\"}\r\n"}).Blocks[0]
			if diff := cmp.Diff(tt.want, b.Rules, cmpopts.IgnoreFields(batchfile.Rules{}, "Schema")); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
			if got := b.Rules.Schema != nil; got != tt.schema {
				t.Errorf("has a schema: %t, want %t", got, tt.schema)
			}
			if b.Repair != nil {
				t.Errorf("repair %+v, want none", b.Repair)
			}
		})
	}
}

// A schema file is read once, whichever way the blocks spell its path.
func TestSchemaShared(t *testing.T) {
	cfg := loadIn(t, block(`expect { schema = "qa.json" }`)+
		strings.NewReplacer(`"qa"`, `"qb"`, `"out"`, `"out2"`).Replace(block(`expect { schema = "./in/../qa.json" }`)),
		map[string]string{"qa.json": "true"})
	if cfg.Blocks[0].Rules.Schema != cfg.Blocks[1].Rules.Schema {
		t.Error("two schemas from one file")
	}
}

func TestSchemaTooLarge(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl": block(`expect { schema = "s.json" }`), "s.json": `{"$comment":"` + strings.Repeat("x", maxSchema) + `"}`,
	})
	_, ds := Load(t.Context(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	if len(ds) != 1 || ds[0].Detail != "s.json: it is larger than 1 MB." {
		t.Errorf("got\n%s\nwant one error about the size", render(t, ds, 0))
	}
}

func TestRepair(t *testing.T) {
	const deep = `repair {
  max_attempts      = 3
  model             = "models/gemini-2.5-pro"
  generation_config = {
    temperature       = 0.10
    max_output_tokens = 8192
    seed              = 9007199254740993
    thinking_config   = { thinking_budget = -1, include_thoughts = false }
    stop_sequences    = ["\"<a>\"", "ü"]
    tiny              = 1e-7
  }
}`
	tests := []struct {
		name, text string
		want       Repair
	}{
		{"empty", "repair {}", Repair{MaxAttempts: 2}},
		{"null", "repair {\n max_attempts = null\n model = null\n generation_config = null\n}", Repair{MaxAttempts: 2}},
		{"the model of the block", `repair { model = "models/gemini-2.5-flash" }`, Repair{MaxAttempts: 2}},
		{"nothing to change", "repair { generation_config = {} }", Repair{MaxAttempts: 2}},
		{"everything", deep, Repair{
			MaxAttempts: 3, Model: "gemini-2.5-pro",
			GenerationConfig: `{"max_output_tokens":8192,"seed":9007199254740993,"stop_sequences":["\"<a>\"","ü"],"temperature":0.1,"thinking_config":{"include_thoughts":false,"thinking_budget":-1},"tiny":1e-07}`,
		}},
		{"a map", `repair { generation_config = tomap({ b = 1, a = 2 }) }`, Repair{MaxAttempts: 2, GenerationConfig: `{"a":2,"b":1}`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(&tt.want, load(t, block(tt.text)).Blocks[0].Repair); diff != "" {
				t.Errorf("repair (-want +got):\n%s", diff)
			}
		})
	}
}

// The digest of the rules follows what they mean, not how they are written.
func TestRulesDigest(t *testing.T) {
	files := map[string]string{
		"a.json": `{"type":"object","required":["id"],"properties":{"id":{"minLength":2}}}`,
		"b.json": "{\n  \"properties\": {\"id\": {\"minLength\": 2}},\n  \"required\": [\"id\"],\n  \"type\": \"object\"\n}\n",
		"c.json": `{"type":"object"}`,
	}
	of := func(text string) string {
		b := &loadIn(t, block(text), files).Blocks[0]
		if len(b.RulesDigest) != 64 {
			t.Fatalf("digest %q, want 64 hex digits", b.RulesDigest)
		}
		return b.RulesDigest
	}
	seen := map[string]string{}
	for _, same := range [][]string{
		{"", "expect {}", `expect { finish_reasons = ["STOP"] }`, "expect {\n as_requested = true\n json = false\n}", "repair {}", `repair { model = "gemini-2.5-pro" }`, "repair { max_attempts = 3 }"},
		{`expect { finish_reasons = ["STOP", "SAFETY"] }`, `expect { finish_reasons = ["SAFETY", "STOP", "STOP"] }`},
		{`expect { schema = "a.json" }`, `expect { schema = "b.json" }`, "expect {\n json = true\n schema = \"./b.json\"\n}"},
		{`expect { schema = "c.json" }`},
		{"expect { json = true }"},
		{`expect { key_field = "id" }`, "expect {\n key_field = \"id\"\n json = true\n}"},
		{`expect { key_field = "key" }`},
		{"expect { min_chars = 4 }", `expect { min_chars = "4" }`},
		{"expect { min_chars = 5 }"},
		{"expect { as_requested = false }"},
		{"repair { generation_config = { a = 1, b = 2 } }", "repair { generation_config = { b = 2.0, a = 1 } }", "repair { generation_config = merge({ b = 2 }, { a = 1 }) }"},
		{"repair { generation_config = { a = 1, b = 3 } }"},
		{`repair { generation_config = { a = 1, b = "3" } }`},
	} {
		digest := of(same[0])
		if other, ok := seen[digest]; ok {
			t.Errorf("one digest for %q and %q", other, same[0])
		}
		seen[digest] = same[0]
		for _, text := range same[1:] {
			if got := of(text); got != digest {
				t.Errorf("the digest of %q is another one than that of %q", text, same[0])
			}
		}
	}
}

// What a block says about answers reaches the planner with each batch.
func TestInputsRules(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl": block("expect { json = true }", `repair { model = "gemini-2.5-pro" }`) +
			strings.NewReplacer(`"qa"`, `"qb"`, `"out"`, `"out2"`).Replace(block()),
		"in/batch_1.jsonl": row, "in/batch_2.jsonl": row,
	})
	cfg, _ := Load(t.Context(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
	in, ds := inputs(t, dir, nil)
	if in == nil {
		t.Fatal(render(t, ds, 0))
	}
	want := map[string]*planner.Repair{"qa": {MaxAttempts: 2, Model: "gemini-2.5-pro"}, "qb": nil}
	for _, b := range in.Desired.Batches {
		if got, want := b.Rules, cfg.find(b.Address.Block).RulesDigest; got != want {
			t.Errorf("%s: rules %s, want %s", b.Address, got, want)
		}
		if diff := cmp.Diff(want[b.Address.Block], b.Repair); diff != "" {
			t.Errorf("%s: repair (-want +got):\n%s", b.Address, diff)
		}
	}
}
