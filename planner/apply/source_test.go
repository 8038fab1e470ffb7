package apply_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/state/durable"
)

// TestSourceThatChangesBeforeItsDownload takes a source that the plan knew by its
// facts. It is changed without getting longer when the answers are about to come:
// nothing may be put to the keys that are there now. With its bytes back, under
// another time, all is well.
func TestSourceThatChangesBeforeItsDownload(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, 3, quick())
			b := w.desired.Batches[0].Address
			path := w.paths[b]
			settled := time.Now().Add(-time.Hour)
			if err := os.Chtimes(path.Source, settled, settled); err != nil {
				t.Fatal(err)
			}
			if known {
				path.Facts = factsOf(t, path.Source)
				w.paths[b] = path
			}
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour) // the job ends
			was, err := os.ReadFile(path.Source)
			if err != nil {
				t.Fatal(err)
			}
			changed := strings.Replace(string(was), "b51-r1", "b51-r7", 1)
			if err := os.WriteFile(path.Source, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			rep, err := w.apply(t.Context(), false)
			if err != nil || rep.Summary.Downloaded != 0 || rep.Errors[b] == nil || !strings.Contains(rep.Errors[b].Error(), "changed since it was read") {
				t.Errorf("known %v: %+v, %v; want the change noticed", known, rep, err)
			}
			if _, err := os.Stat(filepath.Join(path.OutputDir, path.OutputName)); err == nil {
				t.Errorf("known %v: there is a result", known)
			}
			if err := os.WriteFile(path.Source, was, 0o600); err != nil {
				t.Fatal(err)
			}
			if known && factsOf(t, path.Source) == path.Facts {
				t.Fatal("the file has its former facts: no case for this test")
			}
			w.mustConverge()
		})
	}
}

// A source is not read once more only to know that it is what was planned: one
// whose facts are the planned ones is taken by them, as plans take it.
func TestSourceIsKnownByItsFacts(t *testing.T) {
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, 3, quick())
			b := w.desired.Batches[0].Address
			path := w.paths[b]
			if _, err := w.apply(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
			was, err := os.ReadFile(path.Source)
			if err != nil {
				t.Fatal(err)
			}
			other := strings.Replace(string(was), "What", "Whet", 1) // of which only reading all of it tells
			if err := os.WriteFile(path.Source, []byte(other), 0o600); err != nil {
				t.Fatal(err)
			}
			if known {
				path.Facts = factsOf(t, path.Source)
				w.paths[b] = path
			}
			rep, err := w.apply(t.Context(), false)
			if err != nil || (rep.Summary.Downloaded == 1) != known {
				t.Errorf("known %v: %+v, %v", known, rep.Summary, err)
			}
		})
	}
}

func factsOf(t *testing.T, path string) durable.Facts {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return durable.FactsOf(info)
}
