package apply_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
)

// jsonRequests makes the input of a batch whose answers are JSON objects.
func jsonRequests(number, rows int) string {
	return strings.ReplaceAll(requests(number, rows), `}]}]}}`, `}]}],"generation_config":{"response_mime_type":"application/json"}}}`)
}

func allFields() []planner.DatasetField {
	return []planner.DatasetField{
		{Name: "id", Source: planner.FieldKey}, {Name: "n", Source: planner.FieldNumber}, {Name: "block", Source: planner.FieldBlock},
		{Name: "raw \"text\"", Source: planner.FieldText}, {Name: "answer", Source: planner.FieldJSON, JSONPath: "answer"},
		{Name: "confidence", Source: planner.FieldJSON, JSONPath: "confidence"}, {Name: "none", Source: planner.FieldJSON, JSONPath: "no.such"},
		{Name: "model", Source: planner.FieldModel}, {Name: "in", Source: planner.FieldInputTokens}, {Name: "out", Source: planner.FieldOutputTokens},
		{Name: "finish", Source: planner.FieldFinishReason},
	}
}

// dataset lets further runs write a dataset of those blocks.
func (w *world) dataset(file string, fields []planner.DatasetField, from ...string) *apply.Dataset {
	d := &apply.Dataset{Name: "all", From: from, Path: file, Dir: filepath.Dir(filepath.Join(w.dir, file)), File: filepath.Base(file), Format: planner.FormatJSONL, Fields: fields, Digest: "1"}
	if filepath.Ext(file) == ".csv" {
		d.Format = planner.FormatCSV
	}
	w.options = func(o *apply.Options) {
		o.Datasets = []apply.Dataset{*d}
		o.Rows = map[string]apply.Rows{}
		for _, block := range from {
			o.Rows[block] = apply.Rows{Rules: batchfile.Rules{AsRequested: true}}
		}
	}
	return d
}

// answered is one good row as the results have it.
type answered struct {
	Key, Text, Finish string
	In, Out           int
}

// goodRows reads the good rows of a batch from its result.
func (w *world) goodRows(block string, number int) (rows []answered) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "out", fmt.Sprintf("batch_%03d.jsonl", number)))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var row struct {
			Key      string
			Response *struct {
				Candidates []struct {
					FinishReason string
					Content      struct{ Parts []struct{ Text string } }
				}
				UsageMetadata struct{ PromptTokenCount, CandidatesTokenCount, ThoughtsTokenCount int }
			}
		}
		if err := json.Unmarshal(line, &row); err != nil {
			w.t.Fatal(err)
		}
		if row.Response == nil || len(row.Response.Candidates) == 0 {
			continue
		}
		c, u := &row.Response.Candidates[0], &row.Response.UsageMetadata
		if c.FinishReason == "STOP" && len(c.Content.Parts) > 0 {
			rows = append(rows, answered{row.Key, c.Content.Parts[0].Text, c.FinishReason, u.PromptTokenCount, u.CandidatesTokenCount + u.ThoughtsTokenCount})
		}
	}
	return rows
}

