package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const row = `{"key":"a","request":{"contents":[{"parts":[{"text":"hello there"}]}]}}` + "\n"

// rowPrint is the fingerprint of a file with row in it, but for its hash.
var rowPrint = Fingerprint{Bytes: int64(len(row)), Rows: 1, Tokens: 3, Unlimited: 1}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// age sets the modification time of a file back, so that it can be remembered.
func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func TestCheckGlob(t *testing.T) {
	for _, glob := range []string{"batch_*.jsonl", "in/*", "in/*.jsonl", "../in/b*", "/abs/b_*_x.jsonl", "in [old]/b_*.jsonl", "c:/in/b_*.jsonl"} {
		if err := CheckGlob(glob); err != nil {
			t.Errorf("%s: %v, want none", glob, err)
		}
	}
	for _, glob := range []string{"", "in", "in/", "in/*/x", "in/*/b_*", "b_*_*", "**", "in/**.jsonl", "b_?*", "b_[0]*", "b_{a,b}*"} {
		if CheckGlob(glob) == nil {
			t.Errorf("%s: accepted, want an error", glob)
		}
	}
}

func TestRanges(t *testing.T) {
	tests := []struct {
		in   []int
		want string
	}{
		{nil, ""}, {[]int{5}, "5"}, {[]int{5, 6}, "5-6"}, {[]int{1, 3, 5}, "1, 3, 5"},
		{[]int{0, 1, 2, 7, 9, 10}, "0-2, 7, 9-10"},
	}
	for _, tt := range tests {
		if got := Ranges(tt.in); got != tt.want {
			t.Errorf("Ranges(%v) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestDiscover(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"in/batch_051_p.jsonl", "in/batch_52_p.jsonl", "in/batch_0000000000000000000053_p.jsonl",
		"in/batch_54_p.jsonl", "in/batch_054_p.jsonl", "in/batch_0054_p.jsonl", // one number
		"in/batch_50_p.jsonl", "in/batch_99999999999999999999_p.jsonl", "in/batch_58_p.jsonl", // outside
		"in/batch__p.jsonl", "in/batch_x_p.jsonl", "in/batch_-51_p.jsonl", "in/batch_5１_p.jsonl", "in/batch_51.jsonl", // no match
	} {
		writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), row)
	}
	if err := os.Mkdir(filepath.Join(dir, "in", "batch_57_p.jsonl"), 0o755); err != nil {
		t.Fatal(err)
	}
	found := Discover(Query{Dir: dir, Glob: "in/batch_*_p.jsonl", First: 51, Last: 60, Exclude: []int{58}})
	var files []string
	for _, f := range found.Files {
		if f.Size != int64(len(row)) || f.ModTime == 0 || (f.Inode == 0) != (runtime.GOOS == "windows") {
			t.Errorf("%s: facts %+v", f.Shown, f)
		}
		if want := filepath.Join(dir, filepath.FromSlash(f.Shown)); f.Path != want {
			t.Errorf("%s: path %s, want %s", f.Shown, f.Path, want)
		}
		files = append(files, fmt.Sprintf("%d %s", f.Number, f.Shown))
	}
	want := []string{"51 in/batch_051_p.jsonl", "52 in/batch_52_p.jsonl", "53 in/batch_0000000000000000000053_p.jsonl", "54 in/batch_0054_p.jsonl"}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{55, 56, 59, 60}, found.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if found.Outside != 3 || found.Folder != nil || found.Hint != "" {
		t.Errorf("outside %d, folder %v, hint %q; want 3 and nothing else", found.Outside, found.Folder, found.Hint)
	}
	problems := []Problem{
		{Path: "in/batch_054_p.jsonl", Summary: "two files for batch number 54", Detail: "in/batch_0054_p.jsonl and in/batch_054_p.jsonl have the same number. Remove one, or rename it."},
		{Path: "in/batch_54_p.jsonl", Summary: "two files for batch number 54", Detail: "in/batch_0054_p.jsonl and in/batch_54_p.jsonl have the same number. Remove one, or rename it."},
		{Path: "in/batch_57_p.jsonl", Summary: "a folder has the name of a source file", Detail: "Expected a file. Rename the folder, or change source."},
	}
	if diff := cmp.Diff(problems, found.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// The characters that mean something to other globs are plain in a folder's
// name, and a number may stand at either end of a file's.
func TestDiscoverPlainCharacters(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "in [old]", "7.jsonl"), row)
	writeFile(t, filepath.Join(dir, "in [old]", "b8"), row)
	for glob, want := range map[string]int{"in [old]/*.jsonl": 7, "in [old]/b*": 8, filepath.ToSlash(dir) + "/in [old]/b*": 8} {
		found := Discover(Query{Dir: dir, Glob: glob, First: 1, Last: 9})
		if len(found.Files) != 1 || found.Files[0].Number != want {
			t.Errorf("%s: found %+v, want number %d", glob, found.Files, want)
		}
	}
}

