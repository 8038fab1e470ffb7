package apply_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider"
)

// arranged hands out each output of the service in the order of the source, or
// otherwise, and sees which file it was put into.
type arranged struct {
	apply.Answers
	dir     string // where results go
	arrange func(lines [][]byte)
	spools  []os.FileInfo
}

func (a *arranged) Download(ctx context.Context, file string, offset int64, w io.Writer) (provider.Downloaded, error) {
	var body bytes.Buffer
	got, err := a.Answers.Download(ctx, file, offset, &body)
	lines := bytes.SplitAfter(body.Bytes(), []byte("\n"))
	lines = lines[:len(lines)-1]
	if err == nil {
		a.arrange(lines)
	}
	for _, line := range lines {
		if _, err := w.Write(line); err != nil {
			return got, err
		}
	}
	found, _ := filepath.Glob(filepath.Join(a.dir, ".qaplan-*.tmp"))
	for _, name := range found {
		if info, err := os.Stat(name); err == nil {
			a.spools = append(a.spools, info)
		}
	}
	return got, err
}

// stand puts it before the client of every run.
func (a *arranged) stand(w *world) {
	w.answers = func(next apply.Answers) apply.Answers {
		a.Answers = next
		return a
	}
}

// removing does away with something as soon as the answers have come.
type removing struct {
	*arranged
	remove func() error
}

func (r *removing) Download(ctx context.Context, file string, offset int64, w io.Writer) (provider.Downloaded, error) {
	got, err := r.arranged.Download(ctx, file, offset, w)
	return got, errors.Join(err, r.remove())
}

// breaking hands out half of the first output, and an error.
type breaking struct {
	apply.Answers
	err         error
	times, came int
}

func (b *breaking) Download(ctx context.Context, file string, offset int64, w io.Writer) (provider.Downloaded, error) {
	if b.times++; b.times > 1 {
		return b.Answers.Download(ctx, file, offset, w)
	}
	var body bytes.Buffer
	got, err := b.Answers.Download(ctx, file, offset, &body)
	if err != nil {
		return got, err
	}
	for body.Len() > int(got.Bytes/2) {
		n, err := w.Write(body.Next(10_000))
		if b.came += n; err != nil {
			return got, err
		}
	}
	return got, b.err
}

func byRow(t *testing.T) func(lines [][]byte) {
	row := func(line []byte) int {
		_, number, _ := strings.Cut(keyOf(t, line), "-r")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	return func(lines [][]byte) {
		slices.SortFunc(lines, func(a, b []byte) int { return row(a) - row(b) })
	}
}

// Large answers that come in the order of the source are not copied: the file that
// they came to is the result. In any other order they are put right.
func TestAnswersBecomeTheResult(t *testing.T) {
	inOrder := byRow(t)
	for _, tt := range []struct {
		name    string
		arrange func(lines [][]byte)
		same    bool
	}{
		{"in order", inOrder, true},
		{"the last two swapped", func(lines [][]byte) {
			inOrder(lines)
			n := len(lines)
			lines[n-1], lines[n-2] = lines[n-2], lines[n-1]
		}, false},
		{"as they come", func([][]byte) {}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, a := arrangedWorld(t, tt.arrange)
				w.mustConverge()
				result, err := os.Stat(w.paths[w.desired.Batches[0].Address].OutputDir + "/batch_051.jsonl")
				if err != nil {
					t.Fatal(err)
				}
				if len(a.spools) != 1 || result.Size() < 300<<10 {
					t.Fatalf("%d temporary files, a result of %d bytes: no case for this test", len(a.spools), result.Size())
				}
				if same := os.SameFile(a.spools[0], result); same != tt.same {
					t.Errorf("the result is the file of the download: %v, want %v", same, tt.same)
				}
				if left, _ := filepath.Glob(filepath.Join(a.dir, ".qaplan-*")); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			})
		})
	}
}

func arrangedWorld(t *testing.T, arrange func(lines [][]byte)) (*world, *arranged) {
	t.Helper()
	w := newWorld(t, 1, 1500, quick())
	a := &arranged{dir: filepath.Join(w.dir, "out"), arrange: arrange}
	a.stand(w)
	return w, a
}

// Somebody's file that appears while such answers come is left alone, and they are
// kept; a folder that goes away is made anew; a process that dies around publishing them loses nothing.
func TestAnswersThatWouldBecomeTheResult(t *testing.T) {
	t.Run("something is in the way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, a := arrangedWorld(t, nil)
			at := filepath.Join(a.dir, "batch_051.jsonl")
			inOrder := byRow(t)
			a.arrange = func(lines [][]byte) {
				inOrder(lines)
				if err := errors.Join(os.MkdirAll(a.dir, 0o700), os.WriteFile(at, []byte("theirs"), 0o600)); err != nil {
					t.Error(err)
				}
			}
			w.converge()
			if data, err := os.ReadFile(at); string(data) != "theirs" || err != nil {
				t.Errorf("%.20q, %v", data, err)
			}
			if err := os.Remove(at); err != nil {
				t.Fatal(err)
			}
			a.arrange = func([][]byte) { t.Error("fetched again, and they were in hand") }
			w.mustConverge()
		})
	})
	t.Run("the folder is removed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, a := arrangedWorld(t, nil)
			a.arrange = byRow(t)
			times := 0
			w.answers = func(next apply.Answers) apply.Answers {
				a.Answers = next
				return &removing{a, func() error { times++; return os.RemoveAll(a.dir) }}
			}
			w.mustConverge()
			if times != 1 {
				t.Errorf("downloaded %d times, want once", times)
			}
		})
	})
	for _, class := range []provider.Class{provider.ClassTemporary, provider.ClassGone, provider.ClassRefused} {
		t.Run("the download breaks off, "+string(class), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 1, 1500, quick())
				b := &breaking{err: &provider.Error{Class: class, Err: errors.New("broken off")}}
				w.answers = func(next apply.Answers) apply.Answers {
					b.Answers = next
					return b
				}
				w.mustConverge()
				if b.times != 2 || b.came < 300<<10 {
					t.Errorf("downloaded %d times, want twice; %d bytes came first", b.times, b.came)
				}
			})
		})
	}
	sc := scenario{name: "in order", batches: 1, rows: 1500}
	arrange := func(w *world) {
		(&arranged{dir: filepath.Join(w.dir, "out"), arrange: byRow(t)}).stand(w)
	}
	var points []string
	synctest.Test(t, func(t *testing.T) {
		w := sc.world(t)
		arrange(w)
		sc.run(w)
		points = w.crash.points
	})
	from := slices.Index(points, "call download")
	if from < 0 {
		t.Fatalf("no download among %q", points)
	}
	for n := 2*from + 1; n <= 2*len(points); n++ {
		p := nth(n)
		t.Run(p.String()+" "+points[p.at-1], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := sc.world(t)
				arrange(w)
				if sc.kill(w, p) == "" {
					t.Fatal("not killed")
				}
				w.crash = &crasher{}
				sc.finish(w)
			})
		})
	}
}
