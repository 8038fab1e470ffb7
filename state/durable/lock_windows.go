package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// keepsName: os.OpenFile does not share deletion, so that nobody removes, renames
// or replaces the file while it is open. Nothing is compared here: os.SameFile
// opens the path once more, and says that two files differ when that fails for
// any reason, such as want of handles. A lock that is held would count as lost.
const keepsName = true

// lockedByte lies far beyond any content, so that the facts at the start of
// the file stay readable: LockFileEx bars everybody else from the bytes that
// it covers, and may cover bytes that do not exist.
func lockedByte() *windows.Overlapped {
	return &windows.Overlapped{OffsetHigh: 0x3fff_ffff}
}

func lockFile(f *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, lockedByte())
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return os.NewSyscallError("LockFileEx", err)
}

func unlockFile(f *os.File) error {
	return os.NewSyscallError("UnlockFileEx", windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockedByte()))
}
