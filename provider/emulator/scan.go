package emulator

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// row is what the emulator reads in one line of a job's input.
type row struct {
	Key    string
	HasKey bool
	// Metadata is that of an inline request, as it came.
	Metadata jsontext.Value

	HasContents bool
	Prompt      string // the beginning of the last text asked
	JSON        bool   // an answer of type application/json is asked for
	Schema      jsontext.Value
	MaxOutput   int64 // tokens; 0 is no limit
	Tokens      int64 // estimate of the input
	Cached      int64 // tokens of the cached content that the request names
}

const promptKept = 2 << 10 // bytes of a prompt that are kept for the echo

// eachLine calls fn with every line that is not blank, without its line end,
// and with the place of its first byte and its number from 1. The line is
// valid until fn returns.
func eachLine(r io.Reader, fn func(line []byte, at int64, number int) error) error {
	br := bufio.NewReaderSize(r, 256<<10)
	var long []byte // a line that does not fit the buffer
	var at int64
	for number := 1; ; number++ {
		long = long[:0]
		line, err := br.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, line...)
			line, err = br.ReadSlice('\n')
		}
		if len(long) > 0 {
			long = append(long, line...)
			line = long
		}
		if err != nil && err != io.EOF {
			return err
		}
		start := at
		at += int64(len(line))
		if text := bytes.TrimRight(line, "\r\n"); len(bytes.TrimSpace(text)) > 0 {
			if err := fn(text, start, number); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
	}
}

// indexedRow is a row and its place among the rows of the input, from 0.
type indexedRow struct {
	row
	index int64
}

// eachRow calls fn with every row of an input that was taken, and with where its
// line ends.
func eachRow(in io.ReaderAt, size int64, fn func(r *indexedRow, end int64) error) error {
	var p rowParser
	n := int64(-1)
	return eachLine(io.NewSectionReader(in, 0, size), func(line []byte, at int64, _ int) error {
		r, err := p.line(line)
		if err != nil {
			return err
		}
		n++
		return fn(&indexedRow{r, n}, at+int64(len(line)))
	})
}

// rowParser reads request lines. It is as strict as the service is said to be:
// inside a request, a field that the API does not know is refused; outside it is
// ignored (inspect_ai #3257, python-genai #1608).
type rowParser struct {
	refuseCamelCase bool

	dec   jsontext.Decoder
	src   bytes.Reader
	input []byte
	row   row
}

// lineError is what is wrong with a line.
type lineError struct {
	column int64 // from 1
	what   string
}

func (e *lineError) Error() string {
	return fmt.Sprintf("invalid JSON, near column %d: %s", e.column, e.what)
}

// line reads {"key":…,"request":{…}}. The error is a *lineError.
func (p *rowParser) line(line []byte) (row, error) {
	return p.read(line, func(name string) error {
		switch name {
		case "key":
			return p.text(func(s string) { p.row.Key, p.row.HasKey = s, true })
		case "request":
			return p.object(p.request)
		case "metadata":
			v, err := p.dec.ReadValue()
			p.row.Metadata = v.Clone()
			return err
		}
		return p.dec.SkipValue()
	})
}

// bare reads a request that stands alone, as in a call of generateContent.
func (p *rowParser) bare(request []byte) (row, error) { return p.read(request, p.request) }

func (p *rowParser) read(line []byte, field func(name string) error) (row, error) {
	p.row, p.input = row{}, line
	p.src.Reset(line)
	p.dec.Reset(&p.src)
	err := p.object(field)
	if err == nil {
		if _, err = p.dec.ReadToken(); err == io.EOF {
			return p.row, nil
		} else if err == nil {
			err = errors.New("more than one value on the line")
		}
	}
	bad, placed := errors.AsType[*lineError](err)
	if placed {
		return row{}, bad
	}
	bad = &lineError{column: p.dec.InputOffset() + 1, what: err.Error()}
	if errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF {
		bad.column, bad.what = int64(len(line))+1, "unexpected end of line"
	} else if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		bad.column, bad.what = syntax.ByteOffset+1, syntax.Err.Error()
	}
	return row{}, bad
}

