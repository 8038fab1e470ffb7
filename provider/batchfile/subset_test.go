package batchfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// joinerOf has the source and all answers.
func joinerOf(t *testing.T, rules Rules, source string, answers ...string) *Joiner {
	t.Helper()
	j, err := NewJoiner(t.Context(), strings.NewReader(source), rules)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if _, err := j.Add(t.Context(), strings.NewReader(a)); err != nil {
			t.Fatal(err)
		}
	}
	return j
}

func bad(c Class, _ int) bool { return c != Good }

func subset(t *testing.T, j *Joiner, pick func(Class, int) bool, o Override) (string, Subset) {
	t.Helper()
	var w strings.Builder
	sub, err := j.WriteSubset(t.Context(), &w, pick, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(w.String()))); sub.SHA256 != got || sub.Bytes != int64(w.Len()) {
		t.Errorf("%+v of %d bytes with the hash %s", sub, w.Len(), got)
	}
	return w.String(), sub
}

func TestWriteSubset(t *testing.T) {
	odd := ` {"request": {"contents":[{"parts":[{"text":"123456789"}]}]} , "key":"\u0063"} ` // bytes are kept
	source := "\xef\xbb\xbf" + ok("a") + "\r\n\n" + ok("b") + "\n" + odd + "\n" + ok("d") + "\r\n" + ok("e")
	answers := text(answer1("b"), `{"key":"c","error":{"code":8}}`, `{"key":"d","error":{"code":3}}`, answer1("a"))
	j := joinerOf(t, Rules{}, source, answers)
	tests := []struct {
		name   string
		pick   func(Class, int) bool
		want   string
		tokens int64
		lines  []int
	}{
		{"none", func(Class, int) bool { return false }, "", 0, nil},
		{"all", func(Class, int) bool { return true }, text(ok("a"), ok("b"), odd, ok("d"), ok("e")), 5, []int{1, 3, 4, 5, 6}},
		{"bad", bad, text(odd, ok("d"), ok("e")), 4, []int{4, 5, 6}},
		{"missing", func(c Class, code int) bool { return c == Missing && code == 0 }, text(ok("e")), 1, []int{6}},
		{"that may go through", func(c Class, code int) bool { return c == Failed && Transient(code) }, text(odd), 3, []int{4}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, sub := subset(t, j, tt.pick, Override{})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("subset (-want +got):\n%s", diff)
			}
			if sub.Rows != len(tt.lines) || sub.Tokens != tt.tokens {
				t.Errorf("got %+v, want %d rows and %d tokens", sub, len(tt.lines), tt.tokens)
			}
			var asked []int
			for i := range tt.lines {
				asked = append(asked, i+1)
			}
			lines, err := j.SourceLines(t.Context(), tt.pick, asked...)
			if diff := cmp.Diff(append([]int{}, tt.lines...), lines); err != nil || diff != "" {
				t.Errorf("lines of the source: %v (-want +got):\n%s", err, diff)
			}
			// What is sent again is a source by itself.
			if tt.want == "" {
				return
			}
			sum, problems := scan(t, got, ScanOptions{})
			if problems != nil || sum != Summary(sub) {
				t.Errorf("scanned: %+v, %v; subset %+v", sum, problems, sub)
			}
		})
	}
	if lines, err := j.SourceLines(t.Context(), bad, 3, 0, 1, 4, 3, -1); err != nil || !cmp.Equal(lines, []int{6, 0, 4, 0, 6, 0}) {
		t.Errorf("got %v, %v", lines, err)
	}
}

// Another Joiner, with other seeds of its index and its answers in other files,
// writes the same bytes.
func TestSubsetIsDeterministic(t *testing.T) {
	var source strings.Builder
	var first, second, repair []string
	for i := range 500 {
		key := fmt.Sprintf("row-%d", i)
		source.WriteString(sourceLine(key, strings.Repeat("日 ", i%7)))
		switch i % 5 {
		case 0:
			first = append(first, answer1(key))
			repair = append(repair, error1(key))
		case 1:
			second = append(second, error1(key))
			repair = append(repair, answer1(key))
		case 2:
			second = append(second, `{"key":"`+key+`","response":{"candidates":[{"finishReason":"MAX_TOKENS"}]}}`)
		}
	}
	o := Override{GenerationConfig: []byte(`{"maxOutputTokens":4096,"seed":1}`)}
	var want string
	var wantSub Subset
	for i, files := range [][]string{
		{text(first...), text(second...), text(repair...)},
		{text(repair...), text(second...), text(first...)},
		{text(append(append(append([]string{}, second...), first...), repair...)...)},
	} {
		got, sub := subset(t, joinerOf(t, Rules{}, source.String(), files...), bad, o)
		if i == 0 {
			want, wantSub = got, sub
		}
		if got != want || sub != wantSub || sub.Rows != 300 {
			t.Errorf("order %d: got %+v, want %+v", i, sub, wantSub)
		}
	}
}

