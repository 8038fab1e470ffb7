package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/state/durable"
)

func mustHolder(t *testing.T, path string, holder Holder) *Store {
	t.Helper()
	s, err := Open(path, gemini, holder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A holder renews its facts until it ends.
func TestHeartbeat(t *testing.T) {
	for name, end := range map[string]func(*Store){"close": func(s *Store) { s.Close() }, "abandon": (*Store).Abandon} {
		path := newPath(t)
		synctest.Test(t, func(t *testing.T) {
			started := time.Now()
			s := mustHolder(t, path, Holder{Operation: "apply", Started: started})
			for _, after := range []time.Duration{0, 9 * time.Second, 35 * time.Second, 100 * time.Hour} {
				time.Sleep(time.Until(started.Add(after)))
				synctest.Wait()
				_, err := Open(path, gemini, Holder{})
				locked, ok := errors.AsType[*LockedError](err)
				if !ok {
					t.Fatalf("%s: error %v, want *LockedError", name, err)
				}
				if want := after % renewEvery; locked.Silent() != want {
					t.Errorf("%s: last seen %v ago after %v, want %v", name, locked.Silent(), after, want)
				}
			}
			end(s)
			time.Sleep(time.Minute)
			synctest.Wait()
			if facts := readFile(t, path+".lock"); len(facts) > 0 {
				t.Errorf("%s: facts after the end: %s", name, facts)
			}
		})
	}
}

// A store that nobody ends, as in a test of a crash, does not keep a bubble
// waiting: synctest fails on goroutines that are left.
func TestHeartbeatNotEnded(t *testing.T) {
	// Not a folder of the test's own: the lock stays open to the end, and
	// Windows removes no open file.
	dir, err := os.MkdirTemp("", "qaplan-heartbeat")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "qaplan.state.json")
	synctest.Test(t, func(t *testing.T) {
		mustOpen(t, path)
		time.Sleep(time.Hour)
	})
}

func TestFacts(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 3, 14, 0, time.UTC)
	all := Holder{ID: "1a2b", Operation: "apply", Who: "ann@desk", PID: 123, Started: now.Add(-4 * time.Second), Renewed: now.Add(-4 * time.Second)}
	with := func(change func(*Holder)) Holder { h := all; change(&h); return h }
	tests := []struct {
		holder Holder
		want   string
	}{
		{all, "apply by ann@desk, pid 123, since 12:03:10, last seen 4 s ago"},
		{with(func(h *Holder) { h.Started = now.Add(-13 * time.Hour) }), "apply by ann@desk, pid 123, since 2026-11-22 23:03:14, last seen 4 s ago"},
		{with(func(h *Holder) { h.Renewed = now.Add(-99 * time.Second) }), "apply by ann@desk, pid 123, since 12:03:10, last seen 99 s ago"},
		{with(func(h *Holder) { h.Renewed = now.Add(-5 * time.Minute) }), "apply by ann@desk, pid 123, since 12:03:10, last seen 5 min ago"},
		{with(func(h *Holder) { h.Renewed = now.Add(-50 * time.Hour) }), "apply by ann@desk, pid 123, since 12:03:10, last seen 50 h ago"},
		{with(func(h *Holder) { h.Renewed = now.Add(time.Hour) }), "apply by ann@desk, pid 123, since 12:03:10, last seen 0 s ago"},
		{Holder{ID: "x", Who: "@"}, "a run by @"},
		{Holder{}, "a run"},
	}
	for _, tt := range tests {
		if got := tt.holder.Facts(now); got != tt.want {
			t.Errorf("facts of %+v: %q, want %q", tt.holder, got, tt.want)
		}
	}
}

// self are facts of a holder in this process.
func self(t *testing.T) Holder {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return Holder{ID: "mine", Operation: "apply", Who: "me@" + host, PID: os.Getpid()}
}

func TestInspect(t *testing.T) {
	path := newPath(t)
	check := func(when string, held bool, id string, process Process) {
		t.Helper()
		got, err := Inspect(path)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if got.Held != held || got.Holder.ID != id || got.Process != process {
			t.Errorf("%s: held %v by %q, whose process is %q; want %v, %q, %q", when, got.Held, got.Holder.ID, got.Process, held, id, process)
		}
	}
	check("no file", false, "", "")
	if got := folder(t, filepath.Dir(path)); len(got) > 0 {
		t.Errorf("looking made %v", got)
	}
	s := mustHolder(t, path, self(t))
	check("held here", true, "mine", ProcessAlive)
	mustClose(t, s)
	check("ended", false, "", ProcessElsewhere)
	s = mustHolder(t, path, Holder{ID: "far", Who: "me@another.example", PID: os.Getpid()})
	check("held elsewhere", true, "far", ProcessElsewhere)
	mustClose(t, s)

	writeFacts(t, path, killed(t))
	check("killed", false, "mine", ProcessDead)
	check("killed, once more", false, "mine", ProcessDead)
}

// killed are facts of a holder in a process that is gone.
func killed(t *testing.T) Holder {
	t.Helper()
	h := self(t)
	h.PID = 1 << 22 // beyond what Linux gives; others have it free as good as always
	if runtime.GOOS == "windows" {
		h.PID = 3 // numbers are multiples of four there
	}
	return h
}

