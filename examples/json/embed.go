// Package forms holds the JSON Schemas of what qaplan prints for programs. The
// README beside them shows an example of each.
package forms

import "embed"

// Schemas are the files NAME.schema.json. They refer to each other by name.
//
//go:embed *.schema.json
var Schemas embed.FS

// Readme explains each form, with an example.
//
//go:embed README.md
var Readme string
