package ui

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/durable"
	"github.com/qaplan/qaplan/state/results"
)

// met is an error that a person may meet: how it comes to the surface, and words
// of the next step that it has to name.
type met struct {
	errs []error
	next string // a pattern
}

// errorsMet has every exported type and value of errors of the module, by package
// and name. Those without errs come to the surface in other words, which next
// says.
func errorsMet() map[string]met {
	id := state.Identity{Kind: "gemini"}
	var misfits []error
	for _, what := range []planner.Misfit{planner.MisfitVersion, planner.MisfitService, planner.MisfitLineage, planner.MisfitConfig, planner.MisfitDigest} {
		misfits = append(misfits, &planner.MisfitError{What: what, Plan: "a", Now: "b"})
	}
	return map[string]met{
		"state.CorruptError": {[]error{
			&state.CorruptError{File: "x", Line: 3, Reason: "y"}, &state.CorruptError{File: "x", Reason: "y", Journal: true},
			&state.CorruptError{File: "x", Reason: "y", Journal: true, Alone: true}, &state.CorruptError{File: "x", Reason: "y", Backup: "z"},
			&state.CorruptError{File: "x", Reason: "y", Given: true},
		}, "restore it from a copy|hand in another copy"},
		"state.VersionError":  {[]error{&state.VersionError{File: "x", Version: 9, Readable: 1}}, "use the newer qaplan"},
		"state.IdentityError": {[]error{&state.IdentityError{File: "x", Have: id, Ask: id}}, "give the config the former provider"},
		"state.LineageError":  {[]error{&state.LineageError{File: "x", Have: "aaaaaaaa", Want: "bbbbbbbb"}}, "put back the snapshot|move the journal away"},
		"state.LockedError": {[]error{
			&state.LockedError{File: "x"}, &state.LockedError{File: "x", Holder: state.Holder{ID: "abc", Operation: "apply"}},
		}, "--lock-timeout|force-unlock"},
		"state.LostLockError":   {[]error{&state.LostLockError{File: "x"}, &state.LostLockError{File: "x", By: state.Holder{ID: "a"}}}, "start it again"},
		"state.NotHolderError":  {[]error{&state.NotHolderError{File: "x", ID: "a", Have: "b"}, &state.NotHolderError{File: "x", ID: "a", Held: true}, &state.NotHolderError{File: "x", ID: "a"}}, "force-unlock|[Ww]ait for|run the command"},
		"state.MoveError":       {[]error{moveError(state.ErrNoRecord), moveError(state.ErrTaken), moveError(state.ErrUnsettled)}, "qaplan (state|apply)"},
		"state.ErrNoRecord":     {[]error{state.ErrNoRecord}, "qaplan state list"},
		"state.ErrTaken":        {[]error{state.ErrTaken}, "qaplan state rm"},
		"state.ErrUnsettled":    {[]error{state.ErrUnsettled}, "qaplan apply"},
		"state.OtherStateError": {[]error{&state.OtherStateError{File: "x", Have: "aaaaaaaa", Given: "bbbbbbbb"}}, "move x and its journal away"},
		"state.OlderStateError": {[]error{&state.OlderStateError{File: "x"}}, "move x and its journal away"},
		"state.ErrClosed":       {next: "a mistake in the program: nothing writes to a state that it has closed"},
		"durable.ErrLocked":     {next: "*state.LockedError"},
		"durable.ErrLost":       {[]error{fmt.Errorf("write state: %w", durable.ErrLost)}, "the next run"},
		"durable.ErrNotSeized":  {[]error{fmt.Errorf("unlock state: %w", durable.ErrNotSeized)}, "end the process"},
		"results.ErrExists":     {[]error{fmt.Errorf("write out/x.jsonl: %w", results.ErrExists)}, "move it away"},
		"results.NameError":     {next: "a diagnostic of the config that names the source file"},
		"planner.MisfitError":   {misfits, "[Pp]lan again|Make the plan again"},
		"provider.ErrDamaged":   {next: "the upload is sent again, and *provider.Error where that ends"},
		"provider.Error":        {next: "TestEveryRefusalHelps"},
		"batchfile.SourceError": {next: "the source is checked again by the run, and its diagnostics name the line"},
		"emulator.HistoryError": {next: "a diagnostic of the config at the line of the history"},
		"blob.Error":            {bucketErrors(), "(?i)again|make|check|give|use|name|set|see|keep|try"},
		"blob.ErrConflict":      {next: "*state.LockedError or *state.LostLockError"},
		"ui.ErrClosed":          {next: "stdin ended before the answer; --auto-approve is named before the question where nobody can be asked"},
	}
}

