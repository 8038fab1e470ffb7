package state

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
)

const testLineage = "0123456789abcdef0123456789abcdef"

// sample lays down a snapshot, and a journal that goes on from it, and gives
// the states after each entry, that of the snapshot first.
func sample(t testing.TB) (path string, after []*State) {
	t.Helper()
	path = newPath(t)
	s, err := open(quick{}, path, gemini, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	s.lineage = testLineage
	mustWrite(t, s, "create_complete", Change{addr(9), rec(9)}, Change{addr(10), &planner.Record{}})
	mustClose(t, s)
	if s, err = open(quick{}, path, gemini, Holder{}); err != nil {
		t.Fatal(err)
	}
	after = append(after, s.State())
	mustWrite(t, s, "upload", Change{addr(11), &planner.Record{Source: planner.SourceRecord{Path: "ü\n"}}})
	after = append(after, s.State())
	mustWrite(t, s, "forget", Change{addr(9), nil})
	after = append(after, s.State())
	s.Learn(learned(1))
	mustWrite(t, s, "refused", Change{addr(10), rec(12)})
	after = append(after, s.State())
	s.Abandon()
	return path, after
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A journal cut at any byte is a shorter valid one, and can be gone on from.
func TestJournalCut(t *testing.T) {
	path, after := sample(t)
	whole := readFile(t, path+".journal")
	for n := range len(whole) + 1 {
		cut := whole[:n]
		writeFile(t, path+".journal", cut)
		// The header is no entry; an entry that lacks only its line break counts.
		want := after[max(bytes.Count(append(bytes.Clone(cut), whole[n:min(n+1, len(whole))]...), []byte{'\n'})-1, 0)]
		if diff := cmp.Diff(want, mustRead(t, path)); diff != "" {
			t.Fatalf("cut at byte %d (-want +got):\n%s", n, diff)
		}
		if got := readFile(t, path+".journal"); !bytes.Equal(got, cut) {
			t.Fatalf("cut at byte %d: reading changed the journal", n)
		}
		if n%7 != 0 && n < len(whole)-3 {
			continue
		}
		s, err := open(quick{}, path, gemini, Holder{})
		if err != nil {
			t.Fatalf("cut at byte %d: %v", n, err)
		}
		mustWrite(t, s, "x", Change{addr(12), &planner.Record{}})
		s.Abandon()
		lines := readFile(t, path+".journal")
		kept := min(bytes.LastIndexByte(lines[:len(lines)-1], '\n')+1, len(whole))
		if kept == 0 || !bytes.Equal(lines[:kept], whole[:kept]) || lines[len(lines)-1] != '\n' {
			t.Fatalf("cut at byte %d: the journal is not what was whole and one line more:\n%s", n, lines)
		}
		got := mustRead(t, path)
		if got.Serial != want.Serial+1 || got.Batches[addr(12)] == nil || len(got.Batches) != len(want.Batches)+1 {
			t.Fatalf("cut at byte %d: state after one more write: %v", n, got)
		}
	}
}

// flips gives data with every bit flipped in turn, and some more likely kinds
// of damage.
func flips(data []byte, yield func(at int, damaged []byte)) {
	damaged := bytes.Clone(data)
	for at, was := range data {
		for bit := range 8 {
			damaged[at] = was ^ 1<<bit
			yield(at, damaged)
		}
		for _, to := range []byte("\x00\n\r ,\"{}0") {
			if to != was {
				damaged[at] = to
				yield(at, damaged)
			}
		}
		damaged[at] = was
	}
}

func TestJournalFlipped(t *testing.T) {
	path, _ := sample(t)
	flips(readFile(t, path+".journal"), func(at int, damaged []byte) {
		_, err := parseJournal("j", damaged)
		if damage, ok := errors.AsType[*CorruptError](err); !ok || damage.Line == 0 || damage.File != "j" {
			t.Fatalf("byte %d damaged: error %v, want one with file and line", at, err)
		}
	})
}

func TestSnapshotFlipped(t *testing.T) {
	small := &Snapshot{head: "12345678", State: State{
		Lineage: testLineage, Serial: 3, Provider: gemini, Learned: learned(3),
		Batches: map[planner.Address]*planner.Record{addr(9): {Source: planner.SourceRecord{Path: "ü"}}, addr(10): {}},
	}}
	var data bytes.Buffer
	if err := writeSnapshot(&data, small); err != nil {
		t.Fatal(err)
	}
	flips(data.Bytes(), func(at int, damaged []byte) {
		s, err := readSnapshot("s", bytes.NewReader(damaged))
		if _, ok := errors.AsType[*CorruptError](err); !ok || s != nil {
			t.Fatalf("byte %d damaged: error %v, want *CorruptError", at, err)
		}
	})
}

func TestSnapshotCut(t *testing.T) {
	path, _ := sample(t)
	whole := readFile(t, path)
	for n := range whole {
		s, err := readSnapshot("s", bytes.NewReader(whole[:n]))
		if _, ok := errors.AsType[*CorruptError](err); !ok || s != nil {
			t.Fatalf("cut at byte %d: error %v, want *CorruptError", n, err)
		}
		if n > 3 && n < len(whole)-3 {
			continue
		}
		// The same through the files.
		writeFile(t, path, whole[:n])
		if _, err := Read(path, gemini); !isCorrupt(err) {
			t.Errorf("read a snapshot cut at byte %d: error %v", n, err)
		}
		if _, err := Open(path, gemini, Holder{}); !isCorrupt(err) {
			t.Errorf("open a snapshot cut at byte %d: error %v", n, err)
		}
	}
}

func isCorrupt(err error) bool {
	_, ok := errors.AsType[*CorruptError](err)
	return ok
}

// A long line does not fit into the reader's buffer.
func TestSnapshotLongLine(t *testing.T) {
	long := &planner.Record{Refused: &planner.Refusal{Message: strings.Repeat("long ", 200_000)}}
	want := &Snapshot{head: "12345678", State: State{
		Version: 1, Lineage: testLineage, Serial: 3, Provider: gemini, Datasets: map[string]Dataset{}, Told: map[string]string{},
		Batches: map[planner.Address]*planner.Record{addr(1): rec(1), addr(2): long, addr(3): rec(3)},
	}}
	var data bytes.Buffer
	if err := writeSnapshot(&data, want); err != nil {
		t.Fatal(err)
	}
	got, err := readSnapshot("s", &data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Snapshot{})); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// Version control on Windows may turn LF into CR LF.
func TestSnapshotCRLF(t *testing.T) {
	path, after := sample(t)
	if err := os.Remove(path + ".journal"); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, bytes.ReplaceAll(readFile(t, path), []byte("\n"), []byte("\r\n")))
	if diff := cmp.Diff(after[0], mustRead(t, path)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// relined gives the journal with one line replaced by a JSON object that gets
// a right checksum.
func relined(journal []byte, number int, object string) []byte {
	lines := bytes.SplitAfter(journal, []byte{'\n'})
	lines[number-1], _ = frame([]byte(object))
	return bytes.Join(lines, nil)
}

// resummed gives the snapshot with a text replaced and a right checksum.
func resummed(snapshot []byte, from, to string) []byte {
	body, _, _ := strings.Cut(strings.Replace(string(snapshot), from, to, 1), checksumBefore)
	return []byte(body + checksumBefore + sum([]byte(body)) + checksumAfter + "\n}\n")
}

func TestRefused(t *testing.T) {
	const other = "ffffffffffffffffffffffffffffffff"
	line := func(object string, number int) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			writeFile(t, path+".journal", relined(readFile(t, path+".journal"), number, object))
		}
	}
	edit := func(from, to string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			before := readFile(t, path)
			after := resummed(before, from, to)
			if bytes.Equal(before, after) {
				t.Fatalf("%q is not in the snapshot", from)
			}
			writeFile(t, path, after)
		}
	}
	entry := func(seq, rest string) string {
		return `{"lineage":"` + testLineage + `","seq":` + seq + `,"op":"x"` + rest + `}`
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		id     Identity
		target any // pointer to the error type
		want   []string
	}{
		{
			"empty snapshot", func(t *testing.T, path string) { writeFile(t, path, nil) }, gemini, new(*CorruptError),
			[]string{"qaplan.state.json: it is empty", "restore it from a copy, or move it and its journal away"},
		},
		{
			"empty snapshot with a backup", func(t *testing.T, path string) {
				writeFile(t, path, nil)
				writeFile(t, path+".backup", nil)
			}, gemini, new(*CorruptError),
			[]string{"it is empty", "qaplan.state.json.backup in its place and move the journal away"},
		},
		{
			"snapshot of zeros", func(t *testing.T, path string) { writeFile(t, path, make([]byte, 9000)) }, gemini, new(*CorruptError),
			[]string{"qaplan.state.json:1: it ends in the middle"},
		},
		{
			"snapshot edited", func(t *testing.T, path string) {
				writeFile(t, path, bytes.Replace(readFile(t, path), []byte(`"rows":9`), []byte(`"rows":8`), 1))
			}, gemini, new(*CorruptError), []string{"its checksum does not fit", "edited"},
		},
		{
			"snapshot continued", func(t *testing.T, path string) { writeFile(t, path, append(readFile(t, path), ' ')) },
			gemini, new(*CorruptError), []string{"something follows its end"},
		},
		{"snapshot newer", edit(`"version": 1`, `"version": 2`), gemini, new(*VersionError), []string{"qaplan.state.json: format version 2", "up to 1; use the newer qaplan"}},
		{"snapshot much newer", func(t *testing.T, path string) {
			writeFile(t, path, []byte("{\n  \"version\": 3,\n  \"form\": \"new\"\n}\n"))
		}, gemini, new(*VersionError), []string{"format version 3"}},
		{"snapshot version 0", edit(`"version": 1`, `"version": 0`), gemini, new(*CorruptError), []string{":2: 0 is no format version"}},
		{"snapshot without lineage", edit(`"lineage": "`+testLineage+`"`, `"lineage": ""`), gemini, new(*CorruptError), []string{`"" is no lineage`}},
		{"snapshot lacks a key", edit(`"serial": 1`, `"cereal": 1`), gemini, new(*CorruptError), []string{`"serial" is missing`}},
		{"snapshot has a key twice", edit(`"serial": 1`, `"version": 1`), gemini, new(*CorruptError), []string{`:4: "version" stands there twice`}},
		{"snapshot with a bad serial", edit(`"serial": 1`, `"serial": -1`), gemini, new(*CorruptError), []string{`-1 is no serial`}},
		{"snapshot with a batch twice", edit(`batch.refinement[10]`, `batch.refinement[9]`), gemini, new(*CorruptError), []string{":9: batch.refinement[9] stands behind batch.refinement[9]"}},
		{"snapshot with a bad address", edit(`batch.refinement[10]`, `batch.refinement[010]`), gemini, new(*CorruptError), []string{`"batch.refinement[010]" is not the address of one batch`}},
		{"snapshot with a bad record", edit(`"rows":9`, `"rows":"9"`), gemini, new(*CorruptError), []string{":8: the record of batch.refinement[9] cannot be read"}},
		{"other lineage", edit(testLineage, other), gemini, new(*LineageError), []string{"qaplan.state.json.journal:1: it is of the state 012345…, but the snapshot beside it is of the state ffffff…"}},
		{"other provider", func(*testing.T, string) {}, Identity{Kind: "emulator", ID: "7"}, new(*IdentityError), []string{"belongs to provider gemini at https://example.com", "the config names provider emulator with the data 7"}},
		{"other base URL", func(*testing.T, string) {}, Identity{Kind: "gemini"}, new(*IdentityError), []string{"another path for its state"}},
		{"journal of another provider", edit(`"kind":"gemini"`, `"kind":"vertex"`), Identity{}, new(*IdentityError), []string{".journal belongs to provider gemini"}},
		{
			"journal of an older snapshot", edit(`"serial": 1`, `"serial": 0`), gemini, new(*CorruptError),
			[]string{".journal:1: it goes on from number 1, but", "ends at number 0: an older copy of it was put back", "move it away to go on from the snapshot"},
		},
		{
			"snapshot gone", func(t *testing.T, path string) { os.Remove(path) }, gemini, new(*CorruptError),
			[]string{"qaplan.state.json: it is not there, and", ".journal goes on from its number 1", "move it and its journal away and run qaplan state rebuild"},
		},
		{
			"snapshot gone with a backup", func(t *testing.T, path string) {
				if err := os.Rename(path, path+".backup"); err != nil {
					t.Fatal(err)
				}
			}, gemini, new(*CorruptError),
			[]string{"qaplan.state.json: it is not there", "qaplan.state.json.backup in its place and move the journal away"},
		},
		{"journal of another history", edit(`"serial": 1`, `"serial": 3`), gemini, new(*CorruptError), []string{".journal:3: its number 3 is another than that in"}},
		{
			"line missing", func(t *testing.T, path string) {
				lines := bytes.SplitAfter(readFile(t, path+".journal"), []byte{'\n'})
				writeFile(t, path+".journal", bytes.Join(append(lines[:1:1], lines[2:]...), nil))
			}, gemini, new(*CorruptError), []string{".journal:2: it is number 3 where number 2 must follow"},
		},
		{
			"header missing", func(t *testing.T, path string) {
				lines := bytes.SplitAfter(readFile(t, path+".journal"), []byte{'\n'})
				writeFile(t, path+".journal", bytes.Join(lines[1:], nil))
			}, gemini, new(*CorruptError), []string{".journal:1: the journal does not begin with a header"},
		},
		{
			"lines swapped", func(t *testing.T, path string) {
				lines := bytes.SplitAfter(readFile(t, path+".journal"), []byte{'\n'})
				lines[1], lines[2] = lines[2], lines[1]
				writeFile(t, path+".journal", bytes.Join(lines, nil))
			}, gemini, new(*CorruptError), []string{".journal:2: it is number 3"},
		},
		{"journal newer", line(`{"version":2,"new":[]}`, 1), gemini, new(*VersionError), []string{".journal:1: format version 2"}},
		{
			"journal much newer", func(t *testing.T, path string) {
				writeFile(t, path+".journal", []byte("{\"version\":3,\"form\":\"new\"}\nmore\n"))
			}, gemini, new(*VersionError), []string{".journal:1: format version 3"},
		},
		{"header without lineage", line(`{"version":1,"after":1}`, 1), gemini, new(*CorruptError), []string{`:1: "" is no lineage`}},
		{"header with a bad serial", line(`{"version":1,"lineage":"`+testLineage+`","after":-1}`, 1), gemini, new(*CorruptError), []string{`:1: -1 is no serial`}},
		{"entry of another lineage", line(strings.Replace(entry("2", ""), testLineage, other, 1), 2), gemini, new(*LineageError), []string{".journal:2: it is of the state ffffff"}},
		{"entry with a bad address", line(entry("2", `,"changes":[{"address":"batch.x","record":null}]`), 2), gemini, new(*CorruptError), []string{`:2: "batch.x" is not the address of one batch`}},
		{"entry without record", line(entry("2", `,"changes":[{"address":"batch.x[1]"}]`), 2), gemini, new(*CorruptError), []string{":2: the change of batch.x[1] has no record"}},
		{"entry with a bad record", line(entry("2", `,"changes":[{"address":"batch.x[1]","record":[]}]`), 2), gemini, new(*CorruptError), []string{":2: read the record of batch.x[1]: not a JSON object"}},
		{"entry that is no JSON", line(`{"lineage"`, 2), gemini, new(*CorruptError), []string{".journal:2: "}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, _ := sample(t)
			tt.damage(t, path)
			before := folder(t, filepath.Dir(path))
			_, readErr := Read(path, tt.id)
			_, openErr := Open(path, tt.id, Holder{})
			for _, err := range []error{readErr, openErr} {
				if err == nil || !errors.As(err, tt.target) {
					t.Fatalf("error %v, want %T", err, tt.target)
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q lacks %q", err, want)
					}
				}
			}
			if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
				t.Errorf("a refused state was changed (-before +after):\n%s", diff)
			}
		})
	}
}

