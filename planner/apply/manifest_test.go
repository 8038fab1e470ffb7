package apply_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/results"
)

type manifest struct {
	FormatVersion string `json:"format_version"`
	QaplanVersion string `json:"qaplan_version"`
	Lineage       string
	Provider      results.ManifestProvider
	Totals        results.ManifestTotals
	Batches       []results.ManifestBatch
}

func (w *world) manifestPath() string { return filepath.Join(w.dir, "out", results.ManifestName) }

func (w *world) manifestText() string {
	w.t.Helper()
	text, err := os.ReadFile(w.manifestPath())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *world) manifest() (m manifest) {
	w.t.Helper()
	if err := json.Unmarshal([]byte(w.manifestText()), &m); err != nil {
		w.t.Fatalf("the manifest is no JSON: %v", err)
	}
	return m
}

// mustHaveManifest compares the manifest with the state and with the files.
func (w *world) mustHaveManifest() {
	w.t.Helper()
	m, s := w.manifest(), w.state()
	if m.FormatVersion != "1.0" || m.QaplanVersion != "test" || m.Lineage != s.Lineage || m.Provider.Kind != "gemini" {
		w.t.Errorf("the manifest begins with %+v", m)
	}
	if len(m.Batches) != len(w.desired.Batches) || m.Totals.Batches != len(m.Batches) {
		w.t.Fatalf("the manifest lists %d batches and counts %d, want %d", len(m.Batches), m.Totals.Batches, len(w.desired.Batches))
	}
	var sum results.ManifestTotals
	last := planner.Address{}
	for i := range m.Batches {
		b := &m.Batches[i]
		var a planner.Address
		if err := a.UnmarshalText([]byte(b.Address)); err != nil || i > 0 && last.Compare(a) >= 0 {
			w.t.Errorf("%s stands behind %s (%v)", b.Address, last, err)
		}
		last = a
		rec := s.Batches[a]
		if rec == nil || len(b.Attempts) != len(rec.Attempts) {
			w.t.Errorf("%s: %d attempts, and the state has %+v", a, len(b.Attempts), rec)
			continue
		}
		for j := range b.Attempts {
			have, want := &b.Attempts[j], &rec.Attempts[j]
			tokens := results.ManifestTokens{Input: want.Tokens.Input, Output: want.Tokens.Output, Thoughts: want.Tokens.Thoughts, Cached: want.Tokens.Cached}
			if have.Number != want.Number || have.Job != want.Job || have.State != want.State || !have.Created.Equal(want.Created) || have.Answered != want.Answered || have.Tokens != tokens {
				w.t.Errorf("%s: attempt %+v, want %+v", a, have, want)
			}
			sum.Attempts++
			if have.Job != "" {
				sum.Jobs++
			}
		}
		sum.Tokens.Output += b.Tokens.Output
		if (b.Result != nil) != (rec.Result != nil) {
			w.t.Errorf("%s: result %v, and the state has %v", a, b.Result, rec.Result)
		}
		if b.Result == nil {
			continue
		}
		sum.Delivered++
		sum.Rows.Add(b.Rows)
		path := w.paths[a]
		for name, want := range map[string]string{path.Source: b.Source.SHA256, filepath.Join(path.OutputDir, path.OutputName): b.Result.SHA256} {
			text, err := os.ReadFile(name)
			if got := sha256.Sum256(text); err != nil || hex.EncodeToString(got[:]) != want {
				w.t.Errorf("%s: the manifest has another sha256 for %s (%v)", a, name, err)
			}
		}
		if n := b.Rows; n.Good+n.Error+n.Blocked+n.Truncated+n.Empty+n.Invalid+n.Missing != b.Source.Rows || n.Unjudged != 0 {
			w.t.Errorf("%s: rows %+v of %d", a, n, b.Source.Rows)
		}
	}
	if t := &m.Totals; t.Delivered != sum.Delivered || t.Attempts != sum.Attempts || t.Jobs != sum.Jobs || t.Rows != sum.Rows || t.Tokens.Output != sum.Tokens.Output {
		w.t.Errorf("totals are %+v, want %+v", m.Totals, sum)
	}
	for _, secret := range []string{"indicator", "Emulated answer", "test-key"} {
		if strings.Contains(w.manifestText(), secret) {
			w.t.Errorf("the manifest holds %q", secret)
		}
	}
}

func TestManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 20, emulator.Config{Rows: emulator.RowFaults{ErrorShare: 0.2, MissingShare: 0.1}})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		w.mustHaveManifest()
		if m := w.manifest(); m.Totals.Delivered != 0 || m.Totals.Jobs != 3 {
			t.Errorf("after buying: %+v", m.Totals)
		}
		w.mustConverge()
		w.mustHaveManifest()
		if m := w.manifest(); m.Totals.Delivered != 3 || m.Totals.Rows.Error == 0 || m.Totals.Tokens.Output == 0 {
			t.Errorf("at the end: %+v", m.Totals)
		}

		// Equal state, equal bytes; and who has nothing to do writes nothing.
		before, text := w.manifestInfo(), w.manifestText()
		time.Sleep(time.Hour)
		w.mustConverge()
		if now := w.manifestInfo(); !now.ModTime().Equal(before.ModTime()) || !os.SameFile(now, before) {
			t.Error("a run with nothing to do wrote the manifest again")
		}
		if err := os.Remove(w.manifestPath()); err != nil {
			t.Fatal(err)
		}
		w.plan(t.Context())
		if _, err := os.Stat(w.manifestPath()); err == nil {
			t.Error("a plan wrote the manifest")
		}
		w.mustConverge()
		if now := w.manifestText(); now != text {
			t.Errorf("the same state made another manifest:\n%s\n%s", text, now)
		}
	})
}

