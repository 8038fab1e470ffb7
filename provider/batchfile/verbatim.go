package batchfile

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"math"
	"sync/atomic"
)

// Verbatim reports whether the result is, byte for byte, the one file that was
// added: it has one answer for each key, in the order of the source, and nothing
// else. Such a file need not be written anew. The hash is that of the file, in
// lower-case hex.
//
// Of a file that was there, and less than 256 KiB, when it was added it is not found
// out.
func (j *Joiner) Verbatim() (sha256hex string, ok bool) {
	v := j.verbatim
	if v == nil || v.rows != j.keys.rows || v.end != j.files[0].Size() {
		return "", false
	}
	return hex.EncodeToString(v.sum.Sum(nil)), true
}

// verbatimFrom is the size from which on copying a file costs more than finding
// out that it need not be copied.
const verbatimFrom = 256 << 10

// verbatim is what is known of the first file as long as its lines are those of
// the result.
type verbatim struct {
	rows int   // so many lines of the result were seen
	end  int64 // of the last of them, with its line feed
	sum  stoppable
}

// follow begins with the file that was added last, of size bytes at most, and gives
// what it is to be read from. Reading has ended when end is called.
func (j *Joiner) follow(from io.Reader, size int64) (r io.Reader, end func()) {
	j.verbatim = nil
	if len(j.files) > 1 || size < verbatimFrom {
		return from, func() {}
	}
	j.verbatim = &verbatim{sum: stoppable{Hash: sha256.New()}}
	m := &meter{r: from, hash: &j.verbatim.sum, max: math.MaxInt64}
	return m, m.end
}

// passed notes that a line was put to its row. From the first on that is not the
// next one of the result, nobody needs the hash.
func (j *Joiner) passed(l line) {
	v := j.verbatim
	if v == nil {
		return
	}
	if v.rows < j.keys.rows && l.offset == v.end && l.terminated {
		if at := j.keys.at(v.rows).value; at.class != Missing && at.offset == l.offset {
			v.rows++
			v.end += int64(len(l.bytes) + len("\n"))
			return
		}
	}
	v.sum.off.Store(true)
	j.verbatim = nil
}

// stoppable is a hash that can be made to cost nothing any more.
type stoppable struct {
	hash.Hash
	off atomic.Bool
}

func (s *stoppable) Write(p []byte) (int, error) {
	if s.off.Load() {
		return len(p), nil
	}
	return s.Hash.Write(p)
}
