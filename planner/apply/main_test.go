package apply_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage grow: the matrices make thousands of short-lived worlds.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// memoryDir is a folder for a world, in memory where the system has such a
// place. What these worlds die of is the end of a process, never a lost disk
// cache, so nothing is proved by waiting for a disk thousands of times.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "qaplan-apply-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
