package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/qaplan/qaplan/state/durable"
)

// File is one source file as its folder lists it.
type File struct {
	Number  int
	Path    string // for the system, in the bytes of its name on disk
	Shown   string // as messages show it, with forward slashes
	Size    int64
	ModTime int64 // unix nanoseconds
	Inode   uint64
	// Settled is set by [Cache.Scan]: the fingerprint is that of a file with this
	// size, time and inode, and a change would show in them.
	Settled bool
}

// Facts are those of the file, zero as long as they do not tell of its content.
func (f *File) Facts() durable.Facts {
	if !f.Settled {
		return durable.Facts{}
	}
	return durable.Facts{Size: f.Size, ModTime: f.ModTime, Inode: f.Inode}
}

// Problem is one thing that keeps source files from being used.
type Problem struct {
	Path    string // of the file as messages show it, "" when it is about no file
	Line    int    // from 1; 0 when it is about the whole file
	Column  int    // in bytes from 1; 0 when unknown
	Summary string // without a full stop
	Detail  string // what was expected and what to do, whole sentences
}

// Query says which files of which folder are wanted.
type Query struct {
	Dir         string // that a relative Glob starts from
	Glob        string // checked with CheckGlob; forward slashes
	First, Last int    // inclusive
	Exclude     []int  // sorted
}

// Found is what there is for a Query.
type Found struct {
	Files   []File // by number, each number once
	Missing []int  // numbers without a usable file, sorted; those in Problems are not among them
	Outside int    // files whose number is outside the range or excluded
	// Folder is set when the folder itself cannot be read; everything is then
	// missing.
	Folder *Problem
	// Hint says what the folder holds instead, when nothing in it matches.
	Hint     string
	Problems []Problem
}

// Discover lists the folder of a glob once, and looks at each file in the range.
func Discover(q Query) Found {
	dir, name := path.Split(q.Glob)
	folder := filepath.FromSlash(dir)
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(q.Dir, folder)
	}
	var found Found
	entries, folder, err := list(folder)
	if err != nil {
		found.Folder = folderProblem(path.Clean(dir), folder, err)
		found.Missing = numbers(q, func(int) bool { return true })
		return found
	}
	most := min(len(entries), max(q.Last-q.First+1, 0))
	found.Files = make([]File, 0, most)
	d := discovery{query: q, dir: dir, folder: folder, names: make(map[int]string, most), pattern: newPattern(name), found: &found}
	if d.open, err = os.Open(folder); err == nil {
		defer d.open.Close()
	}
	for _, e := range entries {
		d.entry(e)
	}
	d.lookAtAll()
	slices.SortFunc(found.Files, func(a, b File) int { return a.Number - b.Number })
	if len(found.Files) == 0 {
		found.Files = nil
	}
	found.Missing = numbers(q, func(n int) bool { return d.names[n] == "" })
	if len(d.names) == 0 && found.Outside == 0 {
		found.Hint = hint(dir, entries)
	}
	return found
}

// numbers lists the wanted numbers that satisfy keep.
func numbers(q Query, keep func(int) bool) []int {
	var out []int
	for n := q.First; n <= q.Last; n++ {
		if keep(n) && !q.excluded(n) {
			out = append(out, n)
		}
	}
	return out
}

func (q *Query) excluded(n int) bool {
	_, found := slices.BinarySearch(q.Exclude, n)
	return found
}

type discovery struct {
	query   Query
	dir     string // of the glob, with its last slash
	folder  string
	open    *os.File // the folder; nil where it cannot be opened
	pattern pattern
	names   map[int]string // of every number seen
	entries []fs.DirEntry  // of found.Files
	found   *Found
}

func (d *discovery) entry(e fs.DirEntry) {
	digits, ok := d.pattern.match(e.Name())
	if !ok {
		return
	}
	n, big, ok := numberOf(digits)
	if !ok {
		return
	}
	if big || n < d.query.First || n > d.query.Last || d.query.excluded(n) {
		d.found.Outside++
		return
	}
	f := File{Number: n, Path: filepath.Join(d.folder, e.Name()), Shown: composed(d.dir + e.Name())}
	if other := d.names[n]; other != "" {
		d.problem(f.Shown, fmt.Sprintf("two files for batch number %d", n),
			fmt.Sprintf("%s and %s have the same number. Remove one, or rename it.", d.dir+other, f.Shown))
		return
	}
	d.names[n] = e.Name()
	d.found.Files, d.entries = append(d.found.Files, f), append(d.entries, e)
}

