package apply

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// value is what a row has for a field: a text, or JSON that is none. A member
// that is not there is null.
type value struct {
	text string
	json []byte
}

// rowEncoder writes rows in one of the two formats.
type rowEncoder struct {
	fields []planner.DatasetField
	out    *bufio.Writer
	csv    *csv.Writer // nil for JSON lines
	record []string
	line   []byte
	err    error
}

// newRowEncoder writes what goes before the rows. Errors are told by encode and
// close.
func newRowEncoder(w io.Writer, format planner.DatasetFormat, fields []planner.DatasetField) *rowEncoder {
	e := &rowEncoder{fields: fields, out: bufio.NewWriterSize(w, 128<<10)}
	switch format {
	case planner.FormatJSONL:
	case planner.FormatCSV:
		e.csv = csv.NewWriter(e.out)
		for i := range fields {
			e.record = append(e.record, fields[i].Name)
		}
		e.err = e.writeRecord()
	default:
		e.err = fmt.Errorf("format %q is not known", format)
	}
	return e
}

func (e *rowEncoder) encode(p *part, row *batchfile.Row) error {
	if e.err != nil {
		return e.err
	}
	e.record, e.line = e.record[:0], append(e.line[:0], '{')
	for i := range e.fields {
		f := &e.fields[i]
		v, err := fieldOf(f, p, row)
		if err != nil {
			return err
		}
		if e.csv != nil {
			e.record = append(e.record, v.cell())
			continue
		}
		if i > 0 {
			e.line = append(e.line, ',')
		}
		// What an error would tell of, bytes that are no UTF-8, has become U+FFFD.
		e.line, _ = jsontext.AppendQuote(e.line, f.Name)
		e.line = v.appendJSON(append(e.line, ':'))
	}
	if e.csv != nil {
		return e.writeRecord()
	}
	_, err := e.out.Write(append(e.line, "}\n"...))
	return err
}

// writeRecord writes a line of CSV. One empty cell alone would be an empty line,
// which readers pass over.
func (e *rowEncoder) writeRecord() error {
	if len(e.record) != 1 || e.record[0] != "" {
		return e.csv.Write(e.record)
	}
	e.csv.Flush()
	_, err := e.out.WriteString("\"\"\n")
	return err
}

func (e *rowEncoder) close() error {
	if e.err != nil {
		return e.err
	}
	if e.csv != nil {
		if e.csv.Flush(); e.csv.Error() != nil {
			return e.csv.Error()
		}
	}
	return e.out.Flush()
}

// fieldOf takes the value of a field from a row.
func fieldOf(f *planner.DatasetField, p *part, row *batchfile.Row) (value, error) {
	number := func(n int64) (value, error) { return value{json: strconv.AppendInt(nil, n, 10)}, nil }
	text := func(s string) (value, error) { return value{text: s}, nil }
	switch f.Source {
	case planner.FieldKey:
		return text(row.Key())
	case planner.FieldNumber:
		return number(int64(p.want.Address.Number))
	case planner.FieldText:
		return text(row.Text())
	case planner.FieldJSON:
		return member(row, f.JSONPath)
	case planner.FieldModel:
		if p.model != "" {
			return text(p.model)
		}
		return text(row.Model())
	case planner.FieldInputTokens:
		return number(row.Usage().Input)
	case planner.FieldOutputTokens:
		return number(row.Usage().Output + row.Usage().Thoughts)
	case planner.FieldFinishReason:
		return text(row.FinishReason())
	case planner.FieldBlock:
		return text(p.want.Address.Block)
	}
	return value{}, fmt.Errorf("field %s: %q is not known", f.Name, f.Source)
}

// member takes a value out of the answer's JSON. It goes onto one line, as it is
// otherwise.
func member(row *batchfile.Row, path string) (value, error) {
	raw, ok := row.Member(path)
	if !ok {
		return value{json: []byte("null")}, nil
	}
	if raw[0] == '"' {
		text, _ := jsontext.AppendUnquote(nil, raw) // lone surrogates become U+FFFD
		return value{text: string(text)}, nil
	}
	compact := jsontext.Value(raw).Clone()
	if err := compact.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return value{}, fmt.Errorf("key %s: %w", row.Key(), err)
	}
	return value{json: compact}, nil
}

func (v *value) appendJSON(dst []byte) []byte {
	if v.json != nil {
		return append(dst, v.json...)
	}
	dst, _ = jsontext.AppendQuote(dst, v.text) // see encode
	return dst
}

// cell is the value in a table: null is empty.
func (v *value) cell() string {
	switch {
	case v.json == nil:
		return v.text
	case string(v.json) == "null":
		return ""
	}
	return string(v.json)
}
