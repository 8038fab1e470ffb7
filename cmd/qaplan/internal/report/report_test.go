package report

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	forms "github.com/qaplan/qaplan/examples/json"
	"github.com/qaplan/qaplan/planner"
)

// scenes are the reports that every rendering is tried on.
func scenes(t *testing.T) map[string]*Report {
	return map[string]*Report{
		"by_hand": handReport(t), "waves": waves(t, 154, 20, 0.55), "untouched": untouched(t), "all_failed": allFailed(t), "one": oneRunning(t), "hostile": hostile(t),
	}
}

// The chart over time ends where the batches stand, and counts each of them at
// every time.
func TestTimeline(t *testing.T) {
	for name, r := range scenes(t) {
		tl := &r.Timeline
		if (len(tl.Times) == 0) != (name == "untouched") {
			t.Errorf("%s: %d times", name, len(tl.Times))
		}
		for i := range tl.Times {
			if i > 0 && !tl.Times[i].After(tl.Times[i-1]) {
				t.Fatalf("%s: times %v do not rise", name, tl.Times[i-1:i+1])
			}
			sum := 0
			for p, line := range tl.Phases {
				if sum += line[i]; line[i] < 0 {
					t.Fatalf("%s: %d batches are %s", name, line[i], p)
				}
			}
			if sum != r.Summary.Batches {
				t.Fatalf("%s: %d batches at %s, want %d", name, sum, tl.Times[i], r.Summary.Batches)
			}
		}
		if len(tl.Times) > points {
			t.Errorf("%s: %d times, want at most %d", name, len(tl.Times), points)
		}
		for _, p := range planner.Phases() {
			last := 0
			if line := tl.Phases[p]; len(line) > 0 {
				last = line[len(line)-1]
			}
			if len(tl.Times) > 0 && last != r.Summary.Phases[p] {
				t.Errorf("%s: %d batches are %s at the end, want %d", name, last, p, r.Summary.Phases[p])
			}
		}
	}
}

// steps shows the phases of one batch, with minutes since the beginning.
func steppedThrough(it *planner.Item) string {
	var out []string
	for _, s := range steps(it)[1:] {
		out = append(out, s.at.Sub(begin()).Truncate(time.Minute).String()+" "+string(s.phase))
	}
	return strings.Join(out, ", ")
}