func (w *world) datasetText(d *apply.Dataset) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.Dir, d.File))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// Rows stand in the order of the blocks as they are listed, then of the numbers,
// then of the source, and bad ones not at all.
func TestDataset(t *testing.T) {
	for _, file := range []string{"data/all.jsonl", "all.csv"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 0, 0, emulator.Config{Rows: emulator.RowFaults{ErrorShare: 0.1, BlockedShare: 0.1, TruncatedShare: 0.1, MissingShare: 0.1, EmptyShare: 0.1}})
			for _, n := range []int{102, 9, 10, 101} {
				w.add(n, jsonRequests(n, 30))
			}
			w.rename(at(102), "late")
			w.rename(at(101), "late")
			d := w.dataset(file, allFields(), "late", "qa")
			w.mustConverge()
			want := [][]string{}
			for _, from := range []struct {
				block  string
				number int
			}{{"late", 101}, {"late", 102}, {"qa", 9}, {"qa", 10}} {
				for _, row := range w.goodRows(from.block, from.number) {
					var body struct {
						Answer     string
						Confidence json.Number
					}
					if err := json.Unmarshal([]byte(row.Text), &body); err != nil {
						t.Fatal(err)
					}
					want = append(want, []string{row.Key, strconv.Itoa(from.number), from.block, row.Text, body.Answer, body.Confidence.String(), "",
						model, strconv.Itoa(row.In), strconv.Itoa(row.Out), row.Finish})
				}
			}
			if len(want) < 40 || len(want) == 120 {
				t.Fatalf("%d good rows of 120 make no test", len(want))
			}
			if diff := cmp.Diff(want, readDataset(t, d, w.datasetText(d))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
			if text := w.datasetText(d); d.Format == planner.FormatJSONL && !strings.HasPrefix(text, `{"id":"b101-r`) {
				t.Errorf("the members are not in the order of the fields: %.80s", text)
			}
			told := w.eventsOf(apply.EventDatasetWritten)
			if len(told) != 1 || told[0].Rows != len(want) || told[0].Batches != 4 || told[0].Of != 4 || told[0].Path != file || told[0].Dataset != "all" {
				t.Errorf("events %+v, want one about %d rows of 4 batches", told, len(want))
			}
			info, err := os.Stat(filepath.Join(d.Dir, d.File))
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}

			// Whatever is as it was is not written again.
			time.Sleep(time.Hour)
			w.mustConverge()
			if now, err := os.Stat(filepath.Join(d.Dir, d.File)); err != nil || !os.SameFile(now, info) || !now.ModTime().Equal(info.ModTime()) || len(w.eventsOf(apply.EventDatasetWritten)) != 1 {
				t.Error("a dataset that is right was written again")
			}
			d.Digest, d.Fields = "2", d.Fields[:1]
			w.mustConverge()
			if text := w.datasetText(d); strings.Contains(text, "confidence") || !strings.Contains(text, "b101-r") {
				t.Errorf("after the config changed: %.200s", text)
			}
			// Gone, it is written anew.
			text := w.datasetText(d)
			if err := os.Remove(filepath.Join(d.Dir, d.File)); err != nil {
				t.Fatal(err)
			}
			w.mustConverge()
			if now := w.datasetText(d); now != text {
				t.Error("the same results made another dataset")
			}
		})
	}
}

// readDataset gives the cells of a dataset with all fields; null is "".
func readDataset(t *testing.T, d *apply.Dataset, text string) [][]string {
	t.Helper()
	if d.Format == planner.FormatCSV {
		table, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range d.Fields {
			if table[0][i] != f.Name {
				t.Errorf("the header is %q", table[0])
			}
		}
		return table[1:]
	}
	rows := [][]string{}
	for line := range strings.Lines(text) {
		var row map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &row); err != nil || len(row) != len(d.Fields) {
			t.Fatalf("%v: %s", err, line)
		}
		var cells []string
		for _, f := range d.Fields {
			var s string
			if raw := row[f.Name]; raw[0] != '"' {
				s = strings.TrimPrefix(string(raw), "null")
			} else if err := json.Unmarshal(raw, &s); err != nil {
				t.Fatal(err)
			}
			cells = append(cells, s)
		}
		rows = append(rows, cells)
	}
	return rows
}

// Batches without a result are left out, and that is said.
func TestDatasetOfWhatThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, 2, emulator.Config{RunTime: emulator.Span{Min: time.Minute, Max: time.Hour}})
		d := w.dataset("all.jsonl", []planner.DatasetField{{Name: "k", Source: planner.FieldKey}}, "qa")
		if _, err := w.apply(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(d.Dir, d.File)); err == nil || len(w.eventsOf(apply.EventDatasetWritten)) != 0 {
			t.Error("a dataset without a row was written before there was a result")
		}
		for n := 0; n < 50 && len(w.eventsOf(apply.EventDownloadComplete)) == 0; n++ {
			time.Sleep(2 * time.Minute)
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		have := len(w.eventsOf(apply.EventDownloadComplete))
		told := w.eventsOf(apply.EventDatasetWritten)
		if have == 0 || have == 3 || len(told) != 1 || told[0].Batches != have || told[0].Of != 3 || told[0].Rows != 2*have {
			t.Errorf("with %d of 3 results: events %+v", have, told)
		}
		w.mustConverge()
		if got, want := w.datasetText(d), "{\"k\":\"b51-r0\"}\n{\"k\":\"b51-r1\"}\n{\"k\":\"b52-r0\"}\n{\"k\":\"b52-r1\"}\n{\"k\":\"b53-r0\"}\n{\"k\":\"b53-r1\"}\n"; got != want {
			t.Errorf("at the end:\n%s", got)
		}
	})
}

