package ui

import "golang.org/x/sys/windows"

// enableSequences makes a console understand ANSI sequences; consoles older
// than Windows 10 cannot.
func enableSequences(fd int) bool {
	var mode uint32
	if err := windows.GetConsoleMode(windows.Handle(fd), &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(windows.Handle(fd), mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