func TestSteps(t *testing.T) {
	minute := func(n int) time.Time { return begin().Add(time.Duration(n) * time.Minute) }
	upload := &planner.Upload{Done: true, Expires: minute(1).Add(FileLife)}
	bought := func(from, to int, s planner.JobState) planner.Attempt {
		a := planner.Attempt{Outcome: planner.OutcomeBought, Job: "batches/x", State: string(s), Created: minute(from)}
		if to > 0 {
			a.Ended = minute(to)
		}
		return a
	}
	for _, c := range []struct {
		name string
		it   planner.Item
		want string
	}{
		{"nothing", planner.Item{Phase: planner.PhaseAbsent}, ""},
		{"uploaded", planner.Item{Phase: planner.PhaseUploaded, Record: &planner.Record{Upload: upload}}, "1m0s uploaded"},
		{"at work", planner.Item{Phase: planner.PhaseSubmitted, Record: &planner.Record{Upload: upload, Attempts: []planner.Attempt{bought(2, 0, planner.JobRunning)}}},
			"1m0s uploaded, 2m0s submitted"},
		{"bought again and done", planner.Item{Phase: planner.PhaseDone, Record: &planner.Record{
			Attempts: []planner.Attempt{bought(2, 9, planner.JobFailed), bought(11, 20, planner.JobSucceeded)}, Result: &planner.Result{Written: minute(21)}}},
			"2m0s submitted, 9m0s absent, 11m0s submitted, 20m0s succeeded, 21m0s done"},
		{"attempts used up", planner.Item{Phase: planner.PhaseFailed, Record: &planner.Record{Attempts: []planner.Attempt{bought(2, 9, planner.JobFailed)}}},
			"2m0s submitted, 9m0s failed"},
		{"the local clock is behind", planner.Item{Phase: planner.PhaseDone, Record: &planner.Record{
			Attempts: []planner.Attempt{bought(2, 20, planner.JobSucceeded)}, Result: &planner.Result{Written: minute(3)}}},
			"2m0s submitted, 20m0s succeeded, 20m0s done"},
		{"sent, and nobody knows", planner.Item{Phase: planner.PhaseUnknown, Record: &planner.Record{Attempts: []planner.Attempt{{Outcome: planner.OutcomeIntent, Sent: minute(4)}}}},
			"4m0s unknown"},
		{"another's job", planner.Item{Phase: planner.PhaseAbsent, Record: &planner.Record{Attempts: []planner.Attempt{{Outcome: planner.OutcomeBought, Job: "batches/y", Adopted: true, Wrong: true, Created: minute(4)}}}},
			""},
	} {
		if got := steppedThrough(&c.it); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The most at work between two points is seen, however short it lasted, and an
// end makes room for a create at the same time.
func TestWorkSeesPeaks(t *testing.T) {
	s := newScene(t)
	at := begin()
	for n := range 40 {
		s.job(s.want("b", n, flash), flash, at, 10*time.Hour, planner.JobSucceeded)
		if n >= 20 {
			s.record(planner.Address{Block: "b", Number: n}).Last().Created = at.Add(time.Hour)
			s.record(planner.Address{Block: "b", Number: n}).Last().Ended = at.Add(time.Hour + time.Second)
		}
	}
	s.job(s.want("b", 40, flash), flash, at.Add(10*time.Hour), time.Hour, planner.JobSucceeded)
	w := s.report().Work
	if w.Peak != 40 || w.Models[0].PeakJobs != 40 || w.Models[0].PeakTokens != 40*9000 {
		t.Errorf("most at work %d, %+v, want 40", w.Peak, w.Models[0])
	}
	if got := w.Jobs[len(w.Jobs)-2]; got != 1 {
		t.Errorf("%d jobs at work shortly before the end, want 1", got)
	}
}

// Sums by block, by day and over all say the same, and so do the bars.
func TestSumsAgree(t *testing.T) {
	for name, r := range scenes(t) {
		var blocks, days Tokens
		cost, costOfDays, jobs, ended := 0.0, 0.0, 0, 0
		addTokens := func(to *Tokens, t Tokens) {
			to.Input, to.Output, to.Thoughts, to.Cached = to.Input+t.Input, to.Output+t.Output, to.Thoughts+t.Thoughts, to.Cached+t.Cached
		}
		for _, b := range r.Blocks {
			addTokens(&blocks, b.Tokens)
			cost += b.CostUSD
			jobs += b.Jobs
		}
		for _, d := range r.Days {
			addTokens(&days, d.Tokens)
			costOfDays += d.CostUSD
			ended += d.Jobs
		}
		if blocks != r.Summary.Tokens || days != blocks {
			t.Errorf("%s: tokens %+v by block, %+v by day, %+v in all", name, blocks, days, r.Summary.Tokens)
		}
		if near := func(x, y float64) bool { return x-y < 1e-6 && y-x < 1e-6 }; !near(cost, r.Summary.CostUSD) || !near(costOfDays, cost) {
			t.Errorf("%s: $%f by block, $%f by day, $%f in all", name, cost, costOfDays, r.Summary.CostUSD)
		}
		created, endedInBars := 0, 0
		for _, s := range r.Throughput.Stretches {
			created += s.Created
			endedInBars += s.Ended
		}
		if jobs != r.Summary.Jobs || created != jobs || endedInBars != ended || ended+len(r.AtWork) != jobs {
			t.Errorf("%s: %d jobs, %d created and %d ended in the bars, %d by day, %d at work", name, jobs, created, endedInBars, ended, len(r.AtWork))
		}
		binned := 0
		for _, b := range r.Durations.Bins {
			binned += b.Jobs
		}
		if binned != r.Durations.Jobs || len(r.Throughput.Stretches) > mostStretches || len(r.Durations.Bins) > mostBins {
			t.Errorf("%s: %d of %d jobs in %d bins; %d stretches", name, binned, r.Durations.Jobs, len(r.Durations.Bins), len(r.Throughput.Stretches))
		}
	}
}

// A job that has taken three times as long as all its siblings is old.
func TestAtWork(t *testing.T) {
	s := newScene(t)
	for n := range 4 {
		s.job(s.want("b", n, flash), flash, begin(), time.Hour, planner.JobSucceeded)
	}
	s.job(s.want("b", 4, flash), flash, begin().Add(28*time.Hour+30*time.Minute), 0, planner.JobRunning)
	s.job(s.want("b", 5, flash), flash, begin(), 0, planner.JobPending)
	r := s.report()
	if len(r.AtWork) != 2 || r.AtWork[0].Address.Number != 5 || !r.AtWork[0].Old || r.AtWork[0].Siblings != 4 || r.AtWork[0].SlowestSeconds != 3600 || r.AtWork[1].Old {
		t.Errorf("at work: %+v, want 5, which is old, before 4", r.AtWork)
	}
	if r.AtWork[0].AgeSeconds != 30*3600 {
		t.Errorf("it is %d s old, want 30 h", r.AtWork[0].AgeSeconds)
	}
}

// Same facts, same bytes.
func TestSameBytes(t *testing.T) {
	for _, render := range []func(*Report) string{
		Markdown,
		func(r *Report) string {
			var b bytes.Buffer
			if err := HTML(&b, r); err != nil {
				t.Error(err)
			}
			return b.String()
		},
	} {
		first, second := render(waves(t, 300, 20, 0.5)), render(waves(t, 300, 20, 0.5))
		if first != second {
			t.Error("two renderings differ")
		}
	}
}

// The page lets no other script or style run and reaches for nothing; what comes
// from outside can end no element.
func TestPageIsClosed(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(src|href|action|srcset|data|poster)="(?:https?:)?//|@import|url\(\s*['"]?(?:https?:)?//`)
	for name, r := range scenes(t) {
		var b bytes.Buffer
		if err := HTML(&b, r); err != nil {
			t.Fatal(err)
		}
		html := b.String()
		policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(html)
		if policy == nil || !strings.HasPrefix(policy[1], "default-src &#39;none&#39;;") || strings.Contains(policy[1], "unsafe") || strings.Contains(policy[1], "http") {
			t.Errorf("%s: policy %q", name, policy)
		}
		if at := outside.FindString(html); at != "" {
			t.Errorf("%s: the page reaches for %q", name, at)
		}
		if n := strings.Count(html, "<script"); n != 3 || strings.Count(html, "</script>") != 3 || strings.Contains(html, "<img") {
			t.Errorf("%s: %d scripts, want 3", name, n)
		}
	}
}

// Text can be read and marks can be told apart from what they stand on, in both
// schemes.
func TestContrast(t *testing.T) {
	css, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		t.Fatal(err)
	}
	sets := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(sets) < 2 {
		t.Fatalf("%d sets of colours", len(sets))
	}
	for i, scheme := range []string{"light", "dark"} {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(sets[i][1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		check := func(least float64, on string, names ...string) {
			for _, name := range names {
				x, y := colours[name], colours[on]
				if got := (max(x, y) + 0.05) / (min(x, y) + 0.05); got < least || colours[name] == 0 {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", scheme, name, on, got, least)
				}
			}
		}
		check(4.5, "card", "text", "muted", "accent")
		check(4.5, "bg", "text", "muted", "accent")
		check(4.5, "code", "text")
		check(2.5, "card", "uploaded", "unknown", "submitted", "succeeded", "done", "failed", "held", "in", "out", "thoughts", "bar", "limit")
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		v := float64(n) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

// JSON fits its schema.
func TestSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	files, err := forms.Schemas.ReadDir(".") // they refer to each other
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := forms.Schemas.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(file.Name(), doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile("report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range scenes(t) {
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		delete(v.(map[string]any)["summary"].(map[string]any), "good")
		if schema.Validate(v) == nil {
			t.Errorf("%s: it fits without the good rows as well", name)
		}
	}
}

// The golden files are made anew with UPDATE_GOLDEN=1.
func TestMarkdown(t *testing.T) {
	for _, name := range []string{"by_hand", "waves", "untouched", "all_failed", "hostile"} {
		got := Markdown(scenes(t)[name])
		file := "testdata/" + name + ".md"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
	}
}

// Each section of the report that was typed by hand has one here that tells the
// same of the same case, and more exactly.
func TestMarkdownReplacesTheReportThatWasTyped(t *testing.T) {
	r := handReport(t)
	got := Markdown(r)
	sections := map[string]string{}
	name := ""
	for line := range strings.Lines(got) {
		if title, is := strings.CutPrefix(line, "## "); is {
			name = strings.TrimSpace(title)
		}
		sections[name] += line
	}
	for _, c := range []struct {
		typed, ours string
		tells       []string
	}{
		{"Batch Submission Summary Report", "", []string{"# Batch report: `refinement`", "**Status:** In progress", "**As of:**"}},
		{"Executive Summary", "Summary", []string{"0 of 154 batches done, 21 in progress, 9 uploaded and not bought yet, 124 not begun."}},
		{"Key Metrics", "Summary", []string{"| Batches | 154 | `batch.refinement[51-204]` |", "| In progress | 21 | `batch.refinement[51-71]` |", "15,400", "21 adopted"}},
		{"Completed Work", "Submitted", []string{"21 batches with a job"}},
		{"Batches Successfully Submitted", "Submitted", []string{"| `batch.refinement[51]` | `batches/refinement51-1` | submitted | `PENDING` |", "`batch.refinement[71]`", "`gemini-2.5-flash`"}},
		{"Work In Progress", "Uploaded, without a job", []string{"9 batches"}},
		{"Files Uploaded, Awaiting Batch Job Creation", "Uploaded, without a job", []string{"| `batch.refinement[72]` | `files/qp-refinement-72` |", "`batch.refinement[80]`"}},
		{"Remaining Work", "Not begun", []string{"124 batches with 12,400 rows"}},
		{"Not Yet Uploaded", "Not begun", []string{"`batch.refinement[81-204]`", "`submissions/batch_*_proper.jsonl`"}},
		{"Rate Limit Information", "Limits and refusals", []string{"learned: accepted at 21, refused at 22"}},
		{"Error Details", "Limits and refusals", []string{"`batch.refinement[72]`", "You exceeded your current quota"}},
		{"Typical Resolution", "How to go on", []string{"waits out limits"}},
		{"Resumption Instructions", "How to go on", []string{"`qaplan plan`", "124 to upload, 133 to create", "`qaplan apply --wait`"}},
		{"Generated Files & Documentation", "Files", []string{"`qaplan.state.json`", "manifest.json"}},
		{"Monitoring Submitted Batches", "Jobs at work", []string{"21 jobs at work", "| `batch.refinement[51]` |"}},
		{"Check Batch Status", "How to go on", []string{"`qaplan status`"}},
		{"Download Results", "How to go on", []string{"`qaplan apply --wait`"}},
		{"Cost & Processing Estimates", "Cost and time", []string{"to come", "To be bought: 13,300 rows"}},
		{"Success Metrics", "How well it went", []string{"Batches done: 0 of 154"}},
		{"Next Actions", "Next actions", []string{"buy the jobs of 9 batches that are uploaded", "upload and buy 124 batches", "wait for 21 batches"}},
		{"Contact & Resources", "Links", []string{"https://ai.google.dev/gemini-api/docs/rate-limits"}},
		{"Project Files", "Files", []string{"`results`"}},
	} {
		for _, want := range c.tells {
			if !strings.Contains(sections[c.ours], want) {
				t.Errorf("%s: the section %q does not tell %q:\n%s", c.typed, c.ours, want, sections[c.ours])
			}
		}
	}
	var jobs []string
	for i := range r.Batches {
		if r.Batches[i].Job != "" {
			jobs = append(jobs, r.Batches[i].Job)
		}
	}
	if len(jobs) != 21 || slices.ContainsFunc(jobs, func(j string) bool { return !strings.Contains(sections["Submitted"], "`"+j+"`") }) {
		t.Errorf("%d jobs; not all of them are named", len(jobs))
	}
}