// unexpected says what stands where a value has to begin with want, in the
// service's words (inspect_ai #5100).
func (p *rowParser) unexpected(want rune) error {
	at := p.dec.InputOffset()
	rest := bytes.TrimLeft(p.input[at:], " \t\r\n:,")
	found, _ := utf8.DecodeRune(rest)
	return &lineError{
		column: int64(len(p.input)-len(rest)) + 1,
		what:   fmt.Sprintf("unexpected character: '%c'; expected '%c'", found, want),
	}
}

// knownRequestField, knownGenerationField and knownPartField tell the fields of
// GenerateContentRequest, GenerationConfig and Part, in snake_case.
func knownRequestField(name string) bool {
	switch name {
	case "model", "contents", "system_instruction", "tools", "tool_config", "safety_settings",
		"generation_config", "cached_content", "labels", "service_tier", "store":
		return true
	}
	return false
}

func knownGenerationField(name string) bool {
	switch name {
	case "candidate_count", "stop_sequences", "max_output_tokens", "temperature", "top_p", "top_k", "seed",
		"response_mime_type", "response_schema", "response_json_schema", "_response_json_schema",
		"response_format", "presence_penalty", "frequency_penalty", "response_logprobs", "logprobs",
		"enable_enhanced_civic_answers", "response_modalities", "speech_config", "thinking_config",
		"media_resolution", "image_config", "audio_timestamp", "routing_config", "model_selection_config":
		return true
	}
	return false
}

func knownPartField(name string) bool {
	switch name {
	case "text", "inline_data", "file_data", "function_call", "function_response", "executable_code",
		"code_execution_result", "thought", "thought_signature", "video_metadata", "media_resolution",
		"part_metadata", "tool_call", "tool_response", "audio_transcription", "media_processing", "speech_metadata":
		return true
	}
	return false
}

// field gives the snake_case form of a name inside a request, or the service's
// objection to it.
func (p *rowParser) field(name string, known func(string) bool) (string, error) {
	snake := toSnake(name)
	if !known(snake) || p.refuseCamelCase && snake != name {
		return "", fmt.Errorf("no such field: '%s'", name)
	}
	return snake, nil
}

func (p *rowParser) request(name string) error {
	snake, err := p.field(name, knownRequestField)
	if err != nil {
		return err
	}
	switch snake {
	case "contents":
		p.row.HasContents = p.dec.PeekKind() == '['
		return p.array(func() error {
			p.row.Prompt = ""
			return p.content(true)
		})
	case "system_instruction":
		return p.content(false)
	case "generation_config":
		return p.object(p.generation)
	case "cached_content":
		return p.text(func(name string) { p.row.Cached = cachedTokens(name) })
	}
	return p.dec.SkipValue()
}

func (p *rowParser) generation(name string) error {
	snake, err := p.field(name, knownGenerationField)
	if err != nil {
		return err
	}
	switch snake {
	case "response_mime_type":
		return p.text(func(s string) { p.row.JSON = s == "application/json" })
	case "response_schema", "response_json_schema", "_response_json_schema":
		v, err := p.dec.ReadValue()
		p.row.Schema = v.Clone()
		return err
	case "max_output_tokens":
		if p.dec.PeekKind() != '0' {
			return errors.New("invalid value for int32 field max_output_tokens")
		}
		tok, err := p.dec.ReadToken()
		if err != nil {
			return err
		}
		if p.row.MaxOutput, err = parseInt64(tok.String()); err != nil {
			return errors.New("invalid value for int32 field max_output_tokens")
		}
		return nil
	}
	return p.dec.SkipValue()
}

// cachedTokens gives the size of a cached content. There is no call that makes
// one: any name will do.
func cachedTokens(name string) int64 {
	if name == "" {
		return 0
	}
	return 1024 + int64(3072*share("cached content", name))
}

