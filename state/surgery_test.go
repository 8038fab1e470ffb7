package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
)

// bought is a record of a batch whose job is known.
func bought(n int) *planner.Record {
	r := rec(n)
	r.Strange = nil
	return r
}

func mustPull(t *testing.T, path string) *Snapshot {
	t.Helper()
	s, err := Pull(path, gemini)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// through is what is pulled here, after a trip through its text.
func through(t *testing.T, s *Snapshot) *Snapshot {
	t.Helper()
	var text bytes.Buffer
	if err := s.Encode(&text); err != nil {
		t.Fatal(err)
	}
	back, err := Decode("-", &text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, back, cmp.AllowUnexported(Snapshot{})); diff != "" {
		t.Fatalf("decoded (-want +got):\n%s", diff)
	}
	return back
}

func TestBackupNames(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	backup := func(want string) {
		t.Helper()
		got, err := s.Backup()
		if err != nil {
			t.Fatal(err)
		}
		if want != "" {
			want = path + want
		}
		if got != want {
			t.Errorf("backup %q, want %q", got, want)
		}
	}
	backup("")
	mustWrite(t, s, "x", Change{addr(1), rec(1)}, Change{addr(2), rec(2)})
	backup(".backup-1")
	backup(".backup-1") // the same once more
	want := mustPull(t, path)
	mustWrite(t, s, "x", Change{addr(1), nil})
	backup(".backup-2")
	writeFile(t, path+".backup-2", []byte("another state's"))
	backup(".backup-2-2")
	writeFile(t, path+".backup-2-2", nil)
	backup(".backup-2-3")
	mustClose(t, s)

	f, err := os.Open(path + ".backup-1")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := Decode(f.Name(), f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Snapshot{})); diff != "" {
		t.Errorf("backup (-want +got):\n%s", diff)
	}
	if info, err := f.Stat(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode(), err)
	}
}

// A backup of a state whose last changes are in the journal alone can stand in
// for the snapshot.
func TestBackupInPlace(t *testing.T) {
	path, after := sample(t)
	s := mustOpen(t, path)
	name, err := s.Backup()
	if err != nil {
		t.Fatal(err)
	}
	s.Abandon()
	writeFile(t, path, readFile(t, name))
	if diff := cmp.Diff(after[len(after)-1], mustRead(t, path)); diff != "" {
		t.Errorf("state from the backup (-want +got):\n%s", diff)
	}
}

func TestMove(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	open := bought(5)
	open.Attempts = append(open.Attempts, planner.Attempt{Number: 3, Outcome: planner.OutcomeIntent})
	strange, settled := bought(6), bought(7)
	strange.Strange = &planner.StrangeUpload{File: "files/x"}
	settled.Strange = &planner.StrangeUpload{File: "files/x", Settled: true}
	mustWrite(t, s, "x", Change{addr(1), bought(1)}, Change{addr(2), bought(2)}, Change{addr(3), bought(3)},
		Change{addr(5), open}, Change{addr(6), strange}, Change{addr(7), settled})

	refused := []struct {
		moves []Move
		want  error
		words string
	}{
		{[]Move{{addr(4), addr(9)}}, ErrNoRecord, "move batch.refinement[4]: the state has no record of it"},
		{[]Move{{addr(1), addr(2)}}, ErrTaken, "move batch.refinement[1] to batch.refinement[2]: the state has a record there already"},
		{[]Move{{addr(1), addr(1)}}, ErrTaken, "there already"},
		{[]Move{{addr(1), addr(9)}, {addr(2), addr(9)}}, ErrTaken, "move batch.refinement[2] to"},
		{[]Move{{addr(1), addr(2)}, {addr(2), addr(9)}}, ErrTaken, "there already"},
		{[]Move{{addr(1), addr(9)}, {addr(5), addr(8)}}, ErrUnsettled, "move batch.refinement[5]: it is not known"},
		{[]Move{{addr(6), addr(9)}}, ErrUnsettled, "move batch.refinement[6]"},
	}
	before := s.State()
	for _, tt := range refused {
		err := s.Move(tt.moves...)
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.words) {
			t.Errorf("move %v: error %v, want %q", tt.moves, err, tt.words)
		}
	}
	if diff := cmp.Diff(before, s.State()); diff != "" {
		t.Errorf("refused moves changed the state (-want +got):\n%s", diff)
	}

	other := planner.Address{Block: "other", Number: 1}
	if err := s.Move(Move{addr(1), other}, Move{addr(3), addr(4)}, Move{addr(7), addr(8)}); err != nil {
		t.Fatal(err)
	}
	if got := s.State().Serial; got != before.Serial+1 {
		t.Errorf("serial %d, want one transition after %d", got, before.Serial)
	}
	s.Abandon()
	want := map[planner.Address]*planner.Record{
		other: bought(1), addr(2): bought(2), addr(4): bought(3), addr(5): open, addr(6): strange, addr(8): settled,
	}
	if diff := cmp.Diff(want, mustRead(t, path).Batches); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// What is pulled can be pushed elsewhere, and gone on from there.
