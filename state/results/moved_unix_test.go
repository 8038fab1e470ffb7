//go:build unix

package results

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What was begun in a folder that is not the one at the path any more is not said to
// be there; what is begun afterwards goes to the path. Windows does not rename a
// folder that is open.
func TestFolderThatMoves(t *testing.T) {
	for _, again := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "out")
		d := open(t, dir)
		d.inMemory = 0
		move := func() {
			if err := os.Rename(dir, dir+"-moved"); err != nil {
				t.Fatal(err)
			}
			if again {
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
			}
		}
		s, sum := filled(t, d, "new")
		move()
		if _, err := s.Publish(t.Context(), PublishOptions{}, sum, always); !errors.Is(err, errMoved) {
			t.Errorf("a spool: got %v", err)
		}
		text := func(w io.Writer) error {
			_, err := io.WriteString(w, "text")
			return err
		}
		if _, err := d.Publish(t.Context(), "b.jsonl", PublishOptions{}, text); err != nil {
			t.Error(err)
		}
		wantTree(t, dir, map[string]string{"b.jsonl": "text"})
		os.RemoveAll(dir + "-moved")
		_, err := d.Publish(t.Context(), "c.jsonl", PublishOptions{}, func(w io.Writer) error {
			move()
			return text(w)
		})
		if !errors.Is(err, errMoved) {
			t.Errorf("a new file: got %v", err)
		}
		wantTree(t, dir+"-moved", map[string]string{"b.jsonl": "text"})
	}
}
