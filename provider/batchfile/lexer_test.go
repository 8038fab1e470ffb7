package batchfile

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// bothWays reads a line the quick way and, where that works, the other way.
func bothWays(t *testing.T, text string) (quick bool) {
	t.Helper()
	s := scanner{keys: newIndex[int](), request: request{words: newWords()}, problems: problems{max: 5}}
	l := line{bytes: []byte(text), number: 1}
	if strings.ContainsRune(text, '\n') || !s.fine(l, &s.request) {
		return false
	}
	slow := request{words: s.request.words}
	var p parser
	p.reset([]byte(text))
	if kind := p.peek(); kind != '{' {
		t.Fatalf("read the quick way, but it begins with %v: %s", kind, text)
	}
	err := slow.read(&p)
	if err == nil {
		err = p.end()
	}
	if err != nil {
		t.Fatalf("read the quick way, but: %v\n%s", err, text)
	}
	type facts struct {
		Key                   string
		Characters            int
		MaxOutput, Candidates int64
	}
	of := func(q *request) facts { return facts{string(q.key), q.characters, q.maxOutput, q.candidates} }
	if diff := cmp.Diff(of(&slow), of(&s.request)); diff != "" {
		t.Errorf("read otherwise (-jsontext +quick):\n%s\n%s", diff, text)
	}
	again := scanner{keys: newIndex[int](), problems: problems{max: 5}}
	if again.check(l, &slow); len(again.problems.all()) > 0 {
		t.Errorf("read the quick way, but there is a problem: %v\n%s", again.problems.all(), text)
	}
	return true
}

// within puts a value into a request that is right but for it.
func within(value string) string {
	return `{"key":"k","request":{"contents":[{"parts":[{"text":"t"}]}],"tools":` + value + `}}`
}

// What is ordinary is read the quick way: else a source would be slow for it.
func TestLexerReads(t *testing.T) {
	for _, text := range []string{
		strings.TrimSuffix(sourceLine("k", prose(rand.New(rand.NewPCG(1, 2)), 3000)), "\n"),
		`{"key":"k","request":{"contents":[{"role":"user","parts":[{"text":"t"}]}]}}`,
		" {\t\"key\" : \"k\" , \"request\" : { \"contents\" : [ { \"parts\" : [ { \"text\" : \"t\" } ] } ] } } \r",
		`{"key":"\u00e9\ud83d\ude00","request":{"contents":[{"parts":[{"text":"\"\\\/\b\f\n\r\t\u65e5本 😀"}]}]}}`,
		within(`[0,-0,1.5e3,-12E-7,10.0]`), within(`[true,false,null,[],{}]`), within(`{"a":{"a":1},"b":[{"a":1},{"a":1}]}`),
	} {
		if !bothWays(t, text) {
			t.Errorf("not read the quick way: %s", text)
		}
		sameChecked(t, text)
	}
}

// sameChecked makes sure that a line is read the same whether it is looked at as a
// whole first or not.
func sameChecked(t *testing.T, text string) {
	t.Helper()
	var x, y lexer
	x.reset([]byte(text))
	y.resetChecked([]byte(text))
	a, errA := x.value()
	b, errB := y.value()
	if (errA == nil) != (errB == nil) || errA == nil && (x.at != y.at || string(a) != string(b)) {
		t.Errorf("%q: %q, %v; checked first: %q, %v", text, a, errA, b, errB)
	}
}

// What jsontext refuses, the lexer does not take.
func TestLexerRefuses(t *testing.T) {
	for _, value := range []string{
		`{"a":1,"a":1}`, `{"a":1,"b":{},"a":1}`, `{"a":1,}`, `{,"a":1}`, `{"a" 1}`, `{"a":}`, `{a:1}`, `{"a":1`, `{"a":1]`,
		`[1,]`, `[,1]`, `[1 2]`, `[1`, `[1}`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `0x1`, `NaN`, `tru`, `truex`, `nul`, `'a'`, ``,
		`"a`, "\"\x01\"", "\"\x7f\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", `"\x"`, `"\u12"`, `"\u12g4"`, `"\ud800"`, `"\ud800\u0041"`, `"\udc00"`, `"\ud800\ud800"`, `"\`,
		"\"aaaaaaaaaaaaaaaaaaaa\x1faaaaaaaaaaa\"", "\"aaaaaaaaaaaaaaaa\xffaaaaaaaaaaaaaaaaaaaaaa\"", "\x00",
	} {
		text := within(value)
		var s scanner
		s.keys, s.request.words = newIndex[int](), newWords()
		if s.fine(line{bytes: []byte(text), number: 1}, &s.request) {
			t.Errorf("read the quick way: %q", text)
		}
		sameChecked(t, text)
		var p parser
		p.reset([]byte(text))
		if _, err := p.read(); err == nil && p.end() == nil {
			t.Errorf("jsontext takes %q: it is no case for this test", text)
		}
	}
	for _, end := range []string{"x", "{}", "\x00", ","} {
		if bothWays(t, within(`1`)+end) {
			t.Errorf("read with %q at its end", end)
		}
	}
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	many := "{" + strings.Repeat(`"a":1,`, 40) + `"b":1}`
	for _, value := range []string{deep, many, `{"\u0061":1}`} {
		if bothWays(t, within(value)) {
			t.Errorf("read the quick way, which is more than the lexer is for: %s", value)
		}
	}
}

// Whatever is read the quick way is without a problem, and reads the same.
func FuzzLexer(f *testing.F) {
	f.Add(strings.TrimSuffix(sourceLine("k", "Höchstkurs \\\"a\\\" \\ud83d\\ude00 日足"), "\n"))
	f.Add(within(`{"a":[1.5e3,true,null,"\u00e9"]}`))
	f.Add(`{"key":"k","request":{"contents":[{"parts":[{"text":"t"}]}],"generationConfig":{"maxOutputTokens":12,"candidateCount":3}}}`)
	f.Add(within("\"\xff\""))
	f.Fuzz(func(t *testing.T, text string) {
		bothWays(t, text)
		// The same for the grammar alone.
		var x lexer
		x.reset([]byte(text))
		if _, err := x.value(); err == nil && x.next() == 0 && x.at == len(text) && x.at > 0 && !jsontext.Value(text).IsValid() {
			t.Errorf("the lexer takes what jsontext does not: %q", text)
		}
		sameChecked(t, text)
	})
}
