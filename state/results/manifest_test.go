package results

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const lineage = "0123456789abcdef0123456789abcdef"

func ours(l string) bool { return l == lineage }

// batches gives n batches, every other one delivered.
func batches(n int) iter.Seq[*ManifestBatch] {
	at := time.Date(2026, 11, 23, 10, 11, 12, 0, time.UTC)
	return func(yield func(*ManifestBatch) bool) {
		for i := range n {
			b := &ManifestBatch{
				Address: fmt.Sprintf("batch.qa[%d]", i+1), Model: "gemini-2.5-flash",
				Source:   ManifestSource{Path: "in/\"ü\"\x1b<&>.jsonl", SHA256: strings.Repeat("a", 64), Bytes: 10, Rows: 2},
				Attempts: []ManifestAttempt{{Number: 1, Outcome: "intent", Model: "gemini-2.5-flash", Input: strings.Repeat("a", 64), Rows: 2}},
			}
			if i%2 == 0 {
				b.Rules, b.Rows = "r", &ManifestRows{Good: 1, Missing: 1}
				b.Result = &ManifestResult{Path: "out/1.jsonl", SHA256: strings.Repeat("b", 64), Bytes: 20, Written: at, Attempt: 1, Source: strings.Repeat("a", 64)}
				a := &b.Attempts[0]
				a.Outcome, a.Job, a.State, a.Created, a.Ended, a.Answered = "bought", "batches/x", "SUCCEEDED", at, at.Add(time.Hour), 1
			}
			if !yield(b) {
				return
			}
		}
	}
}

func manifest(n int) *Manifest {
	return &Manifest{
		QaplanVersion: "0.1.0", Lineage: lineage, Provider: ManifestProvider{Kind: "gemini", BaseURL: "https://example.com"},
		Totals: ManifestTotals{Batches: n, Rows: ManifestRows{Good: n}}, Batches: batches(n),
	}
}

func TestManifestFormat(t *testing.T) {
	const want = `{
  "format_version": "1.0",
  "qaplan_version": "0.1.0",
  "lineage": "0123456789abcdef0123456789abcdef",
  "provider": {"kind":"gemini","base_url":"https://example.com"},
  "totals": {"batches":2,"delivered":0,"attempts":0,"jobs":0,"rows":{"good":2,"error":0,"blocked":0,"truncated":0,"empty":0,"invalid":0,"missing":0,"doubled":0,"dropped":0},"tokens":{"input":0,"output":0,"thoughts":0,"cached":0}},
  "batches": [
    {"address":"batch.qa[1]","model":"gemini-2.5-flash","source":{"path":"in/\"ü\"\u001b<&>.jsonl","sha256":"A","bytes":10,"rows":2},"result":{"path":"out/1.jsonl","sha256":"B","bytes":20,"written":"2026-11-23T10:11:12Z","attempt":1,"source_sha256":"A"},"rules":"r","rows":{"good":1,"error":0,"blocked":0,"truncated":0,"empty":0,"invalid":0,"missing":1,"doubled":0,"dropped":0},"tokens":{"input":0,"output":0,"thoughts":0,"cached":0},"attempts":[{"number":1,"outcome":"bought","model":"gemini-2.5-flash","input_sha256":"A","rows":2,"job":"batches/x","state":"SUCCEEDED","created":"2026-11-23T10:11:12Z","ended":"2026-11-23T11:11:12Z","answered":1,"tokens":{"input":0,"output":0,"thoughts":0,"cached":0}}]},
    {"address":"batch.qa[2]","model":"gemini-2.5-flash","source":{"path":"in/\"ü\"\u001b<&>.jsonl","sha256":"A","bytes":10,"rows":2},"tokens":{"input":0,"output":0,"thoughts":0,"cached":0},"attempts":[{"number":1,"outcome":"intent","model":"gemini-2.5-flash","input_sha256":"A","rows":2,"answered":0,"tokens":{"input":0,"output":0,"thoughts":0,"cached":0}}]}
  ]
}
`
	var got bytes.Buffer
	if err := manifest(2).Encode(&got); err != nil {
		t.Fatal(err)
	}
	hashes := strings.NewReplacer(`"A"`, `"`+strings.Repeat("a", 64)+`"`, `"B"`, `"`+strings.Repeat("b", 64)+`"`)
	if diff := cmp.Diff(hashes.Replace(want), got.String()); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
	for _, n := range []int{0, 1, 3} {
		var one, two bytes.Buffer
		if err := errors.Join(manifest(n).Encode(&one), manifest(n).Encode(&two)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Bytes(), two.Bytes()) || !json.Valid(one.Bytes()) {
			t.Errorf("%d batches: the bytes differ from time to time, or are no JSON:\n%s", n, one.Bytes())
		}
	}
}

