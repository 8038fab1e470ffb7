package emulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// fate names what a row got.
func fate(r outputRow) string {
	switch {
	case r.Error != nil:
		return fmt.Sprintf("error %d", r.Error.Code)
	case r.Response.PromptFeedback != nil:
		return "blocked"
	case len(r.Response.Candidates) == 0:
		return "no candidates"
	case r.text() == "":
		return "empty"
	}
	return r.Response.Candidates[0].FinishReason
}

func TestRowFaults(t *testing.T) {
	const n = 400
	for _, test := range []struct {
		name   string
		faults emulator.RowFaults
		want   map[string][2]int // from fate to the least and most of such lines
		stats  string
	}{
		{"none", emulator.RowFaults{}, map[string][2]int{"STOP": {n, n}}, "400 400 "},
		{"all fail", emulator.RowFaults{ErrorShare: 1}, map[string][2]int{"error 13": {n, n}}, "400  400"},
		{"all truncated", emulator.RowFaults{TruncatedShare: 1}, map[string][2]int{"MAX_TOKENS": {n, n}}, "400 400 "},
		{"all blocked", emulator.RowFaults{BlockedShare: 1}, map[string][2]int{"blocked": {n, n}}, "400 400 "},
		{"all empty", emulator.RowFaults{EmptyShare: 1}, map[string][2]int{"empty": {n, n}}, "400 400 "},
		{"all missing", emulator.RowFaults{MissingShare: 1}, map[string][2]int{}, "400  "},
		{"all twice", emulator.RowFaults{DuplicatedShare: 1}, map[string][2]int{"STOP": {2 * n, 2 * n}}, "400 400 "},
		{"all invalid", emulator.RowFaults{InvalidShare: 1}, map[string][2]int{"STOP": {n, n}}, "400 400 "},
		{"all swapped", emulator.RowFaults{SwappedShare: 1}, map[string][2]int{"STOP": {n, n}}, "400 400 "},
		{"some", emulator.RowFaults{ErrorShare: 0.1, TruncatedShare: 0.1, BlockedShare: 0.1, EmptyShare: 0.1}, map[string][2]int{
			"STOP": {180, 300}, "error 13": {15, 75}, "MAX_TOKENS": {15, 75}, "blocked": {15, 75}, "empty": {15, 75}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openAPI(t, emulator.Config{Rows: test.faults})
				job := a.run("in", requests(n, 0))
				output := a.want(200, a.output(job)).body
				got := map[string]int{}
				for _, row := range rows(t, output) {
					got[fate(row)]++
				}
				for fate, limits := range test.want {
					if got[fate] < limits[0] || got[fate] > limits[1] {
						t.Errorf("%d lines with %s, want %d to %d", got[fate], fate, limits[0], limits[1])
					}
				}
				if len(got) != len(test.want) {
					t.Errorf("fates %v", got)
				}
				op := a.job(job)
				if op.Metadata.State != "BATCH_STATE_SUCCEEDED" {
					t.Errorf("state %s", op.Metadata.State)
				}
				s := op.Metadata.BatchStats
				if stats := fmt.Sprintf("%s %s %s", s.RequestCount, s.SuccessfulRequestCount, s.FailedRequestCount); test.stats != "" && stats != test.stats {
					t.Errorf("stats %q, want %q", stats, test.stats)
				}
				if failed := s.FailedRequestCount; failed != "" && failed != fmt.Sprint(got["error 13"]) {
					t.Errorf("%s failed by the stats, %d by the output", failed, got["error 13"])
				}
			})
		})
	}
}

// TestNoDice makes the same calls in two folders.
func TestNoDice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := emulator.RowFaults{ErrorShare: 0.2, MissingShare: 0.1, DuplicatedShare: 0.1, TruncatedShare: 0.1, InvalidShare: 0.1, SwappedShare: 0.1}
		run := func() (outputs []string) {
			a := openAPI(t, emulator.Config{Rows: faults})
			for _, file := range []string{"one", "two"} {
				outputs = append(outputs, string(a.want(200, a.output(a.run(file, requests(50, 0)))).body))
			}
			return outputs
		}
		first, second := run(), run()
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("the same calls gave other answers (-first +second):\n%s", diff)
		}
		if first[0] == first[1] {
			t.Error("a second job for the same content failed as the first")
		}
	})
}

