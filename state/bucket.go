package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/qaplan/qaplan/state/blob"
)

// Objects are what a state in a bucket asks of it. Each write is atomic, and is
// made only when its condition holds at that instant. What fails in passing is
// tried again below.
type Objects interface {
	Read(ctx context.Context, key string) (data []byte, v blob.Version, err error)
	// Write is successful, too, when its condition does not hold because its own
	// content is there already.
	Write(ctx context.Context, key string, data []byte, c blob.Condition) (blob.Version, error)
	List(ctx context.Context, prefix string) ([]blob.Object, error)
	Remove(ctx context.Context, key string) error
}

// A state in a bucket is these objects, all named after the snapshot's key:
//
//	KEY                              the snapshot, as in a file
//	KEY.lock                         the lease
//	KEY.journal/00000007-00000001    the first write of the 7th hold, as a journal
//	KEY.journal/00000007-00000002    the second
//	KEY.backup, KEY.backup-12        as in files
//
// Objects cannot be appended to, so each write of the journal, with all that
// waited for it, is an object of its own, made under the condition that there is
// none. Its name is the number of the hold and the number of the write in it.
// Who takes over a hold that did not end cleanly makes the object that would be
// its next write: a fence. From then on the former holder's write fails, however
// late it comes, and with it what it was about to send. Fences are never removed,
// for a machine may sleep for long; and folding leaves the last object of a hold
// that may write on, for it tells where its fence belongs.
//
// The snapshot is replaced under the condition that it is the one that was read
// or written last. Who takes over writes one entry and a snapshot with it, so
// that this fails for the former holder as well.
const (
	bucketJournal = ".journal/"
	bucketLock    = ".lock"
	bucketBackup  = ".backup"
	// objectWeight is what an object of the journal counts at least, in bytes:
	// a request takes its time, however little it brings.
	objectWeight = 64 << 10
	// inFlight is how many objects are read, or removed, at the same time.
	inFlight = 16
	// bucketPatience bounds the tries for one object of a state.
	bucketPatience = 2 * time.Minute
)

// InBucket is the place of the state whose snapshot is the object at a location.
// lease is how long a holder may give no sign of life. The place remembers when
// it saw another run's sign of life last: a run that waits for the state must ask
// one and the same place again.
func InBucket(o Objects, at blob.Location, lease time.Duration) Place {
	return &inBucket{objects: o, at: at, lease: lease}
}

type inBucket struct {
	objects Objects
	at      blob.Location
	lease   time.Duration
	watched watch

	mu   sync.Mutex
	left *fetched // by a Scan that could not use it
}

func (b *inBucket) String() string { return b.at.String() }

func (*inBucket) Shared() bool { return true }

// address names an object in messages.
func (b *inBucket) address(key string) string {
	at := b.at
	at.Key = key
	return at.String()
}

func (b *inBucket) Open(ctx context.Context, id Identity, holder Holder) (*Store, error) {
	h, err := b.acquire(ctx, holder)
	if err != nil {
		return nil, err
	}
	m := &objects{inBucket: b, hold: h}
	s, err := m.open(ctx, id)
	if err != nil {
		return nil, errors.Join(err, h.release(m.writes == 0))
	}
	return s, nil
}

// objects are the medium of a state in a bucket.
type objects struct {
	*inBucket
	hold *lease

	writes   int64        // of this hold to the journal
	opening  bool         // a former holder may still write
	snapshot blob.Version // that is there, "" for none
	former   []byte       // the snapshot from before this run, until it is backed up
	entries  []string     // objects of the journal that hold entries
	weight   int64        // of those that count
	all      int64
}

// open reads the state. After a hold that did not end cleanly it makes sure that
// the former holder writes nothing more, before it looks at what there is.
func (m *objects) open(ctx context.Context, id Identity) (*Store, error) {
	m.opening = len(m.hold.former) > 0
	for _, epoch := range m.hold.former {
		if err := m.fence(ctx, epoch, m.hold.holder); err != nil {
			return nil, fmt.Errorf("open state: %w", err)
		}
	}
	for {
		l, err := m.load(ctx, id, nil)
		if err != nil {
			return nil, err
		}
		m.take(l)
		s := newStore(m, &l.loaded)
		if !m.opening {
			return s, nil
		}
		err = s.takeOver()
		switch {
		case err == nil:
			m.opening = false
			m.hold.fenced()
			return s, nil
		case m.writes == 0 || !errors.Is(err, blob.ErrConflict):
			return nil, fmt.Errorf("open state: %w", err)
		}
		// The former holder's snapshot was on its way. Now its next one will not
		// come through.
	}
}

