package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/results"
)

// Dataset is one file that is put together from the good answers of blocks: in
// the order of the blocks, then of the numbers, then of the source.
type Dataset struct {
	Name   string
	From   []string // blocks
	Path   string   // as messages show it
	Dir    string   // absolute, or the address of a folder in a bucket
	File   string   // name in Dir
	Format planner.DatasetFormat
	Fields []planner.DatasetField
	Digest string // of its meaning
}

// writeDatasets brings the datasets up to the results. A run that is asked to
// end leaves them to the next one: results may take long to read.
func (e *Engine) writeDatasets(ctx context.Context, r *round) {
	for i := range e.opt.Datasets {
		d := &e.opt.Datasets[i]
		if ctx.Err() != nil {
			return
		}
		if err := e.writeDataset(ctx, r, d); err != nil && ctx.Err() == nil {
			e.notWritten(fmt.Errorf("dataset %s: %w", d.Name, err))
		}
	}
}

func (e *Engine) writeDataset(ctx context.Context, r *round, d *Dataset) error {
	w := &datasetWriter{e: e, d: d, name: d.File, known: e.opt.Journal.State().Datasets[d.Path]}
	w.gather(r)
	var err error
	if w.dir, err = e.outputDir(d.Dir); err != nil {
		return err
	}
	todo, err := w.look(ctx)
	if err != nil || !todo {
		return err
	}
	return w.write(ctx)
}

// datasetWriter makes one dataset.
type datasetWriter struct {
	e     *Engine
	d     *Dataset
	dir   *results.Dir
	name  string
	known state.Dataset // what the state knows of the file

	parts  []part
	of     int    // batches that the dataset is made from
	digest string // of what the file is to be made of
	there  *results.Info
	rows   int
}

// part is what one batch gives to a dataset.
type part struct {
	want  *planner.Batch
	rec   *planner.Record
	model string // of all its rows, "" where they have several
	// blind tells that the rules look at the requests, and that these are not
	// there any more.
	blind bool
}

// gather finds the batches that have a result, in order, and makes a digest of
// them. It reads no result.
func (w *datasetWriter) gather(r *round) {
	sum := sha256.New()
	add := func(words ...string) {
		for _, s := range words {
			fmt.Fprintf(sum, "%d:%s", len(s), s)
		}
	}
	add(w.d.Digest)
	byBlock := map[string][]*planner.Batch{}
	for i := range w.e.opt.Desired.Batches {
		b := &w.e.opt.Desired.Batches[i]
		byBlock[b.Address.Block] = append(byBlock[b.Address.Block], b)
	}
	recorded := w.e.opt.Journal.State().Batches
	for _, block := range w.d.From {
		list := byBlock[block]
		slices.SortFunc(list, func(a, b *planner.Batch) int { return a.Address.Compare(b.Address) })
		w.of += len(list)
		for _, b := range list {
			rec := recorded[b.Address]
			if rec == nil || rec.Result == nil || r.observed.Results[b.Address] != planner.ResultOurs {
				continue
			}
			p := part{want: b, rec: rec, model: oneModel(rec)}
			p.blind = w.e.opt.Rows[block].Rules.AsRequested && (b.Source.Missing || b.Source.SHA256 != rec.Result.Source)
			w.parts = append(w.parts, p)
			add(b.Address.String(), rec.Result.SHA256, b.Rules, p.model, fmt.Sprint(p.blind))
		}
	}
	w.digest = hex.EncodeToString(sum.Sum(nil))
}

// oneModel is the model that answered all rows of a result.
func oneModel(rec *planner.Record) string {
	model := ""
	for _, a := range rec.Series(rec.Result.Attempt) {
		if model != "" && a.Model != model {
			return ""
		}
		model = a.Model
	}
	return model
}

// look reports whether the file has to be written: for one that is right it
// costs a stat. A file that this state did not write, or that was changed since,
// is an error unless it holds what would be written: then the state is the older
// one.
func (w *datasetWriter) look(ctx context.Context) (todo bool, err error) {
	if len(w.parts) == 0 {
		return false, nil // there is nothing to make it of, and what is there may be of use
	}
	info, there, err := w.dir.Stat(w.name)
	if err != nil || !there {
		return err == nil, err
	}
	w.there = &info
	if w.known.SHA256 != "" && info.Size == w.known.Bytes && info.ModTime.UnixNano() == w.known.ModTime {
		return w.digest != w.known.Digest, nil
	}
	sum, _, err := w.dir.Hash(ctx, w.name)
	switch {
	case err != nil:
		return false, err
	case sum == w.known.SHA256 && w.digest == w.known.Digest:
		// Only its time is another one. Told to the state, it costs a stat again.
		now := w.known
		now.ModTime = info.ModTime.UnixNano()
		return false, w.e.opt.Journal.WriteDataset(w.d.Path, now)
	case sum == w.known.SHA256 || sum == w.known.Next:
		return true, nil
	}
	return false, w.take(ctx, info, sum)
}

