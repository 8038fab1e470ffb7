package state

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A state without datasets is written as it was before there were any, and what
// is known of them comes through a push.
func TestDatasets(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	if text := readFile(t, path); bytes.Contains(text, []byte("datasets")) {
		t.Errorf("a state without datasets speaks of them:\n%s", text)
	}

	s = mustOpen(t, path)
	shown := s.State()
	want := map[string]Dataset{"a.csv": {Digest: "1", SHA256: "2", Bytes: 3, ModTime: 4, Rows: 5, Batches: 6}, "b.jsonl": {Digest: "1", Next: "2"}}
	for name, d := range want {
		if err := s.WriteDataset(name, d); err != nil {
			t.Fatal(err)
		}
	}
	if len(shown.Datasets) != 0 {
		t.Errorf("a state that was handed out has changed: %v", shown.Datasets)
	}
	mustClose(t, s)
	text := string(readFile(t, path))
	if !strings.Contains(text, "\n  \"datasets\": {\"a.csv\":{") {
		t.Errorf("the datasets have no line of their own:\n%s", text)
	}

	given := mustPull(t, path)
	other := newPath(t)
	s = mustOpen(t, other)
	if _, err := s.Push("given", given); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteDataset("c.csv", Dataset{Digest: "1"}); err != nil {
		t.Fatal(err)
	}
	if len(given.Datasets) != len(want) {
		t.Error("the pushed snapshot was changed")
	}
	mustClose(t, s)
	want["c.csv"] = Dataset{Digest: "1"}
	if diff := cmp.Diff(want, mustRead(t, other).Datasets); diff != "" {
		t.Errorf("after a push (-want +got):\n%s", diff)
	}
}

func TestDamagedDatasets(t *testing.T) {
	var text bytes.Buffer
	snapshot := &Snapshot{State: State{Lineage: testLineage, Datasets: map[string]Dataset{"a": {Digest: "1"}}}}
	if err := snapshot.Encode(&text); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{`[]`, `{"a":1}`, `{"a":{"digest":1}}`} {
		forged := resummed(text.Bytes(), `{"a":{"digest":"1"}}`, list)
		if _, err := Decode("-", bytes.NewReader(forged)); err == nil || !strings.Contains(err.Error(), "datasets") {
			t.Errorf("%s: %v, want an error that names the field", list, err)
		}
	}
}
