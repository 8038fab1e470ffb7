package state

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// Former lineages survive the journal, the snapshot and a push, each once and
// in order.
func TestFormerLineages(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.WriteFormer("fedcba", "012345"))
	own := s.State().Lineage[:6]
	before := s.State().Serial
	must(s.WriteFormer("012345", own)) // known, and its own: nothing to write
	if after := s.State().Serial; after != before {
		t.Errorf("writing what is known took %d transitions", after-before)
	}
	must(s.WriteFormer("abcdef"))
	want := []string{"012345", "abcdef", "fedcba"}
	check := func(when string) {
		t.Helper()
		st, err := Read(path, gemini)
		must(err)
		if r := st.Recorded(); !slices.Equal(r.Former, want) || !r.Owns("abcdef") || !r.Owns(own) || r.Owns("999999") || r.Owns("") {
			t.Errorf("%s: former lineages are %v, want %v", when, r.Former, want)
		}
	}
	check("from the journal")
	s.Abandon()
	s = mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	check("from the snapshot")
	through(t, mustPull(t, path))

	s = mustOpen(t, path)
	for _, bad := range []string{"", "abc", "ABCDEF", "abcdefg", "zzzzzz"} {
		if err := s.WriteFormer(bad); err == nil {
			t.Errorf("%q was taken for a lineage", bad)
		}
	}
	mustClose(t, s)
	check("after bad ones")
}

// A damaged list of former lineages is an error, never an empty one.
func TestDamagedFormerLineages(t *testing.T) {
	for _, list := range []string{`["ABCDEF"]`, `["fedcba","012345"]`, `["012345","012345"]`, `"012345"`, `[1]`} {
		var text bytes.Buffer
		snapshot := &Snapshot{State: State{Lineage: strings.Repeat("0", 32), Former: []string{"012345"}}}
		if err := snapshot.Encode(&text); err != nil {
			t.Fatal(err)
		}
		forged := resummed(text.Bytes(), `["012345"]`, list)
		if _, err := Decode("-", bytes.NewReader(forged)); err == nil || !strings.Contains(err.Error(), "former_lineages") {
			t.Errorf("%s: %v, want an error that names the field", list, err)
		}
	}
}
