package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"github.com/qaplan/qaplan/state/blob"
)

// leaseRecord is the content of the lock of a state in a bucket. No two that are
// written are alike.
type leaseRecord struct {
	Holder               // the zero ID is that of a lock which nobody holds
	Lease  time.Duration `json:"lease_ns,omitempty"`
	// Epoch counts the holds of this state, and Beat the writes of this record.
	Epoch int64 `json:"epoch"`
	Beat  int64 `json:"beat"`
	// Unfenced are former holds that did not end cleanly and may still write.
	Unfenced []int64 `json:"unfenced,omitempty"`
	// Proved is the bucket that was found to keep to the conditions of writes.
	Proved string `json:"proved,omitempty"`
}

// lease is the hold of an open store.
type lease struct {
	*inBucket
	id       string
	epoch    int64
	holder   Holder  // as it was when the hold began
	former   []int64 // holds to be fenced before anything is read
	since    time.Time
	tookOver bool

	gone atomic.Pointer[LostLockError]

	// mine holds a token while nobody uses what follows. It is no mutex: who has
	// it may wait for the network, for minutes.
	mine    chan struct{}
	record  leaseRecord
	version blob.Version
	renew   *time.Timer
	ended   bool
}

// LostLockError tells that the lock of a state in a bucket was taken over by
// another run, or by force. What was recorded until then is whole.
type LostLockError struct {
	File string // the lock
	By   Holder // who has it now; zero when it is free or not known
	Err  error
}

func (e *LostLockError) Error() string {
	by := ""
	if e.By.ID != "" {
		by = fmt.Sprintf(" by %s, lock %s", e.By.Facts(time.Time{}), e.By.ID)
	}
	return fmt.Sprintf("write state: %s was taken over%s; this run writes and sends nothing more: start it again, what it did is found", e.File, by)
}

func (e *LostLockError) Unwrap() error { return e.Err }

// watch is when this process saw a sign of life.
type watch struct {
	version blob.Version
	since   time.Time // by the monotonic clock
}

// silent is how long a version has not changed while it was watched.
func (w *watch) silent(v blob.Version, asked time.Time) time.Duration {
	if v != w.version || w.since.IsZero() {
		w.version, w.since = v, time.Now()
	}
	return asked.Sub(w.since)
}

func (b *inBucket) readLease(ctx context.Context) (leaseRecord, blob.Version, error) {
	var rec leaseRecord
	data, v, err := b.objects.Read(ctx, b.at.Key+bucketLock)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return rec, "", nil
	case err != nil:
		return rec, "", fmt.Errorf("lock state: %w", err)
	}
	if err := decode(data, &rec); err != nil {
		return rec, "", fmt.Errorf("lock state: %s cannot be read: %w; where no run holds the state, remove it", b.lockFile(), err)
	}
	return rec, v, nil
}

func (b *inBucket) lockFile() string { return b.address(b.at.Key + bucketLock) }

func (b *inBucket) writeLease(ctx context.Context, rec *leaseRecord, c blob.Condition) (blob.Version, error) {
	text, err := encode(rec)
	if err != nil {
		return "", err
	}
	return b.objects.Write(ctx, b.at.Key+bucketLock, append(text, '\n'), c)
}

// acquire takes the lock or fails with *LockedError.
func (b *inBucket) acquire(ctx context.Context, holder Holder) (*lease, error) {
	if holder.ID == "" {
		holder.ID = randomHex(4)
	}
	for {
		asked := time.Now()
		rec, v, err := b.readLease(ctx)
		if err != nil {
			return nil, err
		}
		next := leaseRecord{
			Holder: holder, Lease: b.lease, Epoch: rec.Epoch + 1, Beat: rec.Beat + 1, Proved: rec.Proved,
			Unfenced: slices.Clone(rec.Unfenced),
		}
		next.TookOver = rec.TookOver
		switch {
		case rec.ID != "":
			if b.watched.silent(v, asked) < rec.Lease {
				return nil, b.locked(&rec)
			}
			next.TookOver, next.Unfenced = true, append(next.Unfenced, rec.Epoch)
		case v == "":
			if next.Epoch, err = b.lastEpoch(ctx); err != nil {
				return nil, err
			}
			if next.Epoch > 0 { // somebody removed the lock: who held it may live
				next.TookOver, next.Unfenced = true, []int64{next.Epoch}
			}
			next.Epoch++
		}
		next.Renewed = time.Now().UTC().Truncate(time.Second)
		v, err = b.writeLease(ctx, &next, blob.IfMatch(v))
		if errors.Is(err, blob.ErrConflict) {
			continue // somebody was faster
		}
		if err != nil {
			return nil, fmt.Errorf("lock state: %w", err)
		}
		return b.begin(ctx, next, v)
	}
}

