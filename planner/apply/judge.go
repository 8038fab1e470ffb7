package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// judgeRows judges the rows in hand of batches for which the rules have changed
// since, or which were kept unjudged. It reads this machine's disk alone. What
// cannot be read is left as it was.
func (e *Engine) judgeRows(ctx context.Context, o *planner.Observed) error {
	var todo []*planner.Batch
	for i := range e.opt.Desired.Batches {
		b := &e.opt.Desired.Batches[i]
		if o.Recorded.Batches[b.Address].Unjudged(b) > 0 {
			todo = append(todo, b)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	o.Judged = make(map[planner.Address]*planner.Judgement, len(todo))
	next := make(chan *planner.Batch)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range min(runtime.GOMAXPROCS(0), len(todo)) {
		wg.Go(func() {
			for b := range next {
				judged, err := e.judgeBatch(ctx, o, b)
				switch {
				case errors.Is(err, errRowsLost), errors.Is(err, fs.ErrNotExist):
				case err != nil:
					e.log.Warn("judge the rows in hand", "batch", b.Address.String(), "error", err)
				}
				if judged != nil {
					mu.Lock()
					o.Judged[b.Address] = judged
					mu.Unlock()
				}
			}
		})
	}
	for _, b := range todo {
		if ctx.Err() == nil {
			next <- b
		}
	}
	close(next)
	wg.Wait()
	return ctx.Err()
}

func (e *Engine) judgeBatch(ctx context.Context, o *planner.Observed, b *planner.Batch) (*planner.Judgement, error) {
	rec := o.Recorded.Batches[b.Address]
	through := rec.Unjudged(b)
	files, err := e.filesOf(b.Address)
	if err != nil {
		return nil, err
	}
	defer files.close()
	j, err := files.judged(ctx, rec, o.Results[b.Address], through)
	if err != nil {
		return nil, err
	}
	return files.judge(ctx, rec, through, j)
}

// BadRows calls yield for each row of a batch in hand that is not good, in the
// order of the source. It reads this machine's disk alone: a batch without a
// result, kept answers or a source has none.
func (e *Engine) BadRows(ctx context.Context, it *planner.Item, yield func(batchfile.BadRow) error) error {
	return e.badRows(ctx, it, func(j *batchfile.Joiner) error { return j.Bad(ctx, yield) })
}

// BadContent is BadRows with what was asked and answered.
func (e *Engine) BadContent(ctx context.Context, it *planner.Item, yield func(batchfile.BadRow, batchfile.Content) error) error {
	return e.badRows(ctx, it, func(j *batchfile.Joiner) error { return j.BadContent(ctx, yield) })
}

func (e *Engine) badRows(ctx context.Context, it *planner.Item, read func(*batchfile.Joiner) error) error {
	if it.Want == nil || it.Record == nil || it.Record.Judged == nil || it.Record.Judged.Classes.Bad() == 0 {
		return nil
	}
	files, err := e.filesOf(it.Address)
	if err != nil {
		return err
	}
	defer files.close()
	j, err := files.judged(ctx, it.Record, e.results[it.Address], it.Record.Judged.Attempt)
	if err != nil {
		return fmt.Errorf("%s: read the rows: %w", it.Address, err)
	}
	return read(j.joiner)
}

// judged joins what is in hand up to and with an attempt.
func (b *batchFiles) judged(ctx context.Context, rec *planner.Record, seen planner.ResultSeen, through int) (*joined, error) {
	src, err := b.openSource(ctx)
	if err != nil {
		return nil, err
	}
	inHand, err := b.upTo(ctx, rec, seen, through)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(inHand, func(h held) bool { return h.answers == nil }) {
		return nil, errRowsLost
	}
	return b.join(ctx, src, inHand, nil)
}
