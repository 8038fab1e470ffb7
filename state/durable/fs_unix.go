//go:build unix

package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer d.Close()
	// Some network and user-space file systems have no fsync for folders and
	// answer EINVAL or ENOTSUP: there is nothing more to be had from them.
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return fmt.Errorf("sync folder: %w", err)
	}
	return nil
}

// contended is never true here: open files bar nobody from renaming them.
func contended(error) bool { return false }
