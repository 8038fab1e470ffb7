package batchfile

import "testing"

func TestIndex(t *testing.T) {
	x := newIndex[int]()
	// Keys that crowd in one place of the table and differ in either half.
	hash := func(i int) [2]uint64 { return [2]uint64{uint64(i%3) << 40, uint64(i / 3)} }
	const rows = 3 << 10
	for i := range rows {
		if x.find(hash(i)) >= 0 {
			t.Fatalf("row %d is there before it was added", i)
		}
		x.add(hash(i), i)
	}
	for i := range rows {
		if got := x.find(hash(i)); got != i {
			t.Fatalf("row %d: found %v", i, got)
		}
		if got := x.at(i); got.value != i || got.hash != hash(i) {
			t.Fatalf("row %d in order: %v", i, got)
		}
	}
	if x.find([2]uint64{0, rows}) >= 0 || x.find([2]uint64{1 << 50, 0}) >= 0 {
		t.Error("found what was not added")
	}
	if load := float64(x.rows) / float64(len(x.table)); load > 0.75 {
		t.Errorf("table is %.0f %% full", 100*load)
	}
}