func TestPullPush(t *testing.T) {
	from, after := sample(t)
	given := through(t, mustPull(t, from))
	last := after[len(after)-1]
	for _, killed := range []bool{false, true} {
		path := newPath(t)
		s := mustOpen(t, path)
		changed, err := s.Push("-", given)
		if !changed || err != nil {
			t.Fatalf("push: %v, %v", changed, err)
		}
		if diff := cmp.Diff(last, s.State()); diff != "" {
			t.Errorf("state after the push (-want +got):\n%s", diff)
		}
		if changed, err := s.Push("-", given); changed || err != nil {
			t.Errorf("the same push again: %v, %v, want that nothing changes", changed, err)
		}
		if diff := cmp.Diff(last, mustRead(t, path)); diff != "" {
			t.Errorf("state on disk after the push (-want +got):\n%s", diff)
		}
		mustWrite(t, s, "x", Change{addr(20), rec(20)})
		if given.Batches[addr(20)] != nil {
			t.Error("a write changed what was pushed")
		}
		want := s.State()
		if lineage, err := s.Lineage(); lineage != testLineage || err != nil {
			t.Errorf("lineage %q, %v, want the pushed one", lineage, err)
		}
		if killed {
			s.Abandon()
		} else {
			mustClose(t, s)
		}
		if diff := cmp.Diff(want, mustRead(t, path)); diff != "" {
			t.Errorf("state after one more write (-want +got):\n%s", diff)
		}
	}
}

// pushed makes a snapshot that goes on from another.
func pushed(s *Snapshot, change func(*Snapshot)) *Snapshot {
	c := *s
	change(&c)
	return &c
}

func TestPushRefused(t *testing.T) {
	path, after := sample(t)
	here := mustPull(t, path)
	last := after[len(after)-1]
	const other = "00000000000000000000000000000000"
	tests := []struct {
		name  string
		given *Snapshot
		want  error
		words []string
	}{
		{"another state", pushed(here, func(s *Snapshot) { s.Lineage, s.Serial = other, 99 }), &OtherStateError{path, testLineage, other, 2}, []string{"000000…", "012345…, which knows 2 batches"}},
		{"older", pushed(here, func(s *Snapshot) { s.Serial-- }), &OlderStateError{path, last.Serial, last.Serial - 1}, []string{"serial 3", "at serial 4"}},
		{"gone another way", pushed(here, func(s *Snapshot) { s.head = "00000000" }), &OlderStateError{path, last.Serial, last.Serial}, []string{"serial 4", "both went on from one copy"}},
		{"another service", pushed(here, func(s *Snapshot) { s.Provider, s.Serial = Identity{Kind: "emulator", ID: "x"}, 99 }), &IdentityError{"backup.json", Identity{Kind: "emulator", ID: "x"}, gemini}, []string{"backup.json belongs to provider emulator with the data x"}},
	}
	s := mustOpen(t, path)
	before := folder(t, filepath.Dir(path))
	for _, tt := range tests {
		_, checked := s.CheckPush("backup.json", tt.given)
		changed, err := s.Push("backup.json", tt.given)
		if changed || err == nil || !cmp.Equal(checked, err) {
			t.Errorf("%s: %v, %v, and checked %v: want one error", tt.name, changed, err, checked)
			continue
		}
		if diff := cmp.Diff(tt.want, err); diff != "" {
			t.Errorf("%s: error (-want +got):\n%s", tt.name, diff)
		}
		for _, w := range tt.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q lacks %q", tt.name, err, w)
			}
		}
	}
	if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("refused pushes changed files (-want +got):\n%s", diff)
	}
	if changed, err := s.Push("backup.json", here); changed || err != nil {
		t.Errorf("the present state: %v, %v, want that nothing changes", changed, err)
	}
	newer := pushed(here, func(s *Snapshot) { s.Serial, s.head = 9, "12345678" })
	if changed, err := s.Push("backup.json", newer); !changed || err != nil {
		t.Errorf("a newer state: %v, %v, want that it is taken", changed, err)
	}
	mustWrite(t, s, "x", Change{addr(1), nil})
	mustClose(t, s)
	if got := mustRead(t, path).Serial; got != 10 {
		t.Errorf("serial %d, want 10", got)
	}
	if _, err := s.Push("backup.json", here); !errors.Is(err, ErrClosed) {
		t.Errorf("push to a closed store: %v, want ErrClosed", err)
	}
}

