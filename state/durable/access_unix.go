//go:build unix

package durable

import "golang.org/x/sys/unix"

// mayAdd asks for the user that the process acts as, who need not be the one
// that started it.
func mayAdd(dir string) error {
	for {
		err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
		if err != unix.EINTR {
			return err
		}
	}
}
