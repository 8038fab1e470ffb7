//go:build !windows

// The file systems of Windows refuse half of the names; TestScripts/init runs there.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
)

// scatter fills a folder with families of files as people name them, with
// answers, odd files and gaps between them, and tells which hold requests.
func scatter(t *testing.T, rng *rand.Rand, dir string) (requests map[string]bool) {
	t.Helper()
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	requests = map[string]bool{}
	for k := range 1 + rng.IntN(5) {
		folder := path.Join(pick("", "submissions", "in/deep", "späte Läufe", "a[1]", "run 3", "results", "x${y}"), pick("", "", "part"))
		prefix := pick("batch_", "run2_batch_", "", "Größe-", "qa.", "v1.5-", "%{if}", "a b (1) ", "q*", "t[0]", `"quoted"`, "2026-11-") + pick("", "x_", "10k_")
		suffix := pick("", "_proper", "_v2", ".in", " final", "-2026")
		ext := pick(".jsonl", ".jsonl", ".ndjson", ".JSONL")
		width, first := pick("%d", "%03d", "%05d"), rng.IntN(2000)
		if rng.IntN(12) == 0 {
			first = 3_000_000_000 // a time, not the number of a batch
		}
		for i := range 1 + rng.IntN(40) {
			if rng.IntN(6) == 0 {
				continue
			}
			if rng.IntN(200) == 0 {
				first += 1_500_000
			}
			rel := path.Join(folder, prefix+fmt.Sprintf(width, first+i)+suffix+ext)
			text := fmt.Sprintf(`{"key":"%d-%d","request":{"contents":[{"parts":[{"text":"%s"}]}]}}`, k, i, strings.Repeat("?", 1+k*41+i))
			is := true
			switch rng.IntN(12) {
			case 0:
				text, is = `{"key":"a","response":{}}`, false
			case 1:
				text, is = pick("", "[]", "no", `{"request":{}}`, `{"custom_id":"a","body":{}}`, `{"x":1}`), false
			}
			file := filepath.Join(dir, filepath.FromSlash(rel))
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			if is {
				requests[rel] = true
			} else {
				delete(requests, rel)
			}
		}
	}
	return requests
}

// Whatever names people gave their files: what init writes loads without a
// complaint, and finds exactly the files that it said, all of them requests.
func TestInitDeclaresWhatItSays(t *testing.T) {
	said := regexp.MustCompile(`(?m)^batch\.(\S+)  ([\d,]+) files?, (.*)$`)
	declared, refused := 0, 0
	for seed := range uint64(150) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			dir := t.TempDir()
			requests := scatter(t, rand.New(rand.NewPCG(seed, 1)), dir)
			code, stdout, stderr := call(t, nil, "-C", dir, "init")
			if _, err := os.Stat(filepath.Join(dir, "qaplan.hcl")); code == exitError && errors.Is(err, fs.ErrNotExist) {
				refused++
				if !strings.Contains(stderr, "run qaplan init again") {
					t.Errorf("no way on in %s", stderr)
				}
				return
			}
			if code != exitDone || stderr != "" {
				t.Fatalf("exit code %d, stderr %s", code, stderr)
			}
			promised := map[string]int{}
			for _, m := range said.FindAllStringSubmatch(stdout, -1) {
				promised[m[1]], _ = strconv.Atoi(strings.ReplaceAll(m[2], ",", ""))
			}
			found := discovered(t, dir, requests)
			if diff := cmp.Diff(promised, found); diff != "" {
				t.Errorf("files by block (-said +found):\n%s", diff)
			}
			if code, _, stderr := call(t, nil, "-C", dir, "fmt", "--check"); code != exitDone {
				t.Errorf("the config is not canonical: %s", stderr)
			}
			code, stdout, stderr = call(t, nil, "-C", dir, "plan", "--refresh=false", "--json")
			var p planner.Plan
			if err := json.Unmarshal([]byte(stdout), &p); code != exitDone || err != nil {
				t.Fatalf("plan: exit code %d, %v, %s", code, err, stderr)
			}
			total := 0
			for _, n := range found {
				total += n
			}
			if p.Summary.Create != total {
				t.Errorf("%d would be bought, want %d", p.Summary.Create, total)
			}
			declared += total
		})
	}
	if declared < 1000 || refused == 0 {
		t.Errorf("%d files were declared and %d folders refused: the folders prove little", declared, refused)
	}
}

