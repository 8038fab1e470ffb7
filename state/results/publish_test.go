package results

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

// A run that is interrupted while the disk is busy publishes nothing any more.
func TestPublishCancelledLate(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	d.sys = &faults{before: func(call string) {
		if call == "sync" {
			cancel()
		}
	}}
	if _, err := d.Publish(ctx, "a.jsonl", PublishOptions{}, write("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	wantTree(t, dir, map[string]string{})
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
