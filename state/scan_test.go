package state

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/blob"
)

// scanned puts together what a scan hands out.
func scanned(t *testing.T, at Place, id Identity) (*State, bool) {
	t.Helper()
	batches := map[planner.Address]*planner.Record{}
	last := planner.Address{}
	s, ok := at.Scan(t.Context(), id, func(a planner.Address, rec *planner.Record) bool {
		if len(batches) > 0 && last.Compare(a) >= 0 {
			t.Errorf("%s came after %s", a, last)
		}
		batches[a], last = rec.Clone(), a
		return true
	})
	if ok {
		if len(s.Batches) > 0 {
			t.Errorf("%d records were kept", len(s.Batches))
		}
		s.Batches = batches
	}
	return s, ok
}

// manyKinds writes records of every shape: one attempt or several, all members or
// none, and such as only package json reads.
func manyKinds(t *testing.T, at Place) {
	t.Helper()
	s := mustOpenIn(t, at, "")
	mustWrite(t, s, "x", Change{addr(9), rec(9)}, Change{addr(1), done(1)}, Change{addr(2), &planner.Record{}}, Change{addr(10), done(10)}, Change{addr(11), done(11)})
	mustWrite(t, s, "x", Change{planner.Address{Block: "a", Number: 3}, done(3)}, Change{planner.Address{Block: "z"}, rec(4)})
	s.Learn(learned(1))
	if err := s.WriteTold("batch.refinement[10]", "a2"); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
}

// What a scan hands out, one record after the other in the same memory, is what
// Read gives.
func TestScanIsRead(t *testing.T) {
	for name, at := range map[string]Place{"file": InFile(newPath(t)), "bucket": inShelf(newShelf())} {
		t.Run(name, func(t *testing.T) {
			if _, ok := scanned(t, at, gemini); ok {
				t.Error("a state that is not there was scanned")
			}
			manyKinds(t, at)
			want, err := at.Pull(t.Context(), gemini)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := scanned(t, at, gemini)
			if !ok {
				t.Fatal("the state was not scanned")
			}
			if diff := cmp.Diff(&want.State, got); diff != "" {
				t.Errorf("read (-) and scanned (+):\n%s", diff)
			}
			if _, ok := scanned(t, at, Identity{Kind: "emulator"}); ok {
				t.Error("the state of another service was scanned")
			}
			left := 3
			if _, ok := at.Scan(t.Context(), gemini, func(planner.Address, *planner.Record) bool { left--; return left > 0 }); ok || left != 0 {
				t.Errorf("a scan that was ended reported %v, with %d records to come", ok, left)
			}
			s := mustOpenIn(t, at, "")
			mustWrite(t, s, "x", Change{addr(1), rec(1)})
			if _, ok := scanned(t, at, gemini); ok {
				t.Error("a state with a journal was scanned")
			}
			s.Abandon()
		})
	}
}

// askedShelf counts what is asked of a bucket.
type askedShelf struct {
	*shelf
	calls atomic.Int64
}

func (s *askedShelf) Read(ctx context.Context, key string) ([]byte, blob.Version, error) {
	s.calls.Add(1)
	return s.shelf.Read(ctx, key)
}

func (s *askedShelf) List(ctx context.Context, prefix string) ([]blob.Object, error) {
	s.calls.Add(1)
	return s.shelf.List(ctx, prefix)
}

// What a scan of a bucket could not use is not read a second time, and serves one
// reading.
func TestScanIsNotReadAgain(t *testing.T) {
	shelf := &askedShelf{shelf: newShelf()}
	at := inShelf(shelf)
	manyKinds(t, at)
	calls := func(do func()) int64 {
		before := shelf.calls.Load()
		do()
		return shelf.calls.Load() - before
	}
	pull := func(want int64) *Snapshot {
		t.Helper()
		var s *Snapshot
		if n := calls(func() {
			var err error
			if s, err = at.Pull(t.Context(), gemini); err != nil {
				t.Fatal(err)
			}
		}); n != want {
			t.Errorf("a reading took %d calls, want %d", n, want)
		}
		return s
	}
	enough := func() {
		if _, ok := at.Scan(t.Context(), gemini, func(planner.Address, *planner.Record) bool { return false }); ok {
			t.Fatal("a scan was whole that was ended")
		}
	}
	fresh := pull(2) // a list and the snapshot
	if n := calls(enough); n != 2 {
		t.Errorf("a scan took %d calls, want 2", n)
	}
	if diff := cmp.Diff(&fresh.State, &pull(0).State); diff != "" {
		t.Errorf("read afresh (-) and after a scan (+):\n%s", diff)
	}
	pull(2)

	// What turns out to be damaged may have been a moment's mixture, and is read again.
	whole := shelf.objects["s.json"]
	shelf.objects["s.json"] = whole[:len(whole)-100]
	if _, ok := scanned(t, at, gemini); ok {
		t.Fatal("a damaged state was scanned")
	}
	shelf.objects["s.json"] = whole
	pull(3) // a list of the backups as well

	// A run is at work, and writes on between the two.
	s := mustOpenIn(t, at, "")
	defer s.Abandon()
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	if n := calls(enough); n != 2 {
		t.Errorf("a scan of a state with a journal took %d calls, want a list and an entry", n)
	}
	mustWrite(t, s, "x", Change{addr(2), rec(2)})
	if got := pull(1); got.Serial != fresh.Serial+1 {
		t.Errorf("serial %d after one more transition than %d", got.Serial, fresh.Serial)
	}
	if got := pull(4); got.Serial != fresh.Serial+2 {
		t.Errorf("serial %d after two more transitions than %d", got.Serial, fresh.Serial)
	}
}

// Whatever byte is damaged, no scan is whole.
func TestScanOfDamage(t *testing.T) {
	var text bytes.Buffer
	if err := writeSnapshot(&text, big(2)); err != nil {
		t.Fatal(err)
	}
	whole := text.Bytes()
	try := func(text []byte) bool {
		_, ok := scan("x", bytes.NewReader(text), Identity{}, func(planner.Address, *planner.Record) bool { return true })
		return ok
	}
	if !try(whole) {
		t.Fatal("the state was not scanned")
	}
	for i := range whole {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 1
		if try(damaged) || try(whole[:i]) {
			t.Fatalf("a state that is damaged at byte %d, or cut there, was scanned", i)
		}
	}
}

// BenchmarkScan hands out the records of a state of 100,000 batches, read from
// its file.
func BenchmarkScan(b *testing.B) {
	path := newPath(b)
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := writeSnapshot(f, big(100_000)); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if _, ok := Scan(path, gemini, func(planner.Address, *planner.Record) bool { n++; return true }); !ok || n != 100_000 {
			b.Fatalf("%v after %d records", ok, n)
		}
	}
}
