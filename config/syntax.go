package config

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// parse reads HCL and reports what does not parse: one error for each region of
// the file, where a region starts with a name at the start of a line.
func (l *loader) parse(name string, src []byte) (*hclsyntax.Body, bool) {
	f := newSourceFile(name, src)
	l.files[name] = f
	if !l.checkText(f) || !l.checkKeys(f) {
		return nil, false
	}
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if !diags.HasErrors() {
		body := file.Body.(*hclsyntax.Body) // what ParseConfig documents
		f.index(body)
		return body, true
	}
	found := syntaxErrors(f)
	if len(found) == 0 { // the regions are well alone: only the whole is not
		found = diags[:1]
	}
	for _, d := range found {
		plainWords(d)
		l.diags = append(l.diags, d)
	}
	return nil, false
}

// checkKeys refuses a text with an API key in it.
func (l *loader) checkKeys(f *sourceFile) bool {
	for _, s := range f.secrets {
		l.errorf(f.span(s[0], s[1]), "An API key in a config file",
			"A config is committed, shared and printed; the key in it would be too. Remove it, and set the environment variable GOOGLE_API_KEY or GEMINI_API_KEY instead. If this file was ever shared, revoke that key.")
	}
	return len(f.secrets) == 0
}

// syntaxErrors parses each region by itself and gives the first error of each.
// One missing quote would otherwise turn every later quote of the file around.
func syntaxErrors(f *sourceFile) hcl.Diagnostics {
	var found hcl.Diagnostics
	regions := regionStarts(f)
	for i := 0; i < len(regions); i++ {
		start, end := regions[i], len(f.text)
		if i+1 < len(regions) {
			end = regions[i+1]
		}
		first := firstError(f, start, end)
		// A here document may hold lines that look like the start of a region.
		for j := i + 1; first != nil && bytes.Contains(f.text[start:end], []byte("<<")) && j < len(regions) && j <= i+50; j++ {
			longer := len(f.text)
			if j+1 < len(regions) {
				longer = regions[j+1]
			}
			if firstError(f, start, longer) == nil {
				first, i = nil, j
			}
		}
		if first != nil {
			found = append(found, first)
		}
	}
	return found
}

// regionStarts gives the offsets of lines that start with a letter, and 0.
func regionStarts(f *sourceFile) []int {
	starts := []int{0}
	for _, at := range f.lines[1:] {
		if at < len(f.text) {
			if c := f.text[at]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' {
				starts = append(starts, at)
			}
		}
	}
	return starts
}

func firstError(f *sourceFile, start, end int) *hcl.Diagnostic {
	_, diags := hclsyntax.ParseConfig(f.text[start:end], f.name, f.pos(start))
	var first *hcl.Diagnostic
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Subject != nil && (first == nil || d.Subject.Start.Byte < first.Subject.Start.Byte) {
			first = d
		}
	}
	return first
}

// plainWords replaces messages of the parser that name a consequence by what
// most likely happened.
func plainWords(d *hcl.Diagnostic) {
	switch {
	case d.Summary == "Invalid multi-line string" || d.Summary == "Unterminated template string":
		d.Summary = "Missing closing quote"
		d.Detail = "A string must end with \" on the line where it starts. A text of several lines is written as a here document: <<EOT, the lines, EOT."
	case strings.Contains(d.Detail, "Single quotes are not valid"):
		d.Summary = "Single quotes"
		d.Detail = "Strings stand in double quotes: \"like this\"."
	case d.Summary == "Attribute redefined":
		d.Summary = "Argument set twice"
		// A range as the parser writes it: file:line,column-column.
		columns := regexp.MustCompile(`(:\d+),\d+(,\d+)?-\d+(,\d+)?`)
		d.Detail = columns.ReplaceAllString(d.Detail, "$1") + " Remove one of the two."
	}
}