func TestAnswersAreShuffled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		for _, n := range []int{1, 2, 3, 5, 100} {
			job := a.run(fmt.Sprintf("in-%d", n), requests(n, 0))
			output := a.want(200, a.output(job)).body
			got := keys(rows(t, output))
			if diff := cmp.Diff(rowKeys(n), sorted(got)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if n > 1 && slices.IsSorted(got) {
				t.Errorf("%d answers came in order", n)
			}
			if again := a.want(200, a.output(job)).body; string(again) != string(output) {
				t.Errorf("%d answers: a second download differs", n)
			}
			for line := range strings.Lines(string(output)) {
				if strings.Index(line, `"key"`) < strings.Index(line, `"response"`) {
					t.Errorf("the key stands before the response: %s", line)
				}
			}
		}
	})
}

func TestAnswers(t *testing.T) {
	request := func(config string) string {
		return `{"key":"k","request":{"contents":[{"role":"user","parts":[{"text":"first"}]},{"role":"model","parts":[{"text":"ok"}]},{"role":"user","parts":[{"text":"What is RSI?"}]}]` + config + `}}`
	}
	schema := `{"type":"OBJECT","properties":{"answer":{"type":"STRING","minLength":"300"},"side":{"type":"STRING","enum":["buy","sell"]},` +
		`"score":{"type":"INTEGER","minimum":3,"maximum":5},"tags":{"type":"ARRAY","minItems":"2","items":{"type":"STRING","maxLength":"5"}},` +
		`"nested":{"type":"object","properties":{"yes":{"type":"boolean"},"p":{"type":["null","number"],"maximum":1}}}},` +
		`"required":["side"],"propertyOrdering":["side","answer","score","tags","nested"]}`
	for _, test := range []struct {
		name, line string
		check      func(t *testing.T, r outputRow)
	}{
		{"text", request(""), func(t *testing.T, r outputRow) {
			if !strings.Contains(r.text(), `"What is RSI?"`) || len(r.text()) < 60 || strings.Contains(r.text(), "first") {
				t.Errorf("answer %q", r.text())
			}
			u := r.Response.UsageMetadata
			if u.PromptTokenCount == 0 || u.CandidatesTokenCount == 0 || u.ThoughtsTokenCount == 0 ||
				u.TotalTokenCount != u.PromptTokenCount+u.CandidatesTokenCount+u.ThoughtsTokenCount {
				t.Errorf("usage %+v", u)
			}
			if r.Response.ModelVersion != model || r.Response.ResponseID == "" {
				t.Errorf("model %q, id %q", r.Response.ModelVersion, r.Response.ResponseID)
			}
		}},
		{"JSON", request(`,"generation_config":{"response_mime_type":"application/json"}`), func(t *testing.T, r outputRow) {
			var v struct {
				Question, Answer string
				Confidence       float64
			}
			if err := json.Unmarshal([]byte(r.text()), &v); err != nil || v.Question != "What is RSI?" || v.Answer == "" || v.Confidence < 0.5 {
				t.Errorf("answer %s: %v", r.text(), err)
			}
		}},
		{"schema", request(`,"generationConfig":{"responseMimeType":"application/json","responseSchema":` + schema + `}`), func(t *testing.T, r outputRow) {
			var v struct {
				Answer, Side string
				Score        int
				Tags         []string
				Nested       struct {
					Yes *bool
					P   *float64
				}
			}
			if err := json.Unmarshal([]byte(r.text()), &v); err != nil {
				t.Fatalf("answer %s: %v", r.text(), err)
			}
			if len([]rune(v.Answer)) < 300 || v.Side != "buy" && v.Side != "sell" || v.Score < 3 || v.Score > 5 ||
				len(v.Tags) != 2 || len(v.Tags[0]) > 5 || v.Nested.Yes == nil || v.Nested.P == nil || *v.Nested.P > 1 {
				t.Errorf("answer %s", r.text())
			}
			if !strings.HasPrefix(r.text(), `{"side":`) {
				t.Errorf("the order of the schema is lost: %s", r.text())
			}
		}},
		{"short limit", request(`,"generation_config":{"max_output_tokens":5}`), func(t *testing.T, r outputRow) {
			if fate(r) != "MAX_TOKENS" || len(r.text()) > 60 {
				t.Errorf("%s: %q", fate(r), r.text())
			}
		}},
		{"no contents", `{"key":"k","request":{}}`, func(t *testing.T, r outputRow) {
			if r.Error == nil || r.Error.Code != 3 || !strings.Contains(r.Error.Message, "contents is not specified") {
				t.Errorf("row %+v", r)
			}
		}},
		{"no key", `{"request":{"contents":[{"parts":[{"text":"hi"}]}]}}`, func(t *testing.T, r outputRow) {
			if r.Key != "" || r.text() == "" {
				t.Errorf("row %+v", r)
			}
		}},
		{"image", `{"key":"k","request":{"contents":[{"parts":[{"text":"see"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}}`, func(t *testing.T, r outputRow) {
			if n := r.Response.UsageMetadata.PromptTokenCount; n != 259 {
				t.Errorf("%d tokens", n)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := openAPI(t, emulator.Config{})
				got := rows(t, a.want(200, a.output(a.run("in", []byte(test.line)))).body)
				if len(got) != 1 {
					t.Fatalf("%d rows", len(got))
				}
				test.check(t, got[0])
			})
		})
	}
}