func TestDiscoverLinks(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "elsewhere"), row)
	for name, target := range map[string]string{"b_1": filepath.Join(dir, "elsewhere"), "b_2": "nowhere", "b_3": dir} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			if runtime.GOOS == "windows" {
				t.Logf("this user may not make links: %v", err)
				return
			}
			t.Fatal(err)
		}
	}
	found := Discover(Query{Dir: dir, Glob: "b_*", First: 1, Last: 3})
	if len(found.Files) != 1 || found.Files[0].Number != 1 || found.Files[0].Size != int64(len(row)) {
		t.Errorf("files %+v, want the first with the size of its target", found.Files)
	}
	want := []Problem{
		{Path: "b_2", Summary: "the symbolic link leads nowhere", Detail: "It points to \"nowhere\", which does not exist. Put the file there, or remove the link."},
		{Path: "b_3", Summary: "a folder has the name of a source file", Detail: "Expected a file. Rename the folder, or change source."},
	}
	if diff := cmp.Diff(want, found.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(found.Missing) != 0 {
		t.Errorf("missing %v, want none: each has a problem", found.Missing)
	}
}

func TestDiscoverFolder(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "submissions", "x"), row)
	tests := []struct{ glob, summary, detail string }{
		{"submission/b_*", "the folder submission does not exist", "Did you mean \"submissions\"?"},
		{"nothing/like/it/b_*", "the folder nothing/like/it does not exist", "relative paths start from the folder of the config file."},
		{"submissions/x/b_*", "not a folder: submissions/x", "Expected a folder"},
	}
	for _, tt := range tests {
		found := Discover(Query{Dir: dir, Glob: tt.glob, First: 1, Last: 3})
		if found.Folder == nil || found.Folder.Summary != tt.summary || !strings.Contains(found.Folder.Detail, tt.detail) {
			t.Errorf("%s: %+v, want %q with %q", tt.glob, found.Folder, tt.summary, tt.detail)
		}
		if diff := cmp.Diff([]int{1, 2, 3}, found.Missing); diff != "" {
			t.Errorf("%s: missing (-want +got):\n%s", tt.glob, diff)
		}
	}
}

func TestHint(t *testing.T) {
	tests := []struct {
		names []string
		want  string
	}{
		{nil, "The folder in holds no files."},
		{[]string{"readme.txt"}, "The folder in holds 1 other file, none with a number in its name."},
		{[]string{"b_1.txt", "b_2.txt", "part3.txt", ".x4"}, `The folder in holds 2 files like b_1.txt: source = "in/b_*.txt" would find them.`},
		{[]string{"2026-run_7_v2.jsonl"}, `The folder in holds 1 file like 2026-run_7_v2.jsonl: source = "in/2026-run_7_v*.jsonl" would find them.`},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "in"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range tt.names {
			writeFile(t, filepath.Join(dir, "in", name), row)
		}
		if got := Discover(Query{Dir: dir, Glob: "in/q_*", First: 1, Last: 1}).Hint; got != tt.want {
			t.Errorf("hint %q, want %q", got, tt.want)
		}
	}
}

