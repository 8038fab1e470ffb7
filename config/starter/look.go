package starter

import (
	"context"
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
	"sync/atomic"

	"github.com/qaplan/qaplan/config"
)

const (
	// maxDepth is how many folders deep files are looked for, maxEntries how many
	// files and folders are looked at: whoever starts in a home folder gets an
	// answer, not a walk over the disk.
	maxDepth   = 6
	maxEntries = 500_000
)

// File is a JSONL file.
type File struct {
	Path  string // relative to the folder, with forward slashes
	Kind  Kind
	Model string // that its first line names, "" for none
	Bytes int64
}

// Found is what a folder holds.
type Found struct {
	Files    []File   // by path
	Packed   int      // compressed JSONL files
	Others   int      // other files
	Projects []string // folders with a config of their own, which were not entered
	Closed   []string // folders that cannot be read
	// More tells that the folder holds more than was looked at.
	More bool
}

// Look finds the JSONL files of a folder and those below it, and reads the first
// line of each. Hidden folders are left alone, and so are links to folders. The
// error is that of the folder itself, or of ctx.
func Look(ctx context.Context, dir string) (Found, error) {
	w := &walk{ctx: ctx, root: dir}
	if err := w.folder("", 0); err != nil {
		return Found{}, err
	}
	slices.SortFunc(w.found.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(w.found.Projects)
	slices.Sort(w.found.Closed)
	files := w.found.Files
	concurrently(ctx, len(files), func(i int) {
		is := lookAt(filepath.Join(dir, filepath.FromSlash(files[i].Path)))
		files[i].Kind, files[i].Model, files[i].Bytes = is.kind, is.model, is.bytes
	})
	return w.found, context.Cause(ctx)
}

type walk struct {
	ctx   context.Context
	root  string
	seen  int
	found Found
}

// folder looks at one folder; rel is relative to the root, with forward slashes.
func (w *walk) folder(rel string, depth int) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	entries, err := os.ReadDir(filepath.Join(w.root, filepath.FromSlash(rel)))
	if err != nil && rel == "" {
		return fmt.Errorf("look for JSONL files: %w", err)
	}
	if err != nil {
		w.found.Closed = append(w.found.Closed, rel)
		return nil
	}
	if rel != "" && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == config.DefaultFile }) {
		w.found.Projects = append(w.found.Projects, rel)
		return nil
	}
	for _, e := range entries {
		if w.seen++; w.seen > maxEntries {
			w.found.More = true
			return nil
		}
		at := path.Join(rel, e.Name())
		switch {
		case e.IsDir() && skipped(e.Name()):
		case e.IsDir() && depth == maxDepth:
			w.found.More = true
		case e.IsDir():
			if err := w.folder(at, depth+1); err != nil {
				return err
			}
		default:
			w.file(at, e)
		}
	}
	return nil
}

// skipped are folders that hold no sources of anybody's.
func skipped(name string) bool {
	switch name {
	case "node_modules", "__pycache__", "venv", "site-packages":
		return true
	}
	return strings.HasPrefix(name, ".")
}

func (w *walk) file(rel string, e fs.DirEntry) {
	if strings.HasPrefix(e.Name(), ".") {
		return
	}
	name := strings.ToLower(e.Name())
	switch {
	case lines(name):
		if w.regular(rel, e) {
			w.found.Files = append(w.found.Files, File{Path: rel})
		}
	case lines(strings.TrimSuffix(name, path.Ext(name))) && slices.Contains([]string{".gz", ".zst", ".bz2", ".xz", ".zip"}, path.Ext(name)):
		w.found.Packed++
	default:
		w.found.Others++
	}
}

// lines tells whether a name in lower case is that of a file of JSON lines.
func lines(name string) bool {
	return slices.Contains([]string{".jsonl", ".ndjson", ".jsonlines"}, path.Ext(name))
}

// regular tells whether there is a file that can be read more than once, behind
// a link too. A link that leads nowhere counts: discovery says what is wrong.
func (w *walk) regular(rel string, e fs.DirEntry) bool {
	if e.Type().IsRegular() {
		return true
	}
	if e.Type()&fs.ModeSymlink == 0 {
		return false
	}
	info, err := os.Stat(filepath.Join(w.root, filepath.FromSlash(rel)))
	return err == nil && info.Mode().IsRegular() || errors.Is(err, fs.ErrNotExist)
}

// concurrently calls do for 0 to n-1 until ctx ends. Files are opened on more
// goroutines than there are processors, since a disk or a network is waited for.
func concurrently(ctx context.Context, n int, do func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, 4*runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
