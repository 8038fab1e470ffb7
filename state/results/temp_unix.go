//go:build unix

package results

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes a lock that ends when f is closed or its process dies, or
// fails at once with errLocked. flock(2) and not fcntl: it excludes other
// descriptors of the same process, too.
func lockFile(f *os.File) error {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return errLocked
		default:
			return os.NewSyscallError("flock", err)
		}
	}
}
