package batchfile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sources are the inputs of the examples.
func sources(f *testing.F) [][]byte {
	f.Helper()
	paths, err := filepath.Glob("../../examples/*/*/*.jsonl")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	var all [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, text)
	}
	return all
}

func FuzzScan(f *testing.F) {
	for _, text := range sources(f) {
		f.Add(text)
	}
	f.Add([]byte(ok("a") + "\n" + ok("b") + "\n"))
	f.Add([]byte(sourceLine("row-1", `日足 \"RSI\" \ud83d\ude00 \u00e9`)))
	f.Add([]byte("\xef\xbb\xbf" + ok("a") + "\r\n\r\n" + ok("a")))
	f.Add([]byte("{\x00\"\x00"))
	f.Add([]byte("[{\"key\":1}]\n"))
	f.Add([]byte(`{"key":"a","key":"b"}` + "\n" + `{"key":{},"request":{"contents":[1,{"parts":[{"text":"\`))
	f.Add([]byte(answerLine("a", "x")))
	f.Add([]byte(`{"key":"a","temperature":1,"request":{"contents":[{"role":"assistant","parts":[{"text":"\u0000"}]}],"top_p":1,"generation_Config":{},"generationConfig":{"tools":[],"temprature":1},"cached_content":"x","systemInstruction":{"parts":[{"text":""}]}}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		var keys []string
		sum, problems, err := Scan(context.Background(), bytes.NewReader(file), ScanOptions{OnKey: func(_ int, key string) { keys = append(keys, key) }})
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(file, []byte("\n")) + 1
		if sum.Bytes != int64(len(file)) || sum.Rows > lines || sum.Tokens < 0 || sum.Tokens > int64(len(file)) {
			t.Errorf("%d bytes, %d lines: %+v", len(file), lines, sum)
		}
		for _, p := range problems {
			if p.Summary == "" || p.Detail == "" || p.Line < 0 || p.Line > lines || p.Column < 0 || p.Column > len(file)+1 {
				t.Errorf("problem %+v", p)
			}
		}
		if len(problems) > 0 {
			return
		}
		if sum.Rows == 0 || len(keys) != sum.Rows {
			t.Errorf("no problem, %d rows and %d keys", sum.Rows, len(keys))
		}
		// What Scan accepts is legible to others, too, and can be joined.
		dec := json.NewDecoder(bytes.NewReader(file))
		for i, want := range keys {
			var row map[string]any
			if err := dec.Decode(&row); err != nil || row["key"] != want {
				t.Errorf("row %d: %q, %v; want %q", i, row["key"], err, want)
			}
		}
		whole, err := NewJoiner(context.Background(), bytes.NewReader(file), Rules{})
		if err != nil {
			t.Error(err)
			return
		}
		sameKeys(t, whole, file)
	})
}

// sameKeys makes sure that no more of a scanned source than its keys need be read.
func sameKeys(t *testing.T, whole *Joiner, file []byte) {
	t.Helper()
	for _, rules := range []Rules{{}, {AsRequested: true}} {
		j, err := NewScannedJoiner(t.Context(), bytes.NewReader(file), rules)
		if err != nil || j.keys.rows != whole.keys.rows {
			t.Errorf("%v, or not as many rows", err)
			return
		}
		for i := range j.keys.rows {
			if got, want := j.keys.at(i).value, whole.keys.at(i).value; got != want {
				t.Errorf("the key of row %d stands at %+v, want %+v", i, got, want)
			}
			if _, err := j.sourceKey(j.keys.at(i)); err != nil {
				t.Errorf("row %d: %v", i, err)
			}
		}
	}
}

// strictest are rules that look at everything.
func strictest(tb testing.TB) Rules {
	return Rules{MinChars: 2, KeyField: "id", AsRequested: true, Schema: schema(tb, `{"type":"object","maxProperties":3,"properties":{"n":{"type":"number","maximum":9}}}`)}
}

func FuzzJoin(f *testing.F) {
	for _, text := range sources(f) {
		// Each row answered, in another order, some by what is no answer.
		lines := bytes.SplitAfter(text, []byte("\n"))
		slices.Reverse(lines)
		f.Add(text, bytes.ReplaceAll(bytes.Join(lines, nil), []byte(`"request":`), []byte(`"response":`)))
		f.Add(text, bytes.ReplaceAll(bytes.Join(lines, nil), []byte(`"request": {`), []byte(`"response":{"candidates":[`+said+`],`)))
	}
	f.Add([]byte(sourceOf("a", "b")), []byte(text(answer1("b"), answer1("a"))))
	f.Add([]byte(sourceOf("a", `\u0062`, "日")), []byte(text(error1("b"), answer1("b"), "junk", answer1("x"))))
	f.Add([]byte("\xef\xbb\xbf"+sourceOf("a")), []byte("\xef\xbb\xbf\r\n"+answer1("a")+"\r\n"+answer1("a")))
	f.Add([]byte(`{"request":{},"key":"\ud83d\ude00"}`), []byte(answerLine(`😀`, "x")))
	f.Add([]byte(sourceOf("a")), []byte(`{"key":"a","response":{"candidates":[],"usageMetadata":{"promptTokenCount":"1"}},"status":{"code":1e3}}`))
	f.Add([]byte(sourceOf("a")), []byte(says(`{"id":"a","n":1e999999999}`)))
	f.Add([]byte(sourceOf("a", "b")), []byte(text(none("a"), says("```json\n{}\n```"), `{"key":"b","response":{"promptFeedback":{"blockReason":"SAFETY"}}}`)))
	f.Add([]byte(`{"key":"a","request":{"generationConfig":{"responseMimeType":"application/json","responseSchema":{"type":"OBJECT","nullable":true,"properties":{"id":{"type":"STRING","enum":["a"],"minLength":"1"},"n":{"anyOf":[{"type":"INTEGER"}]}}}}}}`),
		[]byte(text(says(`{"id":"b"}`), says(`null`), says(`{"id":"a","n":1}`))))
	f.Add([]byte(`{"key":"a","request":{"generation_config":{"response_mime_type":"text/x.enum","response_json_schema":{"enum":["\ud800",1]},"seed":[]}}}`), []byte(says("x")))
	f.Fuzz(func(t *testing.T, source, answers []byte) {
		ctx := context.Background()
		var w bytes.Buffer
		report, err := joinFiles(ctx, bytes.NewReader(source), bytes.NewReader(answers), &w)
		var refused *SourceError
		if errors.As(err, &refused) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		if n, err := Keys(ctx, bytes.NewReader(source), collect(&want)); n != 0 || err != nil {
			t.Fatalf("keys of an accepted source: %d malformed, %v", n, err)
		}
		if n, err := Keys(ctx, bytes.NewReader(w.Bytes()), collect(&got)); n != 0 || err != nil {
			t.Fatalf("keys of the result: %d malformed, %v", n, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("keys (-source +result):\n%s", diff)
		}
		if n := bytes.Count(w.Bytes(), []byte("\n")); n != len(want) || n > 0 && w.Bytes()[w.Len()-1] != '\n' {
			t.Errorf("%d lines for %d keys", n, len(want))
		}
		for line := range bytes.Lines(w.Bytes()) {
			if !json.Valid(line) {
				t.Errorf("not JSON: %q", line)
			}
		}
		if report.Rows.Rows.Total() != len(want) || report.Answered+report.Doubled+report.Unknown+report.Malformed != report.Lines {
			t.Errorf("%d keys: counts do not add up: %+v", len(want), report)
		}
		// A result is a set of answers like any other: joined again it stays.
		var again bytes.Buffer
		second, err := joinFiles(ctx, bytes.NewReader(source), bytes.NewReader(w.Bytes()), &again)
		if err != nil || second.verdict() != Complete || !bytes.Equal(again.Bytes(), w.Bytes()) || second.Rows.Rows != report.Rows.Rows {
			t.Errorf("joined again: %+v, %v", second, err)
		}
		fuzzRules(t, source, answers, report.Rows.Rows)
		for line := range bytes.Lines(answers) {
			fuzzText(t, line)
		}
	})
}

// fuzzRules judges by all rules at once. What is good then is good without them.
func fuzzRules(t *testing.T, source, answers []byte, lax Counts) {
	ctx := context.Background()
	j, err := NewJoiner(ctx, bytes.NewReader(source), strictest(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a file twice is nothing new
		if _, err := j.Add(ctx, bytes.NewReader(answers)); err != nil {
			t.Fatal(err)
		}
	}
	var result bytes.Buffer
	if err := j.WriteResult(ctx, &result); err != nil {
		t.Fatal(err)
	}
	checkJoiner(t, j, result.Bytes())
	r, err := j.Report()
	if err != nil || r.Rows[Good] > lax[Good] || r.Rows[Missing] != lax[Missing] {
		t.Errorf("strict: %v, %v; lax: %v", r.Rows, err, lax)
	}
	if err := j.Rows(ctx, func(row *Row) error {
		var value map[string]json.RawMessage
		if err := json.Unmarshal([]byte(row.Text()), &value); err != nil {
			t.Errorf("a good row that is no JSON object: %v", err)
		}
		raw, found := row.Member("/id")
		if !found || holds(raw, []byte(row.Key())) != 0 {
			t.Errorf("a good row without its key: %s", raw)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	fuzzSubset(t, j)
}

// fuzzText reads the text of an answer as somebody else would.
func fuzzText(t *testing.T, line []byte) {
	type object = map[string]any
	var value object
	if json.Unmarshal(line, &value) != nil {
		return
	}
	want := ""
	response, _ := value["response"].(object)
	candidates, _ := response["candidates"].([]any)
	if len(candidates) > 0 {
		first, _ := candidates[0].(object)
		content, _ := first["content"].(object)
		parts, _ := content["parts"].([]any)
		for _, p := range parts {
			part, _ := p.(object)
			text, _ := part["text"].(string)
			if thought, _ := part["thought"].(bool); !thought {
				want += text
			}
		}
	}
	if err := Rows(t.Context(), bytes.NewReader(line), Rules{}, func(r *Row) error {
		if r.Text() != want || r.Key() != value["key"] {
			t.Errorf("%q: text %q of %q, want %q of %q", line, r.Text(), r.Key(), want, value["key"])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// fuzzSubset writes all rows with an override: as many lines of JSON with the
// same keys, and a second time changes nothing.
func fuzzSubset(t *testing.T, j *Joiner) {
	ctx := context.Background()
	all := func(Class, int) bool { return true }
	o := Override{GenerationConfig: []byte(`{"maxOutputTokens":9,"seed":{"x":1}}`)}
	var once, twice bytes.Buffer
	sub, err := j.WriteSubset(ctx, &once, all, o)
	if err != nil || sub.Rows != j.keys.rows || sub.Bytes != int64(once.Len()) {
		t.Fatalf("subset %+v, %v", sub, err)
	}
	second, err := NewJoiner(ctx, bytes.NewReader(once.Bytes()), Rules{})
	if err != nil {
		t.Fatalf("the subset is no source: %v", err)
	}
	again, err := second.WriteSubset(ctx, &twice, all, o)
	if err != nil || again != sub || !bytes.Equal(once.Bytes(), twice.Bytes()) {
		t.Errorf("a second time: %+v, %v, first %+v", again, err, sub)
	}
	if n := bytes.Count(once.Bytes(), []byte("\n")); n != sub.Rows {
		t.Errorf("%d lines of %d rows", n, sub.Rows)
	}
}

func collect(keys *[]string) func(int, []byte) error {
	return func(_ int, key []byte) error {
		*keys = append(*keys, string(key))
		return nil
	}
}