// What this state did not write, or somebody changed, stays, and is an error
// that names it.
func TestDatasetInTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 2, emulator.Config{})
		d := w.dataset("all.csv", allFields()[:2], "qa")
		put := func(text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(d.Dir, d.File), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		refused := func(text, words string) {
			t.Helper()
			rep, err := w.apply(t.Context(), true)
			if err != nil || rep.Summary.Done != 1 || len(rep.Unwritten) != 1 || !strings.Contains(rep.Unwritten[0].Error(), words) || !strings.Contains(rep.Unwritten[0].Error(), "dataset all: all.csv") {
				t.Errorf("error %v, unwritten %v, %+v; want %q", err, rep.Unwritten, rep.Summary, words)
			}
			if now := w.datasetText(d); now != text {
				t.Errorf("the file was changed to %q", now)
			}
		}
		put("mine\n")
		refused("mine\n", "not written by qaplan")
		refused("mine\n", "not written by qaplan")
		if err := os.Remove(filepath.Join(d.Dir, d.File)); err != nil {
			t.Fatal(err)
		}
		w.mustConverge()
		ours := w.datasetText(d)

		put(ours + "edited\n")
		refused(ours+"edited\n", "was changed since")
		put(ours) // as it was, but for its time
		w.mustConverge()
		if rep, err := w.apply(t.Context(), true); err != nil || len(rep.Unwritten) != 0 || len(w.eventsOf(apply.EventDatasetWritten)) != 1 {
			t.Errorf("put back: error %v, unwritten %v", err, rep.Unwritten)
		}
		info, err := os.Stat(filepath.Join(d.Dir, d.File))
		if err != nil || w.state().Datasets["all.csv"].ModTime != info.ModTime().UnixNano() {
			t.Errorf("the new time is not recorded: %+v", w.state().Datasets)
		}

		if err := errors.Join(os.Remove(filepath.Join(d.Dir, d.File)), os.Mkdir(filepath.Join(d.Dir, d.File), 0o700)); err != nil {
			t.Fatal(err)
		}
		if rep, err := w.apply(t.Context(), true); err != nil || len(rep.Unwritten) != 1 {
			t.Errorf("a folder in its place: error %v, unwritten %v", err, rep.Unwritten)
		}
	})
}

// A state that knows nothing of a file, or an older one, takes what it would write
// itself.
func TestDatasetThatIsRightAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2, 2, emulator.Config{})
		d := w.dataset("all.jsonl", allFields()[:2], "qa")
		w.mustConverge()
		info, err := os.Stat(filepath.Join(d.Dir, d.File))
		if err != nil {
			t.Fatal(err)
		}
		for _, known := range []state.Dataset{{}, {Digest: "old", SHA256: "old", Bytes: 1}} {
			if err := w.process(t.Context(), false, func(_ context.Context, p process) error { return p.store.WriteDataset(d.Path, known) }); err != nil {
				t.Fatal(err)
			}
			if rep, err := w.apply(t.Context(), true); err != nil || len(rep.Unwritten) != 0 {
				t.Errorf("known as %+v: %v, %v", known, err, rep.Unwritten)
			}
			if now := w.state().Datasets[d.Path]; now.Rows != 4 || now.Batches != 2 || now.ModTime != info.ModTime().UnixNano() {
				t.Errorf("known as %+v before, and now as %+v", known, now)
			}
		}
		if now, err := os.Stat(filepath.Join(d.Dir, d.File)); err != nil || !os.SameFile(now, info) || len(w.eventsOf(apply.EventDatasetWritten)) != 1 {
			t.Errorf("the file was written again (%v)", err)
		}
	})
}

