package batchfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Rules say what a good answer is, beyond what every answer must be: there,
// without an error, not blocked, not cut off and not empty.
type Rules struct {
	// FinishReasons are those with which an answer may end; nil means STOP. An
	// answer that names none is not held against it.
	FinishReasons []string
	// JSON asks for an answer whose text is one JSON value, with white space
	// around it at most. A Markdown fence around it is a mistake.
	JSON bool
	// Schema, when not nil, is what that value has to fit; it implies JSON.
	Schema *Schema
	// MinChars is how many characters the text has at least.
	MinChars int
	// KeyField, when not "", names a member of the answer's JSON object that
	// must hold the row's key, as a string or as a number that is written like it:
	// what tells two swapped answers apart. It implies JSON.
	KeyField string
	// AsRequested asks for the form that the request itself asks for: JSON where
	// it names that type, its response schema, and one of the values of an enum
	// (text/x.enum). Of the schemas in one source up to 1,000 are kept, 8 MiB in
	// all; requests with further ones are taken to ask for JSON alone, and so are
	// those whose schema does not compile here. An answer without text, such as a
	// function call, is not held against its request.
	AsRequested bool
}

// Schema is a compiled JSON Schema. It may be used by several goroutines.
type Schema struct{ compiled *jsonschema.Schema }

// CompileSchema reads a JSON Schema. name stands for it in errors. A schema is
// one document: what it refers to has to stand in it.
func CompileSchema(name string, text []byte) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(alone{})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, err)
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, err)
	}
	return &Schema{compiled}, nil
}

// schemaURL is what a schema is called inside its compiler.
const schemaURL = "qaplan:schema"

// alone refuses to load anything.
type alone struct{}

func (alone) Load(url string) (any, error) {
	return nil, errors.New("it refers to " + url + "; put what it needs into the file itself, under $defs")
}

// Class is what a row was found to be.
type Class uint8

const (
	Missing   Class = iota // no line
	Failed                 // an error, or neither a response nor an error
	Blocked                // the service would not answer, or stopped for its policies
	Truncated              // cut off at a limit of output tokens
	Empty                  // a response without any content, thoughts aside
	Invalid                // an answer, but not as the rules want it
	Good
)

// String gives the word that files and JSON use for the class.
func (c Class) String() string {
	return [...]string{"missing", "error", "blocked", "truncated", "empty", "invalid", "good"}[c]
}
