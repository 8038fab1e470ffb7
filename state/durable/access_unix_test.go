//go:build unix

package durable

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A link that leads nowhere stands where the folder would have to be made.
func TestMayNotWriteInALinkToNowhere(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{link, filepath.Join(link, "a")} {
		if err := MayWriteIn(folder); err == nil || !strings.Contains(err.Error(), link+" is a symbolic link that leads nowhere") {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