// locked describes another run's hold. One that by its own words should have
// given a sign of life long ago is worth watching.
func (b *inBucket) locked(rec *leaseRecord) error {
	now := time.Now()
	return &LockedError{
		File: b.lockFile(), Holder: rec.Holder, At: now, Lease: rec.Lease,
		Dying: !rec.Renewed.IsZero() && now.Sub(rec.Renewed) >= rec.Lease,
	}
}

// lastEpoch is the number of the last hold that wrote to the journal, 0 for
// none.
func (b *inBucket) lastEpoch(ctx context.Context) (last int64, err error) {
	list, err := b.objects.List(ctx, b.at.Key+bucketJournal)
	if err != nil {
		return 0, fmt.Errorf("lock state: %w", err)
	}
	for _, o := range list {
		if epoch, _, ok := splitJournalKey(o.Key); ok {
			last = max(last, epoch)
		}
	}
	return last, nil
}

func (b *inBucket) begin(ctx context.Context, rec leaseRecord, v blob.Version) (*lease, error) {
	h := &lease{
		inBucket: b, id: rec.ID, epoch: rec.Epoch, holder: rec.Holder, former: rec.Unfenced,
		since: time.Now(), tookOver: rec.TookOver, record: rec, version: v, mine: make(chan struct{}, 1),
	}
	if rec.Proved != b.proof() {
		if err := h.prove(ctx); err != nil {
			return nil, err
		}
	}
	// A timer and no goroutine that waits, as for files.
	h.renew = time.AfterFunc(h.interval(), h.beat)
	h.mine <- struct{}{}
	return h, nil
}

// proof names the server and the bucket.
func (b *inBucket) proof() string {
	at := b.at
	at.Key = ""
	return at.String() + "@" + b.at.Options.Endpoint
}

// prove makes sure, with the lock itself and before anything rests on it, that
// the bucket keeps to the conditions of writes.
func (h *lease) prove(ctx context.Context) error {
	first := h.version
	if err := h.write(ctx); err != nil {
		return fmt.Errorf("lock state: %w", err)
	}
	for _, c := range []blob.Condition{blob.IfAbsent(), blob.IfMatch(first)} {
		other := h.record
		other.Beat += 1000
		_, err := h.writeLease(ctx, &other, c)
		switch {
		case err == nil:
			_ = h.objects.Remove(ctx, h.at.Key+bucketLock)
			at := h.at
			at.Key = ""
			return &blob.Error{Op: "lock state in", Location: at, Kind: blob.KindUnsupported,
				Err: errors.New("a write under a condition that does not hold was carried out")}
		case !errors.Is(err, blob.ErrConflict):
			return fmt.Errorf("lock state: %w", err)
		}
	}
	h.record.Proved = h.proof()
	if err := h.write(ctx); err != nil {
		return fmt.Errorf("lock state: %w", err)
	}
	return nil
}

func (h *lease) interval() time.Duration { return min(renewEvery, h.record.Lease/4) }

// beat gives a sign of life, and winds the timer up again. One that does not
// come through is no matter: fences decide who may write.
func (h *lease) beat() {
	<-h.mine
	defer func() { h.mine <- struct{}{} }()
	if h.ended || h.gone.Load() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), h.interval())
	defer cancel()
	_ = h.write(ctx)
	h.renew.Reset(h.interval())
}

