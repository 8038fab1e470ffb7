package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state/results"
)

// Rows says how the rows of a block are judged, and what is changed in the
// requests that are sent again.
type Rows struct {
	Rules batchfile.Rules
	// GenerationConfig is a JSON object whose members take the place of those in
	// the requests of a repair; nil changes nothing.
	GenerationConfig []byte
	// MoreOutput tells that it raises the limit of output tokens: answers that
	// were cut off may get better.
	MoreOutput bool
}

// batchFiles are those of one batch on this machine: its source, its result,
// and answers that are kept.
type batchFiles struct {
	e    *Engine
	addr planner.Address
	want *planner.Batch
	path Path
	rows Rows
	dir  *results.Dir

	closers     []func()
	usesResult  bool // its rows are among those that are joined
	closeResult func()
}

func (e *Engine) filesOf(a planner.Address) (*batchFiles, error) {
	b := &batchFiles{e: e, addr: a, want: e.want(a), path: e.opt.Paths[a], rows: e.opt.Rows[a.Block], closeResult: func() {}}
	var err error
	b.dir, err = e.outputDir(b.path.OutputDir)
	return b, err
}

func (b *batchFiles) close() {
	for _, f := range b.closers {
		f()
	}
}

// part gives answers that were kept, nil when they are lost or were changed.
func (b *batchFiles) part(ctx context.Context, at *planner.Attempt) (*answers, error) {
	if at.Part == nil {
		return nil, nil
	}
	part, err := b.dir.Part(at.Job)
	if err != nil {
		return nil, err
	}
	sum, _, err := part.Hash(ctx)
	if err != nil || sum != at.Part.SHA256 {
		return nil, ctx.Err() // only the service has it now
	}
	f, err := part.Open()
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { f.Close() })
	return &answers{File: f}, nil
}

// result gives the rows of the result file, which is known to be there.
func (b *batchFiles) result() (*answers, error) {
	f, err := b.dir.Open(b.path.OutputName)
	if err != nil {
		return nil, err
	}
	b.usesResult, b.closeResult = true, sync.OnceFunc(func() { f.Close() })
	b.closers = append(b.closers, b.closeResult)
	return &answers{File: f}, nil
}

// held is what there is of one attempt's answers: a copy of them, or none as
// yet.
type held struct {
	at      *planner.Attempt
	answers *answers // nil: only the service has them
	fetched bool     // the answers were not on the disk and came from the service
}

// cut tells that answers which were fetched again are fewer than when they were
// read: what a download lacks must not be bought again, nor called missing.
func (h *held) cut(source string, rep *batchfile.FileReport) bool {
	return h.fetched && h.at.SHA256 == source && rep.Answered < h.at.Answered
}

// inHand lists the answers of the series before the attempt with that number,
// in order. A result that is there stands for all that went into it. Attempts
// that left no answers are passed over.
func (b *batchFiles) inHand(ctx context.Context, rec *planner.Record, seen planner.ResultSeen, before int) ([]held, error) {
	series := rec.Series(before)
	if len(series) == 0 {
		return nil, nil
	}
	var list []held
	covered := 0
	if res := rec.Result; res != nil && seen == planner.ResultOurs && res.Source == b.want.Source.SHA256 && res.Attempt >= series[0].Number && res.Attempt < before {
		file, err := b.result()
		if err != nil {
			return nil, err
		}
		list, covered = append(list, held{answers: file}), res.Attempt
	}
	for _, at := range series {
		if at.Number <= covered || at.Number == before || !at.HasAnswers() {
			continue
		}
		kept, err := b.part(ctx, at)
		if err != nil {
			return nil, err
		}
		list = append(list, held{at: at, answers: kept})
	}
	return list, nil
}

// joined is the rows of a batch, judged.
type joined struct {
	joiner *batchfile.Joiner
	report batchfile.JoinReport
	fresh  batchfile.FileReport // of the answers that were added last
	// dropped and doubled count lines of all files that are not in the result.
	dropped, doubled int
}

// join puts the answers in hand, and fresh ones, to the keys of the source. An
// error of fetching these is returned as it is.
func (b *batchFiles) join(ctx context.Context, src *source, inHand []held, fresh *answers) (*joined, error) {
	j, err := batchfile.NewScannedJoiner(ctx, src, b.rows.Rules)
	if err != nil {
		return nil, err
	}
	out := &joined{joiner: j}
	add := func(a *answers) (batchfile.FileReport, error) {
		r, err := a.joinTo(ctx, j)
		out.dropped += r.Unknown + r.Malformed
		out.doubled += r.Doubled
		return r, err
	}
	for _, h := range inHand {
		rep, err := add(h.answers)
		if err != nil {
			return nil, err
		}
		if h.cut(b.want.Source.SHA256, &rep) {
			return nil, fmt.Errorf("download %s: it holds %d answers, and held %d when it was read: %w", h.at.Output, rep.Answered, h.at.Answered, errNotYet)
		}
	}
	if fresh != nil {
		if out.fresh, err = add(fresh); err != nil {
			return nil, err
		}
	}
	if out.report, err = j.Report(); err != nil {
		return nil, err
	}
	return out, b.unchanged(src)
}

