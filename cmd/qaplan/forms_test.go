package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/report"
	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	forms "github.com/qaplan/qaplan/examples/json"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/state"
	"github.com/qaplan/qaplan/state/results"
)

// formOf names the schema of what a command line prints as JSON; "" where it
// prints none.
func formOf(args []string) (string, error) {
	root := rootCommand(newTestApp())
	args = doubleDashes(root, args)
	cmd, rest, err := root.Find(args)
	if err != nil {
		return "", nil
	}
	asJSON := named(args, "json")
	if cmd.ParseFlags(rest) == nil {
		if f := cmd.Flags().Lookup("format"); f != nil {
			asJSON = asJSON || f.Value.String() == "json"
		}
	}
	if help, _ := cmd.Flags().GetBool("help"); help || !asJSON || cmd.DisableFlagParsing || cmd.Flags().Lookup("json") == nil {
		return "", nil
	}
	name, known := map[string]string{
		"plan": "plan", "status": "status", "validate": "validation", "version": "version", "apply": "event",
		"show": "state", "report": "report", "state list": "state-list", "state show": "record",
	}[strings.TrimPrefix(cmd.CommandPath(), "qaplan ")]
	switch {
	case !known:
		return "", fmt.Errorf("%s prints JSON that examples/json does not describe: add a schema and an example", cmd.CommandPath())
	case name == "state" && len(cmd.Flags().Args()) > 0:
		name = "plan"
	}
	return name, nil
}

// watched runs qaplan as this process, and ends with 99 where the JSON that it
// printed is not what is documented.
func watched() int {
	name, err := formOf(os.Args[1:])
	if name == "" && err == nil {
		return mainExit(os.Stdout)
	}
	var seen bytes.Buffer
	code := mainExit(io.MultiWriter(os.Stdout, &seen))
	if err == nil {
		err = conforms(name, seen.Bytes())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return code
}

// conforms checks JSON against a schema in its strict form. Of events each line
// is one; nothing printed is fine, since errors print nothing.
func conforms(name string, text []byte) error {
	schema, err := strictForm(name)
	if err != nil {
		return err
	}
	pieces := [][]byte{text}
	if name == "event" {
		pieces = bytes.SplitAfter(text, []byte("\n"))
	}
	for _, piece := range pieces {
		if len(bytes.TrimSpace(piece)) == 0 {
			continue
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(piece))
		if err != nil {
			return fmt.Errorf("the JSON of %s is none: %w: %s", name, err, piece)
		}
		if err := schema.Validate(v); err != nil {
			return fmt.Errorf("the JSON of %s is not as examples/json says: %w: %s", name, err, piece)
		}
	}
	return nil
}

// strictForm is a schema that takes nothing but what it documents.
func strictForm(name string) (*jsonschema.Schema, error) {
	c, err := strictForms()
	if err != nil {
		return nil, err
	}
	return c.Compile(name + ".schema.json")
}

var strictForms = sync.OnceValues(func() (*jsonschema.Compiler, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for _, name := range formNames() {
		doc, err := formDocument(name)
		if err != nil {
			return nil, err
		}
		closeDown(doc, "")
		if err := c.AddResource(name+".schema.json", doc); err != nil {
			return nil, err
		}
	}
	return c, nil
})

func formNames() []string {
	entries, err := forms.Schemas.ReadDir(".")
	if err != nil {
		panic(err) // it is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".schema.json"))
	}
	return names
}

func formDocument(name string) (map[string]any, error) {
	text, err := forms.Schemas.ReadFile(name + ".schema.json")
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc.(map[string]any), nil
}

// closeDown makes a schema strict: objects have no other members than those that
// are documented, and codes of which later versions may add some are those of
// this version. What stands under allOf sees a part of an object only.
func closeDown(node any, under string) {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			closeDown(e, under)
		}
	case map[string]any:
		if _, object := n["properties"].(map[string]any); object && under != "properties" && under != "$defs" && under != "if" {
			if _, said := n["additionalProperties"]; !said && n["allOf"] == nil {
				n["additionalProperties"] = false
			}
		}
		if any, ok := n["anyOf"].([]any); ok {
			n["anyOf"] = any[:1]
		}
		for key, value := range n {
			if under == "properties" || under == "$defs" {
				key = "" // the name of a member
			}
			closeDown(value, key)
		}
	}
}

// schemaFile FORM FILE checks a file against a schema.
func schemaFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: form NAME FILE")
	}
	ts.Check(conforms(args[0], []byte(ts.ReadFile(args[1]))))
}

