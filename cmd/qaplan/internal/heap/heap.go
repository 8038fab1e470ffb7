// Package heap makes Go's heap ready for a short command, before the packages that
// fill it are initialized: they allocate 3 MB before main runs, most of it
// meta-schemas of JSON Schema, and that is most of what such a command allocates.
//
// The first collection is put off until 8 MB are in use, twice as many as Go waits
// for. At the end of every start it would take a tenth of the time of a short
// command, to find that most of it is in use. A command that goes on collects as Go
// does from its first collection on.
//
// On Linux the first chunk of the heap, 4 MB, is asked for in huge pages: a fault of
// the memory for each 2 MB in place of 512. Where faults are dear, as in a virtual
// machine within another, the first 1,000 are a quarter of a short command.
//
// main comes too late for either. Packages are initialized in the order of their
// import paths, as far as their own imports allow: this one, which imports little,
// comes before the one that allocates most. Who sets GOGC has the heap as Go makes it.
package heap

import (
	"os"
	"runtime"
	"runtime/debug"
)

// atStart is the garbage, in percent of what is in use, at which Go collects for
// the first time.
const atStart = 200

func init() {
	if os.Getenv("GOGC") != "" {
		return
	}
	preferHugePages()
	later := debug.SetGCPercent(atStart)
	// What nothing holds is cleaned up by the first collection.
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, later)
}
