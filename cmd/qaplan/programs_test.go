//go:build !ci

package main

// standIns are programs that this test's binary is when it is called by their
// names.
func standIns() map[string]func() { return nil }
