package results

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

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

func TestPublishReplacesOnlyWhatItMay(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	path := filepath.Join(dir, "a.jsonl")
	reset := func() Info {
		if err := os.WriteFile(path, []byte("former"), 0o600); err != nil {
			t.Fatal(err)
		}
		info, _, err := d.Stat("a.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	former := reset()
	other := Info{former.Size, former.ModTime.Add(time.Second)}
	larger := Info{former.Size + 1, former.ModTime}
	for _, tt := range []struct {
		name    string
		options PublishOptions
		replace bool
	}{
		{"not told", PublishOptions{}, false},
		{"another time", PublishOptions{Old: &other}, false},
		{"another size", PublishOptions{Old: &larger}, false},
		{"the one that is there", PublishOptions{Old: &former}, true},
		{"any", PublishOptions{Replace: true}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.Chtimes(path, former.ModTime, former.ModTime); err != nil {
				t.Fatal(err)
			}
			called := false
			_, err := d.Publish(t.Context(), "a.jsonl", tt.options, func(w io.Writer) error {
				called = true
				return write("new")(w)
			})
			want := "former"
			if tt.replace {
				want = "new"
			}
			if tt.replace != (err == nil) || !tt.replace && !errors.Is(err, ErrExists) || called != tt.replace {
				t.Errorf("err %v, written %v", err, called)
			}
			wantTree(t, dir, map[string]string{"a.jsonl": want})
			reset()
		})
	}
	// Nothing is there: the options do not matter.
	os.Remove(path)
	if _, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{Old: &former}, write("new")); err != nil {
		t.Error(err)
	}
}

// A file that appears while the result is being written is left alone.
func TestPublishRace(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	_, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{}, func(w io.Writer) error {
		os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("theirs"), 0o600)
		return write("ours")(w)
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want %v", err, ErrExists)
	}
	wantTree(t, dir, map[string]string{"a.jsonl": "theirs"})

	// And at the last instant, between the look and the link.
	d.sys = &faults{before: func(call string) {
		if call == "link" {
			os.WriteFile(filepath.Join(dir, "b.jsonl"), []byte("theirs"), 0o600)
		}
	}}
	if _, err = d.Publish(t.Context(), "b.jsonl", PublishOptions{}, write("ours")); !errors.Is(err, ErrExists) {
		t.Errorf("got %v, want %v", err, ErrExists)
	}
	wantTree(t, dir, map[string]string{"a.jsonl": "theirs", "b.jsonl": "theirs"})
}

// faults is the disk, failing where it is told to.
type faults struct {
	disk
	fail   string // the call that fails
	space  int64  // bytes until the disk is full, when fail is "write"
	before func(call string)
}

var errInjected = errors.New("injected")

func (s *faults) at(call string) error {
	if s.before != nil {
		s.before(call)
	}
	if s.fail == call {
		return errInjected
	}
	return nil
}

func (s *faults) create(root *os.Root) (tempFile, string, error) {
	if err := s.at("create"); err != nil {
		return nil, "", err
	}
	f, name, err := s.disk.create(root)
	return &faultyFile{f, s}, name, err
}

func (s *faults) link(root *os.Root, from, to string) error {
	if err := s.at("link"); err != nil {
		return err
	}
	return s.disk.link(root, from, to)
}

func (s *faults) rename(root *os.Root, from, to string) error {
	if err := s.at("rename"); err != nil {
		return err
	}
	return s.disk.rename(root, from, to)
}

func (s *faults) syncDir(path string) error {
	if err := s.at("syncDir"); err != nil {
		return err
	}
	return s.disk.syncDir(path)
}

type faultyFile struct {
	tempFile
	sys *faults
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if f.sys.fail != "write" || int64(len(p)) <= f.sys.space {
		f.sys.space -= int64(len(p))
		return f.tempFile.Write(p)
	}
	n, _ := f.tempFile.Write(p[:f.sys.space])
	f.sys.space = 0
	return n, errInjected
}

func (f *faultyFile) Sync() error {
	if err := f.sys.at("sync"); err != nil {
		return err
	}
	return f.tempFile.Sync()
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.sys.at("stat"); err != nil {
		return nil, err
	}
	return f.tempFile.Stat()
}

func TestPublishFails(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	full := write(text)
	cancelling, cancel := context.WithCancel(context.Background())
	for _, tt := range []struct {
		name  string
		sys   *faults
		ctx   context.Context
		write func(io.Writer) error
		want  error
	}{
		{"no file can be made", &faults{fail: "create"}, nil, full, errInjected},
		{"disk full at once", &faults{fail: "write"}, nil, full, errInjected},
		{"disk full in the middle", &faults{fail: "write", space: 400_000}, nil, full, errInjected},
		{"disk full at the end", &faults{fail: "write", space: 1<<20 - 1}, nil, full, errInjected},
		{"fsync", &faults{fail: "sync"}, nil, full, errInjected},
		{"stat", &faults{fail: "stat"}, nil, full, errInjected},
		{"fsync of the folder", &faults{fail: "syncDir"}, nil, full, errInjected},
		{"writer", &faults{}, nil, func(w io.Writer) error { io.WriteString(w, text); return errInjected }, errInjected},
		{"writer that hides errors", &faults{fail: "write"}, nil, func(w io.Writer) error { io.WriteString(w, text); return nil }, errInjected},
		{"cancelled while writing", &faults{}, cancelling, func(w io.Writer) error { cancel(); return write("short")(w) }, context.Canceled},
	} {
		for _, former := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/former=%v", tt.name, former), func(t *testing.T) {
				dir := t.TempDir()
				d := open(t, dir)
				want := map[string]string{}
				if former {
					want["a.jsonl"] = "former"
					os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("former"), 0o600)
				}
				sys := *tt.sys
				d.sys = &sys
				ctx := tt.ctx
				if ctx == nil {
					ctx = context.Background()
				}
				_, err := d.Publish(ctx, "a.jsonl", PublishOptions{Replace: true}, tt.write)
				if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), filepath.Join(dir, "a.jsonl")) {
					t.Errorf("got %v, want %v with the path", err, tt.want)
				}
				if former && tt.sys.fail == "syncDir" {
					want["a.jsonl"] = text // as documented
				}
				wantTree(t, dir, want)
			})
		}
	}
}