// batch makes numbered files and gives them as Discover does.
func batch(t *testing.T, dir string, n int) []File {
	t.Helper()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("b_%d", i))
		writeFile(t, path, row)
		age(t, path, time.Minute)
	}
	return discover(t, dir, n)
}

func discover(t *testing.T, dir string, n int) []File {
	t.Helper()
	found := Discover(Query{Dir: dir, Glob: "b_*", First: 0, Last: n - 1})
	if len(found.Files) != n || len(found.Problems) > 0 {
		t.Fatalf("found %d files, problems %v; want %d", len(found.Files), found.Problems, n)
	}
	return found.Files
}

func scan(t *testing.T, c *Cache, files []File) ([]Fingerprint, []Problem) {
	t.Helper()
	prints, problems, err := c.Scan(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	return prints, problems
}

var anyHash = cmpopts.IgnoreFields(Fingerprint{}, "SHA256")

func TestScan(t *testing.T) {
	dir := t.TempDir()
	files := batch(t, dir, 5)
	files = append(files, files[2]) // two blocks may share a file
	prints, problems := scan(t, OpenCache(""), files)
	want := []Fingerprint{rowPrint, rowPrint, rowPrint, rowPrint, rowPrint, rowPrint}
	if diff := cmp.Diff(want, prints, anyHash); diff != "" || len(problems) > 0 {
		t.Errorf("fingerprints (-want +got), problems %v:\n%s", problems, diff)
	}
	for _, p := range prints {
		if len(p.SHA256) != 64 || p.SHA256 != prints[0].SHA256 {
			t.Errorf("hash %q, want the same 64 hex digits for all", p.SHA256)
		}
	}
}

func TestScanProblems(t *testing.T) {
	dir := t.TempDir()
	files := batch(t, dir, 5)
	writeFile(t, files[0].Path, row+"oops\n"+row)
	writeFile(t, files[1].Path, "")
	if err := os.Truncate(files[2].Path, 2<<30+1); err != nil { // sparse
		t.Fatal(err)
	}
	files = discover(t, dir, 5)
	if err := os.Remove(files[3].Path); err != nil {
		t.Fatal(err)
	}
	prints, problems := scan(t, OpenCache(""), files)
	if diff := cmp.Diff([]Fingerprint{{}, {}, {}, {}, rowPrint}, prints, anyHash); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s:%d: %s", p.Path, p.Line, p.Summary))
		if p.Detail == "" {
			t.Errorf("%s: %s: says not what to do", p.Path, p.Summary)
		}
	}
	want := []string{
		"b_0:2: not JSON: invalid character 'o' at start of value",
		`b_0:3: key "a" stands on line 1 already`,
		"b_1:0: the file is empty",
		"b_2:0: the file is too large: 2.0 GiB",
		"b_3:0: the file cannot be read",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestScanUnreadable(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		// Nobody keeps root from reading; the words are checked all the same.
		if got := remedy(os.ErrPermission); !strings.Contains(got, "permissions") {
			t.Errorf("remedy %q, want one that names permissions", got)
		}
		return
	}
	files := batch(t, t.TempDir(), 1)
	if err := os.Chmod(files[0].Path, 0); err != nil {
		t.Fatal(err)
	}
	_, problems := scan(t, OpenCache(""), files)
	if len(problems) != 1 || !strings.Contains(problems[0].Detail, "permissions") {
		t.Errorf("problems %v, want one that names permissions", problems)
	}
}

func TestScanInterrupted(t *testing.T) {
	files := batch(t, t.TempDir(), 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := OpenCache("")
	if _, _, err := c.Scan(ctx, files); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if names := remembered(c); len(names) != 0 {
		t.Errorf("%v are remembered, want none", names)
	}
}
