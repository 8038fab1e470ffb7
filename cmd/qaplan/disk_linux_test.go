package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func smallDisks() []smallDisk { return []smallDisk{fileSizeLimit(), tmpfs()} }

// tmpfs is a file system of some pages.
func tmpfs() smallDisk {
	const page = 4096
	ballast := func(s *site) string { return s.path("ballast") }
	return smallDisk{
		name: "small file system", step: page, most: 30 * page, says: "no space left on device",
		move: func(t *testing.T, s *site) bool {
			at := filepath.Join(t.TempDir(), "disk")
			if err := os.Mkdir(at, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := unix.Mount("qaplan-test", at, "tmpfs", 0, "size=1m"); errors.Is(err, unix.EPERM) {
				return false
			} else if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			to := filepath.Join(at, "project")
			if err := os.CopyFS(to, os.DirFS(s.dir)); err != nil {
				t.Fatal(err)
			}
			s.dir = to
			return true
		},
		leave: func(t *testing.T, s *site, room int64) {
			if err := os.RemoveAll(ballast(s)); err != nil {
				t.Fatal(err)
			}
			if room < 0 {
				return
			}
			var disk unix.Statfs_t
			if err := unix.Statfs(s.dir, &disk); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(ballast(s), make([]byte, int64(disk.Bavail)*disk.Bsize-room), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	}
}
