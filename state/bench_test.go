package state

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/durable"
)

// done is the record of a batch with its result on disk, as most are.
func done(n int) *planner.Record {
	r := rec(n)
	r.Source.Path = fmt.Sprintf("submissions/batch_%06d_proper.jsonl", n)
	r.Attempts = r.Attempts[1:]
	a := &r.Attempts[0]
	a.Part, a.SettleFrom, a.ServiceTime = nil, time.Time{}, a.Sent
	a.Job, a.Output = fmt.Sprintf("batches/%036x", n), fmt.Sprintf("files/batch-%036x", n)
	a.Estimate, a.OutputLimit, a.Answered, a.Tokens = 34567, 2048, n, r.Result.Tokens
	r.Result.SHA256, r.Result.Written = fmt.Sprintf("%064x", n+1), a.Ended
	r.Refused, r.Strange, r.UploadN = nil, nil, 1
	r.Judged = &planner.Judgement{Source: r.Source.SHA256, Rules: strings.Repeat("0f", 32), Attempt: a.Number, Classes: planner.Classes{Good: n}}
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

// BenchmarkRecord reads one record: in one pass, and as package json reads it.
func BenchmarkRecord(b *testing.B) {
	text, err := encode(done(7))
	if err != nil {
		b.Fatal(err)
	}
	var d recordReader
	for name, read := range map[string]func() error{
		"one pass": func() error { _, err := d.decode(text); return err },
		"json":     func() error { return decode(text, new(planner.Record)) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
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

// BenchmarkWrite makes transitions durable on the disk, at two sizes of the state
// and from so many goroutines at once, and tells how many syncs each takes.
func BenchmarkWrite(b *testing.B) {
	for _, batches := range []int{1000, 100_000} {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("batches=%d/writers=%d", batches, writers), func(b *testing.B) {
				m := &meter{FS: durable.OS{}}
				s := stateOf(b, m, batches)
				records := make([]*planner.Record, 1000)
				for i := range records {
					records[i] = done(i)
				}
				b.ReportAllocs()
				b.ResetTimer()
				var next atomic.Int64
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							i := int(n) % len(records)
							mustWrite(b, s, "create_intent", Change{addr(i), records[i]})
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(m.syncs.Load())/float64(b.N), "syncs/op")
			})
		}
	}
}
