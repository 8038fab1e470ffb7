package emulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/provider/emulator"
)

// asked gives one line for each number; config is what generation_config holds.
func asked(numbers []int, config string) []byte {
	var b bytes.Buffer
	for _, i := range numbers {
		fmt.Fprintf(&b, `{"key":%q,"request":{"contents":[{"parts":[{"text":"What does indicator %d measure?"}]}],"generation_config":{%s}}}`+"\n", rowKey(i), i, config)
	}
	return b.Bytes()
}

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

func limited(tokens int) string { return fmt.Sprintf(`"max_output_tokens":%d`, tokens) }

// answers runs a job and gives its lines by key.
func (a *api) answers(file string, lines []byte) map[string]outputRow {
	a.t.Helper()
	byKey := map[string]outputRow{}
	for _, r := range rows(a.t, a.want(200, a.output(a.run(file, lines))).body) {
		byKey[r.Key] = r
	}
	return byKey
}

func outputTokens(r outputRow) int {
	return r.Response.UsageMetadata.CandidatesTokenCount + r.Response.UsageMetadata.ThoughtsTokenCount
}

// TestTruncated gives long answers limits that are too low, and one that is not.
func TestTruncated(t *testing.T) {
	const n = 60
	for _, test := range []struct {
		config string
		fate   string
		least  int // output tokens, thoughts included
		most   int
	}{
		{"", "MAX_TOKENS", 1024, 1024},
		{limited(40), "MAX_TOKENS", 40, 40},
		{limited(2048), "MAX_TOKENS", 2048, 2048},
		{limited(8192), "STOP", 2048, 8191},
		{limited(65536), "STOP", 2048, 8191},
	} {
		synctest.Test(t, func(t *testing.T) {
			a := openAPI(t, emulator.Config{Rows: emulator.RowFaults{TruncatedShare: 1}})
			for key, r := range a.answers("in", asked(upTo(n), test.config)) {
				if fate(r) != test.fate || outputTokens(r) < test.least || outputTokens(r) > test.most {
					t.Errorf("config %q: %s is %s with %d tokens, want %s with %d to %d", test.config, key, fate(r), outputTokens(r), test.fate, test.least, test.most)
				}
			}
		})
	}
}

// TestTruncatedAgain buys the truncated rows of a job again: nothing but a larger
// limit helps, and each row has a need of its own.
func TestTruncatedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Rows: emulator.RowFaults{TruncatedShare: 0.3}})
		first := a.answers("first", asked(upTo(200), ""))
		var long []int
		for i := 199; i >= 0; i-- {
			if fate(first[rowKey(i)]) == "MAX_TOKENS" {
				long = append(long, i)
			}
		}
		if len(long) < 40 || len(long) > 80 {
			t.Fatalf("%d of 200 rows are truncated", len(long))
		}
		again := a.answers("again", asked(long, limited(1024)))
		some := a.answers("some", asked(long, limited(4096)))
		all := a.answers("all", asked(long, limited(8192)))
		whole := 0
		for _, i := range long {
			need := outputTokens(all[rowKey(i)])
			if fate(again[rowKey(i)]) != "MAX_TOKENS" || fate(all[rowKey(i)]) != "STOP" || need < 2048 {
				t.Errorf("row %d is %s with 1024 tokens, %s with 8192, of which it takes %d", i, fate(again[rowKey(i)]), fate(all[rowKey(i)]), need)
			}
			if want := need <= 4096; (fate(some[rowKey(i)]) == "STOP") != want {
				t.Errorf("row %d, which takes %d tokens, is %s with 4096", i, need, fate(some[rowKey(i)]))
			} else if want {
				whole++
			}
		}
		if whole == 0 || whole == len(long) {
			t.Errorf("%d of %d rows are whole with 4096 tokens", whole, len(long))
		}
	})
}

// wrongs names what is wrong with an answer that has to be an object with the
// string a, the list b and the number c, of which a and b are required.
func wrongs(text string) string {
	if strings.HasPrefix(text, "```json\n{") && strings.HasSuffix(text, "}\n```") {
		return "fence"
	}
	var v map[string]any
	if json.Unmarshal([]byte(text), &v) != nil {
		return "no JSON"
	}
	a, hasA := v["a"]
	b, hasB := v["b"]
	if !hasA || !hasB {
		return "property missing"
	}
	_, okA := a.(string)
	_, okB := b.([]any)
	_, okC := v["c"].(float64)
	if !okA || !okB || !okC {
		return "wrong type"
	}
	return ""
}

