package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// RowPurchase is what was bought for one row, and what became of it.
type RowPurchase struct {
	Job   string // batches/…
	Model string // without models/
	// Key is that of the row, and of the line in the output. A key that stands
	// twice in an input is there twice.
	Key     string
	Outcome RowOutcome
	Code    int // google.rpc code, of RowFailed
	// Text is what the output has under Key, "" for none; of two answers it is the
	// first.
	Text string
	// AnswerOf is the key of the row that the answer belongs to. It is Key, unless
	// answers were swapped.
	AnswerOf string
}

// RowPurchases calls fn with every row of every job that has ended, planted and
// deleted jobs included, in the order of purchase and then of the input, until
// fn gives an error, which is returned. The rows of a job that ended without an
// output are missing.
//
// It is computed from what is kept of inputs and plans, whether the uploads and
// outputs are still there or not, and holds one row at a time. It says what was
// answered, not what a cut line or a damaged download left of it; lines under
// keys that nobody sent are not in it, nor are jobs that were planted with
// Answers of their own.
func (s *Server) RowPurchases(ctx context.Context, fn func(RowPurchase) error) error {
	var ended []job
	err := s.folder.update(func(tx *transaction) error {
		ended = tx.endedJobs()
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the rows that were bought: %w", err)
	}
	for i := range ended {
		var stop error
		err := s.folder.eachTruth(&ended[i], func(p RowPurchase) error {
			if stop = ctx.Err(); stop == nil {
				stop = fn(p)
			}
			return stop
		})
		if stop != nil {
			return stop
		}
		if err != nil {
			return fmt.Errorf("read the rows of %s: %w", ended[i].name(), err)
		}
	}
	return nil
}

// endedJobs gives copies of the jobs that have ended and whose answers follow
// from their inputs, each with the plan as its end made it.
func (tx *transaction) endedJobs() (ended []job) {
	for _, j := range tx.rep.bought {
		if !isFinal(j.state(tx.now)) || j.Answered {
			continue
		}
		copied := *j
		copied.Plan = j.rowPlan(tx.now)
		if !j.hasOutput(tx.now) {
			copied.Plan.Missing = int(j.Rows)
		}
		ended = append(ended, copied)
	}
	return ended
}

// eachTruth calls fn with the rows of one job, in the order of its input.
func (f *folder) eachTruth(j *job, fn func(RowPurchase) error) (err error) {
	in := f.readerAt(j.Body)
	defer func() { err = errors.Join(err, in.Close()) }()
	t := truth{job: j}
	size := j.Body.size()
	return eachRow(in, size, func(r *indexedRow, end int64) error {
		answered, err := t.answered(r, io.NewSectionReader(in, end, size-end))
		if err != nil {
			return err
		}
		return fn(t.purchase(r.Key, answered))
	})
}

// truth goes through the rows of one job.
type truth struct {
	job   *job
	ahead rowParser
	// first is a swapped row whose partner is yet to come.
	first *indexedRow
}

// answered gives the row whose answer stands under the key of r. rest is the
// input behind r.
func (t *truth) answered(r *indexedRow, rest io.Reader) (*indexedRow, error) {
	if t.job.inline() || !t.job.Plan.swaps(&r.row, r.index) {
		return r, nil
	}
	if first := t.first; first != nil {
		t.first = nil
		return first, nil
	}
	n := r.index
	var partner *indexedRow
	err := eachLine(rest, func(line []byte, _ int64, _ int) error {
		n++
		if !t.job.Plan.maySwap(n) {
			return errEnough
		}
		other, err := t.ahead.line(line)
		if err != nil || !t.job.Plan.swaps(&other, n) {
			return err
		}
		partner = &indexedRow{other, n}
		return errEnough
	})
	switch {
	case err != nil && err != errEnough:
		return nil, err
	case partner == nil:
		return r, nil
	}
	t.first = r
	return partner, nil
}

func (t *truth) purchase(key string, r *indexedRow) RowPurchase {
	v := t.job.Plan.verdict(&r.row, r.index, t.job.Model)
	p := RowPurchase{Job: t.job.name(), Model: t.job.Model, Key: key, Outcome: v.outcome, AnswerOf: r.Key}
	if v.err != nil {
		p.Code = v.err.Code
	}
	if v.response != nil {
		p.Text = v.response.text()
	}
	return p
}
