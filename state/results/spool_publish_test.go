package results

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func filled(t *testing.T, d *Dir, text string) (s *Spool, sum string) {
	t.Helper()
	s, err := d.Spool("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Discard() })
	if _, err := io.WriteString(s, text); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256([]byte(text))
	return s, hex.EncodeToString(hash[:])
}

func always() error { return nil }

// The file of a spool becomes the result, with or without links, over nothing or
// over a former one.
func TestSpoolPublish(t *testing.T) {
	for _, sys := range []*faults{{}, {fail: "link"}} {
		for _, former := range []bool{false, true} {
			t.Run(fmt.Sprintf("fail=%s/former=%v", sys.fail, former), func(t *testing.T) {
				dir := t.TempDir()
				d := open(t, dir)
				d.inMemory, d.sys = 0, sys
				if former {
					if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("former"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				s, sum := filled(t, d, "new")
				was, err := os.Stat(filepath.Join(dir, s.temp))
				if err != nil || !s.InFile() || !os.SameFile(was, was) { // Windows reads what it compares now
					t.Fatal(err, s.InFile())
				}
				w, err := s.Publish(t.Context(), PublishOptions{Replace: former}, sum, always)
				if err != nil || w.SHA256 != sum || w.Size != int64(len("new")) {
					t.Errorf("%+v, %v", w, err)
				}
				now, err := os.Stat(filepath.Join(dir, "a.jsonl"))
				if err != nil || !os.SameFile(was, now) || !now.ModTime().Equal(w.ModTime) {
					t.Errorf("the result is another file, or of another time: %v", err)
				}
				wantTree(t, dir, map[string]string{"a.jsonl": "new"})
				if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
					t.Errorf("read after publishing: %v", err)
				}
				if err := s.Discard(); err != nil {
					t.Error(err)
				}
				wantTree(t, dir, map[string]string{"a.jsonl": "new"})
			})
		}
	}
}

// Whatever fails, what was at the name stays, and the spool can still be read and
// published another way.
func TestSpoolPublishFails(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name  string
		sys   *faults
		ctx   context.Context
		ready func() error
		want  error
	}{
		{"fsync", &faults{fail: "sync"}, nil, always, errInjected},
		{"stat", &faults{fail: "stat"}, nil, always, errInjected},
		{"fsync of the folder", &faults{fail: "syncDir"}, nil, always, errInjected},
		{"not ready", &faults{}, nil, func() error { return errInjected }, errInjected},
		{"cancelled", &faults{}, cancelled, always, context.Canceled},
	} {
		for _, former := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/former=%v", tt.name, former), func(t *testing.T) {
				dir := t.TempDir()
				d := open(t, dir)
				d.inMemory, d.sys = 0, tt.sys
				want := map[string]string{}
				if former {
					want["a.jsonl"] = "former"
					if err := os.WriteFile(filepath.Join(dir, "a.jsonl"), []byte("former"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				ctx := tt.ctx
				if ctx == nil {
					ctx = t.Context()
				}
				s, sum := filled(t, d, "new")
				if _, err := s.Publish(ctx, PublishOptions{Replace: former}, sum, tt.ready); !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				if data, err := io.ReadAll(io.NewSectionReader(s, 0, s.Size())); string(data) != "new" || err != nil {
					t.Errorf("the spool holds %q, %v", data, err)
				}
				if err := s.Discard(); err != nil {
					t.Error(err)
				}
				if former && tt.sys.fail == "syncDir" {
					want["a.jsonl"] = "new" // it was replaced; whether that lasts is not known
				}
				wantTree(t, dir, want)
			})
		}
	}
}

func TestSpoolPublishLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	d.inMemory = 0
	path := filepath.Join(dir, "a.jsonl")
	appear := func() {
		if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
			t.Error(err)
		}
	}
	linked := &faults{before: func(call string) {
		if call == "link" {
			appear()
		}
	}}
	for name, tt := range map[string]struct {
		sys   *faults
		ready func() error
		there bool
	}{
		"there before":       {&faults{}, func() error { t.Error("asked in vain"); return nil }, true},
		"appears at the end": {&faults{}, func() error { appear(); return nil }, false},
		"appears at once":    {linked, always, false},
	} {
		t.Run(name, func(t *testing.T) {
			os.Remove(path)
			if tt.there {
				appear()
			}
			d.sys = tt.sys
			s, sum := filled(t, d, "ours")
			if _, err := s.Publish(t.Context(), PublishOptions{}, sum, tt.ready); !errors.Is(err, ErrExists) {
				t.Errorf("got %v, want %v", err, ErrExists)
			}
			if err := s.Discard(); err != nil {
				t.Error(err)
			}
			wantTree(t, dir, map[string]string{"a.jsonl": "theirs"})
		})
	}
}

func TestSpoolInMemoryIsNotPublished(t *testing.T) {
	dir := t.TempDir()
	s, sum := filled(t, open(t, dir), "few bytes")
	if s.InFile() {
		t.Error("a few bytes went to a file")
	}
	if _, err := s.Publish(t.Context(), PublishOptions{}, sum, always); err == nil {
		t.Error("published from nowhere")
	}
	wantTree(t, dir, map[string]string{})
}

// A temporary file that is gone, or another one under its name, is not what was
// written; that can still be read.
func TestSpoolThatLostItsName(t *testing.T) {
	for _, other := range []bool{false, true} {
		dir := t.TempDir()
		d := open(t, dir)
		d.inMemory = 0
		s, _ := filled(t, d, "new")
		if !s.InFile() {
			t.Fatal("not in a file")
		}
		// Moved, since Windows keeps the name of a removed file while it is open.
		if err := s.root.Rename(s.temp, "moved"); err != nil {
			t.Fatal(err)
		}
		if other {
			if err := s.root.WriteFile(s.temp, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if s.InFile() {
			t.Errorf("another file %v: it is taken for the spool", other)
		}
		text := make([]byte, len("new"))
		if _, err := s.ReadAt(text, 0); err != nil || string(text) != "new" {
			t.Errorf("%q, %v", text, err)
		}
	}
}
