package finish_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/provider/finish"
)

var errOver = errors.New("the run is over")

func TestBetween(t *testing.T) {
	type ends = map[string]context.CancelCauseFunc
	for _, tt := range []struct {
		name string
		make func(ctx context.Context, e ends) context.Context
		end  string // which one ends; the others go on
		work bool   // the work itself is ended, too
	}{
		{"plain", func(ctx context.Context, _ ends) context.Context { return ctx }, "run", true},
		{"what it outlives", func(ctx context.Context, _ ends) context.Context { return finish.Context(ctx) }, "run", false},
		{"what it outlives, at one remove", func(ctx context.Context, e ends) context.Context {
			ctx, e["inner"] = context.WithCancelCause(finish.Context(ctx))
			return ctx
		}, "run", false},
		{"itself", func(ctx context.Context, e ends) context.Context {
			ctx, e["inner"] = context.WithCancelCause(finish.Context(ctx))
			return ctx
		}, "inner", true},
		{"twice, the outer one", func(ctx context.Context, _ ends) context.Context {
			return finish.Context(finish.Context(ctx))
		}, "run", false},
		{"twice, the inner one", func(ctx context.Context, e ends) context.Context {
			ctx, e["inner"] = context.WithCancelCause(finish.Context(ctx))
			return finish.Context(ctx)
		}, "inner", false},
	} {
		for _, before := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				e := ends{}
				run, cancel := context.WithCancelCause(t.Context())
				e["run"] = cancel
				ctx := tt.make(run, e)
				defer func() {
					for _, end := range e {
						end(nil)
					}
				}()
				if before {
					e[tt.end](errOver)
				}
				heard, release := finish.Between(ctx)
				defer release()
				if !before {
					if err := heard.Err(); err != nil {
						t.Errorf("%s: ended before its time: %v", tt.name, err)
					}
					e[tt.end](errOver)
					synctest.Wait()
				}
				if got := context.Cause(heard); got != errOver {
					t.Errorf("%s, ended before: %v: heard %v between requests, want %v", tt.name, before, got, errOver)
				}
				if ended := ctx.Err() != nil; ended != tt.work {
					t.Errorf("%s, ended before: %v: the work has ended: %v, want %v", tt.name, before, ended, tt.work)
				}
			})
		}
	}
}

func TestPause(t *testing.T) {
	for _, tt := range []struct {
		end  time.Duration // 0: not
		took time.Duration
		err  error
	}{{0, time.Minute, nil}, {time.Second, time.Second, errOver}} {
		synctest.Test(t, func(t *testing.T) {
			run, end := context.WithCancelCause(t.Context())
			defer end(nil)
			if tt.end > 0 {
				time.AfterFunc(tt.end, func() { end(errOver) })
			}
			began := time.Now()
			if err := finish.Pause(finish.Context(run), time.Minute); err != tt.err || time.Since(began) != tt.took {
				t.Errorf("ended at %s: %v after %s, want %v after %s", tt.end, err, time.Since(began), tt.err, tt.took)
			}
		})
	}
}

// TestBetweenReleased leaves nothing behind: synctest fails where a goroutine stays.
func TestBetweenReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run, cancel := context.WithCancel(t.Context())
		ctx := finish.Context(run)
		heard, release := finish.Between(ctx)
		release()
		if heard.Err() == nil || ctx.Err() != nil {
			t.Errorf("released: heard %v, the work %v; want an end of the first alone", heard.Err(), ctx.Err())
		}
		cancel()
	})
}
