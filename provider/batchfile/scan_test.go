package batchfile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// ok is a good line without its end.
func ok(key string) string {
	return `{"key":"` + key + `","request":{"contents":[{"parts":[{"text":"hi"}]}]}}`
}

func scan(t *testing.T, text string, o ScanOptions) (Summary, []Problem) {
	t.Helper()
	s, p, err := Scan(context.Background(), strings.NewReader(text), o)
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return s, p
}

func TestScanGood(t *testing.T) {
	tests := []struct {
		name, text string
		rows       int
		tokens     int64
	}{
		{"one line", ok("a") + "\n", 1, 1},
		{"no line feed at the end", ok("a") + "\n" + ok("b"), 2, 1},
		{"CRLF", ok("a") + "\r\n" + ok("b") + "\r\n", 2, 1},
		{"white space around", " \t" + ok("a") + " \r\n", 1, 1},
		{"members in any order", `{"request":{"generation_config":{},"contents":[{"parts":[{"text":"12345"}]}]},"key":"a"}`, 1, 2},
		{"escaped member name", `{"\u006bey":"a","request":{"contents":[{"parts":[{"text":"1234"}]}]}}`, 1, 1},
		{"system instruction counts", `{"key":"a","request":{"systemInstruction":{"parts":[{"text":"1234"}]},"contents":[{"parts":[{"text":"1234"},{"text":"1"}]}]}}`, 1, 3},
		{"only texts count", `{"key":"a","request":{"contents":[{"parts":[{"inline_data":{"data":"AAAAAAAAAAAA"}},{"text":"1234"}]}],"labels":{"text":"123456789"}}}`, 1, 1},
		{"characters, not bytes", `{"key":"a","request":{"contents":[{"parts":[{"text":"日足の移動"}]}]}}`, 1, 2},
		{"escapes are one character", `{"key":"a","request":{"contents":[{"parts":[{"text":"\n\"\\\u65e5"}]}]}}`, 1, 1},
		{"surrogate pairs too", `{"key":"a","request":{"contents":[{"parts":[{"text":"\ud83d\ude00\uD83D\uDE00xy"}]}]}}`, 1, 1},
		{"answer words inside", `{"key":"a","response":1,"request":{"contents":[{"parts":[]}]}}`, 1, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := scan(t, tt.text, ScanOptions{})
			if problems != nil {
				t.Errorf("problems: %v", problems)
			}
			want := Summary{Rows: tt.rows, Bytes: int64(len(tt.text)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(tt.text))), Tokens: tt.tokens, Unlimited: tt.rows}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScanProblems(t *testing.T) {
	bad := func(request string) string { return `{"key":"a","request":` + request + `}` }
	tests := []struct {
		name, text string
		want       string // line:column summary, one a line
	}{
		{"empty", "", `0:0 the file is empty`},
		{"a line feed alone", "\n", `1:0 the line is blank`},
		{"blank line", ok("a") + "\n\n" + ok("b") + "\n", `2:0 the line is blank`},
		{"white space line", ok("a") + "\n \t\r\n" + ok("b") + "\n", `2:0 the line is blank`},
		{"white space after the end", ok("a") + "\n  ", `2:0 white space after the last line`},
		{"word", "hello\n", `1:1 not JSON: invalid character 'h' at start of value`},
		{"number", "42\n", `1:1 the line is a number, not an object`},
		{"string", `"x"`, `1:1 the line is a string, not an object`},
		{"true", ok("a") + "\ntrue\n", `2:1 the line is true or false, not an object`},
		{"null", ok("a") + "\nnull\n", `2:1 the line is null, not an object`},
		{"array on a later line", ok("a") + "\n[1]\n", `2:1 the line is an array, not an object`},
		{"JSON array", "[\n" + ok("a") + ",\n" + ok("b") + "\n]\n", `1:1 the file begins with a JSON array, it is not JSONL`},
		{"indented", "{\n \"key\": \"a\"\n}", `1:1 the file begins with an indented JSON object, it is not JSONL`},
		{"spread over lines", ok("a") + "\n{\n}\n", `2:2 the line ends in the middle of a JSON object
3:1 not JSON: invalid character '}' at start of value`},
		{"comma after", ok("a") + ",\n", fmt.Sprintf(`1:%d not JSON: invalid character ',' at start of value`, len(ok("a"))+1)},
		{"two objects", ok("a") + ok("b"), fmt.Sprintf(`1:%d more than one JSON value on the line`, len(ok("a"))+2)},
		{"cut off", ok("a") + "\n" + ok("b")[:30], `2:31 the last line is cut off`},
		{"cut off in a string", ok("a") + "\n" + ok("b")[:9], `2:10 the last line is cut off`},
		{"cut inside", ok("a")[:30] + "\n" + ok("b") + "\n", `1:31 the line ends in the middle of a JSON object`},
		{"invalid UTF-8", `{"key":"` + "a\xff" + `"}`, `1:10 invalid UTF-8`},
		{"Latin-1 outside a string", "{\xe9}\n", `1:2 invalid UTF-8`},
		{"lone surrogate", `{"key":"\ud800"}`, `1:9 not JSON: invalid surrogate pair ` + "`\\ud800\"}`" + ` in string`},
		{"NUL", `{"key":"` + "\x00" + `"}`, `1:9 a NUL byte`},
		{"NUL tail", ok("a") + "\n\x00\x00\x00", `2:1 a NUL byte`},
		{"BOM", "\xef\xbb\xbf" + ok("a") + "\n" + ok("a"), `1:1 the file begins with a byte order mark
2:8 key "a" stands on line 1 already`},
		{"UTF-16 with BOM", "\xff\xfe{\x00\n\x00", `0:0 the file is UTF-16 or UTF-32, not UTF-8`},
		{"UTF-16 without", "{\x00\"\x00k\x00\n\x00", `0:0 the file is UTF-16, not UTF-8`},
		{"UTF-16 big", "\xfe\xff\x00{", `0:0 the file is UTF-16, not UTF-8`},
		{"gzip", "\x1f\x8b\x08\x00abc\nabc", `0:0 the file is compressed with gzip`},
		{"office", "PK\x03\x04abc\nabc", `0:0 the file is a ZIP archive or an office document`},
		{"name twice", `{"key":"a","key":"b","request":{"contents":[{}]}}`, `1:12 member "key" stands twice in one object`},
		{"name twice inside", bad(`{"contents":[{}],"generation_config":{"a":1,"a":2}}`), `1:66 member "a" stands twice in one object`},
		{"name twice, escaped", `{"key":"a","\u006bey":"b"}`, `1:12 member "key" stands twice in one object`},
		{"key missing", `{"request":{"contents":[{}]}}`, `1:0 "key" is missing`},
		{"key of another service", `{"custom_id":"a","request":{"contents":[{}]}}`, `1:0 "key" is missing`},
		{"key empty", `{"key":"","request":{"contents":[{}]}}`, `1:8 "key" is empty`},
		{"key a number", `{"key": 7,"request":{"contents":[{}]}}`, `1:9 "key" is a number, not a string`},
		{"key null", `{"key":null,"request":{"contents":[{}]}}`, `1:8 "key" is null, not a string`},
		{"key an object", `{"key":{"key":"a"},"request":{"contents":[{}]}}`, `1:8 "key" is an object, not a string`},
		{"key twice", ok("a") + "\n" + ok("b") + "\n" + ok("a") + "\n" + ok("a"), `3:8 key "a" stands on line 1 already
4:8 key "a" stands on line 1 already`},
		{"key twice, escaped", ok("a") + "\n" + ok(`\u0061`), `2:8 key "a" stands on line 1 already`},
		{"request missing", `{"key":"a"}`, `1:0 "request" is missing`},
		{"request null", bad(`null`), `1:22 "request" is null, not an object`},
		{"request a string", bad(`"hi"`), `1:22 "request" is a string, not an object`},
		{"contents missing", bad(`{"labels":{}}`), `1:22 "contents" is missing in "request"`},
		{"contents empty", bad(`{"contents":[]}`), `1:34 "contents" is empty`},
		{"contents a string", bad(`{"contents":"hi"}`), `1:34 "contents" is a string, not an array`},
		{"contents an object", bad(`{"contents":{}}`), `1:34 "contents" is an object, not an array`},
		{"contents of strings", bad(`{"contents":[{},"hi"]}`), `1:34 "contents" holds a string, not only objects`},
		{"both wrong", `{"key":1}`, `1:8 "key" is a number, not a string
1:0 "request" is missing`},
		{"a result file", answerLine("a", "x") + answerLine("b", "y"), `1:0 the line is an answer, not a request`},
		{"error rows", ok("a") + "\n" + `{"key":"b","error":{"code":3}}` + "\n", `2:0 the line is an answer, not a request`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := scan(t, tt.text, ScanOptions{})
			var got []string
			for _, p := range problems {
				got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Summary))
				if p.Detail == "" || !strings.ContainsAny(p.Detail[len(p.Detail)-1:], ".}") {
					t.Errorf("detail is no sentence: %q", p.Detail)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestScanCountsFurtherProblems(t *testing.T) {
	_, problems := scan(t, strings.Repeat("\n", 25), ScanOptions{})
	if len(problems) != 21 || problems[19].Line != 20 || problems[20].Summary != "5 more problems" {
		t.Errorf("got %v", problems)
	}
	_, problems = scan(t, strings.Repeat("\n", 4), ScanOptions{MaxProblems: 3})
	if len(problems) != 4 || problems[3].Summary != "1 more problem" {
		t.Errorf("got %v", problems)
	}
}

func TestScanSizeLimits(t *testing.T) {
	text := ok("a") + "\n" + ok("b") + "\n"
	sum, problems := scan(t, text, ScanOptions{MaxBytes: int64(len(text))})
	if problems != nil || sum.SHA256 == "" {
		t.Errorf("at the limit: %v %v", sum, problems)
	}
	sum, problems = scan(t, text, ScanOptions{MaxBytes: int64(len(text)) - 1})
	if len(problems) != 1 || !strings.Contains(problems[0].Summary, "larger than") || sum.SHA256 != "" {
		t.Errorf("over the limit: %v %v", sum, problems)
	}
	// Reading stops soon after the limit, however much there is.
	endless := &countingReader{r: endlessReader{}}
	_, problems, err := Scan(context.Background(), endless, ScanOptions{MaxBytes: 1 << 20})
	if err != nil || len(problems) != 21 || endless.n > 2<<20 {
		t.Errorf("endless: %d problems after %d bytes, %v", len(problems), endless.n, err)
	}
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

func TestScanTellsKeys(t *testing.T) {
	var got []string
	scan(t, ok("a")+"\n"+ok(`\u00e9`)+"\n"+ok("a")+"\n"+`{"key":1}`, ScanOptions{OnKey: func(line int, key string) {
		got = append(got, fmt.Sprintf("%d %s", line, key))
	}})
	if diff := cmp.Diff([]string{"1 a", "2 é", "3 a"}, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestScanReadErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, r := range []io.Reader{
		iotest.ErrReader(broken),
		io.MultiReader(strings.NewReader(ok("a")+"\n{"), iotest.ErrReader(broken)),
	} {
		if _, problems, err := Scan(context.Background(), r, ScanOptions{}); !errors.Is(err, broken) || problems != nil {
			t.Errorf("got %v, %v, want %v", problems, err, broken)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Scan(ctx, strings.NewReader(ok("a")), ScanOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	if _, _, err := Scan(context.Background(), stuckReader{}, ScanOptions{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("stuck: got %v", err)
	}
}

type stuckReader struct{}

func (stuckReader) Read([]byte) (int, error) { return 0, nil }

// Whatever pieces a file arrives in, the result is the same.
func TestScanPieces(t *testing.T) {
	text := ok("a") + "\r\n\n" + ok(strings.Repeat("k", 3*firstBuffer)) + "\n" + ok("a") + "\n{"
	wantSum, wantProblems := scan(t, text, ScanOptions{})
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte": iotest.OneByteReader, "half": iotest.HalfReader, "with the end": iotest.DataErrReader,
	} {
		sum, problems, err := Scan(context.Background(), wrap(strings.NewReader(text)), ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantSum, sum) + cmp.Diff(wantProblems, problems); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestLineLimit(t *testing.T) {
	const limit = 3 * firstBuffer
	long := strings.Repeat("x", limit)
	tests := []struct {
		text string
		want []bool // too long, for each line
	}{
		{long + "\n" + "y", []bool{false, false}},
		{long + "\r\n" + "y", []bool{false, false}},
		{long, []bool{false}},
		{long + "x", []bool{true}},
		{long + "x\ny\n" + long + "\n" + long + "xx\r\n", []bool{true, false, false, true}},
		{strings.Repeat(long, 5) + "\ny", []bool{true, false}},
		{strings.Repeat(long, 5), []bool{true}},
	}
	for i, tt := range tests {
		lines := newLineReader(context.Background(), strings.NewReader(tt.text), limit)
		var got []bool
		var offset int64
		for {
			l, err := lines.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if l.offset != offset {
				t.Errorf("%d: line %d at %d, want %d", i, l.number, l.offset, offset)
			}
			offset += int64(strings.IndexByte(tt.text[offset:]+"\n", '\n')) + 1
			got = append(got, l.tooLong)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%d: too long (-want +got):\n%s", i, diff)
		}
		if max := 4 * limit; len(lines.buf) > max {
			t.Errorf("%d: buffer grew to %d, want at most %d", i, len(lines.buf), max)
		}
	}
}

func TestScanMemory(t *testing.T) {
	const rows = 200_000
	source := &generated{rows: rows, line: []byte(`{"key":"row-000000","request":{"contents":[{}]}}` + "\n"), number: func(i int) int { return i }}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	sum, problems, err := Scan(context.Background(), section(source), ScanOptions{})
	runtime.ReadMemStats(&after)
	if err != nil || problems != nil || sum.Rows != rows {
		t.Fatalf("got %v %v %v", sum, problems, err)
	}
	// All that was ever allocated, so that no collector can hide a peak: the
	// index and its smaller predecessors.
	if got := float64(after.TotalAlloc-before.TotalAlloc) / rows; got > 70 {
		t.Errorf("%.0f bytes allocated a row, want at most 70", got)
	}
}
