package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
)

// A run whose lock is taken away by force says so once, buys nothing more, and
// what it bought is known.
func TestLostLockIsToldOnce(t *testing.T) {
	s := newSite(t, 3)
	s.oneByOne()
	s.serve(filepath.Join(t.TempDir(), "service"), emulator.Config{QueueTime: emulator.Span{Min: 1, Max: 1}, RunTime: emulator.Span{Min: 1, Max: 1}})
	bucket := filepath.Join(t.TempDir(), "bucket")
	if err := os.Mkdir(bucket, 0o700); err != nil {
		t.Fatal(err)
	}
	at, err := blob.ParseObject("file://" + filepath.ToSlash(filepath.Join("/", bucket, "qaplan.state.json")))
	if err != nil {
		t.Fatal(err)
	}
	s.write("qaplan.hcl", "qaplan {\n  backend \"blob\" { url = \""+at.Address()+"\" }\n}\n"+string(s.read("qaplan.hcl")))
	b, err := blob.OpenFolder(at)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	place := state.InBucket(b, at, blob.DefaultLease)
	var once sync.Once
	s.front.setWatch(func(call string, _ *http.Request) func() {
		if call == callCreate {
			once.Do(func() {
				held, err := place.Inspect(context.Background())
				if err == nil {
					err = place.ForceUnlock(context.Background(), held.Holder.ID, state.Holder{ID: "0badcafe"})
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		return func() {}
	})
	c := s.mustRun(exitError, "apply", "--auto-approve", "--wait")
	if n := strings.Count(c.said(), "was taken over"); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, &c.stderr)
	}
	if n := s.bought(); n != 1 {
		t.Errorf("%d jobs were bought, want 1", n)
	}
}
