package results

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSame(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	long := strings.Repeat("0123456789", 50_000)
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"alike": long, "shorter": long[1:], "cut": long[:len(long)-1], "longer": long + "0", "nothing": "", "another": strings.Replace(long, "9", "8", 40_000),
	} {
		if same, err := d.Same(t.Context(), "a", write(text)); err != nil || same != (text == long) {
			t.Errorf("%s: %v, %v", name, same, err)
		}
	}

	// What differs at once is not written to its end.
	written := 0
	same, err := d.Same(t.Context(), "a", func(w io.Writer) error {
		for ; written < 100; written++ {
			if _, err := io.WriteString(w, "x"); err != nil {
				return err
			}
		}
		return nil
	})
	if same || err != nil || written != 0 {
		t.Errorf("%v, %v after %d writes", same, err, written)
	}

	if _, err := d.Same(t.Context(), "a", func(io.Writer) error { return errInjected }); !errors.Is(err, errInjected) {
		t.Errorf("a writer that fails: %v", err)
	}
	if _, err := d.Same(t.Context(), "b", write("")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Same(ctx, "a", write(long)); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
