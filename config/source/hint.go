package source

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/agext/levenshtein"
)

// hint says what a folder holds when nothing in it matches: the glob that most
// of its files would match, with an example.
func hint(dir string, entries []fs.DirEntry) string {
	type group struct {
		count   int
		example string
	}
	groups := map[string]*group{}
	best, files := "", 0
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		files++
		glob, ok := globOf(e.Name())
		if !ok {
			continue
		}
		g := groups[glob]
		if g == nil {
			g = &group{example: e.Name()}
			groups[glob] = g
		}
		g.count++
		if best == "" || g.count > groups[best].count {
			best = glob
		}
	}
	where := "The folder"
	if dir != "" {
		where = "The folder " + strings.TrimSuffix(dir, "/")
	}
	switch {
	case files == 0:
		return where + " holds no files."
	case best == "":
		return fmt.Sprintf("%s holds %d other %s, none with a number in its name.", where, files, plural(files, "file"))
	}
	return fmt.Sprintf("%s holds %d %s like %s: source = %q would find them.",
		where, groups[best].count, plural(groups[best].count, "file"), groups[best].example, dir+best)
}

func plural(n int, what string) string {
	if n == 1 {
		return what
	}
	return what + "s"
}

// globOf puts a * in the place of the last run of digits before the extension.
func globOf(name string) (string, bool) {
	stem := strings.TrimSuffix(name, filepath.Ext(name))
	end := strings.LastIndexAny(stem, "0123456789") + 1
	if end == 0 || strings.Contains(name, "*") {
		return "", false
	}
	start := end
	for start > 0 && stem[start-1] >= '0' && stem[start-1] <= '9' {
		start--
	}
	return name[:start] + "*" + name[end:], true
}

// sibling gives a folder beside a missing one whose name is close to it.
func sibling(folder string) string {
	entries, err := os.ReadDir(filepath.Dir(folder))
	if err != nil {
		return ""
	}
	want := strings.ToLower(filepath.Base(folder))
	best, limit := "", min(3, len(want)/2)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if d := levenshtein.Distance(want, strings.ToLower(e.Name()), nil); d <= limit {
			best, limit = e.Name(), d-1
		}
	}
	return best
}
