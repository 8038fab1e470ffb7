package heap

import (
	"runtime"
	"syscall"
	"unsafe"
)

const (
	// chunk is what Go's heap grows by, in bytes, and what it is aligned to.
	chunk = 4 << 20

	// madvHugePage is MADV_HUGEPAGE of madvise(2), which package syscall lacks.
	madvHugePage = 14
)

// preferHugePages asks for huge pages for the chunk that the heap is in, and for the
// one before: Go begins at a random place in a chunk, takes what is left of it, and
// then what it passed over. A huge page of 2 MB comes into being where none of its
// small ones is in place, which is so two times out of three.
//
// It relies on how Go lays out its heap, and on a kernel that leaves the choice to
// programs (/sys/kernel/mm/transparent_hugepage/enabled says madvise). Where one of
// them is different, nothing is gained and nothing lost.
func preferHugePages() {
	probe := make([]byte, 128<<10) // too large for the stack
	at := uintptr(unsafe.Pointer(&probe[0]))
	for _, from := range []uintptr{at - at%chunk - chunk, at - at%chunk} {
		// Refused, it is no worse than not asked.
		_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, chunk, madvHugePage)
	}
	runtime.KeepAlive(probe)
}
