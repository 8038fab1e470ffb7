//go:build unix

package durable

import (
	"io/fs"
	"syscall"
)

// inode identifies a file within its file system.
func inode(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
