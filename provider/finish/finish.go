// Package finish lets what is under way come to its end when a run is to end: the
// request that was sent is finished, and no further one waited for.
//
// It knows nothing of services and of buckets, whose clients heed it in their pauses,
// nor of runs, which ask for it.
package finish

import (
	"context"
	"time"
)

type untilKey struct{}

// Context gives a context for work that goes on when ctx ends, until it needs something
// new: what stands between requests hears [Between]. It has the values of ctx.
func Context(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), untilKey{}, ctx)
}

// Between gives what admissions and pauses between requests hear: a context that ends
// with ctx, and with the one that ctx outlives. It is to be released.
func Between(ctx context.Context) (_ context.Context, release func()) {
	until, ok := ctx.Value(untilKey{}).(context.Context)
	if !ok {
		return ctx, func() {}
	}
	until, released := Between(until)
	both, cancel := context.WithCancelCause(ctx)
	if until.Err() != nil {
		cancel(context.Cause(until)) // at once: what follows in a goroutine is late
	}
	forget := context.AfterFunc(until, func() { cancel(context.Cause(until)) })
	return both, func() {
		forget()
		released()
		cancel(nil)
	}
}

// Pause waits between two requests, or gives the cause of the end that [Between] hears.
func Pause(ctx context.Context, d time.Duration) error {
	ctx, release := Between(ctx)
	defer release()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
