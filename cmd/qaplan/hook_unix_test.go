//go:build unix

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// hooked is a site whose block is done, with a command of on_complete that has
// started and goes on until there is a file named go.
type hooked struct {
	*site
	run *child
	// gone is closed when neither the command nor what it started lives.
	gone chan struct{}
}

// The command keeps a pipe open, and so does what it starts: it has an end when
// nobody lives any more.
const slowHook = `
  on_complete {
    command = ["sh", "-c", "[ -e go ] || exec 3>alive; echo x >>started; until [ -e go ]; do sleep 0.05; done; echo x >>ended"]
  }
}`

func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{site: newSite(t, 1), gone: make(chan struct{})}
	h.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	h.mustRun(exitDone, "apply", "--auto-approve", "--wait")
	config := strings.TrimRight(string(h.read("qaplan.hcl")), "\n}")
	h.write("qaplan.hcl", config+"\n"+slowHook+"\n")
	alive := h.path("alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	h.run = h.child("apply", "--auto-approve")
	h.run.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, err := os.Create(h.path("said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	h.run.cmd.Stderr = said // read while it runs
	h.run.start(t)
	t.Cleanup(func() { h.write("go", "") })
	go func() {
		defer close(h.gone)
		pipe, err := os.Open(alive)
		if err != nil {
			t.Error(err)
			return
		}
		defer pipe.Close()
		if _, err := io.Copy(io.Discard, pipe); err != nil {
			t.Error(err)
		}
	}()
	h.await("the command to start", func() bool { return h.lines("started") == 1 })
	return h
}

func (h *hooked) lines(name string) int {
	text, err := os.ReadFile(h.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		h.t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func (h *hooked) await(what string, is func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("waited for %s in vain; stderr:\n%s", what, h.read("said"))
		}
	}
}

// interrupt does what Ctrl-C in a terminal does.
func (h *hooked) interrupt() {
	h.t.Helper()
	if err := syscall.Kill(-h.run.cmd.Process.Pid, syscall.SIGINT); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hooked) saysThatItWaits() bool {
	return strings.Contains(string(h.read("said")), "nothing new is begun. sh, on_complete of batch.qa[1], is running and is waited for, 1m0s at most. Interrupt again to end at once.")
}

// Ctrl-C in a terminal is waited out with the command, which it does not reach,
// and that is said.
func TestHookOutlivesInterrupt(t *testing.T) {
	h := newHooked(t)
	h.interrupt()
	h.await("words about the command", h.saysThatItWaits)
	h.write("go", "")
	if code := h.run.code(t); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	<-h.gone
	if h.lines("ended") != 1 {
		t.Error("the command was cut short")
	}
	// The one of the block is left, and that of the batch was told.
	h.mustRun(exitDone, "apply", "--auto-approve")
	if n := h.lines("ended"); n != 2 {
		t.Errorf("%d commands were carried out, want 2", n)
	}
}

// A second interrupt ends the command too, and all that it started; the next run
// tells again.
func TestHookEndsWithSecondInterrupt(t *testing.T) {
	h := newHooked(t)
	h.interrupt()
	h.await("words about the command", h.saysThatItWaits)
	h.interrupt()
	if code := h.run.code(t); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	<-h.gone
	h.write("go", "")
	h.mustRun(exitDone, "apply", "--auto-approve")
	if n := h.lines("ended"); n != 2 {
		t.Errorf("%d commands were carried out, want 2", n)
	}
}

// kill -9 ends the command where the system can.
func TestHookEndsWithItsRun(t *testing.T) {
	h := newHooked(t)
	h.run.kill()
	h.run.code(t)
	if runtime.GOOS != "linux" {
		h.write("go", "")
	}
	<-h.gone // on Linux nothing but its death ends it
	if n := h.lines("ended"); (n > 0) != (runtime.GOOS != "linux") {
		t.Errorf("%d commands went on to their end", n)
	}
}

// A command that ended well was carried out, whatever it left behind that holds
// its output past its time.
func TestHookThatLeavesSomethingBehind(t *testing.T) {
	s := newSite(t, 1)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	config := strings.TrimRight(string(s.read("qaplan.hcl")), "\n}")
	s.write("qaplan.hcl", config+`
  on_complete {
    command = ["sh", "-c", "sleep 60 & echo x >>ended"]
    timeout = "1s"
  }
}
`)
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
	s.mustRun(exitDone, "apply", "--auto-approve", "--wait")
	if n := strings.Count(string(s.read("ended")), "\n"); n != 2 {
		t.Errorf("the commands of a batch and its block were carried out %d times, want once each", n)
	}
}
