package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/state/blob"
)

// shelf is a bucket in memory, for time that is not real.
type shelf struct {
	mu      sync.Mutex
	objects map[string][]byte
	version map[string]int
	last    int
}

func newShelf() *shelf { return &shelf{objects: map[string][]byte{}, version: map[string]int{}} }

func (s *shelf) tag(key string) blob.Version {
	if n := s.version[key]; n > 0 {
		return blob.Version(fmt.Sprint(n))
	}
	return ""
}

func (s *shelf) Read(_ context.Context, key string) ([]byte, blob.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tag(key) == "" {
		return nil, "", fs.ErrNotExist
	}
	return bytes.Clone(s.objects[key]), s.tag(key), nil
}

func (s *shelf) Write(_ context.Context, key string, data []byte, c blob.Condition) (blob.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.tag(key)
	if c.Absent() && there != "" || c.Match() != "" && c.Match() != there {
		if there != "" && bytes.Equal(s.objects[key], data) {
			return there, nil
		}
		return "", blob.ErrConflict
	}
	s.last++
	s.objects[key], s.version[key] = bytes.Clone(data), s.last
	return s.tag(key), nil
}

func (s *shelf) List(_ context.Context, prefix string) (list []blob.Object, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, data := range s.objects {
		if strings.HasPrefix(key, prefix) {
			list = append(list, blob.Object{Key: key, Size: int64(len(data))})
		}
	}
	slices.SortFunc(list, func(x, y blob.Object) int { return strings.Compare(x.Key, y.Key) })
	return list, nil
}

func (s *shelf) Remove(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	delete(s.version, key)
	return nil
}

func (s *shelf) keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.objects {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

var errDead = errors.New("the process is dead")

// process is one process's way to a bucket: it ends at the nth call, before or
// after its effect, and nothing comes through any more.
type process struct {
	Objects
	mu    sync.Mutex
	at    int // from 1; 0 never
	after bool
	calls []string
	dead  bool
}

func (p *process) pass(what string, do func() error) error {
	p.mu.Lock()
	if p.dead {
		p.mu.Unlock()
		return errDead
	}
	p.calls = append(p.calls, what)
	here := len(p.calls) == p.at
	p.dead = here
	p.mu.Unlock()
	if here && !p.after {
		return errDead
	}
	if err := do(); err != nil {
		return err
	}
	if here {
		return errDead
	}
	return nil
}

func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

func (p *process) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = false
}

func (p *process) Read(ctx context.Context, key string) (data []byte, v blob.Version, err error) {
	err = p.pass("read "+key, func() error {
		data, v, err = p.Objects.Read(ctx, key)
		return err
	})
	return data, v, err
}

func (p *process) Write(ctx context.Context, key string, data []byte, c blob.Condition) (v blob.Version, err error) {
	err = p.pass("write "+key, func() error {
		v, err = p.Objects.Write(ctx, key, data, c)
		return err
	})
	return v, err
}

func (p *process) List(ctx context.Context, prefix string) (list []blob.Object, err error) {
	err = p.pass("list "+prefix, func() error {
		list, err = p.Objects.List(ctx, prefix)
		return err
	})
	return list, err
}

func (p *process) Remove(ctx context.Context, key string) error {
	return p.pass("remove "+key, func() error { return p.Objects.Remove(ctx, key) })
}

// inShelf is the place of a state in a bucket, as one process sees it.
func inShelf(o Objects) Place {
	return InBucket(o, blob.Location{Scheme: "s3", Bucket: "b", Key: "s.json"}, blob.DefaultLease)
}

