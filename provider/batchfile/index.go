package batchfile

import (
	"hash/maphash"
	"math"
)

// index finds rows by their key. It holds a 128-bit hash of each key and not
// the key itself, so that a million keys of any length cost the same: the row
// (24 or 32 bytes) and 5 to 11 bytes of table. Two keys with one hash are taken
// for the same key; among a million keys that happens once in 10²⁶ files.
//
// Rows keep the order in which they were added.
type index[V any] struct {
	seeds  [2]maphash.Seed
	table  []uint32 // row number + 1 at the place its hash points to; 0: free
	chunks [][]indexRow[V]
	rows   int
}

type indexRow[V any] struct {
	hash  [2]uint64
	value V
}

const (
	chunkBits  = 12 // rows of a chunk, so that growing never copies more
	firstTable = 256
	maxRows    = math.MaxUint32 - 1
)

func newIndex[V any]() *index[V] {
	return &index[V]{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		table: make([]uint32, firstTable),
	}
}

func (x *index[V]) hash(key []byte) [2]uint64 {
	return [2]uint64{maphash.Bytes(x.seeds[0], key), maphash.Bytes(x.seeds[1], key)}
}

// at returns row i, counted from 0 in the order of adding.
func (x *index[V]) at(i int) *indexRow[V] {
	return &x.chunks[i>>chunkBits][i&(1<<chunkBits-1)]
}

// find returns the row of a key, -1 when it is not there.
func (x *index[V]) find(hash [2]uint64) int {
	mask := uint64(len(x.table) - 1)
	for slot := hash[0] & mask; ; slot = (slot + 1) & mask {
		n := x.table[slot]
		if n == 0 {
			return -1
		}
		if i := int(n - 1); x.at(i).hash == hash {
			return i
		}
	}
}

// add appends a row whose key find did not know.
func (x *index[V]) add(hash [2]uint64, value V) {
	if 4*(x.rows+1) > 3*len(x.table) {
		x.grow()
	}
	last := len(x.chunks) - 1
	if last < 0 || len(x.chunks[last]) == 1<<chunkBits {
		size := 1 << chunkBits
		if last < 0 {
			size = firstTable // most batches have a few hundred rows
		}
		x.chunks = append(x.chunks, make([]indexRow[V], 0, size))
		last++
	}
	x.chunks[last] = append(x.chunks[last], indexRow[V]{hash, value})
	x.rows++
	x.place(hash, uint32(x.rows))
}

func (x *index[V]) grow() {
	x.table = make([]uint32, 2*len(x.table))
	for i := range x.rows {
		x.place(x.at(i).hash, uint32(i+1))
	}
}

func (x *index[V]) place(hash [2]uint64, n uint32) {
	mask := uint64(len(x.table) - 1)
	slot := hash[0] & mask
	for x.table[slot] != 0 {
		slot = (slot + 1) & mask
	}
	x.table[slot] = n
}
