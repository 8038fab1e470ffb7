package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a command refuses in words of its own says what to do: in the message, or
// as advice beside it. Errors from below are listed in the ui's
// TestEveryErrorHelps.
func TestMessagesHelp(t *testing.T) {
	// What names the next step: what a value must be, what to pass, name or run.
	next := regexp.MustCompile(`must |; |--[a-z]|qaplan |takes |[Nn]ame (a|one|the) |write |%w|[Ss]ee |did not|give|move`)
	known := []string{
		"interrupted", "enough rows", // never shown
		"%s. %s", // with a suggestion
		"%s: %s is not carried out by this version yet", // nothing can be done
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		advised := map[ast.Node]bool{}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr: // the error of a ui.Advised
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Err" {
					advised[n.Value] = true
				}
			case *ast.CallExpr:
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					if x, ok := f.X.(*ast.Ident); ok {
						name = x.Name + "." + f.Sel.Name
					}
				}
				if name == "advised" {
					advised[n.Args[0]] = true
				}
				if name != "errors.New" && name != "fmt.Errorf" || advised[n] {
					return true
				}
				lit, ok := n.Args[0].(*ast.BasicLit)
				if !ok {
					return true
				}
				text, _ := strconv.Unquote(lit.Value)
				seen++
				if !next.MatchString(text) && !slices.Contains(known, text) {
					t.Errorf("%s: %q does not say what to do", file, text)
				}
			}
			return true
		})
	}
	if seen < 40 {
		t.Errorf("found %d messages, want at least 40", seen)
	}
}