// content reads {"role":…,"parts":[…]} and counts its tokens; the texts of a
// prompt are kept.
func (p *rowParser) content(prompt bool) error {
	return p.object(func(name string) error {
		switch name {
		case "role":
			return p.text(func(string) {})
		case "parts":
			if p.dec.PeekKind() == '{' { // a single part is taken for a list of one
				return p.part(prompt)
			}
			return p.array(func() error { return p.part(prompt) })
		}
		return fmt.Errorf("no such field: '%s'", name)
	})
}

func (p *rowParser) part(prompt bool) error {
	return p.object(func(name string) error {
		snake, err := p.field(name, knownPartField)
		if err != nil {
			return err
		}
		switch snake {
		case "text":
			return p.text(func(s string) {
				p.row.Tokens += estimateTokens(s)
				if prompt && len(p.row.Prompt) < promptKept {
					s = s[:min(len(s), promptKept)]
					p.row.Prompt = strings.ToValidUTF8(strings.TrimSpace(p.row.Prompt+" "+s), "")
				}
			})
		case "inline_data", "file_data":
			p.row.Tokens += 258 // what an image of one tile counts
		}
		return p.dec.SkipValue()
	})
}

// object reads an object and hands each name to fn, which reads the value. A
// null is an object without fields.
func (p *rowParser) object(fn func(name string) error) error {
	if p.dec.PeekKind() == 'n' {
		return p.dec.SkipValue()
	}
	if k := p.dec.PeekKind(); k != '{' && k != 0 {
		return p.unexpected('{')
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for p.dec.PeekKind() != '}' {
		tok, err := p.dec.ReadToken()
		if err != nil {
			return err
		}
		if err := fn(tok.String()); err != nil {
			return err
		}
	}
	_, err := p.dec.ReadToken()
	return err
}

func (p *rowParser) array(fn func() error) error {
	if p.dec.PeekKind() == 'n' {
		return p.dec.SkipValue()
	}
	if k := p.dec.PeekKind(); k != '[' && k != 0 {
		return p.unexpected('[')
	}
	if _, err := p.dec.ReadToken(); err != nil {
		return err
	}
	for {
		switch p.dec.PeekKind() {
		case ']', 0:
			_, err := p.dec.ReadToken()
			return err
		}
		if err := fn(); err != nil {
			return err
		}
	}
}

func (p *rowParser) text(fn func(s string)) error {
	if p.dec.PeekKind() == 'n' {
		return p.dec.SkipValue()
	}
	if k := p.dec.PeekKind(); k != '"' && k != 0 {
		return p.unexpected('"')
	}
	tok, err := p.dec.ReadToken()
	if err == nil {
		fn(tok.String())
	}
	return err
}

// toSnake turns camelCase into snake_case.
func toSnake(name string) string {
	if strings.ToLower(name) == name {
		return name
	}
	var b strings.Builder
	for _, r := range name {
		if 'A' <= r && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

const maxProblems = 20 // lines that a refusal lists

// scan is what a look through a job's input brought out.
type scan struct {
	rows, failed, missing int64
	tokens                int64
	problems              []string // "Error on line 3: …"
}

// scanInput reads the whole input as create does.
func scanInput(r io.Reader, plan *rowPlan, refuseCamelCase bool) (scan, error) {
	var s scan
	p := &rowParser{refuseCamelCase: refuseCamelCase}
	err := eachLine(r, func(line []byte, _ int64, number int) error {
		row, err := p.line(line)
		if err != nil {
			s.problems = append(s.problems, fmt.Sprintf("Error on line %d: %v", number, err))
			if len(s.problems) == maxProblems {
				return errEnough
			}
			return nil
		}
		switch plan.outcome(&row, s.rows) {
		case RowFailed:
			s.failed++
		case RowMissing:
			s.missing++
		}
		s.rows++
		s.tokens += row.Tokens
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return s, err
}

var errEnough = errors.New("enough")