func (w *world) manifestInfo() os.FileInfo {
	w.t.Helper()
	info, err := os.Stat(w.manifestPath())
	if err != nil {
		w.t.Fatal(err)
	}
	return info
}

// Before anything was run there is nothing to say.
func TestNoManifestBeforeTheFirstRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{Faults: []emulator.Fault{{Name: emulator.FaultQuota429, Op: emulator.OpUploadStart, Count: -1}}})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(w.dir, "out")); err == nil {
			t.Error("a folder was made for a manifest that says nothing")
		}
	})
}

// While a run waits, the manifest follows what it delivers.
func TestManifestFollowsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 6, 2, emulator.Config{RunTime: emulator.Span{Min: time.Minute, Max: time.Hour}})
		delivered, checked := 0, 0
		w.options = func(o *apply.Options) {
			emit := o.Emit
			o.Emit = func(e apply.Event) {
				emit(e)
				switch {
				case e.Type == apply.EventDownloadComplete:
					delivered++
				case e.Type == apply.EventRateWait && e.Budget == apply.BudgetPoll && delivered > 0:
					checked++
					if n := w.manifest().Totals.Delivered; n != delivered {
						t.Errorf("the manifest has %d results, and %d were delivered", n, delivered)
					}
				}
			}
		}
		w.mustConverge()
		w.mustHaveManifest()
		if checked == 0 {
			t.Error("the run never waited between two deliveries")
		}
	})
}

// Several blocks may share a folder.
func TestManifestOfSeveralBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, emulator.Config{})
		w.rename(at(52), "beta")
		w.rename(at(51), "zeta")
		w.mustConverge()
		w.mustHaveManifest()
	})
}

// rename puts a batch into another block.
func (w *world) rename(a planner.Address, block string) {
	w.t.Helper()
	for i := range w.desired.Batches {
		if b := &w.desired.Batches[i]; b.Address == a {
			w.paths[planner.Address{Block: block, Number: a.Number}] = w.paths[a]
			b.Address.Block = block
			return
		}
	}
	w.t.Fatalf("there is no %s", a)
}

// mortalJournal dies at a write: before it, or after it.
type mortalJournal struct {
	apply.Journal
	op    string
	left  int // writes until then
	after bool
}

// dieAt lets further runs die at their nth write of that op.
func (w *world) dieAt(op string, nth int, after bool) {
	w.options = func(o *apply.Options) { o.Journal = &mortalJournal{o.Journal, op, nth, after} }
}

func (j *mortalJournal) pass(op string, write func() error) error {
	if op == j.op {
		j.left--
	}
	switch {
	case op != j.op || j.left > 0:
		return write()
	case j.left == 0 && j.after:
		return errors.Join(write(), errCrashed)
	}
	return errCrashed
}

func (j *mortalJournal) Write(op string, changes ...state.Change) error {
	return j.pass(op, func() error { return j.Journal.Write(op, changes...) })
}

func (j *mortalJournal) WriteDataset(path string, d state.Dataset) error {
	return j.pass("dataset", func() error { return j.Journal.WriteDataset(path, d) })
}

// A run that dies between the last record and the manifest is mended by the
// next.
func TestCrashBeforeTheManifest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		before := w.manifestText()
		w.dieAt("download_complete", 2, true)
		if _, err := w.apply(t.Context(), true); !errors.Is(err, errCrashed) {
			t.Fatalf("the run did not die: %v", err)
		}
		if w.manifestText() != before {
			t.Error("the dead run wrote the manifest")
		}
		w.options = nil
		w.mustConverge()
		w.mustHaveManifest()
	})
}

// A file of that name which this state did not write stays as it is.
func TestManifestInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{})
		if err := os.Mkdir(filepath.Join(w.dir, "out"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(w.manifestPath(), []byte(`{"mine":1}`), 0o600); err != nil {
			t.Fatal(err)
		}
		rep, err := w.apply(t.Context(), true)
		if err != nil || len(rep.Unwritten) != 0 || rep.Summary.Done != 1 {
			t.Errorf("error %v, unwritten %v, %+v; want a warning and nothing else", err, rep.Unwritten, rep.Summary)
		}
		if text := w.manifestText(); text != `{"mine":1}` {
			t.Errorf("the file in the way was changed to %s", text)
		}
		warned := w.eventsOf(apply.EventDiagnostic)
		if len(warned) != 1 || warned[0].Severity != planner.SeverityWarning || !strings.Contains(warned[0].Message, w.manifestPath()) {
			t.Errorf("diagnostics are %+v, want one warning that names the file", warned)
		}
		if err := os.Remove(w.manifestPath()); err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
		w.mustHaveManifest()

	})
}

// A state that was lost and rebuilt takes over what the former one wrote.
func TestManifestOfAFormerState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{})
		w.mustConverge()
		former := w.state().Lineage
		if err := os.Remove(w.statePath()); err != nil {
			t.Fatal(err)
		}
		if err := w.process(t.Context(), false, func(_ context.Context, p process) error { return p.store.WriteFormer(former[:6]) }); err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
		w.mustHaveManifest()
	})
}
