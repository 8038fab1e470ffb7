package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/qaplan/qaplan/provider/batchfile"
	"github.com/qaplan/qaplan/state/durable"
)

// settled is how old a modification must be at the scan for the fingerprint to
// be remembered: file systems count time in steps of up to two seconds (FAT).
const settled = 2 * time.Second

// Scan gives the fingerprint of each file, in the order of files; that of a
// file with a problem is the zero value. Problems are in the order of files and,
// within one, of its lines. It notes in files which facts stand for the fingerprint. The
// error is that of ctx.
func (c *Cache) Scan(ctx context.Context, files []File) ([]Fingerprint, []Problem, error) {
	start := time.Now()
	prints := make([]Fingerprint, len(files))
	var todo []int            // each path once
	again := map[int]int{}    // files that are another one of todo: two blocks may share a file
	first := map[string]int{} // of todo, by path
	for i := range files {
		if print, ok := c.lookup(&files[i]); ok {
			prints[i], files[i].Settled = print, true
		} else if j, seen := first[files[i].Path]; seen {
			again[i] = j
		} else {
			first[files[i].Path] = i
			todo = append(todo, i)
		}
	}
	problems := make([][]Problem, len(todo))
	each(ctx, len(todo), func(n int) {
		i := todo[n]
		prints[i], problems[n] = c.scan(ctx, &files[i], start)
	})
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	for i, j := range again {
		prints[i] = prints[j]
		files[i].Size, files[i].ModTime, files[i].Inode, files[i].Settled = files[j].Size, files[j].ModTime, files[j].Inode, files[j].Settled
	}
	return prints, slices.Concat(problems...), nil
}

// each calls do for 0 to n-1, on as many goroutines as there are processors, until
// ctx ends.
func each(ctx context.Context, n int, do func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
}

// scan reads one file.
func (c *Cache) scan(ctx context.Context, f *File, start time.Time) (Fingerprint, []Problem) {
	print, problems, err := read(ctx, f)
	if ctx.Err() != nil {
		return Fingerprint{}, nil
	}
	if err != nil {
		problems = []Problem{{Path: f.Shown, Summary: "the file cannot be read", Detail: remedy(err)}}
	}
	if len(problems) > 0 {
		c.forget(f)
		return Fingerprint{}, problems
	}
	if f.Settled = f.ModTime < start.Add(-settled).UnixNano(); f.Settled {
		c.remember(f, print)
	} else {
		c.forget(f)
	}
	return print, nil
}

func remedy(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "This user may not read it. Change its permissions, then run again."
	}
	return sentence(reason(err)) + " Check the disk, then run again."
}

// read scans the file and updates its facts to those of the bytes it read.
func read(ctx context.Context, f *File) (Fingerprint, []Problem, error) {
	if f.Size > batchfile.MaxBytes {
		return Fingerprint{}, []Problem{tooLarge(f)}, nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return Fingerprint{}, nil, err
	}
	defer file.Close()
	before, err := file.Stat()
	if err != nil {
		return Fingerprint{}, nil, err
	}
	sum, found, err := batchfile.Scan(ctx, file, batchfile.ScanOptions{})
	if err != nil {
		return Fingerprint{}, nil, err
	}
	after, err := file.Stat()
	if err != nil {
		return Fingerprint{}, nil, err
	}
	if !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() || len(found) == 0 && sum.Bytes != after.Size() {
		return Fingerprint{}, []Problem{{Path: f.Shown, Summary: "the file changed while it was read",
			Detail: "Another program is still writing it. Wait until it is whole, then run again."}}, nil
	}
	facts := durable.FactsOf(after)
	f.Size, f.ModTime, f.Inode = facts.Size, facts.ModTime, facts.Inode
	problems := make([]Problem, len(found))
	for i, p := range found {
		problems[i] = Problem{Path: f.Shown, Line: p.Line, Column: p.Column, Summary: p.Summary, Detail: p.Detail}
	}
	return Fingerprint{SHA256: sum.SHA256, Bytes: sum.Bytes, Rows: sum.Rows, Tokens: sum.Tokens, OutputLimit: sum.OutputLimit, Unlimited: sum.Unlimited}, problems, nil
}

func tooLarge(f *File) Problem {
	return Problem{
		Path: f.Shown, Summary: fmt.Sprintf("the file is too large: %s", humanize.IBytes(uint64(f.Size))),
		Detail: fmt.Sprintf("The service takes input files of at most %s. Split it into several batches.", humanize.IBytes(batchfile.MaxBytes)),
	}
}
