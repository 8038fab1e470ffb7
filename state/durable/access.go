package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// MayWriteIn tells, without a trace, whether this process may make files in a
// folder. Of one that is not there it tells whether it may be made, in the
// nearest folder above it that is. The error names the folder that refuses. nil
// is no promise: the disk may be full, and a network disk may decide otherwise
// when it is written to.
func MayWriteIn(folder string) error {
	for dir := filepath.Clean(folder); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			if _, err := os.Lstat(dir); err == nil {
				return fmt.Errorf("%s is a symbolic link that leads nowhere", dir)
			}
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is no folder", dir)
		}
		if err := mayAdd(dir); err != nil {
			return &fs.PathError{Op: "write in", Path: dir, Err: err}
		}
		return nil
	}
}
