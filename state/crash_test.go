package state

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/durable"
)

// history is a life of a state: a first run that is folded in its middle, one
// that is killed, one that goes on from its journal, one that does nothing. It
// calls ack with what must last from then on, and returns the first error that
// a write or a close gives; a run that meets one writes no more, as ever.
func history(fs durable.FS, path string, ack func(*State)) error {
	small := func(text string) *planner.Record {
		return &planner.Record{Source: planner.SourceRecord{Path: text}}
	}
	run := func(id string, do func(s *Store, write func(changes ...Change)) error) error {
		s, err := open(fs, path, gemini, Holder{ID: id})
		if err != nil {
			return err
		}
		var failed error
		err = do(s, func(changes ...Change) {
			err := s.Write("test", changes...)
			if failed == nil {
				if failed = err; err == nil {
					ack(s.State())
				}
			} else if !errors.Is(err, failed) && err == nil {
				failed = errors.New("a write went well after one that failed")
			}
		})
		return errors.Join(failed, err)
	}
	return errors.Join(
		run("first", func(s *Store, write func(...Change)) error {
			if _, err := s.Lineage(); err != nil {
				s.Abandon()
				return err
			}
			ack(s.State())
			write(Change{addr(1), small("a")}, Change{addr(2), small("b")})
			write(Change{addr(3), small("c")})
			s.compactAt = 0 // folds after the next one
			write(Change{addr(1), small("d")})
			write(Change{addr(2), nil})
			return s.Close()
		}),
		run("killed", func(s *Store, write func(...Change)) error {
			write(Change{addr(4), small("e")})
			write(Change{addr(4), small("f")})
			s.Abandon()
			return nil
		}),
		run("resumed", func(s *Store, write func(...Change)) error {
			write(Change{addr(5), small("g")})
			write(Change{addr(5), nil}, Change{addr(6), small("h")})
			return s.Close()
		}),
		run("idle", func(s *Store, write func(...Change)) error { return s.Close() }),
	)
}

// states gives what history acknowledges, with the empty state before it.
func states(t *testing.T) (acked []*State, steps []step) {
	t.Helper()
	path := newPath(t)
	d := &disk{}
	acked = []*State{mustRead(t, path)}
	err := history(d, path, func(s *State) {
		acked = append(acked, s)
		d.note(step{kind: "ack"})
	})
	if err != nil {
		t.Fatal(err)
	}
	return acked, d.steps
}

// same compares but for the lineage, which differs from run to run.
func same(a, b *State) bool {
	x, y := *a, *b
	if (x.Lineage == "") != (y.Lineage == "") {
		return false
	}
	x.Lineage, y.Lineage = "", ""
	return cmp.Equal(x, y)
}

// A power cut at any step leaves the state as it was before or after the write
// in flight, and one that can be written to.
func TestPowerCut(t *testing.T) {
	acked, steps := states(t)
	dir := filepath.Join(t.TempDir(), "cut")
	path := filepath.Join(dir, "qaplan.state.json")
	points := 0
	p := newPlatter()
	for n := range len(steps) + 1 {
		p.remains(func(how string, files map[string][]byte) {
			points++
			lay(t, dir, files)
			s, err := open(quick{}, path, gemini, Holder{})
			if err != nil {
				t.Fatalf("cut before step %d (%s): %v", n, how, err)
			}
			got := s.State()
			if !same(got, acked[p.acked]) && (p.acked+1 == len(acked) || !same(got, acked[p.acked+1])) {
				t.Fatalf("cut before step %d (%s): state differs from the last acknowledged (-want +got):\n%s", n, how, cmp.Diff(acked[p.acked], got))
			}
			if err := s.Write("test", Change{addr(7), rec(7)}); err != nil {
				t.Fatalf("cut before step %d (%s): %v", n, how, err)
			}
			want := s.State()
			if err := s.Close(); err != nil {
				t.Fatalf("cut before step %d (%s): %v", n, how, err)
			}
			if diff := cmp.Diff(want, mustRead(t, path)); diff != "" {
				t.Fatalf("cut before step %d (%s): after one more run (-want +got):\n%s", n, how, diff)
			}
		})
		if n < len(steps) {
			p.do(steps[n])
		}
	}
	if len(steps) < 60 || points < 250 {
		t.Errorf("only %d steps with %d points: the history has become too short", len(steps), points)
	}
}

