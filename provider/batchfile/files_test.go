package batchfile

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// used is the answer to a key, with its class and what it cost.
func used(key string, class Class, tokens int) string {
	usage := fmt.Sprintf(`"usageMetadata":{"promptTokenCount":%d}`, tokens)
	switch class {
	case Good:
		return `{"response":{"candidates":[` + said + `],` + usage + `},"key":"` + key + `"}`
	case Truncated:
		return `{"response":{` + usage + `,"candidates":[{"finishReason":"MAX_TOKENS"}]},"key":"` + key + `"}`
	case Blocked:
		return `{"response":{` + usage + `},"key":"` + key + `"}`
	case Empty:
		return `{"key":"` + key + `","response":{"candidates":[{}],` + usage + `}}`
	case Failed:
		return `{"key":"` + key + `","response":{` + usage + `},"error":{"code":13}}`
	}
	return none(key)
}

func TestFileReport(t *testing.T) {
	j := joinerOf(t, Rules{}, sourceOf("a", "b", "c", "d"))
	add := func(lines ...string) FileReport {
		t.Helper()
		r, err := j.Add(t.Context(), strings.NewReader(text(lines...)))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	steps := []struct {
		name    string
		lines   []string
		want    FileReport
		rows    Counts
		usage   int64
		sent    int
		verdict Verdict
	}{
		{"the first attempt", []string{used("a", Good, 1), used("b", Truncated, 10), used("c", Failed, 100), `{"key":"d","error":{"code":1}}`, used("a", Good, 1000)},
			FileReport{Lines: 5, Answered: 4, Doubled: 1, Cancelled: 1, Usage: Usage{Input: 1111}},
			Counts{Good: 1, Truncated: 1, Failed: 2}, 111, 4, Complete},
		{"a repair", []string{used("b", Good, 20), used("c", Empty, 200), used("d", Good, 2000)},
			FileReport{Lines: 3, Answered: 3, Usage: Usage{Input: 2220}},
			Counts{Good: 3, Failed: 1}, 2121, 3, Complete},
		{"the same key in another file is not doubled", []string{used("b", Truncated, 1), used("c", Good, 5)},
			FileReport{Lines: 2, Answered: 2, Usage: Usage{Input: 6}},
			Counts{Good: 4}, 2026, 2, Complete},
		{"a key that was not sent", []string{used("b", Good, 1), used("a", Good, 1)},
			FileReport{Lines: 2, Answered: 2, Usage: Usage{Input: 2}},
			Counts{Good: 4}, 2026, 1, Damaged},
		{"fewer than were sent", []string{used("b", Good, 1)}, FileReport{Lines: 1, Answered: 1, Usage: Usage{Input: 1}}, Counts{Good: 4}, 2026, 2, Damaged},
		{"a line too many", []string{used("b", Good, 1), used("z", Good, 1)},
			FileReport{Lines: 2, Answered: 1, Unknown: 1, UnknownKeys: []string{"z"}, Usage: Usage{Input: 1}}, Counts{Good: 4}, 2026, 1, Damaged},
		{"a line that is none", []string{used("b", Good, 1), "", "junk"},
			FileReport{Lines: 2, Answered: 1, Malformed: 1, FirstMalformedLine: 3, Usage: Usage{Input: 1}}, Counts{Good: 4}, 2026, 1, Damaged},
		{"another job's", []string{used("y", Good, 1), "junk"},
			FileReport{Lines: 2, Unknown: 1, UnknownKeys: []string{"y"}, Malformed: 1, FirstMalformedLine: 2}, Counts{Good: 4}, 2026, 1, Foreign},
		{"nothing", []string{""}, FileReport{}, Counts{Good: 4}, 2026, 0, Complete},
		{"nothing of something", []string{""}, FileReport{}, Counts{Good: 4}, 2026, 1, Damaged},
	}
	for _, step := range steps {
		got := add(step.lines...)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if v := got.Verdict(step.sent); v != step.verdict {
			t.Errorf("%s: verdict %v, want %v", step.name, v, step.verdict)
		}
		r, err := j.Report()
		if diff := cmp.Diff(step.rows, r.Rows); err != nil || diff != "" || r.Usage.Input != step.usage {
			t.Errorf("%s: %v, usage %d, want %d; rows (-want +got):\n%s", step.name, err, r.Usage.Input, step.usage, diff)
		}
	}
}

// A result that was written before takes the place of the answers that it was
// made of: nothing is found otherwise than before.
func TestResultIsAnswers(t *testing.T) {
	source := sourceOf("a", `\u0062`, "c", "d")
	first := joinerOf(t, Rules{}, source, text(used("a", Good, 1), used("c", Blocked, 2)))
	var result strings.Builder
	if err := first.WriteResult(t.Context(), &result); err != nil {
		t.Fatal(err)
	}
	again := joinerOf(t, Rules{}, source)
	file, err := again.Add(t.Context(), strings.NewReader(result.String()))
	if err != nil || file.Verdict(4) != Complete {
		t.Errorf("got %+v, %v", file, err)
	}
	want, err1 := first.Report()
	got, err2 := again.Report()
	if diff := cmp.Diff(want, got); diff != "" || err1 != nil || err2 != nil || got.Rows[Missing] != 2 {
		t.Errorf("%v, %v (-want +got):\n%s", err1, err2, diff)
	}
	if _, err := again.Add(t.Context(), strings.NewReader(text(used("b", Good, 4)))); err != nil {
		t.Fatal(err)
	}
	if r, err := again.Report(); err != nil || r.Rows != (Counts{Good: 2, Blocked: 1, Missing: 1}) || r.Usage.Input != 7 {
		t.Errorf("after a repair: %+v, %v", r, err)
	}
}

// Whatever lines come in whatever files, each key has the first good line, else
// the first.
func TestJoinerProperties(t *testing.T) {
	const keys = 40
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var names []string
		for i := range keys {
			names = append(names, fmt.Sprintf("k%d", i))
		}
		j := joinerOf(t, Rules{}, sourceOf(names...))
		type row struct {
			class  Class
			tokens int64
			line   string
		}
		rows := map[string]row{}
		for range 1 + rng.IntN(4) {
			var lines []string
			inFile := map[string]bool{}
			var want FileReport
			for range rng.IntN(2 * keys) {
				i, class, n := rng.IntN(keys+3), Class(rng.IntN(int(Good)+1)), rng.IntN(1000)
				key := fmt.Sprintf("k%d", i)
				if class == Invalid {
					class = Good
				}
				line := used(key, class, n)
				lines = append(lines, line)
				want.Lines++
				switch {
				case i >= keys:
					want.Unknown++
					continue
				case inFile[key]:
					want.Doubled++
				default:
					inFile[key] = true
					want.Answered++
				}
				if class != Missing {
					want.Usage.Input += int64(n)
				}
				if class != Missing && (rows[key].class == Missing || rows[key].class != Good && class == Good) {
					rows[key] = row{class, int64(n), line}
				}
			}
			got, err := j.Add(t.Context(), strings.NewReader(text(lines...)))
			got.UnknownKeys = nil
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Fatalf("seed %d: %v (-want +got):\n%s", seed, err, diff)
			}
		}
		var want JoinReport
		var result bytes.Buffer
		for _, key := range names {
			r := rows[key]
			want.Rows[r.class]++
			want.Usage.Input += r.tokens
			if r.class == Missing {
				r.line = none(key)
			}
			result.WriteString(r.line + "\n")
		}
		got, err := j.Report()
		got.MissingKeys, got.Codes = nil, nil
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("seed %d: %v (-want +got):\n%s", seed, err, diff)
		}
		checkJoiner(t, j, result.Bytes())
	}
}

