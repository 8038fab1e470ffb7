package results

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func open(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func write(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// tree lists what is below a folder: path and content of each file.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := make(map[string]string)
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		got[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return got
}

func wantTree(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, tree(t, dir)); diff != "" {
		t.Errorf("files in the folder (-want +got):\n%s", diff)
	}
}

func TestPublish(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "with", "parents")
	d := open(t, dir)
	if _, there, err := d.Stat("a.jsonl"); there || err != nil {
		t.Errorf("before: %v, %v", there, err)
	}
	if _, _, err := d.Hash(t.Context(), "a.jsonl"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("hash before: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("looking made the folder: %v", err)
	}

	text := strings.Repeat("line\n", 200_000)
	got, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{}, write(text))
	if err != nil {
		t.Fatal(err)
	}
	info, there, err := d.Stat("a.jsonl")
	if err != nil || !there || !info.same(got.Info) || info.Size != int64(len(text)) {
		t.Errorf("stat %v, %v, %v; published %v", info, there, err, got)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256([]byte(text))); got.SHA256 != want {
		t.Errorf("sha256 %s, want %s", got.SHA256, want)
	}
	if hash, size, err := d.Hash(t.Context(), "a.jsonl"); err != nil || hash != got.SHA256 || size != got.Size {
		t.Errorf("hash %s, %d, %v", hash, size, err)
	}
	wantTree(t, dir, map[string]string{"a.jsonl": text})
	if runtime.GOOS != "windows" {
		for name, want := range map[string]fs.FileMode{"a.jsonl": 0o600, ".": 0o700 | fs.ModeDir} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
				t.Errorf("%s: mode %v, want %v", name, info.Mode(), want)
			}
		}
	}
	f, err := d.Open("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != text || f.Size() != int64(len(text)) {
		t.Errorf("read %d bytes of %d, %v", len(data), f.Size(), err)
	}
}

func TestFolderRemovedMeanwhile(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // an open folder cannot be removed there
	}
	dir := filepath.Join(t.TempDir(), "results")
	d := open(t, dir)
	for i := range 3 {
		if _, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{}, write("x")); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		os.RemoveAll(dir)
	}
	p, err := d.Part("batches/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context(), PublishOptions{}, write("x")); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{".parts/a.jsonl": "x"})
}

func TestOpenRefusesFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	os.WriteFile(path, nil, 0o600)
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "open output folder") {
		t.Errorf("got %v", err)
	}
}

func TestSymbolicLinks(t *testing.T) {
	outside := t.TempDir()
	target := filepath.Join(outside, "precious")
	if err := os.WriteFile(target, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, to := range map[string]string{"a.jsonl": target, "b.jsonl": filepath.Join(outside, "nowhere"), ".parts": outside} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			if runtime.GOOS == "windows" {
				return // needs a privilege there
			}
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(dir, "c.jsonl"), 0o700)
	d := open(t, dir)
	for _, name := range []string{"a.jsonl", "b.jsonl", "c.jsonl"} {
		if _, _, err := d.Stat(name); !errors.Is(err, ErrExists) {
			t.Errorf("stat %s: %v", name, err)
		}
		if _, _, err := d.Hash(t.Context(), name); !errors.Is(err, ErrExists) {
			t.Errorf("hash %s: %v", name, err)
		}
		if _, err := d.Publish(t.Context(), name, PublishOptions{Replace: true}, write("evil")); !errors.Is(err, ErrExists) {
			t.Errorf("publish %s: %v", name, err)
		}
	}
	p, err := d.Part("batches/precious")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Publish(t.Context(), PublishOptions{Replace: true}, write("evil")); err == nil {
		t.Error("a part was written through a link out of the folder")
	}
	if err := p.Remove(); err == nil {
		t.Error("a part was removed through a link out of the folder")
	}
	wantTree(t, outside, map[string]string{"precious": "precious"})
}

