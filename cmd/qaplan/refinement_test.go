package main

import (
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// bought DIR N compares the number of jobs that were bought through the service,
// beyond those of its history.
func bought(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: bought DIR N")
	}
	n := 0
	for _, p := range readLedger(ts, args[0]).Purchases {
		if !p.Foreign {
			n++
		}
	}
	if got := strconv.Itoa(n); got != args[1] {
		ts.Fatalf("%s jobs bought beyond the history, want %s", got, args[1])
	}
}
