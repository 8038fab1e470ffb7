package state

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is accepted as a journal reads the same when it is cut to what counts,
// and goes on with another entry.
func FuzzJournal(f *testing.F) {
	path, _ := sample(f)
	whole := readFile(f, path+".journal")
	for _, seed := range [][]byte{
		whole, whole[:len(whole)-1], whole[:len(whole)/2], nil, []byte("{}\n"), []byte("\n"),
		relined(whole, 1, `{"version":2}`), relined(whole, 2, `{"lineage":"`+testLineage+`","seq":2,"op":"x","changes":[{"address":"batch.x[1]","record":{}}]}`),
		readFile(f, "testdata/v1/"+base+".journal"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := parseJournal("j", data)
		if err != nil {
			// Behind the checksums, which no chance gets right.
			if j, err = parseJournal("j", resealed(data)); err != nil {
				return
			}
			data = resealed(data)
		}
		if j.good > int64(len(data)) || !j.begun && j.good != 0 {
			t.Fatalf("%d of %d bytes count, begun: %v", j.good, len(data), j.begun)
		}
		kept := bytes.Clone(data[:j.good])
		if j.open {
			kept = append(kept, '\n')
		}
		more := 0
		if j.begun {
			line, _ := frameEntry(j.header.Lineage, j.header.After+int64(len(j.entries))+1, []byte(`{"op":"x"}`))
			kept = append(kept, line...)
			more = 1
		}
		again, err := parseJournal("j", kept)
		if err != nil {
			t.Fatalf("cannot go on with a good journal: %v", err)
		}
		if len(again.entries) != len(j.entries)+more || again.header != j.header || again.open {
			t.Fatalf("%d entries after %d and %d more", len(again.entries), len(j.entries), more)
		}
	})
}

// resealed gives each line that has the form of one the right checksum.
func resealed(journal []byte) []byte {
	var out []byte
	for line := range bytes.Lines(journal) {
		if object, ok := bytes.CutSuffix(line, []byte{'\n'}); ok && len(object) > sumLen && bytes.HasPrefix(object, []byte(sumBefore)) {
			line, _ = frame(append([]byte{'{'}, object[sumLen:]...))
		}
		out = append(out, line...)
	}
	return out
}

// The seeds are long: run it with -fuzzminimizetime=20x, or most of the time
// goes into shortening what is merely interesting.
//
// What is accepted as a snapshot, or would be with another checksum, reads the
// same when it is written again.
func FuzzSnapshot(f *testing.F) {
	path, _ := sample(f)
	whole := readFile(f, path)
	for _, seed := range [][]byte{
		whole, whole[:len(whole)/2], nil, []byte("{\n}\n"), bytes.ReplaceAll(whole, []byte("\n"), []byte("\r\n")),
		resummed(whole, `"version": 1`, `"version": 2`), readFile(f, "testdata/v1/"+base),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := readSnapshot("s", bytes.NewReader(data)); err != nil {
			if data = resummed(data, "", ""); len(data) == 0 {
				return
			}
		}
		s, err := readSnapshot("s", bytes.NewReader(data))
		if err != nil {
			if s != nil {
				t.Fatal("a snapshot was returned with an error")
			}
			return
		}
		s.Version = FormatVersion
		var written bytes.Buffer
		if err := writeSnapshot(&written, s); err != nil {
			t.Fatalf("cannot write what was read: %v", err)
		}
		again, err := readSnapshot("s", &written)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if diff := cmp.Diff(s, again, cmp.AllowUnexported(Snapshot{})); diff != "" {
			t.Fatalf("read again (-first +second):\n%s", diff)
		}
	})
}
