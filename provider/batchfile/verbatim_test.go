package batchfile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Verbatim must tell what comparing the result with the file tells.
func TestVerbatim(t *testing.T) {
	const rows = 800
	keys, answers := make([]string, rows), make([]string, rows)
	for i := range rows {
		keys[i] = fmt.Sprintf("row-%d", i)
		answers[i] = strings.TrimSuffix(answerLine(keys[i], strings.Repeat("An answer. ", 60+i%3)), "\n")
	}
	with := func(change func(list []string) []string) string { return text(change(slices.Clone(answers))...) }
	same := func(list []string) []string { return list }
	at := func(i int, line string) func([]string) []string {
		return func(list []string) []string { list[i] = line; return list }
	}
	for _, tt := range []struct {
		name, answers string
		verbatim      bool
	}{
		{"in order", with(same), true},
		{"a bad row", with(at(7, error1("row-7"))), true},
		{"white space in a line", with(at(rows-1, " "+answers[rows-1]+" \t")), true},
		{"no line feed at the end", strings.TrimSuffix(with(same), "\n"), false},
		{"lines that end as on Windows", strings.ReplaceAll(with(same), "\n", "\r\n"), false},
		{"the last line ends as on Windows", strings.TrimSuffix(with(same), "\n") + "\r\n", false},
		{"a byte order mark", "\xef\xbb\xbf" + with(same), false},
		{"blank lines at the end", with(same) + "\n", false},
		{"a blank line", with(at(3, answers[3]+"\n")), false},
		{"two swapped", with(func(list []string) []string { list[5], list[6] = list[6], list[5]; return list }), false},
		{"backwards", with(func(list []string) []string { slices.Reverse(list); return list }), false},
		{"the first is missing", with(func(list []string) []string { return list[1:] }), false},
		{"the last is missing", with(func(list []string) []string { return list[:rows-1] }), false},
		{"one is missing", with(func(list []string) []string { return slices.Delete(list, 9, 10) }), false},
		{"one says that it is missing", with(at(9, none("row-9"))), false},
		{"a line twice", with(at(9, answers[9]+"\n"+answers[9])), false},
		{"the last line twice", with(same) + answers[rows-1] + "\n", false},
		{"a bad line, then a good one", with(at(9, error1("row-9")+"\n"+answers[9])), false},
		{"a good line, then a bad one", with(at(9, answers[9]+"\n"+error1("row-9"))), false},
		{"a key that nobody asked for", with(at(9, answers[9]+"\n"+answer1("other"))), false},
		{"junk at the end", with(same) + "junk\n", false},
		{"junk between", with(at(9, answers[9]+"\n{")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j, err := NewJoiner(t.Context(), strings.NewReader(sourceOf(keys...)), Rules{})
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := j.Verbatim(); ok {
				t.Error("verbatim before anything was added")
			}
			if _, err := j.Add(t.Context(), strings.NewReader(tt.answers)); err != nil {
				t.Fatal(err)
			}
			var w strings.Builder
			if err := j.WriteResult(t.Context(), &w); err != nil {
				t.Fatal(err)
			}
			sum, ok := j.Verbatim()
			want := sha256.Sum256([]byte(tt.answers))
			if ok != tt.verbatim || ok && sum != hex.EncodeToString(want[:]) {
				t.Errorf("verbatim: %v, %s; want %v", ok, sum, tt.verbatim)
			}
			// A line that says that its key is missing is made anew, as it was.
			if same := w.String() == tt.answers; same != tt.verbatim && tt.name != "one says that it is missing" {
				t.Errorf("the result is the file: %v", same)
			}
			// Another file, even one of no use, makes it two.
			if _, err := j.Add(t.Context(), strings.NewReader("")); err != nil {
				t.Fatal(err)
			}
			if _, ok := j.Verbatim(); ok {
				t.Error("verbatim with two files")
			}
		})
	}
}

// What is small is not worth it; what is large is hashed ahead.
func TestVerbatimBySize(t *testing.T) {
	for _, bytes := range []int{0, 1000, verbatimFrom - 300, verbatimFrom + 300, aheadFrom + 300, 3*aheadFrom + 1} {
		var source, answers strings.Builder
		for i := 0; answers.Len() < bytes; i++ {
			key := fmt.Sprintf("row-%d", i)
			source.WriteString(ok(key) + "\n")
			answers.WriteString(answerLine(key, strings.Repeat("An answer. ", 10)))
		}
		j, err := NewJoiner(t.Context(), strings.NewReader(source.String()), Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := j.Add(t.Context(), strings.NewReader(answers.String())); err != nil {
			t.Fatal(err)
		}
		sum, ok := j.Verbatim()
		want := sha256.Sum256([]byte(answers.String()))
		if ok != (answers.Len() >= verbatimFrom) || ok && sum != hex.EncodeToString(want[:]) {
			t.Errorf("%d bytes: %v, %s", answers.Len(), ok, sum)
		}
	}
}
