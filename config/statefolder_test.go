package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A state is one file or object: a folder is refused where it is written, with
// what to write.
func TestStateIsNoFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shelf"), 0o700); err != nil {
		t.Fatal(err)
	}
	there := "file://" + filepath.ToSlash(filepath.Join("/", dir, "shelf"))
	for _, tt := range []struct{ backend, want string }{
		{fmt.Sprintf(`backend "blob" { url = %q }`, there), there + " names a folder"},
		{fmt.Sprintf(`backend "blob" { url = %q }`, there+"/"), there + `/qaplan.state.json"`},
		{fmt.Sprintf(`backend "blob" { url = %q }`, there+"/none/"), there + "/none names a folder"},
		{`backend "blob" { url = "s3://bucket/path/?region=eu-1" }`, `such as "s3://bucket/path/qaplan.state.json"`},
		{`backend "local" { path = "shelf" }`, `"shelf" is a folder, and the state is a file: name one in it, such as "shelf/qaplan.state.json"`},
		{fmt.Sprintf(`backend "blob" { url = %q }`, there+"/state.json"), ""},
		{`backend "local" { path = "shelf/state.json" }`, ""},
	} {
		writeFiles(t, dir, map[string]string{"qaplan.hcl": "qaplan {\n  " + tt.backend + "\n}\n" + block()})
		_, ds := Load(context.Background(), Options{Path: filepath.Join(dir, "qaplan.hcl")})
		text := render(t, ds, 0)
		if tt.want == "" && ds.HasErrors() || tt.want != "" && (len(ds) != 1 || !strings.Contains(text, tt.want) || !strings.Contains(text, "qaplan.hcl line 2")) {
			t.Errorf("%s: want %q\n%s", tt.backend, tt.want, text)
		}
	}
}
