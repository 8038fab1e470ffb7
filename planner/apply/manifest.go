package apply

import (
	"context"
	"errors"
	"maps"
	"path"
	"slices"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/finish"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/results"
)

// writeManifests brings the manifest of each output folder up to the state. It
// does so for a run that is asked to end as well: that takes no call, and what
// was delivered is told of at once. What cannot be written is told at the end of
// a run alone.
func (e *Engine) writeManifests(ctx context.Context, last bool) {
	st := e.opt.Journal.State()
	if st.Lineage == "" {
		return // nothing was ever run
	}
	folders := e.folders(st)
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		err := e.writeManifest(finish.Context(ctx), st, dir, folders[dir])
		switch {
		case err == nil:
		case !last, endedBy(ctx, err): // the next run writes it
			e.log.Warn("write a manifest", "folder", dir, "error", err)
		case errors.Is(err, results.ErrExists):
			e.warn(nil, "%v; there is no manifest until then", err)
		default:
			e.notWritten(err)
		}
	}
}

// notWritten tells of a file that is not as it should be.
func (e *Engine) notWritten(err error) {
	e.unwritten = append(e.unwritten, err)
	e.emit(Event{Type: EventDiagnostic, Severity: planner.SeverityError, Message: err.Error()})
}

// folders lists the batches of each output folder, in order. A batch that left
// the config is in that of its block, or of its result.
func (e *Engine) folders(st *state.State) map[string][]planner.Address {
	folders := map[string][]planner.Address{}
	ofBlock, ofPath := map[string]string{}, map[string]string{}
	for i := range e.opt.Desired.Batches {
		b := &e.opt.Desired.Batches[i]
		dir := e.opt.Paths[b.Address].OutputDir
		folders[dir] = append(folders[dir], b.Address)
		ofBlock[b.Address.Block], ofPath[path.Dir(b.Output)] = dir, dir
	}
	for a, rec := range st.Batches {
		if e.want(a) != nil {
			continue
		}
		dir, ok := ofBlock[a.Block]
		if rec.Result != nil {
			dir, ok = ofPath[path.Dir(rec.Result.Path)]
		}
		if ok {
			folders[dir] = append(folders[dir], a)
		}
	}
	for _, list := range folders {
		slices.SortFunc(list, planner.Address.Compare)
	}
	return folders
}

func (e *Engine) writeManifest(ctx context.Context, st *state.State, path string, list []planner.Address) error {
	dir, err := e.outputDir(path)
	if err != nil {
		return err
	}
	wasRun := func(a planner.Address) bool {
		rec := st.Batches[a]
		return rec != nil && (len(rec.Attempts) > 0 || rec.Result != nil)
	}
	if !slices.ContainsFunc(list, wasRun) && !dir.HasManifest() {
		return nil
	}
	m := &results.Manifest{
		QaplanVersion: e.opt.Plan.Version, Lineage: st.Lineage,
		Provider: results.ManifestProvider{Kind: st.Provider.Kind, BaseURL: st.Provider.BaseURL, ID: st.Provider.ID},
		Batches: func(yield func(*results.ManifestBatch) bool) {
			for _, a := range list {
				if !yield(manifestBatch(a, e.want(a), st.Batches[a])) {
					return
				}
			}
		},
	}
	for b := range m.Batches {
		addTotals(&m.Totals, b)
	}
	_, err = dir.WriteManifest(ctx, m, func(lineage string) bool {
		return lineage == st.Lineage || len(lineage) == len(st.Lineage) && slices.Contains(st.Former, lineage[:6])
	})
	return err
}

func addTotals(t *results.ManifestTotals, b *results.ManifestBatch) {
	t.Batches++
	if b.Result != nil {
		t.Delivered++
	}
	t.Attempts += len(b.Attempts)
	for i := range b.Attempts {
		if b.Attempts[i].Job != "" {
			t.Jobs++
		}
	}
	if b.Rows != nil {
		t.Rows.Add(b.Rows)
	}
	t.Tokens.Input += b.Tokens.Input
	t.Tokens.Output += b.Tokens.Output
	t.Tokens.Thoughts += b.Tokens.Thoughts
	t.Tokens.Cached += b.Tokens.Cached
}

// manifestBatch says what the state knows of a batch, and the config where that
// is nothing.
func manifestBatch(a planner.Address, want *planner.Batch, rec *planner.Record) *results.ManifestBatch {
	out := &results.ManifestBatch{Address: a.String(), Attempts: []results.ManifestAttempt{}}
	if want != nil {
		s := &want.Source
		out.Model, out.Source = want.Model, results.ManifestSource{Path: s.Path, SHA256: s.SHA256, Bytes: s.Bytes, Rows: s.Rows}
	}
	if rec == nil {
		return out
	}
	if s := &rec.Source; s.SHA256 != "" {
		out.Source = results.ManifestSource{Path: s.Path, SHA256: s.SHA256, Bytes: s.Bytes, Rows: s.Rows}
	}
	if last := rec.Last(); last != nil {
		out.Model = last.Model
	}
	var used planner.Tokens
	for i := range rec.Attempts {
		out.Attempts = append(out.Attempts, manifestAttempt(&rec.Attempts[i]))
		used.Add(rec.Attempts[i].Tokens)
	}
	if r := rec.Result; r != nil {
		out.Result = &results.ManifestResult{Path: r.Path, SHA256: r.SHA256, Bytes: r.Bytes, Written: r.Written.UTC(), Attempt: r.Attempt, Source: r.Source}
		if series := rec.Series(r.Attempt); len(series) > 0 {
			out.Model = series[0].Model
		}
		if used == (planner.Tokens{}) {
			used = r.Tokens // of an attempt that is not recorded any more
		}
	}
	out.Tokens = manifestTokens(used)
	out.Rules, out.Rows = manifestRows(rec)
	return out
}

func manifestTokens(t planner.Tokens) results.ManifestTokens {
	return results.ManifestTokens{Input: t.Input, Output: t.Output, Thoughts: t.Thoughts, Cached: t.Cached}
}

// manifestRows counts the rows of the result, else those that are in hand.
func manifestRows(rec *planner.Record) (rules string, rows *results.ManifestRows) {
	j, r := rec.Judged, rec.Result
	switch {
	case j != nil && (r == nil || j.Attempt == r.Attempt && j.Source == r.Source):
		c := &j.Classes
		rules, rows = j.Rules, &results.ManifestRows{
			Good: c.Good, Error: c.Error, Blocked: c.Blocked, Truncated: c.Truncated, Empty: c.Empty, Invalid: c.Invalid, Missing: c.Missing,
		}
	case r != nil:
		rows = &results.ManifestRows{Good: r.Succeeded, Unjudged: r.Failed, Missing: r.Missing}
	}
	if r != nil {
		rows.Doubled, rows.Dropped = r.Doubled, r.Dropped
	}
	return rules, rows
}

func manifestAttempt(a *planner.Attempt) results.ManifestAttempt {
	input := a.Input
	if input == "" {
		input = a.SHA256
	}
	return results.ManifestAttempt{
		Number: a.Number, Outcome: string(a.Outcome), Model: a.Model, Input: input, Rows: a.Rows, Repair: a.Repair, Adopted: a.Adopted,
		Job: a.Job, State: a.State, Created: a.Created.UTC(), Ended: a.Ended.UTC(), Answered: a.Answered, Tokens: manifestTokens(a.Tokens),
	}
}
