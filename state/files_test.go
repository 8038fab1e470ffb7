package state

import (
	"bytes"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

const base = "qaplan.state.json"

// A run that writes nothing changes no file and makes none, but for the lock.
func TestNothingWritten(t *testing.T) {
	path := newPath(t)
	for _, end := range []func(*Store){func(s *Store) { mustClose(t, s) }, (*Store).Abandon} {
		s := mustOpen(t, path)
		if diff := cmp.Diff(&State{Version: 1, Provider: gemini, Datasets: map[string]Dataset{}, Told: map[string]string{}, Batches: map[planner.Address]*planner.Record{}}, s.State()); diff != "" {
			t.Errorf("a new state (-want +got):\n%s", diff)
		}
		mustWrite(t, s, "nothing")
		end(s)
		if diff := cmp.Diff(map[string]string{base + ".lock": ""}, folder(t, filepath.Dir(path))); diff != "" {
			t.Errorf("a run without writes on a new state (-want +got):\n%s", diff)
		}
	}
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	before := folder(t, filepath.Dir(path))
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name := range before {
		if err := os.Chtimes(filepath.Join(filepath.Dir(path), name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	mustRead(t, path)
	mustClose(t, mustOpen(t, path))
	if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("a run without writes (-before +after):\n%s", diff)
	}
	for _, name := range []string{base, base + ".journal"} {
		if info, err := os.Stat(filepath.Join(filepath.Dir(path), name)); err != nil || !info.ModTime().Equal(old) {
			t.Errorf("%s was touched: %v", name, err)
		}
	}
}

// Reading makes no file, not even a folder.
func TestReadMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "such", base)
	got := mustRead(t, path)
	if got.Lineage != "" || got.Serial != 0 || got.Version != FormatVersion || got.Batches == nil || got.Datasets == nil {
		t.Errorf("a state that is not there: %+v", got)
	}
	if _, err := os.Stat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("the folder was made: %v", err)
	}
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
}

// The lineage is durable when it is given, and a first run that is killed then
// is recovered from the journal alone.
func TestFirstRunKilled(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	lineage, err := s.Lineage()
	if err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, path).Lineage; got != lineage || !validLineage(got) {
		t.Errorf("read lineage %q, want %q", got, lineage)
	}
	s.Abandon()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("there is a snapshot: %v", err)
	}
	if _, err := Read(path, Identity{Kind: "emulator"}); err == nil {
		t.Error("a journal without a snapshot was read for another provider")
	}
	s = mustOpen(t, path)
	if got, err := s.Lineage(); got != lineage || err != nil {
		t.Errorf("lineage %q, %v in the second run, want %q", got, err, lineage)
	}
	mustClose(t, s)
	if got := mustRead(t, path); got.Lineage != lineage || got.Serial != 0 {
		t.Errorf("after the second run: lineage %q, serial %d", got.Lineage, got.Serial)
	}
}

func TestLineagesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		s := mustOpen(t, newPath(t))
		lineage, err := s.Lineage()
		if err != nil || seen[lineage] {
			t.Errorf("lineage %q, %v", lineage, err)
		}
		seen[lineage] = true
		s.Abandon()
	}
}

// The backup is the snapshot from before the run, however often the run folds.
func TestBackup(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	first := readFile(t, path)
	if _, err := os.Stat(path + ".backup"); !os.IsNotExist(err) {
		t.Errorf("the first run made a backup: %v", err)
	}
	s = mustOpen(t, path)
	for n := range 3 {
		s.compactAt = 0
		mustWrite(t, s, "x", Change{addr(1), rec(n)})
	}
	mustClose(t, s)
	if diff := cmp.Diff(string(first), string(readFile(t, path+".backup"))); diff != "" {
		t.Errorf("backup (-want +got):\n%s", diff)
	}
	// What the hint of a damage report says works.
	writeFile(t, path, nil)
	_, err := Read(path, gemini)
	if err == nil || !strings.Contains(err.Error(), path+".backup") {
		t.Fatalf("error %v, want one that names the backup", err)
	}
	if err := os.Rename(path+".backup", path); err != nil {
		t.Fatal(err)
	}
	if got := mustRead(t, path); got.Serial != 1 {
		t.Errorf("serial %d of the backup, want 1", got.Serial)
	}
}

// What a killed run left of a snapshot goes with the next one.
func TestLeftOverSnapshot(t *testing.T) {
	path := newPath(t)
	left := filepath.Join(filepath.Dir(path), "."+base+".tmp-0011223344556677")
	writeFile(t, left, []byte("{"))
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	want := []string{base, base + ".journal", base + ".lock"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(folder(t, filepath.Dir(path))))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no modes
	}
	path := newPath(t)
	for range 2 { // the second makes the backup
		s := mustOpen(t, path)
		mustWrite(t, s, "x", Change{addr(1), rec(1)})
		mustClose(t, s)
	}
	for name := range folder(t, filepath.Dir(path)) {
		info, err := os.Stat(filepath.Join(filepath.Dir(path), name))
		if err != nil || info.Mode() != fs.FileMode(0o600) {
			t.Errorf("%s has mode %v, want 0600 (%v)", name, info.Mode(), err)
		}
	}
}

