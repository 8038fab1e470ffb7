package provider

import "context"

type untilKey struct{}

// Finishing gives a context in which the request that is on its way when ctx ends is
// finished, and no further one is made: what stands between requests hears [Between].
func Finishing(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), untilKey{}, ctx)
}

// Between gives the context that admissions and pauses between requests hear: it ends
// with ctx, and with the one that ctx finishes for. It is to be released.
func Between(ctx context.Context) (_ context.Context, release func()) {
	until, ok := ctx.Value(untilKey{}).(context.Context)
	if !ok {
		return ctx, func() {}
	}
	both, cancel := context.WithCancelCause(ctx)
	if until.Err() != nil {
		cancel(context.Cause(until))
	}
	forget := context.AfterFunc(until, func() { cancel(context.Cause(until)) })
	return both, func() {
		forget()
		cancel(nil)
	}
}
