package batchfile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	gocmp "github.com/google/go-cmp/cmp"
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

// growing is a file of which nobody may ask for more than has come so far.
type growing struct {
	text  string
	piece func() int
	err   error // in place of the end

	mu   sync.Mutex
	came int
}

func (g *growing) Size() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return int64(g.came)
}

func (g *growing) ReadAt(p []byte, off int64) (int, error) {
	return strings.NewReader(g.text[:g.Size()]).ReadAt(p, off)
}

func (g *growing) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.came == len(g.text) {
		return 0, cmp.Or(g.err, io.EOF)
	}
	n := copy(p[:min(len(p), g.piece())], g.text[g.came:])
	g.came += n
	return n, nil
}

// Answers that are judged while they come are judged as those that are there.
func TestAddComing(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, rows := range []int{0, 1, 300, 5000} {
		for _, mixed := range []bool{false, true} {
			var source strings.Builder
			var lines []string
			for i := range rows {
				key := fmt.Sprintf("row-%d", i)
				source.WriteString(ok(key) + "\n")
				lines = append(lines, answerLine(key, strings.Repeat("An answer. ", 1+rng.IntN(60))))
				if mixed && rng.IntN(3) == 0 {
					lines = append(lines, error1(key)+"\n", answer1("not-"+key)+"\n", "{\n")
				}
			}
			if mixed {
				rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			}
			answers := strings.Join(lines, "")
			added, want := newTestJoiner(t, source.String()), ""
			coming, got := newTestJoiner(t, source.String()), ""
			file := &growing{text: answers, piece: func() int { return 1 + rng.IntN(100_000) }}
			r1, err1 := added.Add(t.Context(), strings.NewReader(answers))
			r2, err2 := coming.AddComing(t.Context(), file, file)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if diff := gocmp.Diff(r1, r2); diff != "" {
				t.Errorf("%d rows, mixed %v: report (-there +coming):\n%s", rows, mixed, diff)
			}
			for j, text := range map[*Joiner]*string{added: &want, coming: &got} {
				var w strings.Builder
				if err := j.WriteResult(t.Context(), &w); err != nil {
					t.Fatal(err)
				}
				*text = w.String()
			}
			if got != want {
				t.Errorf("%d rows, mixed %v: the results differ", rows, mixed)
			}
			sum := sha256.Sum256([]byte(answers))
			if hash, ok := coming.Verbatim(); ok != !mixed && rows > 1 || ok && hash != hex.EncodeToString(sum[:]) {
				t.Errorf("%d rows, mixed %v: verbatim %v, %s", rows, mixed, ok, hash)
			}
		}
	}
}

// What fetching ended with is handed on, and no goroutine is left that reads ahead.
func TestAddComingFails(t *testing.T) {
	broken := errors.New("cut off")
	for _, rows := range []int{1, 20_000} {
		var source, answers strings.Builder
		for i := range rows {
			key := fmt.Sprintf("row-%d", i)
			source.WriteString(ok(key) + "\n")
			answers.WriteString(answerLine(key, strings.Repeat("An answer. ", 10)))
		}
		for _, cancelled := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) { // which ends when all its goroutines have
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				want, came := broken, 0
				file := &growing{text: answers.String(), err: broken}
				file.piece = func() int {
					if came++; cancelled && came == 30 {
						want = context.Canceled
						cancel()
					}
					return 50_000
				}
				if _, err := newTestJoiner(t, source.String()).AddComing(ctx, file, file); !errors.Is(err, want) {
					t.Errorf("%d rows: got %v, want %v", rows, err, want)
				}
			})
		}
	}
}

func newTestJoiner(t *testing.T, source string) *Joiner {
	t.Helper()
	j, err := NewJoiner(t.Context(), strings.NewReader(source), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return j
}
