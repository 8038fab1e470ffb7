package durable

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// faulty passes everything on to the machine, notes it, and fails the one step
// that is named.
type faulty struct {
	OS
	fail  string
	steps []string
}

var errFault = errors.New("fault")

func (f *faulty) step(name string) error {
	f.steps = append(f.steps, name)
	if name == f.fail {
		return errFault
	}
	return nil
}

func (f *faulty) OpenFile(name string, flag int, perm os.FileMode) (File, error) {
	if err := f.step("open"); err != nil {
		return nil, err
	}
	file, err := f.OS.OpenFile(name, flag, perm)
	return faultyFile{file, f}, err
}

func (f *faulty) Rename(from, to string) error {
	if err := f.step("rename"); err != nil {
		return err
	}
	return f.OS.Rename(from, to)
}

func (f *faulty) SyncDir(name string) error {
	if err := f.step("sync folder"); err != nil {
		return err
	}
	return f.OS.SyncDir(name)
}

type faultyFile struct {
	File
	fs *faulty
}

func (f faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.step("write"); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f faultyFile) Sync() error {
	if err := f.fs.step("sync"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f faultyFile) Close() error {
	err := f.fs.step("close")
	return errors.Join(f.File.Close(), err)
}

func content(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// folder gives names and contents of all that is in dir.
func folder(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(data)
	}
	return got
}

func TestReplaceSteps(t *testing.T) {
	fs := &faulty{}
	dir := t.TempDir()
	if err := Replace(fs, filepath.Join(dir, "a"), 0o600, content("new")); err != nil {
		t.Fatal(err)
	}
	want := []string{"open", "write", "sync", "close", "rename", "sync folder"}
	if diff := cmp.Diff(want, fs.steps); diff != "" {
		t.Errorf("order of steps (-want +got):\n%s", diff)
	}
}

func TestReplaceFails(t *testing.T) {
	tests := []struct {
		fail string
		want string
	}{
		{"open", "old"},
		{"write", "old"},
		{"sync", "old"},
		{"close", "old"},
		{"rename", "old"},
		{"sync folder", "new"},
	}
	for _, tt := range tests {
		t.Run(tt.fail, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "a")
			if err := WriteFile(path, 0o600, content("old")); err != nil {
				t.Fatal(err)
			}
			err := Replace(&faulty{fail: tt.fail}, path, 0o600, content("new"))
			if !errors.Is(err, errFault) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v: want the fault and the path", err)
			}
			if diff := cmp.Diff(map[string]string{"a": tt.want}, folder(t, dir)); diff != "" {
				t.Errorf("folder (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteFileCallbackFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	err := WriteFile(path, 0o600, func(w io.Writer) error {
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
		return errFault
	})
	if !errors.Is(err, errFault) {
		t.Errorf("error %v: want the callback's", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the callback's panic was swallowed")
			}
		}()
		WriteFile(path, 0o600, func(io.Writer) error { panic("out of luck") })
	}()
	if got := folder(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestWriteFileMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no modes
	}
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, 0o600, content("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o600 {
		t.Errorf("mode %o, want 600", got)
	}
}

// Readers beside writers see one whole content, and writers of one path do not
// disturb each other.
func TestWriteFileAtomic(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	whole := map[string]bool{}
	for i := range 4 {
		whole[strings.Repeat(string(rune('a'+i)), 100_000)] = true
	}
	var writers sync.WaitGroup
	for text := range whole {
		if err := WriteFile(path, 0o600, content(text)); err != nil {
			t.Fatal(err)
		}
		writers.Go(func() {
			for range 10 {
				if err := WriteFile(path, 0o600, content(text)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		data, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !whole[string(data)] {
			t.Fatalf("read a mixture of %d bytes", len(data))
		}
	}
	if got := len(folder(t, dir)); got != 1 {
		t.Errorf("%d files in the folder, want 1", got)
	}
}

func TestWriteFileLongName(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("n", 255))
	if err := WriteFile(path, 0o600, content("x")); err != nil {
		t.Error(err)
	}
}

func TestRemoveTemps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	keep := map[string]string{"a": "", "b": "", ".a.tmp-": "", ".a.tmp-0011": "", ".a.tmp-zz11223344556677": "",
		".b.tmp-0011223344556677": "", "a.tmp-0011223344556677": ""}
	for name := range keep {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What a kill leaves is whatever WriteFile itself names its file.
	err := WriteFile(path, 0o600, func(w io.Writer) error {
		for name := range folder(t, dir) {
			if _, known := keep[name]; known {
				continue
			}
			return os.WriteFile(filepath.Join(dir, name[:len(name)-2]+"00"), nil, 0o600)
		}
		return errors.New("no temporary file")
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(folder(t, dir)); got != len(keep)+1 {
		t.Fatalf("%d files, want the left-over one beside %d", got, len(keep))
	}
	if err := RemoveTemps(path); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keep, folder(t, dir)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
}

func TestRemoveOldTemps(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{
		".a.tmp-0011223344556677": time.Minute, ".b.tmp-8899aabbccddeeff": time.Hour, // left behind
		".c.tmp-0011223344556677": 0, "a": time.Hour, "a.tmp-0011223344556677": time.Hour, ".tmp-0011223344556677": time.Hour, ".a.tmp-00": time.Hour,
	} {
		at, then := filepath.Join(dir, name), time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(at, nil, 0o600), os.Chtimes(at, then, then)); err != nil {
			t.Fatal(err)
		}
	}
	if err := RemoveOldTemps(dir, time.Minute); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{".c.tmp-0011223344556677": "", "a": "", "a.tmp-0011223344556677": "", ".tmp-0011223344556677": "", ".a.tmp-00": ""}
	if diff := cmp.Diff(want, folder(t, dir)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
}

func TestReadFileMissing(t *testing.T) {
	_, err := ReadFile(filepath.Join(t.TempDir(), "a"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that it does not exist", err)
	}
	f, err := OS{}.OpenFile(filepath.Join(t.TempDir(), "a"), os.O_RDONLY, 0)
	if f != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v: want a nil file and that it does not exist", f, err)
	}
}

func TestSyncDirMissing(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // does nothing
	}
	if err := SyncDir(filepath.Join(t.TempDir(), "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want that it does not exist", err)
	}
}

func TestWriteFileBuffers(t *testing.T) {
	fs := &faulty{}
	path := filepath.Join(t.TempDir(), "a")
	err := Replace(fs, path, 0o600, func(w io.Writer) error {
		for range 1000 {
			if _, err := w.Write([]byte("0123456789")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	writes := 0
	for _, s := range fs.steps {
		if s == "write" {
			writes++
		}
	}
	if writes != 1 {
		t.Errorf("%d writes for 10 kB in small pieces, want 1", writes)
	}
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(data, bytes.Repeat([]byte("0123456789"), 1000)) {
		t.Errorf("content of %d bytes differs, error %v", len(data), err)
	}
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b", "c")
	for range 2 { // the second finds it there
		if err := MkdirAll(deep, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(deep); err != nil || !info.IsDir() {
		t.Errorf("the folder is not there: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "a")} {
		if err := MkdirAll(path, 0o700); err == nil {
			t.Errorf("a folder was made at %s, where a file is in the way", path)
		}
	}
}

func TestMkdirAllTogether(t *testing.T) {
	deep := filepath.Join(t.TempDir(), "a", "b", "c", "d")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := MkdirAll(deep, 0o700); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if f, err := Open(path); f != nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, %v: want that it does not exist", f, err)
	}
	if err := WriteFile(path, 0o600, content("text")); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); string(data) != "text" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
}
