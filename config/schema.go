package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/qaplan/qaplan/provider/batchfile"
)

// maxSchema bounds the files of schemas, in bytes.
const maxSchema = 1 << 20

// schema is the file of a JSON Schema, read once however many blocks name it.
type schema struct {
	compiled  *batchfile.Schema
	text      string // canonical
	complaint string // what is wrong with it, a sentence; "" when nothing is
}

// schema reads the JSON Schema that an argument names; nil when there is none
// that can be used.
func (r *reader) schema() *schema {
	a := r.body.Attributes["schema"]
	if text, expr, ok := r.text("schema"); ok && strings.HasPrefix(strings.TrimSpace(text), "{") {
		r.l.errorIn(expr, r.scope, `Invalid value for "schema"`, "schema is the path of a file, such as %q: write the schema into one, and its path here.", "qa.schema.json")
		return nil
	} else if !ok {
		return nil
	}
	p, ok := r.path("schema")
	if !ok {
		return nil
	}
	at := r.l.locate(p)
	s := r.l.schemas[at.abs]
	if s == nil {
		s = readSchema(at)
		r.l.schemas[at.abs] = s
	}
	if s.complaint != "" {
		r.l.errorIn(a.Expr, r.scope, "Cannot use the schema", "%s", s.complaint)
		return nil
	}
	return s
}

func readSchema(at location) *schema {
	text, err := readUpTo(at.abs, maxSchema)
	if err != nil {
		return &schema{complaint: fmt.Sprintf("%s: %s.", at.shown, cause(err))}
	}
	text = bytes.TrimPrefix(text, bom)
	canonical, complaint := canonicalSchema(text)
	if complaint != "" {
		return &schema{complaint: at.shown + complaint}
	}
	compiled, err := batchfile.CompileSchema(at.shown, text)
	if err != nil {
		return &schema{complaint: schemaComplaint(at.shown, err)}
	}
	return &schema{compiled: compiled, text: canonical}
}

// canonicalSchema gives the one text of all that say the same in another order
// or with other blanks, or the end of a sentence on why a text is no JSON.
func canonicalSchema(text []byte) (canonical, complaint string) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // a bound may have more digits than a float holds
	lineOf := func(offset int64) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }
	var doc any
	err := dec.Decode(&doc)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "", fmt.Sprintf(", line %d: it is no JSON: %s.", lineOf(max(e.Offset-1, 0)), e)
	}
	if err != nil { // io.EOF, or io.ErrUnexpectedEOF
		return "", ": it is no JSON: it ends too early."
	}
	end := dec.InputOffset()
	if rest := bytes.TrimLeft(text[end:], " \t\r\n"); len(rest) > 0 {
		return "", fmt.Sprintf(", line %d: it is no JSON: something follows after the end of the schema.", lineOf(int64(len(text)-len(rest))))
	}
	out, err := json.Marshal(doc)
	if err != nil { // it was read a moment ago
		return "", ": " + err.Error() + "."
	}
	return string(out), ""
}

// schemaComplaint says in one sentence why a JSON text is no schema.
func schemaComplaint(shown string, err error) string {
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		return fmt.Sprintf("%s: %s.", shown, e.Err)
	}
	if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if mistake, ok := firstMistake(e); ok {
			return fmt.Sprintf("%s: it is no JSON Schema: %s.", shown, mistake)
		}
	}
	// Such a message names the schema as its compiler does.
	words := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "read schema "+shown+": "), "qaplan:schema", shown)
	return fmt.Sprintf("%s: it is no JSON Schema: %s.", shown, words)
}

// firstMistake gives what is wrong at the first place of a schema that does not
// have the form of one. The library lists places in the order of a map.
func firstMistake(err *jsonschema.SchemaValidationError) (string, bool) {
	e, ok := errors.AsType[*jsonschema.ValidationError](err.Err)
	if !ok {
		return "", false
	}
	var all []*jsonschema.ValidationError
	for open := []*jsonschema.ValidationError{e}; len(open) > 0; {
		last := open[len(open)-1]
		open = append(open[:len(open)-1], last.Causes...)
		if len(last.Causes) == 0 {
			all = append(all, last)
		}
	}
	isEnum := func(e *jsonschema.ValidationError) int {
		if _, ok := e.ErrorKind.(*kind.Enum); ok {
			return 0 // of several forms that would be right, one of the listed words is the likeliest
		}
		return 1
	}
	first := slices.MinFunc(all, func(a, b *jsonschema.ValidationError) int {
		return cmp.Or(slices.Compare(a.InstanceLocation, b.InstanceLocation), cmp.Compare(isEnum(a), isEnum(b)), cmp.Compare(a.Error(), b.Error()))
	})
	words := first.Error()
	if steps := first.InstanceLocation; len(steps) > 0 && steps[len(steps)-1] == "type" && isEnum(first) == 0 {
		words += ", in lower case"
	}
	return strings.TrimPrefix(words, "at '': "), true
}
