package config

import (
	"bytes"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format gives the canonical form of a config or variable file: aligned, with
// one line break at its end, and with the line endings of its first line. Formatting
// twice changes nothing. A file that does not parse is given back as it is,
// with the reasons.
func Format(src []byte, filename string) ([]byte, Diagnostics) {
	l := &loader{name: filename, texts: &texts{files: map[string]*sourceFile{}}}
	if _, ok := l.parse(filename, src); !ok {
		return src, l.finish()
	}
	text := bytes.TrimPrefix(src, bom)
	newline := []byte("\n")
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		newline = []byte("\r\n")
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = append(bytes.TrimRight(text, "\n"), '\n')
	text = hclwrite.Format(text)
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	return bytes.ReplaceAll(text, []byte("\n"), newline), nil
}
