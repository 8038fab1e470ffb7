package state

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

var gemini = Identity{Kind: "gemini", BaseURL: "https://example.com/?a=1&b=<2>"}

func addr(n int) planner.Address { return planner.Address{Block: "refinement", Number: n} }

// rec is a record with something in every part; n makes it differ.
func rec(n int) *planner.Record {
	hash := fmt.Sprintf("%064x", n)
	at := time.Date(2026, 11, 23, 10, 11, n%60, 123456789, time.UTC)
	file := fmt.Sprintf("files/qp-%.24s-a1b2c3-%d", hash, n)
	return &planner.Record{
		Source: planner.SourceRecord{Path: fmt.Sprintf("in/batch_%03d_ü\"<&>.jsonl", n), SHA256: hash, Bytes: int64(n) * 1000, Rows: n, Tokens: 34567},
		Upload: &planner.Upload{File: file, SHA256: hash, Bytes: int64(n) * 1000, Done: true, Expires: at.Add(48 * time.Hour)},
		Attempts: []planner.Attempt{
			{Number: 1, Outcome: planner.OutcomeRefused, Model: "gemini-2.5-flash", SHA256: hash, Rows: n, Token: "a1b2c3.1.1.00000000", File: file, Sent: at, Error: "429\nslow down\u2028"},
			{
				Number: 2, Outcome: planner.OutcomeBought, Model: "gemini-2.5-flash", SHA256: hash, Rows: n,
				Token: "a1b2c3.1.2.00000000", File: file, Sent: at, SettleFrom: at, Job: fmt.Sprintf("batches/%d", n),
				State: "SUCCEEDED", Created: at, Ended: at, Output: fmt.Sprintf("files/batch-%d", n),
				Stats: planner.Stats{Requests: int64(n), Succeeded: int64(n)}, OutputRead: true,
				Part: &planner.Part{Path: ".parts/1", SHA256: hash, Bytes: 5, Rows: 1},
			},
		},
		Result: &planner.Result{
			Path: "results/x.jsonl", SHA256: hash, Bytes: 7, ModTime: at.UnixNano(), Attempt: 2, Source: hash,
			Rows: n, Succeeded: n, Tokens: planner.Tokens{Input: 1, Output: 2, Thoughts: 3, Cached: 4},
		},
		Refused: &planner.Refusal{SHA256: hash, Model: "m", Message: "no", Times: 2},
		Strange: &planner.StrangeUpload{File: file, SettleFrom: at},
	}
}

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, gemini, Holder{Operation: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustRead(t testing.TB, path string) *State {
	t.Helper()
	s, err := Read(path, gemini)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustWrite(t testing.TB, s *Store, op string, changes ...Change) {
	t.Helper()
	if err := s.Write(op, changes...); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// folder gives names and contents of all that is in dir.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	return got
}

// learned is some knowledge, different for each n.
func learned(n int64) budget.Knowledge {
	return budget.Knowledge{
		Jobs:   budget.Ceiling{Good: n, Bad: n + 10, At: time.Date(2026, 11, 23, 12, 0, 0, int(n), time.UTC)},
		Models: map[string]budget.Model{"m2": {}, "m1": {Tokens: budget.Ceiling{Good: 1000 * n}, Rhythm: budget.Rhythm{Cycles: []budget.Cycle{{Refused: time.Minute}}}}},
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "qaplan.state.json") }

func TestRoundTrip(t *testing.T) {
	for _, end := range []string{"close", "abandon"} {
		t.Run(end, func(t *testing.T) {
			path := newPath(t)
			s := mustOpen(t, path)
			lineage, err := s.Lineage()
			if err != nil || !validLineage(lineage) {
				t.Fatalf("lineage %q, %v", lineage, err)
			}
			mustWrite(t, s, "create_intent", Change{addr(9), rec(9)}, Change{addr(10), rec(10)})
			mustWrite(t, s, "create_complete", Change{addr(10), rec(11)}, Change{planner.Address{Block: "a"}, &planner.Record{}})
			mustWrite(t, s, "forget", Change{addr(9), nil})
			s.Learn(learned(1))
			s.Learn(learned(2)) // goes with the next write
			for _, d := range []Dataset{{Next: "s"}, {Digest: "d", SHA256: "s", Bytes: 9, ModTime: 1, Rows: 2, Batches: 1}} {
				if err := s.WriteDataset("out/qa.jsonl", d); err != nil {
					t.Fatal(err)
				}
			}
			for _, d := range []Dataset{{Digest: "x"}, {}} {
				if err := s.WriteDataset("old.csv", d); err != nil {
					t.Fatal(err)
				}
			}
			for _, told := range [][2]string{{"batch.refinement[10]", "a1"}, {"batch.refinement[10]", "a2"}, {"batch.old", "b"}, {"batch.old", ""}} {
				if err := s.WriteTold(told[0], told[1]); err != nil {
					t.Fatal(err)
				}
			}
			want := &State{
				Version: 1, Lineage: lineage, Serial: 11, Provider: gemini,
				Learned:  learned(2),
				Told:     map[string]string{"batch.refinement[10]": "a2"},
				Datasets: map[string]Dataset{"out/qa.jsonl": {Digest: "d", SHA256: "s", Bytes: 9, ModTime: 1, Rows: 2, Batches: 1}},
				Batches:  map[planner.Address]*planner.Record{addr(10): rec(11), {Block: "a"}: {}},
			}
			if diff := cmp.Diff(want, s.State()); diff != "" {
				t.Errorf("state of the store (-want +got):\n%s", diff)
			}
			recorded := planner.Recorded{Lineage: lineage, Serial: 11, Batches: want.Batches}
			if diff := cmp.Diff(recorded, s.State().Recorded()); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, mustRead(t, path)); diff != "" {
				t.Errorf("read beside the store (-want +got):\n%s", diff)
			}
			if end == "close" {
				mustClose(t, s)
			} else {
				s.Abandon()
			}
			if diff := cmp.Diff(want, mustRead(t, path)); diff != "" {
				t.Errorf("read afterwards (-want +got):\n%s", diff)
			}
			s = mustOpen(t, path)
			if diff := cmp.Diff(want, s.State()); diff != "" {
				t.Errorf("opened afterwards (-want +got):\n%s", diff)
			}
			mustClose(t, s)
			if diff := cmp.Diff(want, mustRead(t, path)); diff != "" {
				t.Errorf("read at the end (-want +got):\n%s", diff)
			}
			if journal := folder(t, filepath.Dir(path))[filepath.Base(path)+".journal"]; journal != "" {
				t.Errorf("the journal is not empty after a clean end: %s", journal)
			}
		})
	}
}