func bucketErrors() (errs []error) {
	for _, kind := range []blob.Kind{blob.KindTemporary, blob.KindNoBucket, blob.KindDenied, blob.KindCredentials, blob.KindUnsupported, blob.KindOther} {
		errs = append(errs, &blob.Error{Op: "read", Location: blob.Location{Scheme: blob.SchemeS3, Bucket: "b"}, Kind: kind, Err: fs.ErrInvalid})
	}
	return errs
}

func moveError(why error) error {
	m := state.Move{From: planner.Address{Block: "a", Number: 1}, To: planner.Address{Block: "a", Number: 2}}
	return &state.MoveError{Move: m, Err: why}
}

// Every error that a person can meet says what to do next, and a new type of
// error has to be added here.
func TestEveryErrorHelps(t *testing.T) {
	all := errorsMet()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), errorNames(t)); diff != "" {
		t.Errorf("errors of the module (-here +exported): say here how each comes to the surface\n%s", diff)
	}
	for name, m := range all {
		if m.next == "" {
			t.Errorf("%s: nothing is said of it", name)
		}
		for _, err := range m.errs {
			x := Explain(err)
			text := strings.Join(strings.Fields(x.Summary+" "+x.Detail), " ")
			if !regexp.MustCompile(m.next).MatchString(text) {
				t.Errorf("%s is shown as %q, which lacks %s", name, text, m.next)
			}
		}
	}
}

// errorNames lists the exported error types and values of the module.
func errorNames(t *testing.T) []string {
	t.Helper()
	var names []string
	typeName, valueName := regexp.MustCompile(`^([A-Z]\w*)?Error$`), regexp.MustCompile(`^Err[A-Z]`)
	err := filepath.WalkDir("../../../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range tree.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range gen.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if typeName.MatchString(s.Name.Name) && s.Name.IsExported() {
						names = append(names, tree.Name.Name+"."+s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if valueName.MatchString(n.Name) {
							names = append(names, tree.Name.Name+"."+n.Name)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil || len(names) < 15 {
		t.Fatalf("found %d errors: %v", len(names), err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Every refusal of the service, and every way for it not to answer, says what to
// do next.
func TestEveryRefusalHelps(t *testing.T) {
	classes, abouts := words(t, "Class"), words(t, "About")
	if len(classes) < 5 || len(abouts) < 5 {
		t.Fatalf("classes %v, abouts %v", classes, abouts)
	}
	next := regexp.MustCompile(`(?i)\b(check|run|mend|move|see)\b`)
	for _, class := range classes {
		for _, about := range append(abouts, "") {
			for _, status := range []int{0, 400, 401, 403, 404, 409, 429, 500, 503} {
				for _, own := range []string{"", "SOME_STATUS"} {
					e := &provider.Error{Op: "create job", Target: "models/m", Class: provider.Class(class), About: about, HTTPStatus: status, Status: own, Message: "no"}
					if x := Explain(fmt.Errorf("batch.a[1]: %w", e)); !next.MatchString(x.Detail) {
						t.Errorf("class %s about %q, HTTP %d %s: no next step in %q", class, about, status, own, x.Detail)
					}
				}
			}
		}
	}
}

// words lists the constants of package provider whose names begin with a word.
func words(t *testing.T, prefix string) (out []string) {
	t.Helper()
	files, err := filepath.Glob("../../../../provider/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if s, ok := n.(*ast.ValueSpec); ok && len(s.Values) == 1 && strings.HasPrefix(s.Names[0].Name, prefix) {
				if lit, ok := s.Values[0].(*ast.BasicLit); ok {
					text, _ := strconv.Unquote(lit.Value)
					out = append(out, text)
				}
			}
			return true
		})
	}
	return out
}

// Every reason for a hold or a failure has words and a way out.
func TestEveryReasonHelps(t *testing.T) {
	subject := planner.Address{Block: "qa", Number: 7}
	for _, why := range append(planner.HoldReasons(), planner.FailAttemptsUsedUp, planner.FailRefused) {
		if trouble(why) == "" || trouble(why) == string(why) {
			t.Errorf("%s has no words", why)
		}
		if exit := planner.Exit(why, subject, "batches/j", "out/x.jsonl"); !strings.Contains(exit, "qaplan ") && !regexp.MustCompile(`move |restore|put |key`).MatchString(exit) {
			t.Errorf("%s has no way out: %q", why, exit)
		}
	}
}
