package emulator_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/qaplan/qaplan/provider/emulator"
)

// TestFaultTable holds the package documentation and FaultNames against the
// constants.
func TestFaultTable(t *testing.T) {
	fset := token.NewFileSet()
	doc, err := parser.ParseFile(fset, "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	source, err := parser.ParseFile(fset, "fault.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(source, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Fault") {
			name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, name)
		}
		return true
	})
	if len(names) < 40 {
		t.Fatalf("found %d constants of faults", len(names))
	}
	listed := emulator.FaultNames()
	for _, name := range names {
		if !slices.Contains(listed, name) {
			t.Errorf("FaultNames leaves out %s", name)
		}
		if !strings.Contains(doc.Doc.Text(), "\n\t"+name+" ") {
			t.Errorf("the table leaves out %s", name)
		}
	}
	if len(listed) != len(names) {
		t.Errorf("FaultNames has %d names for %d constants", len(listed), len(names))
	}
}

// TestImports guards the independence of the fake: it may know neither the
// client nor the reader of request files, nor anything above it.
func TestImports(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		checked++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if path := strings.Trim(spec.Path.Value, `"`); strings.Contains(path, "qaplan") || strings.Contains(path, "genai") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if checked < 10 {
		t.Fatalf("checked %d files", checked)
	}
}
