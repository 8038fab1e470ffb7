package main

import "syscall"

// endWithParent ends the command with the thread that starts it, which is to be
// kept by its goroutine until the command is over: so kill -9 ends it too.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