// What a later program of the same format version adds does no harm.
func TestUnknownKeys(t *testing.T) {
	path, after := sample(t)
	snapshot := resummed(readFile(t, path), `  "batches": {`, "  \"added\": {\"a\":[1]},\n  \"batches\": {")
	snapshot = resummed(snapshot, `{"source":`, `{"added":[{}],"source":`)
	snapshot = resummed(snapshot, `{"kind":`, `{"added":1,"kind":`)
	writeFile(t, path, snapshot)
	journal := readFile(t, path+".journal")
	header := `{"version":1,"added":{},"provider":{"kind":"gemini","base_url":"https://example.com/?a=1&b=<2>"},"lineage":"` + testLineage + `","after":1}`
	forget := `{"lineage":"` + testLineage + `","added":1,"seq":3,"op":"forget","changes":[{"address":"batch.refinement[9]","added":[],"record":null}]}`
	writeFile(t, path+".journal", relined(relined(journal, 1, header), 3, forget))
	if diff := cmp.Diff(after[len(after)-1], mustRead(t, path)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// An apply may fold the journal while it is being read: entries that the
// snapshot has already are passed over.
func TestOlderJournal(t *testing.T) {
	path, after := sample(t)
	journal := readFile(t, path+".journal")
	mustClose(t, mustOpen(t, path))
	for n := 0; n <= len(journal); n += 3 {
		writeFile(t, path+".journal", journal[:n])
		if diff := cmp.Diff(after[len(after)-1], mustRead(t, path)); diff != "" {
			t.Fatalf("with the first %d bytes of the former journal (-want +got):\n%s", n, diff)
		}
	}
}