// take makes a file this state's own that holds what would be written.
func (w *datasetWriter) take(ctx context.Context, info results.Info, sum string) error {
	if w.digest != w.known.Digest {
		same, err := w.dir.Same(ctx, w.name, func(out io.Writer) error { return w.fill(ctx, out) })
		if err != nil {
			return err
		}
		if same {
			return w.record(results.Written{Info: info, SHA256: sum})
		}
	}
	if w.known.SHA256 == "" {
		return fmt.Errorf("%s is there and was not written by qaplan for this state; it is left alone: move it away, or name another path", w.d.Path)
	}
	return fmt.Errorf("%s was changed since qaplan wrote it; it is left alone: move it away, and the next apply writes it anew", w.d.Path)
}

func (w *datasetWriter) record(f results.Written) error {
	return w.e.opt.Journal.WriteDataset(w.d.Path, state.Dataset{
		Digest: w.digest, SHA256: f.SHA256, Bytes: f.Size, ModTime: f.ModTime.UnixNano(), Rows: w.rows, Batches: len(w.parts),
	})
}

// write writes the file and records it. What is about to take its place is
// recorded before: after a crash in between it is known to be this state's own.
func (w *datasetWriter) write(ctx context.Context) error {
	if _, err := w.dir.Sweep(); err != nil {
		w.e.log.Warn("remove temporary files of an earlier run", "error", err)
	}
	written, err := w.dir.Publish(ctx, w.name, results.PublishOptions{Old: w.there}, func(out io.Writer) error {
		hashed := &hashing{w: out, sum: sha256.New()}
		if err := w.fill(ctx, hashed); err != nil {
			return err
		}
		now := w.known
		now.Digest, now.Next = "", hex.EncodeToString(hashed.sum.Sum(nil))
		return w.e.opt.Journal.WriteDataset(w.d.Path, now)
	})
	if err != nil {
		return err
	}
	if err := w.record(written); err != nil {
		return err
	}
	w.e.emit(Event{Type: EventDatasetWritten, Dataset: w.d.Name, Path: w.d.Path, SHA256: written.SHA256, Bytes: written.Size,
		Rows: w.rows, Batches: len(w.parts), Of: w.of})
	return nil
}

type hashing struct {
	w   io.Writer
	sum hash.Hash
}

func (h *hashing) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.sum.Write(p[:n])
	return n, err
}

// fill writes the rows, one batch after the other.
func (w *datasetWriter) fill(ctx context.Context, out io.Writer) error {
	enc := newRowEncoder(out, w.d.Format, w.d.Fields)
	w.rows = 0
	for i := range w.parts {
		p := &w.parts[i]
		if err := w.e.eachGood(ctx, p, func(row *batchfile.Row) error {
			w.rows++
			return enc.encode(p, row)
		}); err != nil {
			return fmt.Errorf("%s: %w", p.want.Address, err)
		}
	}
	return enc.close()
}

// eachGood calls yield for the good rows of a result. Rules that look at the
// requests need the source that it answers; where that is not there any more,
// they are passed over, and somebody is told.
func (e *Engine) eachGood(ctx context.Context, p *part, yield func(*batchfile.Row) error) error {
	files, err := e.filesOf(p.want.Address)
	if err != nil {
		return err
	}
	defer files.close()
	result, err := files.result()
	if err != nil {
		return err
	}
	if p.blind {
		e.warn(&p.want.Address, "the source is not the one that was answered: the dataset takes its rows without looking whether they have the form that the requests ask for")
	}
	if p.blind || !files.rows.Rules.AsRequested {
		return batchfile.Rows(ctx, result, files.rows.Rules, yield)
	}
	src, err := files.openSource(ctx)
	if err != nil {
		return err
	}
	j, err := files.join(ctx, src, []held{{answers: result}}, nil)
	if err != nil {
		return err
	}
	if err := j.joiner.Rows(ctx, yield); err != nil {
		return err
	}
	return files.unchanged(src)
}