func TestGenerateContent(t *testing.T) {
	a := openAPI(t, emulator.Config{})
	got := a.want(200, a.call("POST", "/v1beta/models/"+model+":generateContent", `{"contents":[{"parts":[{"text":"What is RSI?"}]}]}`))
	if !strings.Contains(string(got.body), "What is RSI?") || !strings.Contains(string(got.body), `"serviceTier": "standard"`) {
		t.Errorf("answer %s", got.body)
	}
}

func TestInlineJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{})
		body := `{"batch":{"display_name":"inline","input_config":{"requests":{"requests":[
			{"request":{"contents":[{"parts":[{"text":"one"}]}]},"metadata":{"key":"m-1","more":"x"}},
			{"request":{},"metadata":{"key":"m-2"}},
			{"request":{"contents":[{"parts":[{"text":"three"}]}]}}]}}}}`
		job := decode[operation](t, a.want(200, a.call("POST", "/v1/models/"+model+":batchGenerateContent", body)))
		if job.Metadata.BatchStats.RequestCount != "3" || job.Metadata.InputConfig.FileName != "" {
			t.Errorf("created %+v", job)
		}
		time.Sleep(time.Minute)
		got := a.job(job.Name)
		if got.Response == nil || got.Metadata.Output == nil {
			t.Fatalf("job %+v", got)
		}
		if diff := cmp.Diff(got.Metadata.Output.InlinedResponses, got.Response.InlinedResponses); diff != "" {
			t.Errorf("output and response differ:\n%s", diff)
		}
		answers := got.Response.InlinedResponses.InlinedResponses
		if len(answers) != 3 || answers[0].Metadata["more"] != "x" || !strings.Contains(answers[0].text(), "one") ||
			answers[1].Error == nil || answers[1].Error.Code != 3 || answers[1].Metadata["key"] != "m-2" ||
			answers[2].Metadata != nil || !strings.Contains(answers[2].text(), "three") || answers[0].Key != "" {
			t.Errorf("answers %+v", answers)
		}
		if list := a.call("GET", "/v1/batches", ""); strings.Contains(string(list.body), "inlinedResponses") {
			t.Error("the listing carries inline answers")
		}
		a.want(403, a.output(job.Name))
	})
}
