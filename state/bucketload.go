package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/qaplan/qaplan/state/blob"
)

// fenceMark begins a fence, and nothing that is an entry.
const fenceMark = `{"fence":`

// fence makes what would be the next write of a hold.
func (m *objects) fence(ctx context.Context, epoch int64, by Holder) error {
	text, err := encode(struct {
		Fence bool   `json:"fence"`
		By    Holder `json:"by"`
	}{true, by})
	if err != nil {
		return err
	}
	for {
		list, err := m.objects.List(ctx, fmt.Sprintf("%s%s%08d-", m.at.Key, bucketJournal, epoch))
		if err != nil {
			return err
		}
		last := int64(0)
		for _, o := range list {
			if _, n, ok := splitJournalKey(o.Key); ok {
				last = max(last, n)
			}
		}
		key := m.journalKey(epoch, last+1)
		if last > 0 {
			// One fence is enough.
			data, _, err := m.objects.Read(ctx, m.journalKey(epoch, last))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				continue
			case err != nil:
				return err
			case bytes.HasPrefix(data, []byte(fenceMark)):
				return nil
			}
		}
		if _, err := m.objects.Write(ctx, key, append(text, '\n'), blob.IfAbsent()); !errors.Is(err, blob.ErrConflict) {
			return err
		}
	}
}

// loadedObjects is a state with what a writer has to know of its objects.
type loadedObjects struct {
	loaded
	version      blob.Version
	snapshotText []byte // nil when there is none
	entries      []string
	sizes        []int64
	pending      int // entries, and beginnings of a state, that the snapshot lacks
}

func (b *inBucket) Pull(ctx context.Context, id Identity) (*Snapshot, error) {
	// A writer may fold the journal while it is being read. Such a mixture does
	// not last; damage does.
	f := b.leftover()
	for try := 1; ; try++ {
		l, err := b.load(ctx, id, f)
		f = nil
		if err == nil {
			return &l.Snapshot, nil
		}
		if _, damaged := errors.AsType[*CorruptError](err); !damaged || try == 4 {
			return nil, err
		}
		timer := time.NewTimer(time.Duration(try) * 250 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// part is one object of the journal.
type part struct {
	key  string
	size int64
	journal
}

// load reads the journal first, for the reason that load for files gives, and
// what was not fetched before; f may be nil.
func (b *inBucket) load(ctx context.Context, id Identity, f *fetched) (_ *loadedObjects, err error) {
	if f == nil {
		f = &fetched{}
		if f.parts, err = b.loadParts(ctx); err != nil {
			return nil, err
		}
	}
	l := &loadedObjects{}
	if f.text == nil {
		f.text, f.version, err = b.objects.Read(ctx, b.at.Key)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.State = State{Version: FormatVersion}
		l.cloneMaps()
	case err != nil:
		return nil, fmt.Errorf("read state: %w", err)
	default:
		s, err := readSnapshot(b.String(), bytes.NewReader(f.text))
		if damage, ok := errors.AsType[*CorruptError](err); ok {
			damage.Backup = b.backupThere(ctx)
		}
		if err != nil {
			return nil, err
		}
		l.Snapshot, l.snapshotSize, l.folded = *s, int64(len(f.text)), s.Serial
		l.version, l.snapshotText = f.version, f.text
	}
	began := l.Lineage != ""
	for i := range f.parts {
		p := &f.parts[i]
		l.journal = &p.journal
		before := l.Serial
		if err := l.replay(paths{snapshot: b.String(), journal: b.address(p.key), backup: ""}); err != nil {
			if damage, ok := errors.AsType[*CorruptError](err); ok {
				damage.Backup = b.backupThere(ctx)
			}
			return nil, err
		}
		l.pending += int(l.Serial - before)
		l.entries, l.sizes = append(l.entries, p.key), append(l.sizes, p.size)
	}
	if !began && l.Lineage != "" {
		l.pending++
	}
	if !l.Provider.fits(id) {
		return nil, &IdentityError{File: b.String(), Have: l.Provider, Ask: id}
	}
	if l.Provider == (Identity{}) {
		l.Provider = id
	}
	return l, nil
}

func (b *inBucket) backupThere(ctx context.Context) string {
	key := b.at.Key + bucketBackup
	if list, err := b.objects.List(ctx, key); err == nil {
		for _, o := range list {
			if o.Key == key {
				return b.address(key)
			}
		}
	}
	return ""
}

// loadParts reads the objects of the journal, in order. One that is gone was
// folded in the meantime: the snapshot, which is read afterwards, has it.
func (b *inBucket) loadParts(ctx context.Context) ([]part, error) {
	list, err := b.objects.List(ctx, b.at.Key+bucketJournal)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	found := make([]*part, len(list))
	failed := make([]error, len(list))
	together(list, func(i int, o blob.Object) {
		found[i], failed[i] = b.loadPart(ctx, o)
	})
	parts := make([]part, 0, len(list))
	for i, p := range found {
		if failed[i] != nil {
			return nil, failed[i]
		}
		if p != nil {
			parts = append(parts, *p)
		}
	}
	return parts, nil
}

// loadPart gives nil for an object that is gone, or a fence.
func (b *inBucket) loadPart(ctx context.Context, o blob.Object) (*part, error) {
	name := b.address(o.Key)
	if _, _, ok := splitJournalKey(o.Key); !ok {
		return nil, corruptJournal(name, 0, errors.New("its name is none that qaplan gives"))
	}
	data, _, err := b.objects.Read(ctx, o.Key)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read state: %w", err)
	case bytes.HasPrefix(data, []byte(fenceMark)):
		return nil, nil
	}
	j, err := parseJournal(name, data)
	if err != nil {
		return nil, err
	}
	if !j.begun || j.good != int64(len(data)) || j.open {
		return nil, corruptJournal(name, 1, errors.New("it ends in the middle, which no crash does to an object"))
	}
	return &part{key: o.Key, size: int64(len(data)), journal: *j}, nil
}
