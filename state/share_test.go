package state

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/durable"
)

// slow takes a tenth of a second for each sync, and counts them.
type slow struct {
	quick
	syncs *int
}

func (d slow) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := d.quick.OpenFile(name, flag, perm)
	return slowFile{f, d.syncs}, err
}

type slowFile struct {
	durable.File
	syncs *int
}

func (f slowFile) Sync() error {
	*f.syncs++ // unguarded: the race detector finds two syncs at once
	time.Sleep(100 * time.Millisecond)
	return nil
}

// Transitions that come together share a sync, and each is durable when its
// call returns.
func TestGroupCommit(t *testing.T) {
	const writers, rounds = 50, 4
	path := newPath(t)
	synctest.Test(t, func(t *testing.T) {
		syncs := 0
		s, err := open(slow{syncs: &syncs}, path, gemini, Holder{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for r := range rounds {
					if err := s.Write("x", Change{addr(w), &planner.Record{Source: planner.SourceRecord{Rows: r}}}); err != nil {
						t.Error(err)
					}
					if got := s.Record(addr(w)); got == nil || got.Source.Rows != r {
						t.Errorf("writer %d finds %v after its write %d", w, got, r)
					}
				}
			})
		}
		all.Wait()
		// The first leader may go alone; then a round of all is one or two syncs.
		if most := 2*rounds + 1; syncs > most || time.Since(start) > time.Duration(most)*100*time.Millisecond {
			t.Errorf("%d syncs in %v for %d writes, want at most %d", syncs, time.Since(start), writers*rounds, most)
		}
		if got := s.State().Serial; got != writers*rounds {
			t.Errorf("serial %d, want %d", got, writers*rounds)
		}
		mustClose(t, s)
	})
	if got := len(mustRead(t, path).Batches); got != writers {
		t.Errorf("%d batches, want %d", got, writers)
	}
}

// Close and Abandon wait for the write in flight and refuse later ones.
func TestEndInFlight(t *testing.T) {
	for _, end := range []string{"close", "abandon"} {
		path := newPath(t)
		synctest.Test(t, func(t *testing.T) {
			syncs := 0
			s, err := open(slow{syncs: &syncs}, path, gemini, Holder{})
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			written := map[int]bool{}
			var mu sync.Mutex
			for w := range 10 {
				all.Go(func() {
					time.Sleep(time.Duration(w) * 30 * time.Millisecond)
					err := s.Write("x", Change{addr(w), rec(w)})
					mu.Lock()
					defer mu.Unlock()
					if written[w] = err == nil; !written[w] && !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
				})
			}
			time.Sleep(130 * time.Millisecond)
			if end == "close" {
				mustClose(t, s)
			} else {
				s.Abandon()
			}
			after := mustRead(t, path)
			all.Wait()
			durable := 0
			for w, ok := range written {
				if ok {
					durable++
				}
				if got := after.Batches[addr(w)] != nil; got != ok {
					t.Errorf("%s: batch %d is in the state: %v, but its write went well: %v", end, w, got, ok)
				}
			}
			if durable == 0 || durable == 10 {
				t.Errorf("%s: %d of 10 writes went well, want some", end, durable)
			}
			if err := s.Close(); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: close once more: %v, want ErrClosed", end, err)
			}
			s.Abandon() // does no harm
			if err := s.WriteDataset("x", Dataset{}); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: write afterwards: %v, want ErrClosed", end, err)
			}
		})
	}
}

// A reader beside a writer sees states between two transitions, none older
// than what was durable when it began.
func TestReadBesideWriter(t *testing.T) {
	path := newPath(t)
	s, err := open(quick{}, path, gemini, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, "x", Change{addr(0), rec(0)}, Change{addr(1), rec(0)})
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for reading := true; reading; {
				select {
				case <-done:
					reading = false
				default:
				}
				least := s.State().Serial
				got, err := Read(path, gemini)
				if err != nil {
					t.Error(err)
					return
				}
				if got.Serial < least {
					t.Errorf("read serial %d when %d was durable", got.Serial, least)
				}
				if !reflect.DeepEqual(got.Batches[addr(0)], got.Batches[addr(1)]) {
					t.Errorf("half a transition at serial %d", got.Serial)
				}
			}
		})
	}
	folds := 0
	for n := range 120 {
		s.compactAt = 20_000
		mustWrite(t, s, "x", Change{addr(0), rec(n)}, Change{addr(1), rec(n)})
		if counted, _ := s.medium.size(); counted == 0 {
			folds++
		}
	}
	close(done)
	readers.Wait()
	if folds < 5 {
		t.Errorf("the journal was folded %d times, want many", folds)
	}
	mustClose(t, s)
}