func mustOpenIn(t *testing.T, p Place, id string) *Store {
	t.Helper()
	s, err := p.Open(t.Context(), gemini, Holder{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// outlive waits for the lock of a run that is gone, as apply --lock-timeout does.
func outlive(t *testing.T, p Place, id string) *Store {
	t.Helper()
	for start := time.Now(); ; time.Sleep(time.Second) {
		s, err := p.Open(t.Context(), gemini, Holder{ID: id})
		if err == nil {
			return s
		}
		if _, locked := errors.AsType[*LockedError](err); !locked || time.Since(start) > time.Hour {
			t.Fatalf("after %s: %v", time.Since(start), err)
		}
	}
}

func pulled(t *testing.T, p Place) *State {
	t.Helper()
	s, err := p.Pull(t.Context(), gemini)
	if err != nil {
		t.Fatal(err)
	}
	return &s.State
}

// A state in a bucket comes back as it was, and a clean stop leaves snapshot,
// lock and backup alone.
func TestBucketRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newShelf()
		s := mustOpenIn(t, inShelf(b), "a")
		if s.TookOver() {
			t.Error("the first run took something over")
		}
		lineage, err := s.Lineage()
		if err != nil {
			t.Fatal(err)
		}
		if got := pulled(t, inShelf(b)); got.Lineage != lineage {
			t.Errorf("the lineage %q is not durable: %q", lineage, got.Lineage)
		}
		for n := range 150 { // folds on the way
			mustWrite(t, s, "x", Change{addr(n), rec(n)})
		}
		beside := pulled(t, inShelf(b))
		if len(beside.Batches) != 150 || beside.Serial != 150 {
			t.Errorf("a reader beside the writer sees %d batches at %d", len(beside.Batches), beside.Serial)
		}
		mustClose(t, s)
		if got, want := b.keys(), []string{"s.json", "s.json.lock"}; !slices.Equal(got, want) {
			t.Errorf("a clean stop leaves %q, want %q", got, want)
		}
		s = mustOpenIn(t, inShelf(b), "b")
		if diff := cmp.Diff(beside.Batches, s.State().Batches); diff != "" {
			t.Errorf("another run reads (-want +got):\n%s", diff)
		}
		mustWrite(t, s, "x", Change{addr(7), nil})
		name, err := s.Backup()
		if err != nil || name != "s3://b/s.json.backup-151" {
			t.Errorf("backup %q, %v", name, err)
		}
		mustClose(t, s)
		kept, err := Decode("backup", bytes.NewReader(b.objects["s.json.backup"]))
		if err != nil || kept.Serial != 150 {
			t.Errorf("the backup is not the state from before the run: %v", err)
		}
	})
}

// A run that finds the state held says by whom, and does not wait.
func TestBucketLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newShelf()
		s := mustOpenIn(t, inShelf(b), "a")
		defer s.Close()
		other := inShelf(b)
		for range 100 { // however long: it gives signs of life
			_, err := other.Open(t.Context(), gemini, Holder{ID: "b"})
			locked, ok := errors.AsType[*LockedError](err)
			if !ok || locked.Holder.ID != "a" || locked.Dying || locked.File != "s3://b/s.json.lock" {
				t.Fatalf("%v", err)
			}
			time.Sleep(20 * time.Second)
		}
		if err := s.Write("x", Change{addr(1), rec(1)}); err != nil {
			t.Error(err)
		}
	})
}

// The lock of a run that was killed is free when its record has not changed for
// the lease, on the clock of the one who watches; what it recorded is there.
func TestBucketTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newShelf()
		first := &process{Objects: b}
		s := mustOpenIn(t, inShelf(first), "a")
		mustWrite(t, s, "x", Change{addr(1), rec(1)})
		first.kill()
		defer s.Abandon()

		time.Sleep(48 * time.Hour) // by the wall clock it is dead for long
		other := inShelf(b)
		_, err := other.Open(t.Context(), gemini, Holder{ID: "b"})
		if locked, ok := errors.AsType[*LockedError](err); !ok || !locked.Dying || locked.Lease != blob.DefaultLease {
			t.Fatalf("%v, want a lock that seems dead", err)
		}
		time.Sleep(blob.DefaultLease - time.Second)
		if _, err := other.Open(t.Context(), gemini, Holder{ID: "b"}); err == nil {
			t.Fatal("the lock was taken before its lease was over")
		}
		time.Sleep(time.Second)
		taken := mustOpenIn(t, other, "b")
		if !taken.TookOver() {
			t.Error("the run does not know that it took over")
		}
		if diff := cmp.Diff(rec(1), taken.Record(addr(1))); diff != "" {
			t.Errorf("record (-want +got):\n%s", diff)
		}
		mustClose(t, taken)
		third := mustOpenIn(t, inShelf(b), "c")
		if !third.TookOver() {
			t.Error("a run right after a take-over does not know that a call may be on its way")
		}
		time.Sleep(SendTime)
		mustClose(t, third)
		if s := mustOpenIn(t, inShelf(b), "d"); s.TookOver() {
			t.Error("the mark stays for ever")
		} else {
			mustClose(t, s)
		}
	})
}

