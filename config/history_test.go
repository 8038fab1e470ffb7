package config

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is wrong with a history is shown where it stands: on a line of it, or at
// the argument that names it.
func TestLoadCheckHistory(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"qaplan.hcl":        "provider \"emulator\" {\n  history = \"past/history.json\"\n}\n" + block(),
		"past/history.json": "[\n  {\"name\": \"models/x\"}\r\n]\n",
	})
	at := 2
	opts := Options{Path: filepath.Join(dir, "qaplan.hcl"), CheckHistory: func(e *Emulator) (int, error) {
		if want := filepath.Join(dir, "past", "history.json"); e.History != want || e.DataDir == "" {
			t.Errorf("checked %s of %s, want %s", e.History, e.DataDir, want)
		}
		return at, errors.New("the name is odd")
	}}
	_, ds := Load(t.Context(), opts)
	want := `Error: Invalid history

  on past/history.json line 2:
     2:   {"name": "models/x"}
          ^^^^^^^^^^^^^^^^^^^^

The name is odd.
`
	if diff := cmp.Diff(want, render(t, ds, 78)); diff != "" {
		t.Errorf("at a line (-want +got):\n%s", diff)
	}
	at = 0
	_, ds = Load(t.Context(), opts)
	if len(ds) != 1 || ds[0].Range == nil || ds[0].Range.Start.Line != 2 || ds[0].Detail != "past/history.json: the name is odd." {
		t.Errorf("the file as a whole: %+v", ds)
	}
}
