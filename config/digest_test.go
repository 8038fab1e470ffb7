package config

import (
	"strings"
	"testing"
)

// The digest follows the meaning and nothing else.
func TestDigest(t *testing.T) {
	two := block() + strings.NewReplacer(`"qa"`, `"qb"`, `"out"`, `"out2"`).Replace(block())
	base := load(t, two).Digest
	same := []string{
		"# a comment\n" + strings.ReplaceAll(two, "  ", "\t"),
		strings.NewReplacer(`"qa"`, `"qb"`, `"out"`, `"out2"`).Replace(block()) + block(),
		"variable \"m\" {\n  default = \"gemini-2.5-flash\"\n}\n" + strings.Replace(two, `"gemini-2.5-flash"`, `var.m`, 1),
		strings.Replace(two, `"out"`, `"./out/"`, 1),
		`provider "gemini" { settle_time = "900s" }` + "\n" + two,
		strings.Replace(two, `"out2"`, "\"out2\"\n max_attempts = 3\n display_name = \"qb_${each.number}\"", 1),
		"provider \"gemini\" {\n  rate { max_enqueued_tokens = {} }\n}\n" + two,
		strings.Replace(two, `"out2"`, "\"out2\"\n expect { finish_reasons = [\"STOP\"] }", 1),
	}
	for _, text := range same {
		if got := load(t, text).Digest; got != base {
			t.Errorf("the digest changed with\n%s", text)
		}
	}
	seen := map[string]string{base: two}
	for _, text := range []string{
		strings.Replace(two, "[1, 2]", "[1, 3]", 1),
		strings.Replace(two, "gemini-2.5-flash", "gemini-2.5-pro", 1),
		strings.Replace(two, "in/batch", "on/batch", 1),
		strings.Replace(two, `"out"`, `"out3"`, 1),
		strings.Replace(two, `"out"`, "\"out\"\n exclude = [1]", 1),
		strings.Replace(two, `"out"`, "\"out\"\n display_name = \"x\"", 1),
		strings.Replace(two, `"out"`, "\"out\"\n on_change = \"keep\"", 1),
		strings.Replace(two, `"out"`, "\"out\"\n unclaimed = \"ignore\"", 1),
		strings.Replace(two, `"out"`, "\"out\"\n max_attempts = 4", 1),
		strings.Replace(two, `"out"`, "\"out\"\n allow_missing = true", 1),
		strings.Replace(two, `"out"`, "\"out\"\n expect { min_chars = 1 }", 1),
		strings.Replace(two, `"out"`, "\"out\"\n repair {}", 1),
		strings.Replace(two, `"out"`, "\"out\"\n repair { max_attempts = 3 }", 1),
		strings.Replace(two, `"out"`, "\"out\"\n repair { model = \"gemini-2.5-pro\" }", 1),
		strings.Replace(two, `"out"`, "\"out\"\n repair { generation_config = { seed = 1 } }", 1),
		strings.Replace(two, `"out"`, "\"out\"\n max_cost = 1", 1),
		strings.Replace(two, `"out"`, "\"out\"\n on_complete { command = [\"a\"] }", 1),
		strings.Replace(two, `"out"`, "\"out\"\n on_complete {\n command = [\"a\"]\n timeout = \"2s\"\n}", 1),
		strings.Replace(two, `"out"`, "\"out\"\n price {\n input = 1\n output = 2\n}", 1),
		strings.Replace(two, `"out"`, "\"out\"\n price {\n input = 1\n output = 2\n cached = 0\n}", 1),
		strings.Replace(two, `"qa"`, `"qc"`, 1),
		two + dataset("d", "d.jsonl"),
		two + dataset("d", "d.csv"),
		two + "import {\n  to = batch.qa[1]\n  id = \"batches/a\"\n}\n",
		two + "import {\n  to = batch.qa[2]\n  id = \"batches/a\"\n}\n",
		two + "import {\n  to = batch.qa[1]\n  id = \"files/a\"\n}\n",
		`provider "gemini" { settle_time = "10m" }` + "\n" + two,
		`provider "gemini" { base_url = "https://a.example" }` + "\n" + two,
		"provider \"gemini\" {\n  rate { max_active_jobs = 5 }\n}\n" + two,
		"provider \"gemini\" {\n  rate { max_enqueued_tokens = 5 }\n}\n" + two,
		"provider \"gemini\" {\n  rate { max_enqueued_tokens = { \"gemini-2.5-flash\" = 5 } }\n}\n" + two,
		`provider "emulator" {}` + "\n" + two,
		`provider "emulator" { run_time = "5s" }` + "\n" + two,
		`provider "emulator" { history = "a.json" }` + "\n" + two,
		`provider "emulator" { history = "b.json" }` + "\n" + two,
		"qaplan {\n  backend \"local\" { path = \"x.json\" }\n}\n" + two,
	} {
		got := load(t, text).Digest
		if other, ok := seen[got]; ok {
			t.Errorf("one digest for\n%s\nand\n%s", other, text)
		}
		if again := load(t, text).Digest; again != got {
			t.Errorf("in another folder the digest is another one for\n%s", text)
		}
		seen[got] = text
	}
}