func TestWriteManifest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	d := open(t, dir)
	write := func(n int, want bool) {
		t.Helper()
		wrote, err := d.WriteManifest(t.Context(), manifest(n), ours)
		if err != nil || wrote != want {
			t.Errorf("%d batches: written %v (%v), want %v", n, wrote, err, want)
		}
		var text bytes.Buffer
		if err := manifest(n).Encode(&text); err != nil {
			t.Fatal(err)
		}
		wantTree(t, dir, map[string]string{ManifestName: text.String()})
	}
	if d.HasManifest() {
		t.Error("there is a manifest before the first was written")
	}
	write(2, true)
	if !d.HasManifest() {
		t.Error("there is no manifest after the first was written")
	}
	path := filepath.Join(dir, ManifestName)
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	before := info
	write(2, false)
	if info, _ := os.Stat(path); !info.ModTime().Equal(before.ModTime()) || !os.SameFile(info, before) {
		t.Error("a manifest that is right was written again")
	}
	write(300, true) // longer than every buffer
	write(300, false)
	write(299, true)

	// Whatever became of it, as long as it begins like one of this state.
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, changed := range [][]byte{
		text[:len(text)/2], append(slices.Clone(text), "\n"...), bytes.Replace(text, []byte(`"rows":2`), []byte(`"rows":3`), 1),
		bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), bytes.Replace(text, []byte(`"1.0"`), []byte(`"1.7"`), 1),
	} {
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		write(299, true)
	}
}

// What this state did not write stays, to the byte.
func TestManifestInTheWay(t *testing.T) {
	var mine bytes.Buffer
	if err := manifest(1).Encode(&mine); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":         "",
		"no JSON":         "mine\n",
		"an extension's":  `{"manifest_version":3,"name":"x"}`,
		"a list":          `["format_version"]`,
		"numbers":         `{"format_version":1,"qaplan_version":1,"lineage":1}`,
		"no lineage":      `{"format_version":"1.0","qaplan_version":"0.1.0"}`,
		"another state's": strings.Replace(mine.String(), lineage, strings.Repeat("f", 32), 1),
		"a later format":  strings.Replace(mine.String(), `"1.0"`, `"2.0"`, 1),
		"a long lineage":  `{"format_version":"1.0","qaplan_version":"0.1.0","lineage":"` + strings.Repeat("x", 100_000) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, ManifestName)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			wrote, err := open(t, dir).WriteManifest(t.Context(), manifest(1), ours)
			if wrote || !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), path) || len(err.Error()) > 500 {
				t.Errorf("written %v, error %v; want one that names the file", wrote, err)
			}
			wantTree(t, dir, map[string]string{ManifestName: text})
		})
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ManifestName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir).WriteManifest(t.Context(), manifest(1), ours); !errors.Is(err, ErrExists) {
		t.Errorf("a folder: %v", err)
	}
}

func TestWriteManifestFails(t *testing.T) {
	for _, fail := range []string{"create", "write", "sync", "rename"} {
		dir := t.TempDir()
		d := open(t, dir)
		if _, err := d.WriteManifest(t.Context(), manifest(1), ours); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		d.sys = &faults{fail: fail}
		if _, err := d.WriteManifest(t.Context(), manifest(2), ours); !errors.Is(err, errInjected) {
			t.Errorf("%s: %v", fail, err)
		}
		wantTree(t, dir, before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := open(t, dir).WriteManifest(ctx, manifest(1), ours); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	wantTree(t, dir, map[string]string{})
}

func BenchmarkManifest(b *testing.B) {
	m := manifest(10_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Encode(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
