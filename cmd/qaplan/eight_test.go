package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/qaplan/qaplan/provider/emulator"
)

// eight makes eight applies of one state ready, each with a key of its own, by
// which the service tells them apart.
func (s *site) eight(args ...string) []*child {
	s.t.Helper()
	all := make([]*child, 8)
	for i := range all {
		all[i] = s.child(append([]string{"apply", "--auto-approve", "--wait"}, args...)...)
		all[i].cmd.Env = append(all[i].cmd.Env, "GEMINI_API_KEY="+keyOf(i))
	}
	return all
}

func keyOf(i int) string { return fmt.Sprintf("key-of-process-%d", i) }

// Of eight applies at once one works; the others say at once who it is.
func TestEightApplies(t *testing.T) {
	s := newSite(t, 10)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	all := s.eight()
	// The one that works gets its first answer when the others have ended.
	var others sync.WaitGroup
	others.Add(len(all) - 1)
	s.front.setWatch(func(string, *http.Request) func() {
		others.Wait()
		return func() {}
	})
	ended := make(chan *child, len(all))
	for _, c := range all {
		c.start(t)
		go func() {
			<-c.ended
			ended <- c
		}()
	}
	var refused []*child
	for range len(all) - 1 {
		select {
		case c := <-ended:
			refused = append(refused, c)
			others.Done()
		case <-time.After(patience):
			for range len(all) - 1 - len(refused) {
				others.Done()
			}
			t.Fatalf("only %d of 7 applies ended while another held the state", len(refused))
		}
	}
	worker := all[slices.IndexFunc(all, func(c *child) bool { return !slices.Contains(refused, c) })]
	if code := worker.code(t); code != exitDone {
		t.Errorf("the apply that works: exit code %d; stderr:\n%s", code, &worker.stderr)
	}
	for _, c := range refused {
		holder := fmt.Sprintf("pid %d, ", worker.cmd.Process.Pid)
		if code := c.code(t); code != exitLocked || !strings.Contains(c.said(), "The state is locked: apply by") || !strings.Contains(c.said(), holder) {
			t.Errorf("exit code %d, want %d and the holder %q; stderr:\n%s", code, exitLocked, holder, &c.stderr)
		}
		if c.stdout.Len() > 0 {
			t.Errorf("an apply that was refused says on stdout: %s", &c.stdout)
		}
	}
	s.front.setWatch(nil)
	s.mustBeDone()
}

// Eight applies that wait for each other work one after the other. The first
// does it all, and the rest find nothing to do and nothing to ask for.
func TestEightAppliesWait(t *testing.T) {
	s := newSite(t, 10)
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	var callers []string // in the order of their calls, without repetitions; guarded by the front
	s.front.setWatch(func(_ string, r *http.Request) func() {
		s.front.mu.Lock()
		defer s.front.mu.Unlock()
		if key := r.Header.Get("X-Goog-Api-Key"); len(callers) == 0 || callers[len(callers)-1] != key {
			callers = append(callers, key)
		}
		return func() {}
	})
	all := s.eight("--lock-timeout", patience.String())
	for _, c := range all {
		c.start(t)
	}
	worked := 0
	for _, c := range all {
		if code := c.code(t); code != exitDone {
			t.Errorf("exit code %d; stderr:\n%s", code, &c.stderr)
		}
		switch out := c.stdout.String(); {
		case strings.Contains(out, "Apply complete: 10 uploaded, 10 created, 0 adopted, 10 downloaded"):
			worked++
		case out != "No changes. 0 in progress, 10 done, 0 failed, 0 held.\n":
			t.Errorf("an apply after the first says: %s", out)
		}
	}
	s.front.setWatch(nil)
	if worked != 1 {
		t.Errorf("%d applies worked, want 1", worked)
	}
	if len(callers) != 1 {
		t.Errorf("calls were made by %v, want them by one apply alone", callers)
	}
	s.mustBeDone()
}
