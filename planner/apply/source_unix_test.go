//go:build unix

package apply_test

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
)

// A source that takes the place of the planned one while its answers come is the
// next plan's to see: the planned one is open, and theirs are the answers. Windows
// does not replace a file that is open.
func TestSourceReplacedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, a := arrangedWorld(t, nil)
		path := w.paths[w.desired.Batches[0].Address].Source
		planned, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		times := 0
		a.arrange = func([][]byte) {
			times++
			if err := errors.Join(os.WriteFile(path+".new", []byte("another\n"), 0o600), os.Rename(path+".new", path)); err != nil {
				t.Error(err)
			}
		}
		w.converge()
		if err := os.WriteFile(path, planned, 0o600); err != nil {
			t.Fatal(err)
		}
		w.mustBeDone()
		if times != 1 {
			t.Errorf("downloaded %d times, want once", times)
		}
	})
}