// What State and Record gave never changes.
func TestViewsStay(t *testing.T) {
	s, err := open(quick{}, newPath(t), gemini, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mine := rec(1)
	mustWrite(t, s, "x", Change{addr(1), mine})
	mine.Attempts[0].Job = "changed by the caller"
	before, one := s.State(), s.Record(addr(1))
	if s.State() != before {
		t.Error("a copy was made without need")
	}
	mustWrite(t, s, "x", Change{addr(1), rec(2)}, Change{addr(2), rec(2)})
	want := map[planner.Address]*planner.Record{addr(1): rec(1)}
	if diff := cmp.Diff(want, before.Batches); diff != "" {
		t.Errorf("the former view (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rec(1), one); diff != "" {
		t.Errorf("the former record (-want +got):\n%s", diff)
	}
	if s.Record(addr(3)) != nil {
		t.Error("a record for a batch that has none")
	}
}

// A transition costs the same in a state of any size.
func TestCostOfTransition(t *testing.T) {
	cost := func(batches int) (size int64) {
		path := newPath(t)
		d := &disk{}
		s, err := open(quick{}, path, gemini, Holder{})
		if err != nil {
			t.Fatal(err)
		}
		all := make([]Change, batches)
		for i := range all {
			all[i] = Change{addr(1000 + i), &planner.Record{}}
		}
		mustWrite(t, s, "x", all...)
		mustClose(t, s)
		if s, err = open(d, path, gemini, Holder{}); err != nil {
			t.Fatal(err)
		}
		defer s.Abandon()
		mustWrite(t, s, "x", Change{addr(1000), rec(1)}) // with the header
		writes, before := d.count("write")
		for range 50 {
			mustWrite(t, s, "x", Change{addr(1000), rec(1)})
		}
		after, size := d.count("write")
		if after-writes != 50 {
			t.Errorf("%d writes to the disk for 50 transitions", after-writes)
		}
		return size - before
	}
	few, many := cost(1_000), cost(20_000)
	// Only the digits of the serial may differ, and here they do not.
	if few != many {
		t.Errorf("50 transitions write %d bytes among 1,000 batches, %d among 20,000", few, many)
	}
}

// Folding the journal in the middle of long runs writes each byte a constant
// number of times.
func TestCostOfFolding(t *testing.T) {
	written := func(batches int) int64 {
		d := &disk{}
		s, err := open(d, newPath(t), gemini, Holder{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Abandon()
		s.compactAt = 4 << 10
		for i := range batches {
			if s.compactAt == minJournal {
				s.compactAt = max(4<<10, 2*s.snapshotSize) // the rule, without its least length
			}
			mustWrite(t, s, "x", Change{addr(i), rec(1)})
		}
		if s.folded == 0 {
			t.Error("the journal was never folded")
		}
		_, size := d.count("write")
		return size
	}
	few, many := written(100), written(800)
	if many > 8*few*3/2 {
		t.Errorf("%d bytes for 100 transitions, %d for 800: more than in proportion", few, many)
	}
}

// holdState names the state that the re-executed test binary opens and holds.
const holdState = "QAPLAN_TEST_HOLD_STATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(holdState); path != "" {
		os.Exit(hold(path))
	}
	os.Exit(m.Run())
}

func hold(path string) int {
	s, err := Open(path, gemini, Holder{ID: "abcd1234", Operation: "apply", Who: "alice@build", PID: os.Getpid(), Started: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)})
	if err == nil {
		err = s.Write("x", Change{addr(1), rec(1)})
	}
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin) // until the parent kills it
	return 0
}

func TestTwoProcesses(t *testing.T) {
	path := newPath(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdState+"="+path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}

	_, err = Open(path, gemini, Holder{})
	locked, ok := errors.AsType[*LockedError](err)
	if !ok {
		t.Fatalf("error %v while another process holds the state, want *LockedError", err)
	}
	want := Holder{
		ID: "abcd1234", Operation: "apply", Who: "alice@build", PID: cmd.Process.Pid,
		Started: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Renewed: locked.Holder.Renewed,
	}
	if want.Renewed.IsZero() || locked.Silent() > time.Minute {
		t.Errorf("the holder was last seen at %v, want just now", want.Renewed)
	}
	if diff := cmp.Diff(want, locked.Holder); diff != "" {
		t.Errorf("holder (-want +got):\n%s", diff)
	}
	for _, want := range []string{"qaplan.state.json.lock", "apply by alice@build, pid ", "last seen ", "lock abcd1234", "--lock-timeout"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if got := mustRead(t, path); got.Serial != 1 {
		t.Errorf("read beside the holder: serial %d, want 1", got.Serial)
	}

	cmd.Process.Kill()
	cmd.Wait()
	s := mustOpen(t, path)
	defer s.Close()
	if diff := cmp.Diff(rec(1), s.Record(addr(1))); diff != "" {
		t.Errorf("after the kill (-want +got):\n%s", diff)
	}
}

func TestLockedWithoutFacts(t *testing.T) {
	path := newPath(t)
	lock, err := durable.TryLock(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	for _, facts := range []string{"", `{"id":"ab`} {
		if err := lock.WriteFacts([]byte(facts)); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			_, err := Open(path, gemini, Holder{})
			locked, ok := errors.AsType[*LockedError](err)
			if !ok || locked.Holder != (Holder{}) || !strings.Contains(err.Error(), "held by another run") {
				t.Errorf("facts %q: error %v, want *LockedError without a holder", facts, err)
			}
		})
	}
}

// Who removed the lock may have let another run in: nothing is written then.
func TestLockRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // does not let go of an open file
	}
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)})
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	other := mustOpen(t, path)
	mustWrite(t, other, "x", Change{addr(2), rec(2)})
	before := folder(t, filepath.Dir(path))
	if err := s.Write("x", Change{addr(3), rec(3)}); err == nil {
		t.Error("a write without a lock went well")
	}
	if err := s.Close(); err == nil {
		t.Error("a close without a lock went well")
	}
	if diff := cmp.Diff(before, folder(t, filepath.Dir(path))); diff != "" {
		t.Errorf("files of the other run (-want +got):\n%s", diff)
	}
	mustClose(t, other)
}
