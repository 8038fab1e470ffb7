package batchfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const missingRow = `{"key":"%s","error":{"code":5,"message":"qaplan: no answer from the service"}}`

// said is a candidate with an answer.
const said = `{"content":{"parts":[{"text":"x"}],"role":"model"},"finishReason":"STOP"}`

func answer1(key string) string {
	return `{"response":{"candidates":[` + said + `]},"key":"` + key + `"}`
}
func error1(key string) string { return `{"key":"` + key + `","error":{"code":13,"message":"x"}}` }
func none(key string) string   { return fmt.Sprintf(missingRow, key) }

func sourceOf(keys ...string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(ok(k) + "\n")
	}
	return b.String()
}

func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }

// joined is what answers made of a source.
type joined struct {
	FileReport
	Rows   JoinReport
	Result string
}

// joinFiles joins one file of answers under the rules that hold by default.
func joinFiles(ctx context.Context, source, answers File, w io.Writer) (r joined, err error) {
	j, err := NewJoiner(ctx, source, Rules{})
	if err != nil {
		return r, err
	}
	if r.FileReport, err = j.Add(ctx, answers); err != nil {
		return r, err
	}
	if r.Rows, err = j.Report(); err != nil {
		return r, err
	}
	return r, j.WriteResult(ctx, w)
}

func join(t *testing.T, source, answers string) joined {
	t.Helper()
	var w strings.Builder
	r, err := joinFiles(context.Background(), strings.NewReader(source), strings.NewReader(answers), &w)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	r.Result = w.String()
	return r
}

// tally is the part of a report that says where each line and key went.
type tally struct{ Succeeded, Failed, Missing, Doubled, Unknown, Malformed int }

func (r *joined) tally() tally {
	rows := r.Rows.Rows
	return tally{rows[Good] + rows[Blocked], rows[Failed], rows[Missing], r.Doubled, r.Unknown, r.Malformed}
}

func (r *joined) verdict() Verdict { return r.Verdict(r.Rows.Rows.Total()) }

