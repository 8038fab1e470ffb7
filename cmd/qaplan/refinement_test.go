package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// bought DIR N compares the number of jobs that were bought through the service,
// beyond those of its history.
func bought(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bought DIR N")
	}
	n := 0
	for _, p := range readLedger(ts, args[0]).Purchases {
		if !p.Foreign {
			n++
		}
	}
	if got := strconv.Itoa(n); got != args[1] {
		ts.Fatalf("%s jobs bought beyond the history, want %s", got, args[1])
	}
}

// aged HISTORY PREFIX AGE gives everything in a history whose name begins so
// another age.
func aged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: aged HISTORY PREFIX AGE")
	}
	replaceIn(ts, args[0], regexp.MustCompile(`("name": "`+regexp.QuoteMeta(args[1])+`.*"age": ")[^"]*`), "${1}"+args[2])
}

// same-keys DIR makes the keys of the requests request-1, request-2 and so on in
// each source, so that no key tells two batches apart.
func sameKeys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: same-keys DIR")
	}
	sources, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.jsonl"))
	ts.Check(err)
	if len(sources) == 0 {
		ts.Fatalf("%s holds no sources", args[0])
	}
	for _, source := range sources {
		replaceIn(ts, source, regexp.MustCompile(`"key": "b[0-9]{3}-r0*`), `"key": "request-`)
	}
}

// swap FILE A B puts each of two words in the other's place.
func swap(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: swap FILE A B")
	}
	text, a, b := ts.ReadFile(args[0]), args[1], args[2]
	if !strings.Contains(text, a) || !strings.Contains(text, b) {
		ts.Fatalf("%s lacks %s or %s", args[0], a, b)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.NewReplacer(a, b, b, a).Replace(text)), 0o666))
}

// replaceIn replaces every match in a file; there must be one.
func replaceIn(ts *testscript.TestScript, file string, re *regexp.Regexp, by string) {
	path := ts.MkAbs(file)
	text, err := os.ReadFile(path)
	ts.Check(err)
	if !re.Match(text) {
		ts.Fatalf("%s has no %s", file, re)
	}
	ts.Check(os.WriteFile(path, re.ReplaceAll(text, []byte(by)), 0o666))
}

// import-jobs HISTORY BLOCK CONFIG adds an import block to a config for each job
// of a history, whose batch its source names.
func importJobs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: import-jobs HISTORY BLOCK CONFIG")
	}
	var history []struct{ Name, Source string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &history))
	config := ts.ReadFile(args[2])
	for _, h := range history {
		if strings.HasPrefix(h.Name, "batches/") {
			number := strings.TrimLeft(regexp.MustCompile(`[0-9]+`).FindString(h.Source), "0")
			config += fmt.Sprintf("\nimport {\n  to = batch.%s[%s]\n  id = %q\n}\n", args[1], number, h.Name)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(config), 0o666))
}
