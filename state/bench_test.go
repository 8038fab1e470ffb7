package state

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/qaplan/qaplan/planner"
)

// done is the record of a batch with its result on disk, as most are.
func done(n int) *planner.Record {
	r := rec(n)
	r.Source.Path = fmt.Sprintf("submissions/batch_%06d_proper.jsonl", n)
	r.Attempts = r.Attempts[1:]
	r.Attempts[0].Part = nil
	r.Refused, r.Strange = nil, nil
	return r
}

func big(n int) *Snapshot {
	s := &Snapshot{State: State{Version: 1, Lineage: "0123456789abcdef0123456789abcdef", Serial: int64(4 * n), Provider: gemini, Batches: map[planner.Address]*planner.Record{}}}
	for i := range n {
		s.Batches[addr(i)] = done(i)
	}
	return s
}

// BenchmarkReadSnapshot reads a state of 100,000 batches.
func BenchmarkReadSnapshot(b *testing.B) {
	var data bytes.Buffer
	if err := writeSnapshot(&data, big(100_000)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(data.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readSnapshot("x", bytes.NewReader(data.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWriteSnapshot writes a state of 100,000 batches.
func BenchmarkWriteSnapshot(b *testing.B) {
	s := big(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := writeSnapshot(io.Discard, s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite makes transitions durable, one after the other and from many
// goroutines at once.
func BenchmarkWrite(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		s := mustOpen(b, newPath(b))
		defer s.Close()
		for i := 0; b.Loop(); i++ {
			mustWrite(b, s, "create_intent", Change{addr(i % 1000), done(i)})
		}
	})
	b.Run("together", func(b *testing.B) {
		s := mustOpen(b, newPath(b))
		defer s.Close()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				mustWrite(b, s, "create_intent", Change{addr(i % 1000), done(i)})
			}
		})
	})
}