// A state that knows no batch gives way to any.
func TestPushOverEmpty(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	for range 20 {
		mustWrite(t, s, "x", Change{addr(1), nil})
	}
	from, after := sample(t)
	if changed, err := s.Push("-", mustPull(t, from)); !changed || err != nil {
		t.Fatalf("push: %v, %v", changed, err)
	}
	mustClose(t, s)
	if diff := cmp.Diff(after[len(after)-1], mustRead(t, path)); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestDecodeRefused(t *testing.T) {
	path, _ := sample(t)
	whole := string(readFile(t, path))
	for name, text := range map[string]string{
		"empty": "", "cut": whole[:len(whole)-10], "edited": strings.Replace(whole, `"rows":9`, `"rows":8`, 1), "something else": "{}\n",
	} {
		_, err := Decode("copy.json", strings.NewReader(text))
		if !isCorrupt(err) || !strings.Contains(err.Error(), "copy.json") || !strings.Contains(err.Error(), "hand in another copy") {
			t.Errorf("%s: error %v, want *CorruptError about copy.json and what to do", name, err)
		}
	}
	_, err := Decode("copy.json", bytes.NewReader(resummed([]byte(whole), `"version": 1`, `"version": 2`)))
	if e, ok := errors.AsType[*VersionError](err); !ok || e.File != "copy.json" || e.Version != 2 {
		t.Errorf("error %v, want *VersionError about version 2", err)
	}
}

// pushHistory writes a state, is killed, and pushes another into what is left.
func pushHistory(t *testing.T, d *disk, path string, given *Snapshot) (before, after *State, err error) {
	t.Helper()
	s, err := open(d, path, gemini, Holder{ID: "first"})
	if err != nil {
		return nil, nil, err
	}
	s.lineage = testLineage
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	if s, err = open(d, path, gemini, Holder{ID: "killed"}); err != nil {
		return nil, nil, err
	}
	mustWrite(t, s, "x", Change{addr(2), rec(2)})
	s.Abandon()
	d.note(step{kind: "ack"})
	if s, err = open(d, path, gemini, Holder{ID: "push"}); err != nil {
		return nil, nil, err
	}
	before = s.State()
	_, err = s.Push("-", given)
	after = s.State()
	d.note(step{kind: "ack"})
	return before, after, errors.Join(err, s.Close())
}

// A power cut in the middle of a push leaves the former state or the pushed
// one.
func TestPushPowerCut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cut")
	path := filepath.Join(dir, base)
	d := &disk{}
	before, after, err := pushHistory(t, d, newPath(t), nextOf(t))
	if err != nil {
		t.Fatal(err)
	}
	p, points, seen := newPlatter(), 0, map[int64]bool{}
	for n := range len(d.steps) + 1 {
		if p.acked > 0 {
			p.remains(func(how string, files map[string][]byte) {
				points++
				lay(t, dir, files)
				got := mustRead(t, path)
				seen[got.Serial] = true
				if !cmp.Equal(got, after) && (p.acked == 2 || !cmp.Equal(got, before)) {
					t.Errorf("cut before step %d (%s): state differs (-want +got):\n%s", n, how, cmp.Diff(after, got))
				}
			})
		}
		if n < len(d.steps) {
			p.do(d.steps[n])
		}
	}
	if points < 40 || len(seen) != 2 {
		t.Errorf("%d points and serials %v, want more points and both states", points, seen)
	}
}

// So does a disk that fails.
func TestPushDiskFails(t *testing.T) {
	given := nextOf(t)
	d := &disk{}
	before, after, err := pushHistory(t, d, newPath(t), given)
	if err != nil {
		t.Fatal(err)
	}
	first := slices.IndexFunc(d.steps, func(s step) bool { return s.kind == "ack" })
	if len(d.steps)-first < 15 {
		t.Errorf("only %d steps can fail: the history has become too short", len(d.steps)-first)
	}
	for at := first + 1; at < len(d.steps); at++ {
		kind := d.steps[at].kind
		if kind == "ack" {
			continue
		}
		path := newPath(t)
		failing := &disk{broken: func(n int, _ step) bool { return n == at }}
		_, _, err := pushHistory(t, failing, path, given)
		got := mustRead(t, path)
		if !cmp.Equal(got, after) && (err == nil || !cmp.Equal(got, before)) {
			t.Errorf("%s fails at step %d (%v): state differs (-want +got):\n%s", kind, at, err, cmp.Diff(after, got))
		}
		if err != nil && !errors.Is(err, errBroken) {
			t.Errorf("%s fails at step %d: error %v", kind, at, err)
		}
	}
}

// nextOf is a snapshot that goes on from what pushHistory writes.
func nextOf(t *testing.T) *Snapshot {
	t.Helper()
	from, _ := sample(t)
	return pushed(mustPull(t, from), func(s *Snapshot) { s.Serial = 9 })
}
