package gemini

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/finish"
)

const (
	readAttempts = 4
	// A hint that is longer ends the retries: who waits for minutes should be
	// told why, and that is not this client's to tell.
	patience = 30 * time.Second
)

// read makes a call that has no effect, again when that may help. Nothing above
// this package repeats reads.
func (c *Client) read(ctx context.Context, k call, x *exchange, do func(context.Context) error) error {
	return c.again(ctx, k, func() error { return c.send(ctx, k, x, do) })
}

// again repeats once, a bounded number of times.
func (c *Client) again(ctx context.Context, k call, once func() error) error {
	quota := false
	for attempt := 1; ; attempt++ {
		err := once()
		e, ok := err.(*provider.Error)
		if !ok {
			return err
		}
		wait := backoff(attempt)
		switch {
		case ctx.Err() != nil || attempt == readAttempts || isAdmission(e):
			return err
		case e.About == provider.AboutCertificate:
			return err // no other a moment later, though a run that waits may outlast a login page
		case e.Class == provider.ClassTemporary && e.RetryDelay <= patience:
			wait = max(wait, e.RetryDelay)
		case e.Class == provider.ClassQuota && !quota && e.RetryDelay > 0 && e.RetryDelay <= patience:
			wait, quota = e.RetryDelay, true
		default:
			return err
		}
		c.log.LogAttrs(ctx, slog.LevelInfo, "call failed, trying again",
			slog.String("op", k.op), slog.String("target", k.target),
			slog.String("class", string(e.Class)), slog.Int("http_status", e.HTTPStatus),
			slog.Int("attempt", attempt), slog.Duration("wait", wait))
		if cause := finish.Pause(ctx, wait); cause != nil {
			e.Err = cause
			return e
		}
	}
}

// backoff is the wait after the given attempt: 0.5 s, 1 s, 2 s … up to 16 s,
// give or take a quarter, so that many callers do not return at once.
func backoff(attempt int) time.Duration {
	d := 500 * time.Millisecond << min(attempt-1, 5)
	return d*3/4 + rand.N(d/2)
}
