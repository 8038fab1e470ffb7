package heap

import (
	"runtime"
	"syscall"
	"unsafe"
)

const (
	// chunk is what Go's heap grows by, in bytes, and what it is aligned to.
	chunk = 4 << 20

	// huge is the size of a huge page in bytes, where pages have 4 KB.
	huge = 2 << 20

	// Advice of madvise(2) that package syscall lacks.
	madvHugePage = 14
	madvCollapse = 25 // since Linux 6.1
)

// preferHugePages asks for huge pages for the chunk that the heap is in, and for the
// one before: Go begins at a random place in a chunk, takes what is left of it, and
// then what it passed over. That gives a huge page where none of its small ones is in
// place; those that are where the heap is now are put together.
//
// It relies on how Go lays out its heap, and on a kernel that leaves the choice to
// programs (/sys/kernel/mm/transparent_hugepage/enabled says madvise; the last request
// is heard whatever that says). Where one of them is different, little is gained and
// nothing lost.
func preferHugePages() {
	probe := make([]byte, 128<<10) // too large for the stack, and beyond what is in use
	at := uintptr(unsafe.Pointer(&probe[0]))
	advise(at-at%chunk-chunk, chunk, madvHugePage)
	advise(at-at%chunk, chunk, madvHugePage)
	advise(at-at%huge, huge, madvCollapse)
	runtime.KeepAlive(probe)
}

// advise is no worse than nothing where it is refused.
func advise(from, size, advice uintptr) {
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, from, size, advice)
}
