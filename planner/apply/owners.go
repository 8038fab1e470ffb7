package apply

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

const (
	// sampleKeys is how many keys of a job's answers are read to tell whose they
	// are.
	sampleKeys = 200
	// maxFits is how many batches with the same keys are told apart; where more
	// have them, a person decides anyway.
	maxFits = 1000
)

// sample is what was read of one job's answers: the hashes of some keys.
type sample map[uint64]bool

var errEnough = errors.New("enough keys were read")

// askOwners finds out whose the answers of jobs are that nothing else
// explains, by the keys that stand in them. also names further jobs to look at.
func (e *Engine) askOwners(ctx context.Context, o *planner.Observed, also []string) error {
	names := append(planner.Unexplained(&e.opt.Desired, o), also...)
	slices.Sort(names)
	names = slices.Compact(names)
	jobs := make(map[string]*planner.Job, len(names))
	for i := range o.Live.Jobs {
		if j := &o.Live.Jobs[i]; j.State == planner.JobSucceeded {
			if _, wanted := slices.BinarySearch(names, j.Name); wanted {
				jobs[j.Name] = j
			}
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	if err := e.sampleAll(ctx, jobs); err != nil {
		return err
	}
	owners, err := e.ownersOf(ctx, jobs)
	o.Live.Owners = owners
	return err
}

// sampleAll reads keys of each job's answers, once in the life of the engine.
// Answers that cannot be read tell nothing: their jobs stay unexplained.
func (e *Engine) sampleAll(ctx context.Context, jobs map[string]*planner.Job) error {
	todo := make(chan *planner.Job)
	var wg sync.WaitGroup
	for range min(cap(e.opt.Gate.slots), len(jobs)) {
		wg.Go(func() {
			for j := range todo {
				s, err := e.sampleOf(ctx, j)
				e.mu.Lock()
				if err == nil {
					e.samples[j.Name] = s
				}
				e.mu.Unlock()
				if err != nil && ctx.Err() == nil {
					e.warn(nil, "read the keys of the answers of %s: %v; whose job it is stays open", j.Name, err)
				}
			}
		})
	}
	for _, j := range jobs {
		e.mu.Lock()
		_, have := e.samples[j.Name]
		e.mu.Unlock()
		if !have {
			todo <- j
		}
	}
	close(todo)
	wg.Wait()
	return ctx.Err()
}

// sampleOf reads the first keys of a job's answers. No more of them is
// transferred than that takes.
func (e *Engine) sampleOf(ctx context.Context, j *planner.Job) (sample, error) {
	output, inline := j.Output, j.Inline
	if output == "" && !inline {
		// Answers that stand in a job itself are told only so.
		found, err := e.opt.Jobs.GetJob(ctx, j.Name)
		if err != nil {
			return nil, err
		}
		asked := normaliseJob(&found)
		output, inline = asked.Output, asked.Inline
	}
	r, w := io.Pipe()
	var fetched error
	var wg sync.WaitGroup
	wg.Go(func() {
		switch {
		case output != "":
			_, fetched = e.opt.Answers.Download(ctx, output, 0, w)
		case inline:
			fetched = e.opt.Answers.InlineAnswers(ctx, j.Name, w)
		}
		w.CloseWithError(fetched)
	})
	s := sample{}
	_, err := batchfile.Keys(ctx, r, func(_ int, key []byte) error {
		if s[maphash.Bytes(e.seed, key)] = true; len(s) == sampleKeys {
			return errEnough
		}
		return nil
	})
	r.CloseWithError(errEnough)
	wg.Wait()
	switch {
	case errors.Is(err, errEnough):
		return s, nil
	case fetched != nil:
		return nil, fetched
	}
	return s, err
}

// ownersOf compares the samples with the keys of the sources that the jobs may
// belong to.
func (e *Engine) ownersOf(ctx context.Context, jobs map[string]*planner.Job) (map[string]planner.Owner, error) {
	asks := map[uint64][]string{} // jobs by key
	for name := range jobs {
		for key := range e.samples[name] {
			asks[key] = append(asks[key], name)
		}
	}
	found := map[string]*tally{}
	for i := range e.opt.Desired.Batches {
		b := &e.opt.Desired.Batches[i]
		if len(asks) == 0 || b.Source.Missing || !mayBeAny(b, jobs) {
			continue
		}
		hits, err := e.hitsOf(ctx, b, asks)
		if err != nil {
			return nil, fmt.Errorf("%s: compare the keys of %s with answers: %w", b.Address, b.Source.Path, err)
		}
		for job, n := range hits {
			if found[job] == nil {
				found[job] = &tally{}
			}
			found[job].add(b.Address, n, len(e.samples[job]))
		}
	}
	owners := map[string]planner.Owner{}
	for name := range jobs {
		t := found[name]
		switch {
		case len(e.samples[name]) == 0: // no answers, or none that could be read
		case t == nil:
			owners[name] = planner.Owner{}
		case len(t.fits) > 0:
			slices.SortFunc(t.fits, planner.Address.Compare)
			owners[name] = planner.Owner{Fits: t.fits, More: t.more}
		}
	}
	return owners, nil
}

// mayBeAny reports whether one of the jobs may be the batch's by model and
// rows.
func mayBeAny(b *planner.Batch, jobs map[string]*planner.Job) bool {
	for _, j := range jobs {
		if n := j.Stats.Requests; j.Model == b.Model && (n == 0 || n == int64(b.Source.Rows)) {
			return true
		}
	}
	return false
}

// hitsOf counts, for each job, how many of its sampled keys the source has.
func (e *Engine) hitsOf(ctx context.Context, b *planner.Batch, asks map[uint64][]string) (map[string]int, error) {
	f, err := os.Open(e.opt.Paths[b.Address].Source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hits := map[string]int{}
	_, err = batchfile.Keys(ctx, f, func(_ int, key []byte) error {
		for _, job := range asks[maphash.Bytes(e.seed, key)] {
			hits[job]++
		}
		return nil
	})
	return hits, err
}

// tally collects the batches that have a job's keys.
type tally struct {
	fits []planner.Address
	more bool
}

// add notes a batch that has n of the sampled keys. At least half must be its
// own: lines that belong to nobody come up in damaged answers, and two batches
// may share a key.
func (t *tally) add(a planner.Address, n, sampled int) {
	switch {
	case 2*n < sampled:
	case len(t.fits) == maxFits:
		t.more = true
	default:
		t.fits = append(t.fits, a)
	}
}