// A holder that sleeps and loses its lock writes nothing when it wakes up,
// neither an entry nor a snapshot, however often the state was folded meanwhile.
func TestBucketLostWhileAsleep(t *testing.T) {
	const folded = minJournal / objectWeight // its last write is in the snapshot alone
	for _, written := range []int{0, 1, 3, folded, folded + 1} {
		for _, forced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d written, forced %v", written, forced), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newShelf()
					asleep := &process{Objects: b}
					s := mustOpenIn(t, inShelf(asleep), "a")
					for n := range written {
						mustWrite(t, s, "x", Change{addr(n), rec(n)})
					}
					asleep.kill()
					other := inShelf(b)
					if forced {
						if err := other.ForceUnlock(t.Context(), "a", Holder{ID: "f"}); err != nil {
							t.Fatal(err)
						}
					}
					taken := outlive(t, other, "b")
					for n := range 70 {
						mustWrite(t, taken, "x", Change{addr(100 + n), rec(n)})
					}
					mustClose(t, taken)
					before := b.keys()

					asleep.wake() // it wakes up
					err := s.Write("create_intent", Change{addr(999), rec(50)})
					if _, lost := errors.AsType[*LostLockError](err); !lost {
						t.Errorf("write after the lock was lost: %v", err)
					}
					if err := s.Close(); err == nil {
						t.Error("close after the lock was lost succeeded")
					}
					if diff := cmp.Diff(before, b.keys()); diff != "" {
						t.Errorf("objects (-before +after):\n%s", diff)
					}
					if got := pulled(t, inShelf(b)); got.Batches[addr(999)] != nil || len(got.Batches) != written+70 {
						t.Errorf("the state knows %d batches", len(got.Batches))
					}
				})
			})
		}
	}
}

// A holder that took over, and sleeps before it has written anything more, is
// kept out as well.
func TestBucketTakenOverTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newShelf()
		first, second := &process{Objects: b}, &process{Objects: b}
		s := mustOpenIn(t, inShelf(first), "a")
		mustWrite(t, s, "x", Change{addr(1), rec(1)})
		first.kill()
		taken := outlive(t, inShelf(second), "b")
		second.kill()
		again := outlive(t, inShelf(b), "c")
		mustWrite(t, again, "x", Change{addr(2), rec(2)})
		for late, p := range map[*Store]*process{s: first, taken: second} {
			p.wake()
			if err := late.Write("create_intent", Change{addr(999), rec(50)}); err == nil {
				t.Error("a former holder wrote an intent")
			}
			late.Abandon()
		}
		mustClose(t, again)
		if got := pulled(t, inShelf(b)); len(got.Batches) != 2 {
			t.Errorf("the state knows %d batches, want 2", len(got.Batches))
		}
	})
}

