package planner

// DatasetFormat is the form of a dataset: one file that is put together from the
// good answers of blocks.
type DatasetFormat string

const (
	// FormatJSONL is one object a line, its members in the order of the fields.
	FormatJSONL DatasetFormat = "jsonl"
	// FormatCSV is RFC 4180 with a header and line feeds: its CR LF at the end of
	// a line would have to be put into texts as well.
	FormatCSV DatasetFormat = "csv"
)

// DatasetField is one column of a dataset.
type DatasetField struct {
	Name   string
	Source FieldSource
	// JSONPath leads to a member of the answer's JSON, for FieldJSON alone: names
	// with dots between them, none of them empty.
	JSONPath string
}

// FieldSource says where the value of a column comes from; the words are those
// of the config.
type FieldSource string

const (
	FieldKey          FieldSource = "key"    // of the row
	FieldNumber       FieldSource = "number" // of the batch
	FieldText         FieldSource = "text"   // of the answer
	FieldJSON         FieldSource = "json"   // a member of that text, which is JSON
	FieldModel        FieldSource = "model"
	FieldInputTokens  FieldSource = "input_tokens"
	FieldOutputTokens FieldSource = "output_tokens" // thoughts included: they are paid for alike
	FieldFinishReason FieldSource = "finish_reason"
	FieldBlock        FieldSource = "block" // name of it
)
