//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// standApart starts a command in a session of its own: Ctrl-C in the terminal is
// meant for this process, which waits for the command. Without a terminal a
// command that asks for a password fails at once, in place of stopping the panel.
func standApart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	endWithParent(cmd.SysProcAttr)
	cmd.Cancel = func() error { return endTree(cmd) }
}

// endTree ends a command that runs, and what it has started.
func endTree(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