func TestJoin(t *testing.T) {
	bothWays := `{"key":"a","response":{"candidates":[` + said + `]},"error":{"code":3}}`
	tests := []struct {
		name            string
		source, answers string
		want            string
		rows            tally
		verdict         Verdict
	}{
		{"in order", sourceOf("a", "b"), text(answer1("a"), answer1("b")), text(answer1("a"), answer1("b")), tally{Succeeded: 2}, Complete},
		{"shuffled", sourceOf("a", "b", "c"), text(answer1("c"), answer1("a"), answer1("b")), text(answer1("a"), answer1("b"), answer1("c")), tally{Succeeded: 3}, Complete},
		{"key first", sourceOf("a"), `{"key":"a","response":{"candidates":[` + said + `]}}`, text(`{"key":"a","response":{"candidates":[` + said + `]}}`), tally{Succeeded: 1}, Complete},
		{"bytes are kept", sourceOf("a"), ` {"key" : "a",  "response":{"candidates":[1e400,"\u0061\/"],"candidates":[` + said + `]} }` + " \n", text(` {"key" : "a",  "response":{"candidates":[1e400,"\u0061\/"],"candidates":[` + said + `]} } `), tally{Succeeded: 1}, Complete},
		{"CRLF becomes LF", sourceOf("a", "b"), answer1("b") + "\r\n" + answer1("a") + "\r\n", text(answer1("a"), answer1("b")), tally{Succeeded: 2}, Complete},
		{"source with CRLF", strings.ReplaceAll(sourceOf("a", "b"), "\n", "\r\n"), text(answer1("b")), text(none("a"), answer1("b")), tally{Succeeded: 1, Missing: 1}, Damaged},
		{"byte order marks", "\xef\xbb\xbf" + sourceOf("a", "b"), "\xef\xbb\xbf" + text(answer1("b")), text(none("a"), answer1("b")), tally{Succeeded: 1, Missing: 1}, Damaged},
		{"no line feed at the end", sourceOf("a"), answer1("a"), text(answer1("a")), tally{Succeeded: 1}, Complete},
		{"blank lines", "\n" + sourceOf("a"), "\n\n" + answer1("a") + "\n \n", text(answer1("a")), tally{Succeeded: 1}, Complete},
		{"error row", sourceOf("a"), text(error1("a")), text(error1("a")), tally{Failed: 1}, Complete},
		{"blocked prompt", sourceOf("a"), text(`{"key":"a","response":{"promptFeedback":{}}}`), text(`{"key":"a","response":{"promptFeedback":{}}}`), tally{Succeeded: 1}, Complete},
		{"missing", sourceOf("a", "b"), text(answer1("b")), text(none("a"), answer1("b")), tally{Succeeded: 1, Missing: 1}, Damaged},
		{"missing key with escapes", sourceOf(`\"\u00e9\\`), "", text(none(`\"\u00e9\\`)), tally{Missing: 1}, Damaged},
		{"no answers", sourceOf("a"), "", text(none("a")), tally{Missing: 1}, Damaged},
		{"unknown", sourceOf("a"), text(answer1("z"), answer1("a")), text(answer1("a")), tally{Succeeded: 1, Unknown: 1}, Damaged},
		{"another job", sourceOf("a"), text(answer1("z"), answer1("y")), text(none("a")), tally{Missing: 1, Unknown: 2}, Foreign},
		{"nothing legible", sourceOf("a"), text("<html>"), text(none("a")), tally{Missing: 1, Malformed: 1}, Damaged},
		{"cut off", sourceOf("a", "b"), answer1("a") + "\n" + answer1("b")[:20], text(answer1("a"), none("b")), tally{Succeeded: 1, Missing: 1, Malformed: 1}, Damaged},
		{"equal keys", sourceOf("a", `\u0062`, "é"), text(answer1(`\u0061`), answer1("b"), answer1(`\u00e9`)), text(answer1(`\u0061`), answer1("b"), answer1(`\u00e9`)), tally{Succeeded: 3}, Complete},
		{"keys are exact", sourceOf("a"), text(answer1("A"), answer1("a "), answer1("a")), text(answer1("a")), tally{Succeeded: 1, Unknown: 2}, Damaged},
		{"doubled: the first good one", sourceOf("a"), text(answer1("a"), `{"key":"a","response":{"candidates":[`+said+`,{}]}}`), text(answer1("a")), tally{Succeeded: 1, Doubled: 1}, Complete},
		{"doubled: good after bad", sourceOf("a"), text(error1("a"), answer1("a"), error1("a")), text(answer1("a")), tally{Succeeded: 1, Doubled: 2}, Complete},
		{"doubled: the first bad one", sourceOf("a"), text(error1("a"), bothWays), text(error1("a")), tally{Failed: 1, Doubled: 1}, Complete},
		{"malformed lines", sourceOf("a"), text(`[]`, `{"response":{}}`, `{"key":1}`, `{"key":""}`, `{"key":"a"`, `{"key":"a","key":"a","response":{}}`, `{"key":"\ud800"}`, "{\"key\":\"a\",\"x\":\"\xff\"}", answer1("a")+answer1("a"), answer1("a")), text(answer1("a")), tally{Succeeded: 1, Malformed: 9}, Damaged},
		{"empty source", "", "", "", tally{}, Complete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			report := join(t, tt.source, tt.answers)
			if diff := cmp.Diff(tt.want, report.Result); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rows, report.tally()); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if got := report.verdict(); got != tt.verdict {
				t.Errorf("verdict %v, want %v", got, tt.verdict)
			}
		})
	}
}

// Each line is the answer to key "a".
func TestAnswerIsGood(t *testing.T) {
	tests := []struct {
		members string
		good    bool
		code    int
	}{
		{`"response":{"candidates":[` + said + `]}`, true, 0},
		{`"response":{}`, true, 0},
		{`"response":{},"error":null`, true, 0},
		{`"response":{},"error":{}`, true, 0},
		{`"response":{},"status":""`, true, 0},
		{`"response":{},"status":"OK"`, true, 0},
		{`"response":{},"status":{"code":0}`, true, 0},
		{`"response":{},"status":{"code":0,"message":"fine"}`, true, 0},
		{`"response":{},"message":"hello"`, true, 0},
		{`"response":{},"code":0`, true, 0},
		{`"response":{},"metadata":{"error":{"code":3}}`, true, 0},
		{`"response":{},"error":{"code":8}`, false, 8},
		{`"error":{"code":3,"message":"bad"}`, false, 3},
		{`"error":{"message":"bad"}`, false, 2},
		{`"error":{"details":[]}`, false, 2},
		{`"error":{"code":429}`, false, 2},
		{`"error":{"code":-1}`, false, 2},
		{`"error":{"code":99999999999999999999}`, false, 2},
		{`"error":{"code":"INVALID_ARGUMENT"}`, false, 2},
		{`"error":"bad"`, false, 2},
		{`"error":[]`, false, 2},
		{`"status":{"code":1,"message":"cancelled"}`, false, 1},
		{`"status":{"code":1},"error":"x"`, false, 1},
		{`"error":"x","status":{"code":1}`, false, 1},
		{`"status":"FAILED"`, false, 2},
		{`"code":13,"message":"internal"`, false, 13},
		{`"response":{},"code":13,"message":"internal"`, false, 13},
		{`"message":"internal"`, false, 2},
		{`"response":null`, false, 2},
		{`"response":"text"`, false, 2},
		{`"response":[]`, false, 2},
		{`"other":1`, false, 2},
	}
	for _, tt := range tests {
		for _, line := range []string{`{"key":"a",` + tt.members + `}`, `{` + tt.members + `,"key":"a"}`} {
			report := join(t, sourceOf("a"), line)
			if report.Result != line+"\n" {
				t.Errorf("%s: result %s", line, report.Result)
			}
			want := tally{Failed: 1}
			var codes map[int]int
			if tt.good {
				want = tally{Succeeded: 1}
			} else {
				codes = map[int]int{tt.code: 1}
			}
			if diff := cmp.Diff(want, report.tally()) + cmp.Diff(codes, report.Rows.Codes); diff != "" {
				t.Errorf("%s (-want +got):\n%s", line, diff)
			}
		}
	}
}

