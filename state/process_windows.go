package state

import (
	"errors"

	"golang.org/x/sys/windows"
)

// stillActive is the exit code of a process that has none yet (STILL_ACTIVE).
const stillActive = 259

// processAlive reports whether a process has that number. One that ended is
// found as long as somebody has it open.
func processAlive(pid int) bool {
	p, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return errors.Is(err, windows.ERROR_ACCESS_DENIED)
	}
	defer windows.CloseHandle(p)
	var code uint32
	return windows.GetExitCodeProcess(p, &code) == nil && code == stillActive
}
