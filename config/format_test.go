package config

import (
	"bytes"
	"testing"
)

func TestFormat(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"aligns", "batch \"a\" {\nrange=[1,2]\n  output_dir =  \"x\"\n}", "batch \"a\" {\n  range      = [1, 2]\n  output_dir = \"x\"\n}\n"},
		{"line ends of Windows", "a=1\r\nbb=2\r\n", "a  = 1\r\nbb = 2\r\n"},
		{"mixed line ends", "a=1\nbb=2\r\n", "a  = 1\nbb = 2\n"},
		{"byte order mark", "\xef\xbb\xbfa=1\n", "a = 1\n"},
		{"blank lines at the end", "a = 1\n\n\n", "a = 1\n"},
		{"empty", "", ""},
		{"blank", "\n\n", ""},
		{"comments", "# x\na=1 // y\n", "# x\na = 1 // y\n"},
		{"here document", "a = <<EOT\n  x\n\nEOT\n", "a = <<EOT\n  x\n\nEOT\n"},
	}
	for _, tt := range tests {
		got, ds := Format([]byte(tt.in), "x.hcl")
		if len(ds) > 0 || string(got) != tt.want {
			t.Errorf("%s: got %q (%v), want %q", tt.name, got, ds, tt.want)
		}
		if again, _ := Format(got, "x.hcl"); !bytes.Equal(again, got) {
			t.Errorf("%s: formatting twice gives %q, then %q", tt.name, got, again)
		}
	}
	broken := []byte("a = [\n")
	got, ds := Format(broken, "x.hcl")
	if !ds.HasErrors() || !bytes.Equal(got, broken) {
		t.Errorf("broken: got %q and %v, want it unchanged and an error", got, ds)
	}
}