// takeOver changes the snapshot, so that a former holder cannot replace it.
func (s *Store) takeOver() error {
	if err := s.record(transition{Op: "take_over"}); err != nil {
		return err
	}
	return s.compact(true)
}

func (m *objects) take(l *loadedObjects) {
	m.snapshot, m.former, m.entries = l.version, l.snapshotText, l.entries
	m.weight, m.all = 0, 0
	for _, size := range l.sizes {
		m.weigh(size)
	}
	m.all = m.weight
	if l.pending == 0 {
		m.weight = 0 // the snapshot has it all
	}
}

func (m *objects) weigh(size int64) { m.weight += max(size, objectWeight) }

func (m *objects) name() string { return m.at.String() }

func (m *objects) tookOver() bool { return m.hold.tookOver }

func (m *objects) size() (counted, all int64) { return m.weight, m.all }

func (m *objects) journalKey(epoch, n int64) string {
	return fmt.Sprintf("%s%s%08d-%08d", m.at.Key, bucketJournal, epoch, n)
}

// splitJournalKey gives the numbers of a hold and a write.
func splitJournalKey(key string) (epoch, n int64, ok bool) {
	_, name, _ := strings.Cut(key, bucketJournal)
	first, second, ok := strings.Cut(name, "-")
	epoch, err1 := strconv.ParseInt(first, 10, 64)
	n, err2 := strconv.ParseInt(second, 10, 64)
	return epoch, n, ok && err1 == nil && err2 == nil && epoch >= 0 && n >= 0
}

func (m *objects) append(h header, lines []byte) error {
	if err := m.hold.check(); err != nil {
		return err
	}
	// The hold makes the content one that nobody else can have written.
	h.Hold = m.hold.id
	object, err := encode(h)
	if err != nil {
		return err
	}
	text, _ := frame(object)
	text = append(text, lines...)
	ctx, cancel := context.WithTimeout(context.Background(), bucketPatience)
	defer cancel()
	key := m.journalKey(m.hold.epoch, m.writes+1)
	if _, err := m.objects.Write(ctx, key, text, blob.IfAbsent()); err != nil {
		return m.lost(err)
	}
	m.writes++
	m.entries = append(m.entries, key)
	m.weigh(int64(len(text)))
	m.all += max(int64(len(text)), objectWeight)
	return nil
}

// lost makes of a conflict what it means.
func (m *objects) lost(err error) error {
	if errors.Is(err, blob.ErrConflict) && !m.opening {
		return m.hold.lose(Holder{}, err)
	}
	return err
}

func (m *objects) replace(now *Snapshot) (int64, error) {
	if err := m.hold.check(); err != nil {
		return 0, err
	}
	var text bytes.Buffer
	if err := writeSnapshot(&text, now); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), bucketPatience)
	defer cancel()
	if m.former != nil {
		if _, err := m.objects.Write(ctx, m.at.Key+bucketBackup, m.former, blob.Always()); err != nil {
			return 0, fmt.Errorf("back up the snapshot: %w", err)
		}
		m.former = nil
	}
	v, err := m.objects.Write(ctx, m.at.Key, text.Bytes(), blob.IfMatch(m.snapshot))
	if err != nil {
		return 0, m.lost(err)
	}
	m.snapshot = v
	return int64(text.Len()), nil
}

// clear removes what the snapshot has taken over. What cannot be removed does no
// harm: a reader passes it over, and the next run removes it. While this hold may
// write on, its last object stays: it tells who takes over where a fence belongs.
func (m *objects) clear(more bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), bucketPatience)
	defer cancel()
	last := ""
	if more {
		last = m.journalKey(m.hold.epoch, m.writes)
	}
	var left []string
	var mu sync.Mutex
	together(m.entries, func(_ int, key string) {
		if key == last {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, key)
			return
		}
		if err := m.objects.Remove(ctx, key); err != nil {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, key)
		}
	})
	m.entries, m.weight, m.all = left, 0, int64(len(left))*objectWeight
	return nil
}

// together calls do for each of a list, a few at a time.
func together[T any](list []T, do func(int, T)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, inFlight)
	for i, x := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(i, x)
		})
	}
	wg.Wait()
}

func (m *objects) keep(names iter.Seq[string], text []byte) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bucketPatience)
	defer cancel()
	for name := range names {
		key := m.at.Key + strings.TrimPrefix(name, m.name())
		switch _, err := m.objects.Write(ctx, key, text, blob.IfAbsent()); {
		case err == nil:
			return name, nil
		case !errors.Is(err, blob.ErrConflict):
			return "", err
		}
	}
	return "", fs.ErrExist
}

func (m *objects) end(clean bool) error { return m.hold.release(clean) }