func TestJoinReport(t *testing.T) {
	var keys []string
	for i := range 30 {
		keys = append(keys, fmt.Sprintf("k%02d", i))
	}
	usage := func(key, counts string) string {
		return `{"key":"` + key + `","response":{"usageMetadata":{` + counts + `},"candidates":[` + said + `]}}`
	}
	long := strings.Repeat("é", 200)
	answers := text(
		answer1("u1"), answer1(long),
		usage("k00", `"promptTokenCount":10,"candidatesTokenCount":20,"thoughtsTokenCount":5,"cachedContentTokenCount":4,"totalTokenCount":35`),
		usage("k00", `"promptTokenCount":1000`), // doubled, not in the result
		usage("k99", `"promptTokenCount":1000`), // unknown
		usage("k01", `"promptTokenCount":"7","toolUsePromptTokenCount":2,"candidatesTokenCount":-3,"thoughtsTokenCount":9e99`),
		`{"key":"k02","error":{"code":8},"response":{"usageMetadata":{"promptTokenCount":1000}}}`,
		`{"key":"k03","error":{"code":8}}`,
		`{"key":"k04","response":{"candidates":[ ]}}`,
		`{"key":"k05","response":{"candidates":null,"usageMetadata":[]}}`,
		"", "bad", "worse",
	)
	got := join(t, sourceOf(keys...), answers)
	want := joined{
		FileReport: FileReport{
			Lines: 12, Answered: 6, Doubled: 1, Unknown: 3, Malformed: 2, FirstMalformedLine: 12,
			UnknownKeys: []string{"u1", strings.Repeat("é", 128), "k99"},
			Usage:       Usage{Input: 2019, Output: 20, Thoughts: 5, Cached: 4},
		},
		Rows: JoinReport{
			Rows:        Counts{Good: 2, Blocked: 2, Failed: 2, Missing: 24},
			Codes:       map[int]int{8: 2},
			MissingKeys: keys[6:16],
			Usage:       Usage{Input: 1019, Output: 20, Thoughts: 5, Cached: 4},
		},
		Result: got.Result,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// What rows with long prompts took is summed apart: in a file with each further
// line, over all files with the row that counts.
func TestJoinerTellsLongPromptsApart(t *testing.T) {
	row := func(key string, prompt, cached, output int, finish string) string {
		return fmt.Sprintf(`{"key":"%s","response":{"usageMetadata":{"promptTokenCount":%d,"cachedContentTokenCount":%d,"candidatesTokenCount":%d},"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"%s"}]}}`,
			key, prompt, cached, output, finish)
	}
	j, err := NewJoiner(t.Context(), strings.NewReader(sourceOf("a", "b", "c")), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	first, err := j.Add(t.Context(), strings.NewReader(text(
		row("a", LongPrompt, 1, 10, "STOP"), row("b", LongPrompt+1, 2, 20, "MAX_TOKENS"), row("c", LongPrompt+5, 3, 30, "STOP"), row("c", LongPrompt+7, 4, 40, "STOP"),
	)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Usage{Input: 3*LongPrompt + 13, Output: 90, Cached: 9}); first.Long != want {
		t.Errorf("of the first file: %+v, want %+v", first.Long, want)
	}
	second, err := j.Add(t.Context(), strings.NewReader(text(row("b", 100, 0, 7, "STOP"))))
	if err != nil {
		t.Fatal(err)
	}
	if second.Long != (Usage{}) {
		t.Errorf("of the second file: %+v, want nothing", second.Long)
	}
	report, err := j.Report()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Usage{Input: LongPrompt + 5, Output: 30, Cached: 3}); report.Long != want {
		t.Errorf("of the rows that count: %+v, want %+v", report.Long, want)
	}
}

// Rows of several files: those of an earlier attempt and those of the next.
func TestJoinerAddsFiles(t *testing.T) {
	j, err := NewJoiner(t.Context(), strings.NewReader(sourceOf("a", "b", "c", "d")), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	for _, answers := range []string{text(error1("a"), answer1("b")), text(error1("b"), answer1("a"), error1("c")), ""} {
		if _, err := j.Add(t.Context(), strings.NewReader(answers)); err != nil {
			t.Fatal(err)
		}
	}
	report, err := j.Report()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Counts{Good: 2, Failed: 1, Missing: 1}, report.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var w strings.Builder
	if err := j.WriteResult(t.Context(), &w); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(answer1("a"), answer1("b"), error1("c"), none("d")), w.String()); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestNewJoinerRefusesSource(t *testing.T) {
	for text, line := range map[string]int{
		ok("a") + "\n" + ok("b") + "\n" + ok(`\u0061`): 3,
		ok("a") + "\n{":      2,
		`{"request":{}}`:     1,
		"\n\n" + `{"key":7}`: 3,
	} {
		_, err := NewJoiner(t.Context(), strings.NewReader(text), Rules{})
		var source *SourceError
		if !errors.As(err, &source) || source.Line != line {
			t.Errorf("%q: got %v, want an error on line %d", text, err, line)
		}
	}
}

// brokenFile fails or shrinks behind a reader's back.
type brokenFile struct {
	*bytes.Reader
	err error // of every read from now on
	cut int64 // nothing is left after it, when it is not 0
}

func (b *brokenFile) ReadAt(p []byte, off int64) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.Reader.ReadAt(p, off)
	if b.cut > 0 && off+int64(n) > b.cut {
		return int(max(0, b.cut-off)), io.EOF
	}
	return n, err
}

func TestJoinFileTrouble(t *testing.T) {
	broken := errors.New("disk on fire")
	ctx := context.Background()
	source := []byte(sourceOf("a", "b"))
	answers := []byte(text(answer1("b")))

	if _, err := joinFiles(ctx, &brokenFile{Reader: bytes.NewReader(source), err: broken}, bytes.NewReader(answers), io.Discard); !errors.Is(err, broken) {
		t.Errorf("source: got %v", err)
	}
	if _, err := joinFiles(ctx, bytes.NewReader(source), &brokenFile{Reader: bytes.NewReader(answers), err: broken}, io.Discard); !errors.Is(err, broken) {
		t.Errorf("answers: got %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := joinFiles(cancelled, bytes.NewReader(source), bytes.NewReader(answers), io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, err := joinFiles(ctx, bytes.NewReader(source), bytes.NewReader(answers), failingWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("writer: got %v", err)
	}

	prepare := func() (*Joiner, *brokenFile, *brokenFile) {
		s, a := &brokenFile{Reader: bytes.NewReader(bytes.Clone(source))}, &brokenFile{Reader: bytes.NewReader(answers)}
		j, err := NewJoiner(ctx, s, Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Add(ctx, a); err != nil {
			t.Fatal(err)
		}
		return j, s, a
	}
	j, _, a := prepare()
	a.cut = 5
	if err := j.WriteResult(ctx, io.Discard); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("answers cut: got %v", err)
	}
	j, s, _ := prepare()
	s.Reader = bytes.NewReader([]byte(sourceOf("x", "y")))
	if err := j.WriteResult(ctx, io.Discard); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("source changed: got %v", err)
	}
	if _, err := j.Report(); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("source changed, report: got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// Any order of many rows, with all that can happen to some of them.
func TestJoinMany(t *testing.T) {
	const rows = 20_000
	rng := rand.New(rand.NewPCG(3, 4))
	var source, want strings.Builder
	var lines []string
	var rowsWant tally
	for i := range rows {
		key := fmt.Sprintf("row-%d", i)
		good := fmt.Sprintf(`{"response":{"candidates":[{"content":{"parts":[{"text":"%s"}]}}]},"key":"%s"}`, strings.Repeat("x", 1+rng.IntN(300)), key)
		source.WriteString(ok(key) + "\n")
		switch rng.IntN(10) {
		case 0:
			want.WriteString(none(key) + "\n")
			rowsWant.Missing++
			continue
		case 1:
			lines = append(lines, error1(key))
			want.WriteString(error1(key) + "\n")
			rowsWant.Failed++
			continue
		case 2:
			lines = append(lines, good, error1(key))
			rowsWant.Doubled++
		case 3:
			lines = append(lines, good, answer1("other-"+key), good[:len(good)/2])
			rowsWant.Unknown++
			rowsWant.Malformed++
		default:
			lines = append(lines, good)
		}
		rowsWant.Succeeded++
		want.WriteString(good + "\n")
	}
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	report := join(t, source.String(), text(lines...))
	if report.Result != want.String() {
		t.Error("the result differs from what is wanted")
	}
	if diff := cmp.Diff(rowsWant, report.tally()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// generated is a file of lines that differ in six digits. They are made as they
// are read, without garbage, since the test below counts that.
type generated struct {
	rows   int
	line   []byte
	number func(i int) int
}

func (g *generated) Size() int64 { return int64(g.rows * len(g.line)) }

func (g *generated) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off >= g.Size() {
			return n, io.EOF
		}
		number := g.number(int(off) / len(g.line))
		for digit := len(`{"key":"row-00000`); digit >= len(`{"key":"row-`); digit-- {
			g.line[digit] = byte('0' + number%10)
			number /= 10
		}
		c := copy(p[n:], g.line[int(off)%len(g.line):])
		n += c
		off += int64(c)
	}
	return n, nil
}

// A million rows, with all that is remembered of a row: its place, its class and
// what its request asks for.
func TestJoinMemory(t *testing.T) {
	const rows = manyRows
	source := &generated{rows: rows, number: func(i int) int { return i },
		line: []byte(`{"key":"row-000000","request":{"generation_config":{"response_schema":{"type":"INTEGER"}}}}` + "\n")}
	answers := &generated{rows: rows, number: func(i int) int { return (i*7919 + 13) % rows },
		line: []byte(`{"key":"row-000000","response":{"candidates":[{"content":{"parts":[{"text":"5"}]}}]}}` + "\n")}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	j, err := NewJoiner(t.Context(), source, Rules{AsRequested: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range j.asked {
		j.asked[i] = j.forms.alone() // a schema makes garbage for each row
	}
	if _, err := j.Add(t.Context(), answers); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	report, err := j.Report()
	if err != nil || report.Rows != (Counts{Good: rows}) {
		t.Fatalf("got %v, %v", report, err)
	}
	if got := float64(after.HeapAlloc-before.HeapAlloc) / rows; got > 48 {
		t.Errorf("%.0f bytes held a row, want at most 48", got)
	}
	if got := float64(after.TotalAlloc-before.TotalAlloc) / rows; got > 80 {
		t.Errorf("%.0f bytes allocated a row, want at most 80", got)
	}
}

// Copying rows out takes no memory for each of them.
func TestResultMemory(t *testing.T) {
	const rows = 100_000
	source := &generated{rows: rows, line: []byte(`{"key":"row-000000","request":{}}` + "\n"), number: func(i int) int { return i }}
	answers := &generated{rows: rows, line: []byte(`{"key":"row-000000","response":{}}` + "\n"), number: func(i int) int { return (i*7919 + 13) % rows }}
	j, err := NewJoiner(t.Context(), source, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Add(t.Context(), answers); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func() error{
		"result": func() error { return j.WriteResult(t.Context(), io.Discard) },
		"subset": func() error {
			sub, err := j.WriteSubset(t.Context(), io.Discard, bad, Override{})
			if sub.Rows != rows {
				t.Errorf("%d rows in the subset", sub.Rows)
			}
			return err
		},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := write()
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; err != nil || got > 2<<20 {
			t.Errorf("%s: %d bytes allocated, %v", name, got, err)
		}
	}
}

func TestKeys(t *testing.T) {
	text := text(answer1("b"), "", "junk", error1(`\u0061`), answer1("b"), `{"key":1}`, ok("c"))
	var got []string
	malformed, err := Keys(t.Context(), strings.NewReader(text), func(line int, key []byte) error {
		got = append(got, fmt.Sprintf("%d %s", line, key))
		return nil
	})
	if err != nil || malformed != 2 {
		t.Errorf("got %d malformed, %v", malformed, err)
	}
	if diff := cmp.Diff([]string{"1 b", "4 a", "5 b", "7 c"}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	stop := errors.New("enough")
	if _, err := Keys(t.Context(), strings.NewReader(text), func(int, []byte) error { return stop }); err != stop {
		t.Errorf("got %v, want %v", err, stop)
	}
}