// A snapshot that a former holder was about to write does not replace a newer
// one.
func TestBucketLateSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newShelf()
		asleep := &process{Objects: b}
		s := mustOpenIn(t, inShelf(asleep), "a")
		mustWrite(t, s, "x", Change{addr(1), rec(1)})
		asleep.kill()
		taken := outlive(t, inShelf(b), "b")
		mustWrite(t, taken, "x", Change{addr(2), rec(2)})
		asleep.wake()
		if err := s.Close(); err == nil { // would fold what it knows
			t.Error("a snapshot of a former holder was written")
		}
		mustClose(t, taken)
		if got := pulled(t, inShelf(b)); len(got.Batches) != 2 {
			t.Errorf("the state knows %d batches, want 2", len(got.Batches))
		}
	})
}

// Whatever call a run dies at, what it was told was recorded is there, the next
// run goes on, and what it leaves is as if nothing had happened.
func TestBucketCrashAtEveryCall(t *testing.T) {
	run := func(t *testing.T, p Place) (acked int) {
		s, err := p.Open(t.Context(), gemini, Holder{ID: "a"})
		if err != nil {
			return 0
		}
		defer s.Abandon()
		s.compactAt = 2 * objectWeight // folds in the middle
		for n := 1; n <= 5; n++ {
			if s.Write("x", Change{addr(n), rec(n)}) != nil {
				return acked
			}
			acked = n
		}
		s.Close()
		return acked
	}
	calls := 0
	synctest.Test(t, func(t *testing.T) {
		whole := &process{Objects: newShelf()}
		if run(t, inShelf(whole)) != 5 {
			t.Fatal("a run without a crash does not come through")
		}
		calls = len(whole.calls)
	})
	if calls < 20 {
		t.Fatalf("a run makes %d calls, too few to be worth anything", calls)
	}
	for at := 1; at <= calls; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d after %v", at, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newShelf()
					acked := run(t, inShelf(&process{Objects: b, at: at, after: after}))
					read := pulled(t, inShelf(b)) // a plan needs no lock
					s := outlive(t, inShelf(b), "b")
					got := s.State()
					for n := 1; n <= acked; n++ {
						if got.Batches[addr(n)] == nil || read.Batches[addr(n)] == nil {
							t.Errorf("what was recorded is lost: %d of %d", n, acked)
						}
					}
					if len(got.Batches) > acked+1 {
						t.Errorf("%d batches, and %d were written", len(got.Batches), acked)
					}
					mustWrite(t, s, "x", Change{addr(9), rec(9)})
					mustClose(t, s)
					if s := mustOpenIn(t, inShelf(b), "c"); s.Record(addr(9)) == nil {
						t.Error("the next run's write is lost")
					} else {
						mustClose(t, s)
					}
					for _, key := range b.keys() {
						if strings.Contains(key, bucketJournal) && !bytes.HasPrefix(b.objects[key], []byte(fenceMark)) {
							t.Errorf("%s is left over", key)
						}
					}
				})
			})
		}
	}
	// The second run dies on the way of taking over, the third comes through.
	for at := 1; at <= 25; at++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("take-over %d after %v", at, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newShelf()
					first := &process{Objects: b}
					s := mustOpenIn(t, inShelf(first), "a")
					mustWrite(t, s, "x", Change{addr(1), rec(1)})
					first.kill()
					defer s.Abandon()
					second := &process{Objects: b}
					p := inShelf(second)
					p.Open(t.Context(), gemini, Holder{ID: "b"}) // sees it alive
					time.Sleep(2 * blob.DefaultLease)
					second.calls, second.at, second.after = nil, at, after
					if s, err := p.Open(t.Context(), gemini, Holder{ID: "b"}); err == nil {
						s.Write("x", Change{addr(2), rec(2)})
						s.Close()
					}
					third := outlive(t, inShelf(b), "c")
					if third.Record(addr(1)) == nil {
						t.Error("what was recorded is lost")
					}
					mustWrite(t, third, "x", Change{addr(3), rec(3)})
					first.wake()
					if err := s.Write("x", Change{addr(4), rec(4)}); err == nil {
						t.Error("the first run writes again")
					}
					mustClose(t, third)
					if got := pulled(t, inShelf(b)); got.Batches[addr(4)] != nil || got.Batches[addr(3)] == nil {
						t.Errorf("%v", got.Batches)
					}
				})
			})
		}
	}
}

