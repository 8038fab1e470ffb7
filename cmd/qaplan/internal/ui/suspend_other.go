//go:build !unix

package ui

// onSuspend has nothing to do where processes are not stopped from a terminal.
func onSuspend(func()) (end func()) { return func() {} }