// All names of one state share its journal and its lock.
func TestSymbolicLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // asks for a privilege
	}
	path := newPath(t)
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(link, gemini, Holder{}); err == nil || !strings.Contains(err.Error(), "leads nowhere") {
		t.Errorf("a link to nothing: error %v", err)
	}
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	s = mustOpen(t, link)
	mustWrite(t, s, "x", Change{addr(2), rec(2)})
	if _, err := Open(path, gemini, Holder{}); err == nil {
		t.Error("opened under both names at once")
	}
	mustClose(t, s)
	if got := mustRead(t, path); len(got.Batches) != 2 {
		t.Errorf("%d batches under the real name, want 2", len(got.Batches))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v", err)
	}
}

// What cannot be read again is refused before anything is written, and harms
// nothing.
func TestWriteRefused(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	defer s.Close()
	for _, c := range []Change{
		{planner.Address{Block: "no label"}, rec(1)},
		{planner.Address{Block: "", Number: 1}, rec(1)},
		{planner.Address{Block: "a", Number: -1}, nil},
		{addr(1), &planner.Record{Upload: &planner.Upload{Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}}},
	} {
		if err := s.Write("x", Change{addr(2), rec(2)}, c); err == nil {
			t.Errorf("%v was written", c.Address)
		}
	}
	if _, err := os.Stat(path + ".journal"); !os.IsNotExist(err) {
		t.Errorf("a refused write made a journal: %v", err)
	}
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	if got := s.State(); got.Serial != 1 || len(got.Batches) != 1 {
		t.Errorf("serial %d with %d batches, want 1 with 1", got.Serial, len(got.Batches))
	}
}

// A message that is not UTF-8 is recorded all the same, and the store shows
// what a later run will read.
func TestNotUTF8(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x\xff", Change{addr(1), &planner.Record{Refused: &planner.Refusal{Message: "caf\xe9"}}})
	want := s.State()
	s.Abandon()
	got := mustRead(t, path)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-store +file):\n%s", diff)
	}
	if got := got.Batches[addr(1)].Refused.Message; got != "caf\ufffd" {
		t.Errorf("message %q", got)
	}
}

// A state that any provider may use belongs to the first that uses it.
func TestIdentityAdopted(t *testing.T) {
	path := newPath(t)
	s, err := Open(path, Identity{}, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	s = mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(2)})
	mustClose(t, s)
	if _, err := Read(path, Identity{Kind: "emulator"}); err == nil {
		t.Error("read for another provider afterwards")
	}
	if got, err := Read(path, Identity{}); err != nil || got.Provider != gemini {
		t.Errorf("read for any provider: %+v, %v", got, err)
	}
}

func TestSnapshotIsStable(t *testing.T) {
	s := &Snapshot{head: "00000000", State: State{
		Lineage: testLineage, Provider: gemini, Learned: learned(5),
		Batches: map[planner.Address]*planner.Record{},
	}}
	for _, n := range []int{10, 9, 100, 1, 11, 99} {
		s.Batches[addr(n)] = &planner.Record{}
		s.Batches[planner.Address{Block: "a-b", Number: n}] = &planner.Record{}
	}
	var first bytes.Buffer
	if err := writeSnapshot(&first, s); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		s.Batches, s.Learned.Models = maps.Clone(s.Batches), maps.Clone(s.Learned.Models)
		var again bytes.Buffer
		if err := writeSnapshot(&again, s); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Fatalf("two snapshots of one state differ:\n%s\n%s", first.Bytes(), again.Bytes())
		}
	}
	last := -1
	for _, a := range []string{"a-b[1]", "a-b[9]", "a-b[10]", "a-b[100]", "refinement[1]", "refinement[9]", "refinement[10]", "refinement[11]", "refinement[99]", "refinement[100]"} {
		at := strings.Index(first.String(), "\n    \"batch."+a+"\": {")
		if at <= last {
			t.Errorf("batch.%s is not in its place:\n%s", a, first.Bytes())
		}
		last = at
	}
}

var update = flag.Bool("update", false, "write the files of the present format anew")

// The files under testdata/v1 were written by the first version of the format
// and must stay readable for ever. While that version is the present one, they
// are also what is written.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, base)
	s := mustOpen(t, path)
	s.lineage = testLineage
	s.Learn(learned(2))
	mustWrite(t, s, "create_complete", Change{addr(9), rec(9)}, Change{addr(10), rec(10)}, Change{planner.Address{Block: "a-b"}, &planner.Record{}})
	mustClose(t, s)
	s = mustOpen(t, path)
	mustWrite(t, s, "create_intent", Change{addr(11), rec(11)}, Change{addr(9), rec(12)})
	s.Learn(learned(3))
	mustWrite(t, s, "forget", Change{addr(10), nil})
	want := s.State()
	s.Abandon()

	golden := filepath.Join("testdata", "v1")
	for _, name := range []string{base, base + ".journal"} {
		if *update {
			writeFile(t, filepath.Join(golden, name), readFile(t, filepath.Join(dir, name)))
		}
		if diff := cmp.Diff(string(readFile(t, filepath.Join(golden, name))), string(readFile(t, filepath.Join(dir, name)))); diff != "" {
			t.Errorf("%s has changed (-testdata +written):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(want, mustRead(t, filepath.Join(golden, base))); diff != "" {
		t.Errorf("read from testdata (-want +got):\n%s", diff)
	}
	// Early files of the version name pauses, which nothing needs any more.
	want.Learned = budget.Knowledge{}
	early := mustRead(t, filepath.Join("testdata", "v1-budgets", base))
	want.Serial = early.Serial // they took a transition more
	if diff := cmp.Diff(want, early); diff != "" {
		t.Errorf("read from early testdata (-want +got):\n%s", diff)
	}
}