// codeCancelled is the google.rpc code of rows that a cancel cut off, or the end
// of a job that did not reach them.
const codeCancelled = 1

// picks tells which rows another attempt would buy.
func (b *batchFiles) picks(repair bool) func(batchfile.Class, int) bool {
	return func(class batchfile.Class, code int) bool {
		switch class {
		case batchfile.Missing:
			return true
		case batchfile.Failed:
			return !repair && code == codeCancelled || repair && batchfile.Transient(code)
		case batchfile.Empty, batchfile.Invalid:
			return repair
		case batchfile.Truncated:
			return repair && b.rows.MoreOutput
		}
		return false
	}
}

// open writes the requests of the rows that another attempt would buy.
func (b *batchFiles) open(ctx context.Context, j *batchfile.Joiner, repair bool, w io.Writer) (batchfile.Subset, error) {
	var o batchfile.Override
	if repair {
		o.GenerationConfig = b.rows.GenerationConfig
	}
	return j.WriteSubset(ctx, w, b.picks(repair), o)
}

// judge says what the rows were found to be, once the answers of the attempt
// with that number are among them, and which of them another one would buy.
func (b *batchFiles) judge(ctx context.Context, rec *planner.Record, number int, j *joined) (*planner.Judgement, error) {
	n := &j.report.Rows
	out := &planner.Judgement{Source: b.want.Source.SHA256, Rules: b.want.Rules, Attempt: number, Classes: planner.Classes{
		Good: n[batchfile.Good], Error: n[batchfile.Failed], Blocked: n[batchfile.Blocked], Truncated: n[batchfile.Truncated],
		Empty: n[batchfile.Empty], Invalid: n[batchfile.Invalid], Missing: n[batchfile.Missing],
	}}
	if out.Classes.Bad() == 0 {
		return out, nil
	}
	repair := rec.RestIsRepair(number)
	sub, err := b.open(ctx, j.joiner, repair, io.Discard)
	if err != nil {
		return nil, err
	}
	// Where nothing was answered, the source itself is sent again.
	if sub.Rows > 0 && (repair || sub.Rows < n.Total()) {
		out.Rest = &planner.Rest{Repair: repair, SHA256: sub.SHA256, Bytes: sub.Bytes, Rows: sub.Rows, Tokens: sub.Tokens,
			OutputLimit: sub.OutputLimit, Unlimited: sub.Unlimited}
	}
	return out, nil
}

// errRowsLost tells that answers which were in hand are not there any more.
var errRowsLost = errors.New("answers that were kept are gone from the disk")

// restInput writes the rows that are bought again to a temporary file, and makes
// sure that they are the planned ones. Answers that are not on the disk any more
// are fetched.
func (b *batchFiles) restInput(ctx context.Context, rec *planner.Record, seen planner.ResultSeen, planned string) (*results.Spool, error) {
	if rec == nil || rec.Judged == nil || rec.Judged.Rest == nil || rec.Judged.Rest.SHA256 != planned {
		return nil, b.notPlanned()
	}
	rest := rec.Judged.Rest
	src, err := b.openSource(ctx)
	if err != nil {
		return nil, err
	}
	inHand, err := b.upTo(ctx, rec, seen, rec.Judged.Attempt)
	if err != nil {
		return nil, err
	}
	if _, err := b.fill(ctx, inHand); err != nil {
		return nil, err
	}
	j, err := b.join(ctx, src, inHand, nil)
	if err != nil {
		return nil, err
	}
	spool, err := b.dir.Spool(b.path.OutputName)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { spool.Discard() })
	sub, err := b.open(ctx, j.joiner, rest.Repair, spool)
	if err == nil {
		err = b.unchanged(src)
	}
	if err == nil && sub.SHA256 != rest.SHA256 {
		err = b.notPlanned()
	}
	return spool, err
}

func (b *batchFiles) notPlanned() error {
	return fmt.Errorf("the rows of %s that are to be bought again are not the planned ones any more; they are planned again", b.want.Address)
}

// upTo lists the answers of the series up to and with that attempt.
func (b *batchFiles) upTo(ctx context.Context, rec *planner.Record, seen planner.ResultSeen, through int) ([]held, error) {
	var at *planner.Attempt
	for _, a := range rec.Series(through) {
		at = a
	}
	if at == nil {
		return nil, errRowsLost
	}
	if res := rec.Result; res != nil && seen == planner.ResultOurs && res.Attempt == through && res.Source == b.want.Source.SHA256 {
		file, err := b.result()
		return []held{{answers: file}}, err
	}
	list, err := b.inHand(ctx, rec, seen, through)
	if err != nil {
		return nil, err
	}
	if at.HasAnswers() {
		kept, err := b.part(ctx, at)
		if err != nil {
			return nil, err
		}
		list = append(list, held{at: at, answers: kept})
	}
	return list, nil
}
