package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

// The parts of the page. They are read when a page is made: what does not ask for
// one pays nothing for it.
//
//go:embed page
var pageFiles embed.FS

// HTML writes the report as a page of one file.
func HTML(w io.Writer, r *Report) error {
	var texts [4]string
	for i, name := range []string{"page.html.tmpl", "page.css", "plot.js", "page.js"} {
		b, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return fmt.Errorf("read a part of the report: %w", err)
		}
		texts[i] = string(b)
	}
	t, err := template.New("page").Funcs(functions()).Parse(texts[0])
	if err != nil {
		return fmt.Errorf("read the report's template: %w", err)
	}
	v := newView(r)
	v.CSS, v.Plot, v.Script = template.CSS(texts[1]), template.JS(texts[2]), template.JS(texts[3])
	v.Policy = fmt.Sprintf("default-src 'none'; script-src %s %s; style-src %s; img-src data:; base-uri 'none'; form-action 'none'",
		hash(texts[2]), hash(texts[3]), hash(texts[1]))
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// hash is what lets an inline script or style pass the page's own policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