func TestInvalid(t *testing.T) {
	schema := `"response_mime_type":"application/json","response_schema":{"type":"OBJECT","required":["a","b"],` +
		`"properties":{"a":{"type":"STRING"},"b":{"type":"ARRAY","items":{"type":"STRING"}},"c":{"type":"NUMBER"}}}`
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Rows: emulator.RowFaults{InvalidShare: 0.5}})
		kinds := map[string]int{}
		var bad []int
		got := a.answers("schema", asked(upTo(120), schema))
		for i := range 120 {
			r := got[rowKey(i)]
			kinds[wrongs(r.text())]++
			if fate(r) != "STOP" {
				t.Errorf("%s is %s", r.Key, fate(r))
			}
			if wrongs(r.text()) != "" {
				bad = append(bad, i)
			}
		}
		for _, kind := range []string{"", "fence", "property missing", "wrong type"} {
			if kinds[kind] < 8 {
				t.Errorf("%d answers are wrong by %q", kinds[kind], kind)
			}
		}
		if len(kinds) != 4 {
			t.Errorf("kinds %v", kinds)
		}
		repaired := 0
		for _, r := range a.answers("repair", asked(bad, schema)) {
			if wrongs(r.text()) == "" {
				repaired++
			}
		}
		if repaired == 0 || repaired == len(bad) {
			t.Errorf("%d of %d rows are good the second time", repaired, len(bad))
		}
		short := 0
		for _, r := range a.answers("plain", asked(upTo(40), "")) {
			if len(r.text()) < 40 {
				short++
			}
		}
		if short < 8 || short > 32 {
			t.Errorf("%d of 40 plain answers are short", short)
		}
	})
}

// TestInvalidSchemas makes invalid answers for schemas of many kinds: each comes
// out otherwise than the good one.
func TestInvalidSchemas(t *testing.T) {
	for _, schema := range []string{
		`{}`, `{"type":"STRING"}`, `{"type":"INTEGER"}`, `{"enum":["a","b"]}`, `{"const":1}`, `{"type":["string","null"]}`,
		`{"type":"ARRAY","items":{"type":"OBJECT","required":["x"],"properties":{"x":{"type":"BOOLEAN"}}}}`,
		`{"type":"ARRAY"}`, `{"type":"OBJECT"}`, `{"type":"OBJECT","properties":{"x":{}}}`,
		`{"type":"OBJECT","properties":{"x":{"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]}}}`,
		`{"type":"OBJECT","properties":{"x":{"type":["string","number","array","object","boolean"]}}}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			lines := asked(upTo(20), `"response_mime_type":"application/json","response_json_schema":`+schema)
			good := openAPI(t, emulator.Config{}).answers("in", lines)
			for key, r := range openAPI(t, emulator.Config{Rows: emulator.RowFaults{InvalidShare: 1}}).answers("in", lines) {
				if r.text() == good[key].text() || r.text() == "" {
					t.Errorf("schema %s: %s, and no other is good", schema, r.text())
				}
			}
		})
	}
}

// TestSwapped compares a job whose answers are swapped with the same job without
// that: a whole response stands under the other key, usage and all.
func TestSwapped(t *testing.T) {
	const n = 300
	synctest.Test(t, func(t *testing.T) {
		a := openAPI(t, emulator.Config{Rows: emulator.RowFaults{SwappedShare: 0.2}})
		got := a.answers("in", requests(n, 0))
		clean := openAPI(t, emulator.Config{}).answers("in", requests(n, 0))
		answerOf := map[string]string{}
		var places []int
		for i, p := range rowPurchases(t, a.server) {
			answerOf[p.Key] = p.AnswerOf
			if p.Key != rowKey(i) || p.Outcome != emulator.RowGood || p.Text != got[p.Key].text() {
				t.Errorf("row %d: %+v", i, p)
			}
			if p.AnswerOf != p.Key {
				places = append(places, i)
			}
			if diff := cmp.Diff(clean[p.AnswerOf].Response, got[p.Key].Response); diff != "" {
				t.Errorf("%s has not the answer of %s:\n%s", p.Key, p.AnswerOf, diff)
			}
		}
		for key, of := range answerOf {
			if answerOf[of] != key {
				t.Errorf("%s has the answer of %s, and that has the one of %s", key, of, answerOf[of])
			}
		}
		if len(places) < 30 || len(places) > 90 || places[len(places)-1]-places[0] < n/2 {
			t.Errorf("swapped rows: %v", places)
		}
	})
}
