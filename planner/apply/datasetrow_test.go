package apply

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// encodeRows makes a dataset of answers with those texts, each a JSON string.
func encodeRows(t *testing.T, format planner.DatasetFormat, model string, fields []planner.DatasetField, texts ...string) (string, error) {
	t.Helper()
	var answers strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&answers, `{"key":"k%d","response":{"candidates":[{"content":{"parts":[{"text":%s}]},"finishReason":"STOP"}],"modelVersion":"models/gemini-x"}}`+"\n", i, text)
	}
	p := &part{want: &planner.Batch{Address: planner.Address{Block: "qa", Number: 7}}, model: model}
	var out bytes.Buffer
	enc := newRowEncoder(&out, format, fields)
	if err := batchfile.Rows(t.Context(), strings.NewReader(answers.String()), batchfile.Rules{}, func(r *batchfile.Row) error { return enc.encode(p, r) }); err != nil {
		return out.String(), err
	}
	err := enc.close()
	return out.String(), err
}

func TestRowsAsJSONLines(t *testing.T) {
	fields := []planner.DatasetField{
		{Name: "z", Source: planner.FieldText}, {Name: "a\"\n", Source: planner.FieldJSON, JSONPath: "a"}, {Name: "deep", Source: planner.FieldJSON, JSONPath: "l.1.x"}, {Name: "m", Source: planner.FieldModel},
	}
	got, err := encodeRows(t, planner.FormatJSONL, "", fields,
		`"plain <&> \u2028 \ud800"`,
		`"{\"a\": [1,\n  2.50, {\"b\" : null}],\r\n \"l\": [0, {\"x\": \"\\u00fc\\n\"}]}"`,
		`"{\"a\":null,\"l\":[]}"`,
		`"{\"a\":\"1\"}"`)
	want := `{"z":"plain <&> ` + "\u2028 \ufffd" + `","a\"\n":null,"deep":null,"m":"gemini-x"}
{"z":"{\"a\": [1,\n  2.50, {\"b\" : null}],\r\n \"l\": [0, {\"x\": \"\\u00fc\\n\"}]}","a\"\n":[1,2.50,{"b":null}],"deep":"ü\n","m":"gemini-x"}
{"z":"{\"a\":null,\"l\":[]}","a\"\n":null,"deep":null,"m":"gemini-x"}
{"z":"{\"a\":\"1\"}","a\"\n":"1","deep":null,"m":"gemini-x"}
`
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(got) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestRowsAsCSV(t *testing.T) {
	fields := []planner.DatasetField{{Name: "te,xt", Source: planner.FieldText}, {Name: "a", Source: planner.FieldJSON, JSONPath: "a"}, {Name: "n", Source: planner.FieldNumber}, {Name: "m", Source: planner.FieldModel}}
	got, err := encodeRows(t, planner.FormatCSV, "gemini-y", fields, `"one, \"two\"\nthree"`, `"{\"a\": {\"b\" : [ 1 ]}}"`, `"{\"a\":\" s \"}"`, `"{\"a\":true}"`)
	if err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"te,xt", "a", "n", "m"}, {"one, \"two\"\nthree", "", "7", "gemini-y"}, {`{"a": {"b" : [ 1 ]}}`, `{"b":[1]}`, "7", "gemini-y"},
		{`{"a":" s "}`, " s ", "7", "gemini-y"}, {`{"a":true}`, "true", "7", "gemini-y"},
	}
	if diff := cmp.Diff(want, table); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}

	// A table of one column, and empty cells: no row gets lost.
	got, err = encodeRows(t, planner.FormatCSV, "", []planner.DatasetField{{Name: "a", Source: planner.FieldJSON, JSONPath: "a"}}, `"x"`, `"{\"a\":1}"`, `"y"`)
	if want := "a\n\"\"\n1\n\"\"\n"; err != nil || got != want {
		t.Errorf("one column: %q (%v), want %q", got, err, want)
	}
	// Line breaks in texts are data.
	got, err = encodeRows(t, planner.FormatCSV, "", []planner.DatasetField{{Name: "t", Source: planner.FieldText}}, `"a\r\nb\nc"`)
	if want := "t\n\"a\r\nb\nc\"\n"; err != nil || got != want {
		t.Errorf("line breaks: %q (%v), want %q", got, err, want)
	}
	// And with no row there is the header.
	if got, err = encodeRows(t, planner.FormatCSV, "", fields[1:3]); err != nil || got != "a,n\n" {
		t.Errorf("no rows: %q (%v)", got, err)
	}
}

func TestRowsThatCannotBeEncoded(t *testing.T) {
	if _, err := encodeRows(t, "xml", "", nil); err == nil || !strings.Contains(err.Error(), "xml") {
		t.Errorf("a format that there is not: %v", err)
	}
	if _, err := encodeRows(t, planner.FormatCSV, "", []planner.DatasetField{{Name: "x", Source: "kye"}}, `"x"`); err == nil || !strings.Contains(err.Error(), "kye") {
		t.Errorf("a source that there is not: %v", err)
	}
}