// Who meets a lock that was taken just now is told by whom, and not nothing or
// that a dead process holds it.
func TestLockedJustNow(t *testing.T) {
	for name, before := range map[string]Holder{"no facts": {}, "facts of a killed holder": killed(t)} {
		path := newPath(t)
		synctest.Test(t, func(t *testing.T) {
			lock, err := durable.TryLock(path + ".lock")
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Unlock()
			say := func(h Holder) {
				facts, err := encode(h)
				if err != nil {
					t.Error(err)
				}
				if err := lock.WriteFacts(facts); err != nil {
					t.Error(err)
				}
			}
			say(before)
			now := self(t)
			now.ID = "now"
			time.AfterFunc(500*time.Millisecond, func() { say(now) })
			_, err = Open(path, gemini, Holder{})
			if locked, ok := errors.AsType[*LockedError](err); !ok || locked.Holder.ID != "now" {
				t.Errorf("%s: error %v, want one that names the holder", name, err)
			}
		})
	}
}

// writeFacts leaves what a killed holder does.
func writeFacts(t *testing.T, path string, h Holder) {
	t.Helper()
	facts, err := encode(h)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, path+".lock", facts)
}

func TestForceUnlockRefused(t *testing.T) {
	path := newPath(t)
	refused := func(id, have string) {
		t.Helper()
		err := ForceUnlock(path, id, Holder{})
		e, ok := errors.AsType[*NotHolderError](err)
		if !ok || e.ID != id || e.Have != have {
			t.Errorf("error %v, want *NotHolderError about %q, held by %q", err, id, have)
		}
	}
	refused("mine", "")
	refused("", "")
	s := mustHolder(t, path, self(t))
	refused("other", "mine")
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	mustClose(t, s)
	refused("mine", "")
}

// What a dead holder left is wiped, and that is all.
func TestForceUnlockDead(t *testing.T) {
	path := newPath(t)
	writeFacts(t, path, self(t))
	if err := ForceUnlock(path, "mine", Holder{Operation: "force-unlock"}); err != nil {
		t.Fatal(err)
	}
	if facts := readFile(t, path+".lock"); len(facts) > 0 {
		t.Errorf("facts %s, want none", facts)
	}
	s := mustOpen(t, path)
	defer s.Close()
	if s.TookOver() {
		t.Error("the next run thinks that a living one lost the lock")
	}
}

// A holder that lives loses the lock: it writes no more, and later runs know of
// it until one of them has lasted long enough.
func TestForceUnlockAlive(t *testing.T) {
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		former := mustHolder(t, path, self(t))
		mustWrite(t, former, "x", Change{addr(1), rec(1)})
		err := ForceUnlock(path, "mine", Holder{Operation: "force-unlock"})
		if runtime.GOOS == "windows" {
			if !errors.Is(err, durable.ErrNotSeized) {
				t.Errorf("error %v, want ErrNotSeized", err)
			}
			mustWrite(t, former, "x", Change{addr(2), rec(2)})
			mustClose(t, former)
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		before := folder(t, filepath.Dir(path))
		if err := former.Write("x", Change{addr(2), rec(2)}); err == nil {
			t.Error("a run without its lock could write")
		}
		time.Sleep(time.Minute) // its heartbeat goes on, into a file without a name
		if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
			t.Errorf("the former holder changed files (-want +got):\n%s", diff)
		}

		next := func(want bool, lasts time.Duration) {
			t.Helper()
			s := mustOpen(t, path)
			if s.TookOver() != want {
				t.Errorf("took over: %v, want %v", !want, want)
			}
			if got := s.State().Serial; got != 1 {
				t.Errorf("serial %d, want 1", got)
			}
			time.Sleep(lasts)
			mustClose(t, s)
		}
		next(true, time.Second)
		if st, err := Inspect(path); err != nil || st.Held || st.Holder != (Holder{TookOver: true}) {
			t.Errorf("between two runs: %+v, %v, want the mark alone", st, err)
		}
		next(true, SendTime-time.Second)
		next(true, SendTime)
		next(false, 0)
		if err := former.Close(); err == nil {
			t.Error("a run without its lock could be closed")
		}
	})
}

// The mark survives a run that is killed.
func TestTookOverKilled(t *testing.T) {
	path := newPath(t)
	writeFacts(t, path, Holder{TookOver: true})
	s := mustHolder(t, path, self(t))
	facts := readFile(t, path+".lock")
	s.Abandon()
	writeFile(t, path+".lock", facts)
	s = mustOpen(t, path)
	defer s.Close()
	if !s.TookOver() {
		t.Errorf("the mark is gone after a kill; the facts were %s", facts)
	}
}

// Two that force at once leave one lock.
func TestForceUnlockTwice(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // nothing is ever taken from the living
	}
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		former := mustHolder(t, path, self(t))
		defer former.Abandon()
		errs := make(chan error, 2)
		for n := range 2 {
			go func() { errs <- ForceUnlock(path, "mine", Holder{ID: fmt.Sprint("by", n)}) }()
		}
		good := 0
		for range 2 {
			err := <-errs
			_, late := errors.AsType[*NotHolderError](err)
			if err == nil {
				good++
			} else if !late {
				t.Errorf("error %v, want *NotHolderError for the one that comes late", err)
			}
		}
		if good == 0 {
			t.Error("neither went well")
		}
		s := mustOpen(t, path)
		if !s.TookOver() {
			t.Error("the next run does not know of it")
		}
		mustClose(t, s)
	})
}