func TestNames(t *testing.T) {
	const good, bad, badOnWindows = 0, 1, 2
	tests := map[string]int{
		"batch_072_proper.jsonl": good, "日足.jsonl": good, "..jsonl": good, ".hidden": good, "a b": good, "console.jsonl": good, "COM10": good, "nul_1": good, "parts": good, "manifest.jsonl": good,
		"": bad, ".": bad, "..": bad, "/etc/passwd": bad, "../a": bad, "a/b": bad, `a\b`: bad, `..\a`: bad, "a/": bad, "a\x00b": bad, "a\nb": bad, "\x7f": bad, "a\xff": bad,
		"a.": bad, "a ": bad, "...": bad, ".parts": bad, ".PARTS": bad, ".qaplan-x": bad, "manifest.json": bad, "Manifest.JSON": bad, ".QAPLAN-0123456789abcdef.tmp": bad,
		"NUL": badOnWindows, "nul.jsonl": badOnWindows, "CON": badOnWindows, "aux.tar.gz": badOnWindows, "Com1.jsonl": badOnWindows, "LPT¹": badOnWindows, "prn .x": badOnWindows, "conin$": badOnWindows,
		"C:a": badOnWindows, "a:stream": badOnWindows, "a?": badOnWindows, "a*b": badOnWindows, "<a": badOnWindows, `"a"`: badOnWindows, "a|b": badOnWindows,
	}
	d := open(t, t.TempDir())
	for name, want := range tests {
		var refused *NameError
		err := checkName(name, false)
		if (err != nil) != (want == bad) || err != nil && !errors.As(err, &refused) {
			t.Errorf("%q: %v", name, err)
		}
		if err := checkName(name, true); (err != nil) != (want != good) {
			t.Errorf("%q on Windows: %v", name, err)
		}
		if want == bad {
			_, _, statErr := d.Stat(name)
			_, _, hashErr := d.Hash(t.Context(), name)
			_, openErr := d.Open(name)
			_, spoolErr := d.Spool(name)
			_, publishErr := d.Publish(t.Context(), name, PublishOptions{Replace: true}, write("x"))
			for _, err := range []error{statErr, hashErr, openErr, spoolErr, publishErr} {
				if !errors.As(err, &refused) {
					t.Errorf("%q: got %v, want a NameError", name, err)
				}
			}
		}
	}
	wantTree(t, d.path, map[string]string{})
}

func TestParts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	d := open(t, dir)
	part := func(job string) Part {
		p, err := d.Part(job)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, b := part("batches/ej8mfplrwj9"), part("batches/B_2-x")
	if err := a.Remove(); err != nil {
		t.Errorf("remove nothing: %v", err)
	}
	if _, there, err := a.Stat(); there || err != nil {
		t.Errorf("stat nothing: %v, %v", there, err)
	}
	got, err := a.Publish(t.Context(), PublishOptions{}, write("rows"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context(), PublishOptions{}, write("other")); !errors.Is(err, ErrExists) {
		t.Errorf("publish again: %v", err)
	}
	if _, err := b.Publish(t.Context(), PublishOptions{}, write("b")); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, map[string]string{".parts/ej8mfplrwj9.jsonl": "rows", ".parts/B_2-x.jsonl": "b"})
	if info, there, err := a.Stat(); err != nil || !there || !info.same(got.Info) {
		t.Errorf("stat %v, %v, %v", info, there, err)
	}
	if hash, _, err := a.Hash(t.Context()); err != nil || hash != got.SHA256 {
		t.Errorf("hash %v, %v", hash, err)
	}
	f, err := a.Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(f)
	if f.Close(); err != nil || string(data) != "rows" {
		t.Errorf("read %q, %v", data, err)
	}
	if err := errors.Join(a.Remove(), a.Remove()); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{".parts/B_2-x.jsonl": "b"})
	if err := b.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".parts")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder of parts is left: %v", err)
	}
	for _, job := range []string{"", "batches/", "abc", "files/abc", "batches/a/b", "batches/..", "batches/a.b", `batches/a\b`, "batches/é", "batches/" + strings.Repeat("a", 201)} {
		var refused *NameError
		if _, err := d.Part(job); !errors.As(err, &refused) {
			t.Errorf("%q: got %v", job, err)
		}
	}
}

// BenchmarkStat is the whole cost of a finished batch in a plan.
func BenchmarkStat(b *testing.B) {
	d, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Publish(b.Context(), "a.jsonl", PublishOptions{}, write("x")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, there, err := d.Stat("a.jsonl"); err != nil || !there {
			b.Fatal(there, err)
		}
	}
}