// lookAtAll takes the facts of the files, and drops those that cannot be used. Most
// are plain ones, which all processors look at.
func (d *discovery) lookAtAll() {
	files := d.found.Files
	plain := make([]bool, len(files))
	share := max(looksAtOnce, (len(files)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for from := 0; from < len(files); from += share {
		look := func() {
			for i := from; i < min(from+share, len(files)); i++ {
				plain[i] = d.plain(&files[i], d.entries[i])
			}
		}
		if from+share < len(files) {
			all.Go(look)
		} else {
			look()
		}
	}
	all.Wait()
	usable := files[:0]
	for i := range files {
		if f := files[i]; plain[i] || d.look(&f, d.entries[i]) {
			usable = append(usable, f)
		}
	}
	d.found.Files = usable
}

// looksAtOnce is how many files are worth another goroutine.
const looksAtOnce = 64

func (d *discovery) plain(f *File, e fs.DirEntry) bool {
	if d.open == nil || !e.Type().IsRegular() {
		return false
	}
	facts, ok := durable.Plain(d.open, e.Name())
	f.Size, f.ModTime, f.Inode = facts.Size, facts.ModTime, facts.Inode
	return ok
}

// look takes the facts of one file, or says why it is none that can be used.
func (d *discovery) look(f *File, e fs.DirEntry) bool {
	info, err := e.Info()
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		info, err = os.Stat(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			target, _ := os.Readlink(f.Path)
			d.problem(f.Shown, "the symbolic link leads nowhere", fmt.Sprintf("It points to %q, which does not exist. Put the file there, or remove the link.", filepath.ToSlash(target)))
			return false
		}
	}
	switch {
	case err != nil:
		d.problem(f.Shown, "the file cannot be looked at", sentence(reason(err))+" Check that it can be read, then run again.")
		return false
	case info.IsDir():
		d.problem(f.Shown, "a folder has the name of a source file", "Expected a file. Rename the folder, or change source.")
		return false
	case !info.Mode().IsRegular():
		d.problem(f.Shown, "not a regular file", "Expected a file that can be read more than once, not a pipe, socket or device.")
		return false
	}
	facts := durable.FactsOf(info)
	f.Size, f.ModTime, f.Inode = facts.Size, facts.ModTime, facts.Inode
	return true
}

func (d *discovery) problem(shown, summary, detail string) {
	d.found.Problems = append(d.found.Problems, Problem{Path: shown, Summary: summary, Detail: detail})
}

// list reads a folder in the order of names, and gives the spelling of the
// folder that exists.
func list(folder string) ([]fs.DirEntry, string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if other, ok := respell(folder); ok {
			folder = other
			entries, err = os.ReadDir(folder)
		}
	}
	return entries, folder, err
}

// respell finds a path whose elements are equal to those of p in composed form,
// such as a folder that was made on another system.
func respell(p string) (string, bool) {
	if _, err := os.Lstat(p); err == nil {
		return p, true
	}
	parent := filepath.Dir(p)
	if parent == p {
		return "", false
	}
	parent, ok := respell(parent)
	if !ok {
		return "", false
	}
	want := composed(filepath.Base(p))
	entries, err := os.ReadDir(parent)
	if err != nil {
		return "", false
	}
	for _, e := range entries {
		if composed(e.Name()) == want {
			return filepath.Join(parent, e.Name()), true
		}
	}
	return "", false
}

func folderProblem(shown, folder string, err error) *Problem {
	p := &Problem{Path: shown}
	// Asked first: listing a file fails on Windows as if there were none.
	if info, statErr := os.Stat(folder); statErr == nil && !info.IsDir() {
		p.Summary = fmt.Sprintf("not a folder: %s", shown)
		p.Detail = "Expected a folder that holds the source files."
		return p
	}
	if !errors.Is(err, fs.ErrNotExist) {
		p.Summary = fmt.Sprintf("the folder %s cannot be read", shown)
		p.Detail = sentence(reason(err))
		return p
	}
	p.Summary = fmt.Sprintf("the folder %s does not exist", shown)
	p.Detail = fmt.Sprintf("Looked for %s; relative paths start from the folder of the config file.", filepath.ToSlash(folder))
	if near := sibling(folder); near != "" {
		p.Detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return p
}

// reason gives the cause without the operation and the path.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return err.Error()
}

// sentence makes a sentence of a cause.
func sentence(s string) string { return "The system says: " + strings.TrimSuffix(s, ".") + "." }
