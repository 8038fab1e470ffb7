package results

import (
	"bytes"
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
)

func TestSpool(t *testing.T) {
	for _, memory := range []int{0, 7, inMemory} { // 7: the file is made in the middle
		t.Run(fmt.Sprint(memory), func(t *testing.T) { testSpool(t, memory) })
	}
}

func testSpool(t *testing.T, memory int) {
	dir := filepath.Join(t.TempDir(), "results")
	d := open(t, dir)
	d.inMemory = memory
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
	if _, err := s.ReadAt(make([]byte, 9), 2); err != io.EOF {
		t.Errorf("beyond the end: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if memory == inMemory {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a few bytes went to the disk: %v, %v", entries, err)
		}
	} else if err != nil || len(entries) != 1 || !isTemp(entries[0].Name()) {
		t.Fatalf("files: %v, %v", entries, err)
	} else if info, err := entries[0].Info(); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode: %v, %v", info.Mode(), err)
	}
	if err := errors.Join(s.Discard(), s.Discard()); err != nil {
		t.Error(err)
	}
	if memory < inMemory {
		wantTree(t, dir, map[string]string{})
	}
	if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Errorf("read after discard: %v", err)
	}
	if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("after discard: %v", err)
	}
}

// A download goes to a spool in pieces and from there to the result: some through
// memory alone.
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
			if _, err := io.Copy(s, bytes.NewReader(bytes.Repeat([]byte{'0' + byte(i)}, i*100_000))); err != nil {
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
		want[fmt.Sprintf("%d.jsonl", i)] = strings.Repeat(fmt.Sprint(i), i*100_000)
	}
	wantTree(t, dir, want)
}

func TestSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	d := open(t, dir)
	if n, err := d.Sweep(); n != 0 || err != nil {
		t.Errorf("no folder: %d, %v", n, err)
	}
	d.inMemory = 0
	live, err := d.Spool("live.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer live.Discard()
	if _, err := io.WriteString(live, "live"); err != nil {
		t.Fatal(err)
	}
	// In use is in use, however long ago it was written to.
	old := time.Now().Add(-2 * deadAge)
	if err := os.Chtimes(filepath.Join(dir, live.temp), old, old); err != nil {
		t.Fatal(err)
	}
	stay := []string{"a.jsonl", ".qaplan-0123456789abcde.tmp", ".qaplan-0123456789abcdef.jsonl", ".qaplan-0123456789ABCDE0.tmp", "x.qaplan-0123456789abcdef.tmp", ".qaplan-..............tmp", ".parts/.qaplan-0123456789abcdef.tmp"}
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
