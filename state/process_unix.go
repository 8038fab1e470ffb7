//go:build unix

package state

import (
	"errors"

	"golang.org/x/sys/unix"
)

// processAlive reports whether a process has that number: signal 0 reaches
// nobody, and one that is refused was meant for somebody.
func processAlive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || errors.Is(err, unix.EPERM)
}