// write renews the record. It fails with *LostLockError when it is another's.
func (h *lease) write(ctx context.Context) error {
	for {
		h.record.Beat++
		h.record.Renewed = time.Now().UTC().Truncate(time.Second)
		v, err := h.writeLease(ctx, &h.record, blob.IfMatch(h.version))
		if err == nil {
			h.version = v
			return nil
		}
		if !errors.Is(err, blob.ErrConflict) {
			return err
		}
		// A former write of this hold whose answer never came, or another hold.
		rec, v, err := h.readLease(ctx)
		if err != nil {
			return err
		}
		if rec.ID != h.id || rec.Epoch != h.epoch {
			return h.lose(rec.Holder, blob.ErrConflict)
		}
		h.version, h.record.Beat = v, max(h.record.Beat, rec.Beat)
	}
}

// lose notes that another has the lock now.
func (h *lease) lose(by Holder, err error) error {
	h.gone.CompareAndSwap(nil, &LostLockError{File: h.lockFile(), By: by, Err: err})
	return h.gone.Load()
}

// check fails when the lock is known to be lost.
func (h *lease) check() error {
	if e := h.gone.Load(); e != nil {
		return e
	}
	return nil
}

// fenced notes that former holds cannot write any more. The record says so with
// the next sign of life.
func (h *lease) fenced() {
	<-h.mine
	defer func() { h.mine <- struct{}{} }()
	h.record.Unfenced = nil
}

// release ends the hold. What the next run has to know stays in the record.
func (h *lease) release(clean bool) error {
	<-h.mine
	defer func() { h.mine <- struct{}{} }()
	h.ended = true
	h.renew.Stop()
	if h.gone.Load() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*renewEvery)
	defer cancel()
	held := h.record
	h.record = leaseRecord{Epoch: held.Epoch, Beat: held.Beat, Unfenced: held.Unfenced, Proved: held.Proved}
	if !clean {
		h.record.Unfenced = append(h.record.Unfenced, held.Epoch)
	}
	h.record.TookOver = !clean || h.tookOver && time.Since(h.since) < SendTime
	// The record that is there is of this hold until it is free.
	for {
		h.record.Beat++
		_, err := h.writeLease(ctx, &h.record, blob.IfMatch(h.version))
		if err == nil {
			return nil
		}
		if !errors.Is(err, blob.ErrConflict) {
			return fmt.Errorf("unlock state: %w", err)
		}
		rec, v, err := h.readLease(ctx)
		if err != nil {
			return err
		}
		if rec.ID != h.id || rec.Epoch != h.epoch {
			return nil // free already, or another's
		}
		h.version, h.record.Beat = v, max(h.record.Beat, rec.Beat)
	}
}

func (b *inBucket) Inspect(ctx context.Context) (*LockStatus, error) {
	rec, _, err := b.readLease(ctx)
	if err != nil {
		return nil, err
	}
	s := &LockStatus{File: b.lockFile(), Held: rec.ID != "", Holder: rec.Holder, At: time.Now(), Lease: rec.Lease}
	s.Process = rec.Holder.process()
	return s, nil
}

func (b *inBucket) ForceUnlock(ctx context.Context, id string, by Holder) error {
	for {
		rec, v, err := b.readLease(ctx)
		if err != nil {
			return err
		}
		if rec.ID == "" || rec.ID != id {
			return &NotHolderError{File: b.lockFile(), ID: id, Have: rec.ID, Held: rec.ID != ""}
		}
		epoch := rec.Epoch
		rec.Holder, rec.Lease, rec.Beat = Holder{TookOver: true}, 0, rec.Beat+1
		rec.Unfenced = append(rec.Unfenced, epoch)
		_, err = b.writeLease(ctx, &rec, blob.IfMatch(v))
		if errors.Is(err, blob.ErrConflict) {
			continue // it gave a sign of life
		}
		if err == nil {
			err = (&objects{inBucket: b}).fence(ctx, epoch, by)
		}
		if err != nil {
			return fmt.Errorf("unlock state: %w", err)
		}
		return nil
	}
}
