package main

import (
	"os/exec"
	"syscall"
)

// standApart keeps Ctrl-C from a command: it is meant for this process, which
// waits for the command.
func standApart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// endTree ends a command that runs. What it has started lives on here.
func endTree(cmd *exec.Cmd) error { return cmd.Process.Kill() }