func TestPublishPanic(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		d.Publish(t.Context(), "a.jsonl", PublishOptions{}, func(io.Writer) error { panic("boom") })
	}()
	wantTree(t, dir, map[string]string{})
}

func TestPublishWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	d.sys = &faults{fail: "link"}
	if _, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{}, write("new")); err != nil {
		t.Fatal(err)
	}
	wantTree(t, dir, map[string]string{"a.jsonl": "new"})
	d.sys = &faults{fail: "rename"}
	if _, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{Replace: true}, write("newer")); !errors.Is(err, errInjected) {
		t.Errorf("rename: got %v", err)
	}
	wantTree(t, dir, map[string]string{"a.jsonl": "new"})
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
		"batch_072_proper.jsonl": good, "日足.jsonl": good, "..jsonl": good, ".hidden": good, "a b": good, "console.jsonl": good, "COM10": good, "nul_1": good, "parts": good,
		"": bad, ".": bad, "..": bad, "/etc/passwd": bad, "../a": bad, "a/b": bad, `a\b`: bad, `..\a`: bad, "a/": bad, "a\x00b": bad, "a\nb": bad, "\x7f": bad, "a\xff": bad,
		"a.": bad, "a ": bad, "...": bad, ".parts": bad, ".PARTS": bad, ".qaplan-x": bad, ".QAPLAN-0123456789abcdef.tmp": bad,
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

func TestSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	d := open(t, dir)
	s, err := d.Spool("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.ReadAt(make([]byte, 1), 0); n != 0 || err != io.EOF || s.Size() != 0 {
		t.Errorf("empty: %d, %v, size %d", n, err, s.Size())
	}
	if err := s.Truncate(0); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made too early: %v", err)
	}
	read := func() string {
		data, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size()))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	io.WriteString(s, "hello ")
	io.WriteString(s, "world")
	if got := read(); got != "hello world" {
		t.Errorf("got %q", got)
	}
	if err := s.Truncate(5); err != nil || s.Size() != 5 {
		t.Errorf("truncate: %v, size %d", err, s.Size())
	}
	s.WriteAt([]byte("!"), 7)
	s.WriteAt([]byte("J"), 0)
	if got := read(); got != "Jello\x00\x00!" {
		t.Errorf("got %q", got)
	}
	if err := s.Truncate(9); err == nil {
		t.Error("truncated to more than there is")
	}
	if err := s.Truncate(0); err != nil || read() != "" {
		t.Errorf("restart: %v", err)
	}
	io.WriteString(s, "again")
	if got := read(); got != "again" {
		t.Errorf("got %q", got)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || !isTemp(entries[0].Name()) {
		t.Fatalf("files: %v, %v", entries, err)
	}
	if info, err := entries[0].Info(); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	if err := errors.Join(s.Discard(), s.Discard()); err != nil {
		t.Error(err)
	}
	wantTree(t, dir, map[string]string{})
	if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after discard: %v", err)
	}
}

// A download goes to a spool in pieces and from there to the result.
func TestSpoolToResult(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := fmt.Sprintf("%d.jsonl", i)
			s, err := d.Spool(name)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Discard()
			if _, err := io.Copy(s, bytes.NewReader(bytes.Repeat([]byte{'0' + byte(i)}, 100_000))); err != nil {
				t.Error(err)
			}
			if _, err := d.Sweep(); err != nil {
				t.Error(err)
			}
			_, err = d.Publish(t.Context(), name, PublishOptions{}, func(w io.Writer) error {
				_, err := io.Copy(w, io.NewSectionReader(s, 0, s.Size()))
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	want := make(map[string]string)
	for i := range 8 {
		want[fmt.Sprintf("%d.jsonl", i)] = strings.Repeat(fmt.Sprint(i), 100_000)
	}
	wantTree(t, dir, want)
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

func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	d := open(t, dir)
	if n, err := d.Sweep(); n != 0 || err != nil {
		t.Errorf("no folder: %d, %v", n, err)
	}
	live, err := d.Spool("live.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Discard()
	if _, err := io.WriteString(live, "live"); err != nil {
		t.Fatal(err)
	}
	stay := []string{"a.jsonl", ".qaplan-0123456789abcde.tmp", ".qaplan-0123456789abcdef.jsonl", ".qaplan-0123456789ABCDEF.tmp", "x.qaplan-0123456789abcdef.tmp", ".qaplan-..............tmp", ".parts/.qaplan-0123456789abcdef.tmp"}
	dead := []string{".qaplan-0123456789abcdef.tmp", ".qaplan-ffffffffffffffff.tmp"}
	os.Mkdir(filepath.Join(dir, ".parts"), 0o700)
	os.Mkdir(filepath.Join(dir, ".qaplan-0000000000000000.tmp"), 0o700)
	want := map[string]string{live.temp: "live"}
	for _, name := range append(stay, dead...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range stay {
		want[name] = ""
	}
	for _, wantRemoved := range []int{2, 0} {
		if n, err := open(t, dir).Sweep(); n != wantRemoved || err != nil {
			t.Errorf("removed %d, want %d; %v", n, wantRemoved, err)
		}
		wantTree(t, dir, want)
	}
}