// A run that dies anywhere on the way to a dataset is mended by the next, even
// where more was delivered meanwhile.
func TestCrashWhileWritingADataset(t *testing.T) {
	for _, first := range []bool{true, false} {
		for write := 1; write <= 2; write++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("first=%v write=%d after=%v", first, write, after), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, 1, 2, emulator.Config{})
						d := w.dataset("all.jsonl", []planner.DatasetField{{Name: "k", Source: planner.FieldKey}}, "qa")
						options := w.options
						if !first {
							w.mustConverge()
							w.add(60, requests(60, 2))
						}
						w.options = func(o *apply.Options) {
							options(o)
							o.Journal = &mortalJournal{o.Journal, "dataset", write, after}
						}
						if rep, err := w.apply(t.Context(), true); err != nil || len(rep.Unwritten) != 1 || !errors.Is(rep.Unwritten[0], errCrashed) {
							t.Fatalf("the run did not die: %v, %v", err, rep.Unwritten)
						}
						w.options = options
						w.add(70, requests(70, 1))
						w.mustConverge()
						want := "{\"k\":\"b51-r0\"}\n{\"k\":\"b51-r1\"}\n"
						if !first {
							want += "{\"k\":\"b60-r0\"}\n{\"k\":\"b60-r1\"}\n"
						}
						if got := w.datasetText(d); got != want+"{\"k\":\"b70-r0\"}\n" {
							t.Errorf("after the crash:\n%s", got)
						}
						if left, _ := filepath.Glob(filepath.Join(w.dir, ".qaplan-*")); len(left) > 0 {
							t.Errorf("left over: %v", left)
						}
					})
				})
			}
		}
	}
}

// Rules that look at the requests judge by the source that was answered; where
// it is not there any more, the rows stay and somebody is told.
func TestDatasetAsRequested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 0, 0, emulator.Config{})
		w.add(51, jsonRequests(51, 2))
		// The answers are prose, and the schema wants another member.
		w.add(52, strings.ReplaceAll(jsonRequests(52, 2), `"application/json"`, `"application/json","response_json_schema":{"type":"object","required":["zzz"],"properties":{"question":{"type":"integer"}}}`))
		d := w.dataset("all.jsonl", []planner.DatasetField{{Name: "k", Source: planner.FieldKey}}, "qa")
		w.converge()
		with := w.datasetText(d)
		bad := 0
		for _, rec := range w.state().Batches {
			bad += rec.Judged.Classes.Bad()
		}
		if bad == 0 || strings.Count(with, "\n") != 4-bad {
			t.Errorf("%d rows are bad, and the dataset is\n%s", bad, with)
		}
		if err := os.Remove(w.paths[at(51)].Source); err != nil {
			t.Fatal(err)
		}
		w.desired.Batches[0].Source.Missing = true
		w.converge()
		if now := w.datasetText(d); now != with {
			t.Errorf("without the source:\n%s\nwith it:\n%s", now, with)
		}
		warned := false
		for _, e := range w.eventsOf(apply.EventDiagnostic) {
			warned = warned || e.Address != nil && *e.Address == at(51) && strings.Contains(e.Message, "dataset")
		}
		if !warned {
			t.Error("nothing was said of the source that is gone")
		}
	})
}

// A run that is asked to end leaves the dataset to the next.
func TestDatasetAndInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, 1, emulator.Config{})
		d := w.dataset("all.jsonl", allFields()[:1], "qa")
		w.mustConverge()
		if err := os.Remove(filepath.Join(d.Dir, d.File)); err != nil {
			t.Fatal(err)
		}
		if err := w.process(t.Context(), true, func(ctx context.Context, p process) error {
			if _, _, err := p.engine.Plan(ctx); err != nil {
				return err
			}
			w.crash.end()
			rep, err := p.engine.Apply(ctx)
			if !rep.Interrupted || len(rep.Unwritten) != 0 {
				t.Errorf("interrupted %v, unwritten %v", rep.Interrupted, rep.Unwritten)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(d.Dir, d.File)); err == nil {
			t.Error("a run that was asked to end wrote the dataset")
		}
		w.mustConverge()
		w.datasetText(d)
	})
}
