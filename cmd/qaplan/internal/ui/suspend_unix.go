//go:build unix

package ui

import (
	"os"
	"os/signal"
	"syscall"
)

// onSuspend calls f before this process is stopped from its terminal, by Ctrl-Z,
// until end is called.
func onSuspend(f func()) (end func()) {
	c := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(c, syscall.SIGTSTP)
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-c:
				f()
				_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
	}
}
