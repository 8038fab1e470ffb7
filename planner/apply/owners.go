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
				if err == nil && len(s) > 0 { // without answers it is asked again
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

// lot is the jobs whose sampled keys are the same ones: many are where each
// input counts its rows anew.
type lot struct {
	keys  sample
	jobs  []string
	tally tally
}

// lotsOf puts jobs with the same keys together. Jobs without keys are in none:
// there are no answers, or they could not be read.
func (e *Engine) lotsOf(jobs map[string]*planner.Job) []*lot {
	type sum struct {
		keys  int
		total uint64
	}
	bySum := map[sum]*lot{}
	var lots []*lot
	for name := range jobs {
		keys := e.samples[name]
		s := sum{keys: len(keys)}
		for key := range keys {
			s.total += key
		}
		switch {
		case len(keys) == 0:
			continue
		case bySum[s] == nil:
			bySum[s] = &lot{keys: keys}
			lots = append(lots, bySum[s])
		}
		bySum[s].jobs = append(bySum[s].jobs, name)
	}
	return lots
}

// ownersOf compares the samples with the keys of the sources that the jobs may
// belong to.
func (e *Engine) ownersOf(ctx context.Context, jobs map[string]*planner.Job) (map[string]planner.Owner, error) {
	lots := e.lotsOf(jobs)
	asks := map[uint64][]*lot{} // by key
	for _, l := range lots {
		for key := range l.keys {
			asks[key] = append(asks[key], l)
		}
	}
	sizes := map[size]bool{}
	for _, j := range jobs {
		sizes[size{j.Model, j.Stats.Requests}] = true
	}
	for i := range e.opt.Desired.Batches {
		b := &e.opt.Desired.Batches[i]
		may := sizes[size{b.Model, int64(b.Source.Rows)}] || sizes[size{b.Model, 0}]
		if len(asks) == 0 || b.Source.Missing || !may {
			continue
		}
		hits, err := e.hitsOf(ctx, b, asks)
		if err != nil {
			return nil, fmt.Errorf("%s: compare the keys of %s with answers: %w", b.Address, b.Source.Path, err)
		}
		for l, n := range hits {
			l.tally.add(b.Address, n, len(l.keys))
		}
	}
	owners := map[string]planner.Owner{}
	for _, l := range lots {
		t := &l.tally
		if t.hit && len(t.fits) == 0 {
			continue // too few to tell
		}
		slices.SortFunc(t.fits, planner.Address.Compare)
		for _, name := range l.jobs {
			owners[name] = planner.Owner{Fits: t.fits, More: t.more}
		}
	}
	return owners, nil
}

// size is what job and batch have in common before their keys are compared; 0
// rows are rows that the service does not tell.
type size struct {
	model string
	rows  int64
}

// hitsOf counts, for each lot, how many of its keys the source has.
func (e *Engine) hitsOf(ctx context.Context, b *planner.Batch, asks map[uint64][]*lot) (map[*lot]int, error) {
	f, err := os.Open(e.opt.Paths[b.Address].Source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hits := map[*lot]int{}
	_, err = batchfile.Keys(ctx, f, func(_ int, key []byte) error {
		for _, l := range asks[maphash.Bytes(e.seed, key)] {
			hits[l]++
		}
		return nil
	})
	return hits, err
}

// tally collects the batches that have a lot's keys.
type tally struct {
	hit  bool // some batch has one of them
	fits []planner.Address
	more bool
}

// add notes a batch that has n of the sampled keys. All but a tenth must be its
// own: lines that belong to nobody come up in damaged answers. A job with fewer
// answers something else, perhaps what the source held before; a person decides.
func (t *tally) add(a planner.Address, n, sampled int) {
	t.hit = true
	switch {
	case 10*n < 9*sampled:
	case len(t.fits) == maxFits:
		t.more = true
	default:
		t.fits = append(t.fits, a)
	}
}

// anyUnproven reports whether an answer is to be fetched for a batch on no more
// than a person's word, or the job's input and keys: no label of ours names it.
func (e *Engine) anyUnproven(downloads []*planner.Change) bool {
	return slices.ContainsFunc(downloads, func(c *planner.Change) bool {
		return slices.ContainsFunc(e.opt.Journal.Record(c.Address).Attempts, func(a planner.Attempt) bool {
			return a.Number == c.Attempt && a.Adopted && a.Token == "" && !a.OutputRead
		})
	})
}

func (e *Engine) isUnbound() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unbound
}

// takeUnbound reports, once, whether a job was adopted for the wrong batch: the
// next look tells whose it is.
func (e *Engine) takeUnbound() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	was := e.unbound
	e.unbound = false
	return was
}
