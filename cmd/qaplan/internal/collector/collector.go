// Package collector lets twice as much garbage gather before it is collected for the
// first time as Go does by itself: 8 MB.
//
// The packages that qaplan is made of allocate 3 MB before main runs, most of it
// meta-schemas of JSON Schema. Go would collect that at the end of every start, a
// tenth of the time of a short command, to find that most of it is in use; main
// comes too late to say so. Packages are initialized in the order of their import
// paths, as far as their own imports allow: this one, which imports little, comes
// before the one that allocates most. A command that goes on collects as Go does
// from its first collection on. What a user sets as GOGC holds.
package collector

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
	later := debug.SetGCPercent(atStart)
	// What nothing holds is cleaned up by the first collection.
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, later)
}
