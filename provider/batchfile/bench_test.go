package batchfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// prose is text as people send it: words, some of them not ASCII, and the
// escapes of quotes and line breaks.
func prose(rng *rand.Rand, n int) string {
	words := []string{"RSI", "the", "moving", "average", "crosses", "Höchstkurs", "„Bitcoin“", `\"MACD\"`, `\n`, "日足", "below", "30", "signals", "oversold"}
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(words[rng.IntN(len(words))])
		b.WriteByte(' ')
	}
	return b.String()
}

func sourceLine(key, text string) string {
	return fmt.Sprintf(`{"key":"%s","request":{"system_instruction":{"parts":[{"text":"Answer as JSON."}]},"contents":[{"role":"user","parts":[{"text":"%s"}]}],"generation_config":{"temperature":0.2,"max_output_tokens":2048}}}`+"\n", key, text)
}

func answerLine(key, text string) string {
	return fmt.Sprintf(`{"response":{"candidates":[{"content":{"parts":[{"text":"%s"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":20,"thoughtsTokenCount":5,"cachedContentTokenCount":1,"totalTokenCount":35},"modelVersion":"gemini-2.5-flash","responseId":"x"},"key":"%s"}`+"\n", text, key)
}

// files returns a source and its answers in another order.
func files(rows, size int) (source, answers []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s, a bytes.Buffer
	text := prose(rng, size)
	for i := range rows {
		s.WriteString(sourceLine(fmt.Sprintf("row-%07d", i), text))
	}
	for _, i := range rng.Perm(rows) {
		a.WriteString(answerLine(fmt.Sprintf("row-%07d", i), text))
	}
	return s.Bytes(), a.Bytes()
}

// BenchmarkScan is to be read against the two parts below it over the same
// bytes: what sha256 and the JSON scanner need one after the other.
func BenchmarkScan(b *testing.B) {
	for _, size := range []int{300, 3000} {
		source, _ := files(30<<20/size, size)
		run := func(name string, fn func()) {
			b.Run(fmt.Sprintf("%s/text=%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(source)))
				b.ReportAllocs()
				for b.Loop() {
					fn()
				}
			})
		}
		run("scan", func() {
			_, p, err := Scan(context.Background(), bytes.NewReader(source), ScanOptions{})
			if err != nil || p != nil {
				b.Fatal(p, err)
			}
		})
		run("raw", func() {
			sha256.Sum256(source)
			readJSON(b, source)
		})
		run("sha256", func() { sha256.Sum256(source) })
		run("jsontext", func() { readJSON(b, source) })
	}
}

func readJSON(b *testing.B, file []byte) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(file))
	for {
		if _, err := dec.ReadValue(); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkJudge is to be read against the last part: what encoding/json needs
// to decode each line of the same answers once.
func BenchmarkJudge(b *testing.B) {
	for _, size := range []int{300, 3000} {
		source, answers := jsonFiles(20<<20/size, size)
		run := func(name string, fn func()) {
			b.Run(fmt.Sprintf("%s/text=%d", name, size), func(b *testing.B) {
				b.SetBytes(int64(len(answers)))
				b.ReportAllocs()
				for b.Loop() {
					fn()
				}
			})
		}
		for _, r := range []struct {
			name  string
			rules Rules
		}{
			{"default", Rules{}},
			{"json", Rules{JSON: true, MinChars: 10}},
			{"key", Rules{KeyField: "id"}},
			{"schema", Rules{Schema: schema(b, answerSchema)}},
		} {
			j, err := NewJoiner(context.Background(), bytes.NewReader(source), r.rules)
			if err != nil {
				b.Fatal(err)
			}
			run(r.name, func() {
				for i := range j.keys.rows {
					j.keys.at(i).value.class = Missing // what is good is not judged again
				}
				j.files = nil
				rep, err := j.Add(context.Background(), bytes.NewReader(answers))
				if err != nil || rep.Verdict(j.keys.rows) != Complete || j.keys.at(0).value.class != Good {
					b.Fatal(rep, err)
				}
			})
		}
		run("encoding", func() {
			for line := range bytes.Lines(answers) {
				var v any
				if err := json.Unmarshal(line, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const answerSchema = `{"type":"object","required":["id","question","answer","score","tags"],"properties":{
	"id":{"type":"string"},"question":{"type":"string","minLength":5},"answer":{"type":"string","minLength":5},
	"score":{"type":"integer","minimum":0,"maximum":10},"tags":{"type":"array","items":{"type":"string"},"maxItems":5}}}`

func schema(tb testing.TB, text string) *Schema {
	tb.Helper()
	s, err := CompileSchema("test", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// jsonFiles are like files, with answers that are JSON.
func jsonFiles(rows, size int) (source, answers []byte) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s, a bytes.Buffer
	half := prose(rng, size/2)
	for i := range rows {
		s.WriteString(sourceLine(fmt.Sprintf("row-%07d", i), half))
	}
	for _, i := range rng.Perm(rows) {
		key := fmt.Sprintf("row-%07d", i)
		inner := fmt.Sprintf(`{"id":"%s","question":"%s","answer":"%s","score":7,"tags":["rsi","macd"]}`, key, half, half)
		quoted, err := jsontext.AppendQuote(nil, inner)
		if err != nil {
			panic(err)
		}
		a.WriteString(answerLine(key, string(quoted[1:len(quoted)-1])))
	}
	return s.Bytes(), a.Bytes()
}

func BenchmarkJoin(b *testing.B) {
	source, answers := files(10000, 3000)
	b.SetBytes(int64(len(source) + len(answers)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := joinFiles(context.Background(), bytes.NewReader(source), bytes.NewReader(answers), io.Discard)
		if err != nil || r.verdict() != Complete {
			b.Fatal(r, err)
		}
	}
}