// A disk that fails at any step, once or from then on, loses nothing that was
// acknowledged and lets nothing be written after a failed write.
func TestDiskFails(t *testing.T) {
	_, steps := states(t)
	for n, failing := range steps {
		if failing.kind == "ack" {
			continue
		}
		for _, lasting := range []bool{false, true} {
			path := newPath(t)
			d := &disk{broken: func(i int, _ step) bool { return i == n || lasting && i > n }}
			acked := []*State{mustRead(t, path)}
			err := history(d, path, func(s *State) {
				acked = append(acked, s)
				d.mu.Lock()
				defer d.mu.Unlock()
				d.steps = append(d.steps, step{kind: "ack"})
			})
			last := acked[len(acked)-1]
			s, openErr := open(quick{}, path, gemini, Holder{})
			if openErr != nil {
				t.Fatalf("%s fails at step %d (lasting: %v): %v", failing.kind, n, lasting, openErr)
			}
			got := s.State()
			// One transition more than was acknowledged may have been written.
			if got.Serial != last.Serial && got.Serial != last.Serial+1 || got.Serial == last.Serial && last.Lineage != "" && !cmp.Equal(got, last) {
				t.Errorf("%s fails at step %d (lasting: %v): state differs from the last acknowledged (-want +got):\n%s", failing.kind, n, lasting, cmp.Diff(last, got))
			}
			if err != nil && !errors.Is(err, errBroken) {
				t.Errorf("%s fails at step %d (lasting: %v): error %v", failing.kind, n, lasting, err)
			}
			if err == nil && lasting {
				t.Errorf("%s fails at step %d and on: no error", failing.kind, n)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// What a full disk took of a write is cut off again, and the failure sticks.
func TestFullDisk(t *testing.T) {
	path := newPath(t)
	full := false
	d := &disk{broken: func(_ int, s step) bool { return full && s.kind == "write" }}
	s, err := open(d, path, gemini, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "test", Change{addr(1), rec(1)})
	before := folder(t, filepath.Dir(path))
	full = true
	if err := s.Write("test", Change{addr(2), rec(2)}); !errors.Is(err, errBroken) {
		t.Errorf("error %v, want that of the disk", err)
	}
	full = false
	if err := s.WriteTold("batch.a[1]", "x"); !errors.Is(err, errBroken) {
		t.Errorf("WriteTold: got %v, want %v", err, errBroken)
	}
	if err := s.WriteDataset("x", Dataset{Digest: "d"}); !errors.Is(err, errBroken) {
		t.Errorf("error %v after the failure, want the same again", err)
	}
	if s.Record(addr(2)) != nil || s.State().Serial != 1 {
		t.Error("the store shows what it could not record")
	}
	if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("files after the failure (-want +got):\n%s", diff)
	}
	if err := s.Close(); !errors.Is(err, errBroken) {
		t.Errorf("close: error %v, want that of the disk", err)
	}
	s = mustOpen(t, path)
	defer s.Close()
	if diff := cmp.Diff(rec(1), s.Record(addr(1))); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// A snapshot that cannot be written in the middle of a run stops nothing.
func TestCompactionFails(t *testing.T) {
	path := newPath(t)
	broken := true
	d := &disk{broken: func(_ int, s step) bool { return broken && s.kind == "rename" }}
	s, err := open(d, path, gemini, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	s.compactAt = 0
	for n := range 5 {
		mustWrite(t, s, "test", Change{addr(n), rec(n)})
	}
	if tries, _ := d.count("failed"); tries == 0 || tries == 5 {
		t.Errorf("%d tries to fold the journal in 5 writes, want some but not each time", tries)
	}
	broken = false
	mustClose(t, s)
	if got := len(mustRead(t, path).Batches); got != 5 {
		t.Errorf("%d batches, want 5", got)
	}
}