// discovered counts the files that the blocks of a config find, and checks that
// each holds requests and belongs to one block alone.
func discovered(t *testing.T, dir string, requests map[string]bool) map[string]int {
	t.Helper()
	cfg, ds := config.Load(t.Context(), config.Options{Path: filepath.Join(dir, "qaplan.hcl"), Version: version})
	if ds.HasErrors() {
		t.Fatal(ds.Err())
	}
	in, ds, err := cfg.Inputs(t.Context(), source.OpenCache(cfg.CachePath()), nil)
	if err != nil || ds.HasErrors() {
		t.Fatal(err, ds.Err())
	}
	counts, seen := map[string]int{}, map[string]bool{}
	for i, p := range in.Paths {
		addr := in.Desired.Batches[i].Address
		rel, err := filepath.Rel(dir, p.Source)
		if p.Source == "" {
			continue // a number without a file, which allow_missing lets pass
		}
		if err != nil || seen[rel] || !requests[filepath.ToSlash(rel)] {
			t.Errorf("%s is %s: twice, or no requests (%v)", addr, rel, err)
		}
		seen[rel] = true
		counts[addr.Block]++
	}
	return counts
}

// A family that differs in one number alone is declared whole, wherever it is.
func TestInitFindsFamilies(t *testing.T) {
	tests := []struct {
		name  string
		files string // with %d for the number
		want  string // the line of the block
		extra []string
	}{
		{"padded", "submissions/batch_%03d_proper.jsonl", "batch.qa  12 files, submissions/batch_*_proper.jsonl", nil},
		{"here", "batch_%d.jsonl", "batch.qa  12 files, batch_*.jsonl", nil},
		{"deep", "data/2026/inputs/part-%05d.jsonl", "batch.qa  12 files, data/2026/inputs/part-*.jsonl", nil},
		{"model version", "gemini-2.5-batch%d.jsonl", "batch.qa  12 files, gemini-2.5-batch*.jsonl", nil},
		{"date behind", "batch_%d_2026-11-23.jsonl", "batch.qa  12 files, batch_*_2026-11-23.jsonl", nil},
		{"brackets in the folder", "a[b]/batch_%d.jsonl", "batch.a_b  12 files, a[b]/batch_*.jsonl", nil},
		{"blanks", "my runs/batch no %d.jsonl", "batch.my_runs  12 files, my runs/batch no *.jsonl", nil},
		{"other JSON beside", "in/batch_%d.jsonl", "batch.qa  12 files, in/batch_*.jsonl", []string{"in/notes.jsonl", "out/batch_1.jsonl"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "qa")
			for n := 95; n < 107; n++ {
				put(t, filepath.Join(dir, fmt.Sprintf(tt.files, n)), row(strconv.Itoa(n)))
			}
			for _, f := range tt.extra {
				put(t, filepath.Join(dir, f), `{"key":"a","response":{}}`)
			}
			code, stdout, stderr := call(t, nil, "init", dir)
			if code != exitDone || !slices.Contains(strings.Split(stdout, "\n"), tt.want) {
				t.Errorf("exit code %d, want the line %q:\n%s%s", code, tt.want, stdout, stderr)
			}
			if code, stdout, stderr := call(t, nil, "-C", dir, "validate"); code != exitDone || !strings.Contains(stdout, "12 batches") {
				t.Errorf("validate: %s%s", stdout, stderr)
			}
		})
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
