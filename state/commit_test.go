package state

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/state/durable"
)

// meter counts the bytes that are written to a file system, and the syncs of files.
type meter struct {
	durable.FS
	syncTakes time.Duration // longer than the file system's own take
	syncs     atomic.Int64
	written   atomic.Int64
}

func (m *meter) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := m.FS.OpenFile(name, flag, perm)
	return &meterFile{f, m}, err
}

type meterFile struct {
	durable.File
	meter *meter
}

func (f *meterFile) WriteAt(p []byte, off int64) (int, error) {
	f.meter.written.Add(int64(len(p)))
	return f.File.WriteAt(p, off)
}

func (f *meterFile) Sync() error {
	f.meter.syncs.Add(1)
	time.Sleep(f.meter.syncTakes)
	return f.File.Sync()
}

// stateOf writes the state of so many finished batches, and opens it.
func stateOf(t testing.TB, fs durable.FS, batches int) *Store {
	t.Helper()
	path := newPath(t)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeSnapshot(f, big(batches)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := open(fs, path, gemini, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Abandon)
	return s
}

// TestTransitionCostsTheSameAtAnySize compares states of 1,000 and of 100,000
// batches by what a transition writes, syncs and allocates.
func TestTransitionCostsTheSameAtAnySize(t *testing.T) {
	type cost struct{ bytes, syncs, allocs float64 }
	costs := map[int]cost{}
	for _, batches := range []int{1000, 100_000} {
		m := &meter{FS: quick{}}
		s := stateOf(t, m, batches)
		next := 0
		write := func() {
			mustWrite(t, s, "create_intent", Change{addr(100 + next%800), done(100 + next%800)})
			next++
		}
		write() // opens the journal
		written, syncs := m.written.Load(), m.syncs.Load()
		const n = 400
		allocs := testing.AllocsPerRun(n-1, write) // and one to warm up
		costs[batches] = cost{float64(m.written.Load()-written) / n, float64(m.syncs.Load()-syncs) / n, allocs}
	}
	few, many := costs[1000], costs[100_000]
	t.Logf("1,000 batches: %+v; 100,000: %+v", few, many)
	if few.bytes < 500 || few.syncs != 1 || many.syncs != 1 {
		t.Errorf("a transition writes %g bytes with %g and %g syncs, want one", few.bytes, few.syncs, many.syncs)
	}
	if many.bytes > 1.05*few.bytes || many.allocs > 1.2*few.allocs {
		t.Errorf("at 1,000 batches a transition costs %+v, at 100,000 %+v", few, many)
	}
}

// TestFoldingIsAConstantPart writes as many transitions as fold the journal into a
// snapshot several times: with the snapshots all that is written is less than twice
// what the transitions are.
func TestFoldingIsAConstantPart(t *testing.T) {
	for _, batches := range []int{500, 2500} {
		m := &meter{FS: quick{}}
		s := stateOf(t, m, batches)
		transitions, folds := int64(0), 0
		for n := 0; transitions < 3*compactAt(s.snapshotSize); n++ {
			a := addr(n % batches)
			before, folded := m.written.Load(), s.folded
			mustWrite(t, s, "create_intent", Change{a, done(n % batches)})
			if s.folded == folded {
				transitions += m.written.Load() - before
			} else {
				folds++
			}
		}
		if folds < 2 {
			t.Errorf("%d batches: the journal was folded %d times", batches, folds)
		}
		if all := m.written.Load(); all > 2*transitions {
			t.Errorf("%d batches: %d bytes were written for transitions of %d", batches, all, transitions)
		}
	}
}

// TestWritersShareSyncs lets 64 writers meet a disk that takes a while to sync: what
// comes meanwhile shares the next sync.
func TestWritersShareSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{FS: quick{}, syncTakes: 5 * time.Millisecond}
		s, err := open(m, newPath(t), gemini, Holder{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abandon()
		const writers, each = 64, 25
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					mustWrite(t, s, "create_intent", Change{addr(w*each + i), done(i)})
					time.Sleep(time.Duration(w%7) * time.Millisecond) // a call
				}
			})
		}
		wg.Wait()
		syncs := m.syncs.Load()
		t.Logf("%d transitions with %d syncs", writers*each, syncs)
		if n := len(s.State().Batches); n != writers*each {
			t.Errorf("%d transitions were recorded of %d", n, writers*each)
		}
		if syncs > writers*each/10 {
			t.Errorf("%d transitions with %d syncs, want a tenth at most", writers*each, syncs)
		}
	})
}