func TestOverride(t *testing.T) {
	const o = `{"maxOutputTokens": 9, "thinking_config":
		{"thinkingBudget": 0}, "seed":null}`
	const all = `"maxOutputTokens":9,"thinking_config":{"thinkingBudget":0},"seed":null`
	tests := []struct{ name, request, want string }{
		{"none there", `{"contents":[]}`, `{"contents":[],"generation_config":{` + all + `}}`},
		{"nothing there", `{ }`, `{ "generation_config":{` + all + `}}`},
		{"empty", `{"generationConfig":{}}`, `{"generationConfig":{` + all + `}}`},
		{"null", `{"generation_config": null ,"contents":[]}`, `{"generation_config": {` + all + `} ,"contents":[]}`},
		{"replaced", `{"generation_config":{"seed":[1,{"seed":2}] , "max_output_tokens" : 1,"thinkingConfig":{"includeThoughts":true}}}`,
			`{"generation_config":{"seed":null , "max_output_tokens" : 9,"thinkingConfig":{"thinkingBudget":0}}}`},
		{"some replaced", `{"contents":[{"parts":[{"text":"{\"seed\":1}"}]}],"generationConfig":{"temperature":0.2,"maxOutputTokens":1 }}`,
			`{"contents":[{"parts":[{"text":"{\"seed\":1}"}]}],"generationConfig":{"temperature":0.2,"maxOutputTokens":9 ,"thinking_config":{"thinkingBudget":0},"seed":null}}`},
		{"escaped names", `{"generationConf\u0069g":{"\u0073eed":1}}`, `{"generationConf\u0069g":{"\u0073eed":null,"maxOutputTokens":9,"thinking_config":{"thinkingBudget":0}}}`},
		{"a config elsewhere", `{"contents":[{"generation_config":{"seed":1}}],"generation_config":{"seed":1}}`,
			`{"contents":[{"generation_config":{"seed":1}}],"generation_config":{"seed":null,"maxOutputTokens":9,"thinking_config":{"thinkingBudget":0}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			row := func(request string) string {
				return `{"generation_config":{"seed":1}, "request":` + request + `, "key":"a"}`
			}
			j := joinerOf(t, Rules{}, row(tt.request)+"\n")
			got, sub := subset(t, j, bad, Override{GenerationConfig: []byte(o)})
			if diff := cmp.Diff(row(tt.want)+"\n", got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again, _ := subset(t, joinerOf(t, Rules{}, got), bad, Override{GenerationConfig: []byte(o)}); again != got {
				t.Errorf("a second time it becomes\n%s", again)
			}
			if !json.Valid([]byte(got)) || sub.Rows != 1 {
				t.Errorf("not JSON, or not one row: %+v", sub)
			}
		})
	}
	for text, want := range map[string]string{
		`[]`:                         "expected a JSON object",
		`{"seed":1`:                  "unexpected EOF",
		`{"seed":1} {}`:              "something follows",
		`{"seed":1,"seed":2}`:        "duplicate",
		`{"topK":1,"top_k":2}`:       `"top_k" is there in two spellings`,
		`{"seed":1,"labels":{"a":1}`: "unexpected EOF",
	} {
		_, err := joinerOf(t, Rules{}, sourceOf("a")).WriteSubset(t.Context(), io.Discard, bad, Override{GenerationConfig: []byte(text)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestSubsetTrouble(t *testing.T) {
	broken := errors.New("disk on fire")
	source := &brokenFile{Reader: bytes.NewReader([]byte(sourceOf("a", "b")))}
	j, err := NewJoiner(t.Context(), source, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.WriteSubset(t.Context(), failingWriter{broken}, bad, Override{}); !errors.Is(err, broken) {
		t.Errorf("writer: got %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := j.WriteSubset(cancelled, io.Discard, bad, Override{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	for _, text := range []string{sourceOf("a", "x"), sourceOf("a"), sourceOf("a", "b", "c"), ok("a") + "\n{\n"} {
		source.Reader = bytes.NewReader([]byte(text))
		if _, err := j.WriteSubset(t.Context(), io.Discard, bad, Override{}); !errors.Is(err, errChanged) {
			t.Errorf("changed to %q: got %v", text, err)
		}
		if err := j.Bad(t.Context(), func(BadRow) error { return nil }); !errors.Is(err, errChanged) {
			t.Errorf("changed to %q: the list of bad rows: %v", text, err)
		}
	}
	source.err = broken
	if _, err := j.WriteSubset(t.Context(), io.Discard, bad, Override{}); !errors.Is(err, broken) {
		t.Errorf("source: got %v", err)
	}
	if _, err := j.SourceLines(t.Context(), bad, 1); !errors.Is(err, broken) {
		t.Errorf("source, lines: got %v", err)
	}
}