// lying is a bucket that takes no notice of conditions of one kind.
type lying struct {
	Objects
	absent, match bool
}

func (l lying) Write(ctx context.Context, key string, data []byte, c blob.Condition) (blob.Version, error) {
	if l.absent && c.Absent() || l.match && c.Match() != "" {
		c = blob.Always()
	}
	return l.Objects.Write(ctx, key, data, c)
}

// A bucket that does not keep to conditions is refused before anything rests on
// it.
func TestBucketWithoutConditions(t *testing.T) {
	for _, l := range []lying{{absent: true}, {match: true}, {absent: true, match: true}} {
		synctest.Test(t, func(t *testing.T) {
			b := newShelf()
			l.Objects = b
			_, err := inShelf(l).Open(t.Context(), gemini, Holder{ID: "a"})
			if blob.KindOf(err) != blob.KindUnsupported {
				t.Errorf("%+v: %v", l, err)
			}
			if keys := b.keys(); len(keys) != 0 {
				t.Errorf("%q are left", keys)
			}
		})
	}
}

// Somebody who removes the lock, or puts an older snapshot back, loses nothing
// that is not theirs to lose.
func TestBucketMeddledWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newShelf()
		s := mustOpenIn(t, inShelf(b), "a")
		mustWrite(t, s, "x", Change{addr(1), rec(1)})
		mustClose(t, s)
		old := bytes.Clone(b.objects["s.json"])
		s = mustOpenIn(t, inShelf(b), "b")
		mustWrite(t, s, "x", Change{addr(2), rec(2)})

		// The lock goes while the run lives: the next one fences it.
		b.Remove(t.Context(), "s.json.lock")
		other := mustOpenIn(t, inShelf(b), "c")
		if !other.TookOver() || other.Record(addr(2)) == nil {
			t.Error("the run does not know what it took over")
		}
		if err := s.Write("x", Change{addr(3), rec(3)}); err == nil {
			t.Error("two runs write")
		}
		s.Abandon()
		mustClose(t, other)

		b.Write(t.Context(), "s.json", old, blob.Always())
		s = mustOpenIn(t, inShelf(b), "d")
		if s.Record(addr(1)) == nil || s.Record(addr(2)) != nil {
			t.Errorf("%v", s.State().Batches)
		}
		mustWrite(t, s, "x", Change{addr(5), rec(5)})
		mustClose(t, s)
		if got := pulled(t, inShelf(b)); got.Batches[addr(5)] == nil {
			t.Error("the write after an older snapshot was put back is lost")
		}
	})
}

// A state moves into a bucket and back by pull and push.
func TestBucketPushAndPull(t *testing.T) {
	path := newPath(t)
	s := mustOpen(t, path)
	mustWrite(t, s, "x", Change{addr(1), rec(1)}, Change{addr(2), rec(2)})
	mustClose(t, s)
	move := func(from, to Place) {
		t.Helper()
		given, err := from.Pull(t.Context(), gemini)
		if err != nil {
			t.Fatal(err)
		}
		s := mustOpenIn(t, to, "")
		if changed, err := s.Push("x", given); err != nil || !changed {
			t.Fatalf("%v, %v", changed, err)
		}
		mustWrite(t, s, "x", Change{addr(int(given.Serial)), rec(1)})
		mustClose(t, s)
	}
	b := newShelf()
	move(InFile(path), inShelf(b))
	move(inShelf(b), InFile(path))
	move(InFile(path), inShelf(b))
	file, bucket := mustRead(t, path), pulled(t, inShelf(b))
	if file.Lineage != bucket.Lineage || bucket.Serial != file.Serial+1 || len(bucket.Batches) != 3 {
		t.Errorf("file at %d, bucket at %d with %d batches", file.Serial, bucket.Serial, len(bucket.Batches))
	}
}