// Each form has an example in the README beside the schemas, which fits; the
// stream of events has one of each type, and a row of the table for it.
func TestFormsHaveExamples(t *testing.T) {
	fences := regexp.MustCompile("(?s)Schema: \\[(.+?)\\.schema\\.json\\].*?\n```(?:json|ndjson)\n(.*?)```")
	shown := map[string]string{}
	for _, m := range fences.FindAllStringSubmatch(forms.Readme, -1) {
		shown[m[1]] = m[2]
		if err := conforms(m[1], []byte(m[2])); err != nil {
			t.Error(err)
		}
	}
	if got, want := slices.Sorted(maps.Keys(shown)), slices.Sorted(slices.Values(formNames())); !slices.Equal(got, want) {
		t.Errorf("examples of %v, schemas %v", got, want)
	}
	for _, name := range eventTypes(t) {
		if !strings.Contains(shown["event"], `"type":"`+name+`"`) || !strings.Contains(forms.Readme, "\n| `"+name+"` | ") {
			t.Errorf("the README lacks an example of the event %s, or its row", name)
		}
	}
}

// The strict forms see what is not documented, the forms themselves let it pass.
func TestStrictForms(t *testing.T) {
	good := `{"version":"0.1.0","platform":"linux_amd64","go":"go1.26"}`
	if err := conforms("version", []byte(good)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"version": `{"version":"0.1.0","platform":"linux_amd64","go":"go1.26","more":1}`,
		"event":   `{"@timestamp":"2026-11-27T21:04:20.108Z","@level":"info","@message":"x","type":"surprise"}`,
		"status":  `{"batches":[],"summary":{},"cost":{"cost_usd":0,"to_come_usd":0,"cost_open":false}}`,
	} {
		if conforms(name, []byte(text)) == nil {
			t.Errorf("%s was taken for a %s", text, name)
		}
	}
	c := jsonschema.NewCompiler()
	for _, name := range formNames() {
		doc, err := formDocument(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(name+".schema.json", doc); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{good, `{"version":"0.1.0","platform":"linux_amd64","go":"go1.26","more":1}`} {
		v, _ := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err := c.MustCompile("version.schema.json").Validate(v); err != nil {
			t.Error(err)
		}
	}
}

// What Go encodes and what the schemas document are the same keys, and the same
// of them are always there.
func TestFormsFitTheTypes(t *testing.T) {
	for form, typ := range map[string]reflect.Type{
		"completion": reflect.TypeFor[told](),
		"plan":       reflect.TypeFor[planner.Plan](), "status": reflect.TypeFor[ui.Status](), "record": reflect.TypeFor[planner.Record](),
		"validation#/$defs/diagnostic": reflect.TypeFor[config.Diagnostic](), "manifest#/$defs/batch": reflect.TypeFor[results.ManifestBatch](),
		"manifest#/$defs/totals": reflect.TypeFor[results.ManifestTotals](), "manifest#/$defs/provider": reflect.TypeFor[results.ManifestProvider](),
		"state#/$defs/dataset": reflect.TypeFor[state.Dataset](), "state#/$defs/provider": reflect.TypeFor[state.Identity](),
		"event#/$defs/summary": reflect.TypeFor[apply.Summary](), "report": reflect.TypeFor[report.Report](),
	} {
		name, at, _ := strings.Cut(form, "#")
		f := fitting{t: t, form: name, docs: map[string]map[string]any{}}
		f.fit(typ, f.resolve("#"+at), form)
	}
}

// fitting compares types with a schema.
type fitting struct {
	t    *testing.T
	form string
	docs map[string]map[string]any
	path []reflect.Type // guards against types within themselves
}

// resolve follows a reference.
func (f *fitting) resolve(ref string) map[string]any {
	f.t.Helper()
	file, at, _ := strings.Cut(ref, "#")
	if file != "" {
		f.form = strings.TrimSuffix(file, ".schema.json")
	}
	if f.docs[f.form] == nil {
		doc, err := formDocument(f.form)
		if err != nil {
			f.t.Fatal(err)
		}
		f.docs[f.form] = doc
	}
	node := f.docs[f.form]
	for step := range strings.SplitSeq(strings.Trim(at, "/"), "/") {
		if step == "" {
			continue
		}
		next, ok := node[step].(map[string]any)
		if !ok {
			f.t.Fatalf("%s.schema.json has no %s", f.form, ref)
		}
		node = next
	}
	return node
}

func (f *fitting) fit(typ reflect.Type, node map[string]any, where string) {
	f.t.Helper()
	if ref, ok := node["$ref"].(string); ok {
		was := f.form
		defer func() { f.form = was }()
		node = f.resolve(ref)
	}
	marshals := reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()
	switch {
	case typ.Implements(marshals) || reflect.PointerTo(typ).Implements(marshals):
		return
	case typ.Kind() == reflect.Pointer:
		f.fit(typ.Elem(), node, where)
	case typ.Kind() == reflect.Slice:
		if items, ok := node["items"].(map[string]any); ok {
			f.fit(typ.Elem(), items, where+"[]")
		} else {
			f.t.Errorf("%s: the schema has no items", where)
		}
	case typ.Kind() == reflect.Struct && !slices.Contains(f.path, typ):
		f.path = append(f.path, typ)
		f.fields(typ, node, where)
		f.path = f.path[:len(f.path)-1]
	}
}

func (f *fitting) fields(typ reflect.Type, node map[string]any, where string) {
	f.t.Helper()
	var keys, always []string
	properties, _ := node["properties"].(map[string]any)
	for _, field := range reflect.VisibleFields(typ) {
		key, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if key == "" || key == "-" {
			continue
		}
		keys = append(keys, key)
		if !strings.Contains(options, "omit") {
			always = append(always, key)
		}
		if property, ok := properties[key].(map[string]any); ok {
			f.fit(field.Type, property, where+"."+key)
		}
	}
	var required []string
	if list, ok := node["required"].([]any); ok {
		for _, k := range list {
			required = append(required, k.(string))
		}
	}
	for what, lists := range map[string][2][]string{"keys": {keys, slices.Collect(maps.Keys(properties))}, "required keys": {always, required}} {
		slices.Sort(lists[0])
		slices.Sort(lists[1])
		if diff := cmp.Diff(lists[0], lists[1]); diff != "" {
			f.t.Errorf("%s: %s (-encoded +documented):\n%s", where, what, diff)
		}
	}
}

// knownIn lists the words of a code in a schema.
func knownIn(t *testing.T, node map[string]any) []string {
	t.Helper()
	first, _ := node["anyOf"].([]any)[0].(map[string]any)
	var words []string
	for _, w := range first["enum"].([]any) {
		words = append(words, w.(string))
	}
	slices.Sort(words)
	return words
}

func eventTypes(t *testing.T) []string {
	f := fitting{t: t, form: "event", docs: map[string]map[string]any{}}
	return knownIn(t, f.resolve("#/properties/type"))
}

// Every code that the program knows stands in the schemas, and no other.
func TestFormsKnowEveryCode(t *testing.T) {
	code := codesIn(t, "../../planner")
	maps.Copy(code, codesIn(t, "../../planner/apply"))
	f := fitting{t: t, form: "plan", docs: map[string]map[string]any{}}
	compare := func(what string, documented []string, inCode ...string) {
		slices.Sort(inCode)
		if diff := cmp.Diff(slices.Compact(inCode), documented); diff != "" {
			t.Errorf("%s (-code +schema):\n%s", what, diff)
		}
	}
	compare("reasons of changes", knownIn(t, f.resolve("#/$defs/changeReason")), code["Reason"]...)
	compare("reasons of holds", knownIn(t, f.resolve("#/$defs/heldReason")), code["Hold"]...)
	compare("reasons of failures", knownIn(t, f.resolve("#/$defs/failedReason")), code["Fail"]...)
	compare("codes of problems", knownIn(t, f.resolve("#/$defs/problemCode")),
		slices.Concat(code["Code"], code["code"], code["warn"], code["Hold"], code["Fail"], []string{string(planner.ReasonJobFailed), string(planner.ReasonJobExpired)})...)
	compare("types of events", eventTypes(t), append(code["Event"], "version", "skipped")...)
	compare("reasons of saved plans", knownIn(t, f.resolve("event.schema.json#/$defs/skipped/properties/reason")), code["Saved"]...)
}

// codesIn collects the words of a package's constants, by what their names begin
// with, and those that warn and Problem are given.
func codesIn(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	word := func(e ast.Expr) string {
		lit, ok := e.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return ""
		}
		text, _ := strconv.Unquote(lit.Value)
		return text
	}
	code := regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					prefix := regexp.MustCompile(`^([A-Z]?[a-z]+)[A-Z]`).FindStringSubmatch(name.Name)
					if prefix != nil && i < len(n.Values) && code.MatchString(word(n.Values[i])) {
						out[prefix[1]] = append(out[prefix[1]], word(n.Values[i]))
					}
				}
			case *ast.CallExpr:
				name := ""
				switch f := n.Fun.(type) {
				case *ast.Ident:
					name = f.Name
				case *ast.SelectorExpr:
					name = f.Sel.Name
				}
				for i, a := range n.Args {
					if name == "warn" && i < 2 && code.MatchString(word(a)) {
						out["warn"] = append(out["warn"], word(a))
						break
					}
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" && word(n.Value) != "" {
					out["warn"] = append(out["warn"], word(n.Value))
				}
			}
			return true
		})
	}
	return out
}

// A line of the stream has no key that no event documents; the type is the ui's
// own, so its golden stream stands in for it.
func TestEventKeys(t *testing.T) {
	golden, err := os.ReadFile("internal/ui/testdata/events.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(golden) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(errors.Join(err, errors.New(string(line))))
		}
		doc, err := formDocument("event")
		if err != nil {
			t.Fatal(err)
		}
		of, ok := doc["$defs"].(map[string]any)[e["type"].(string)].(map[string]any)
		if !ok {
			t.Errorf("no event %s is documented", e["type"])
			continue
		}
		for key := range e {
			if of["properties"].(map[string]any)[key] == nil {
				t.Errorf("event %s has the key %s, which is not documented", e["type"], key)
			}
		}
	}
}