// checkJoiner holds against each other what a Joiner says in several ways.
func checkJoiner(t *testing.T, j *Joiner, result []byte) {
	t.Helper()
	r, err := j.Report()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := j.WriteResult(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), result) {
		t.Fatalf("result %q, %v, want %q", got.Bytes(), err, result)
	}
	var counts Counts
	line := 0
	if err := j.Bad(t.Context(), func(b BadRow) error {
		counts[b.Class]++
		if b.Line <= line || b.Reason == "" || len(b.Reason) > 2*maxReason || strings.ContainsAny(b.Reason, "\n\r") {
			t.Errorf("after line %d: %+v", line, b)
		}
		line = b.Line
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := j.Rows(t.Context(), func(*Row) error {
		counts[Good]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if counts != r.Rows || counts.Total() != j.keys.rows {
		t.Errorf("rows one by one: %v, the report: %v", counts, r.Rows)
	}
	codes := 0
	for _, n := range r.Codes {
		codes += n
	}
	if codes != r.Rows[Failed] {
		t.Errorf("codes %v of %d errors", r.Codes, r.Rows[Failed])
	}
	for class, n := range r.Rows {
		sub, err := j.WriteSubset(t.Context(), io.Discard, func(c Class, _ int) bool { return c == Class(class) }, Override{})
		if err != nil || sub.Rows != n {
			t.Errorf("subset of class %v: %+v, %v, want %d rows", Class(class), sub, err, n)
		}
	}
}
