package batchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Problem is one thing in a source that keeps it from being sent.
type Problem struct {
	Line    int    // from 1; 0 when it concerns the whole file
	Column  int    // in bytes from 1; 0 when unknown
	Summary string // what is wrong, without a full stop
	Detail  string // what was expected and what to do, whole sentences
}

// problems keeps the first few and counts the rest.
type problems struct {
	list []Problem
	max  int
	more int
}

func (p *problems) add(line, column int, summary, detail string) {
	if len(p.list) == p.max {
		p.more++
		return
	}
	p.list = append(p.list, Problem{line, column, summary, detail})
}

// all returns the list with a last entry for what it leaves out.
func (p *problems) all() []Problem {
	switch {
	case p.more == 1:
		return append(p.list, Problem{Summary: "1 more problem", Detail: "Mend these first, then check again."})
	case p.more > 1:
		return append(p.list, Problem{Summary: fmt.Sprintf("%d more problems", p.more), Detail: "Mend these first, then check again."})
	}
	return p.list
}

const example = `{"key":"row-1","request":{"contents":[{"parts":[{"text":"…"}]}]}}`

// encodings are the beginnings of files that are no UTF-8 text at all.
var encodings = []struct{ start, name, remedy string }{
	{"\xFF\xFE", "is UTF-16 or UTF-32, not UTF-8", "Save it as UTF-8 without a byte order mark."},
	{"\xFE\xFF", "is UTF-16, not UTF-8", "Save it as UTF-8 without a byte order mark."},
	{"\x00\x00\xFE\xFF", "is UTF-32, not UTF-8", "Save it as UTF-8 without a byte order mark."},
	{"{\x00", "is UTF-16, not UTF-8", "Save it as UTF-8 without a byte order mark."},
	{"\x00{", "is UTF-16, not UTF-8", "Save it as UTF-8 without a byte order mark."},
	{"\x1F\x8B", "is compressed with gzip", "Unpack it first: the service reads plain JSONL."},
	{"PK\x03\x04", "is a ZIP archive or an office document", "Write the requests as plain JSONL."},
	{"\x28\xB5\x2F\xFD", "is compressed with zstd", "Unpack it first: the service reads plain JSONL."},
}

// wholeFile adds the problem of a file whose first line shows that reading on
// line by line would only repeat one mistake, and tells whether it did.
func (p *problems) wholeFile(first line) bool {
	for _, e := range encodings {
		if bytes.HasPrefix(first.bytes, []byte(e.start)) {
			p.add(0, 0, "the file "+e.name, e.remedy)
			return true
		}
	}
	switch text := bytes.Trim(first.bytes, " \t\r"); {
	case bytes.HasPrefix(text, []byte("[")):
		p.add(1, 1, "the file begins with a JSON array, it is not JSONL",
			"Expected one request a line, without brackets around them and commas between them; jq -c '.[]' FILE writes that.")
	case string(text) == "{" && first.terminated:
		p.add(1, 1, "the file begins with an indented JSON object, it is not JSONL",
			"Expected each request whole on one line; jq -c . FILE writes that.")
	default:
		return false
	}
	return true
}

// syntax adds the problem of a line that could not be read to its end.
func (p *problems) syntax(l line, err error) {
	if bad := invalidUTF8(l.bytes); bad >= 0 {
		p.add(l.number, bad+1, "invalid UTF-8", "The service reads UTF-8 only. Save the file as UTF-8; a single bad byte often comes from text that was cut in the middle of a character.")
		return
	}
	if nul := bytes.IndexByte(l.bytes, 0); nul >= 0 {
		p.add(l.number, nul+1, "a NUL byte", `JSON has none; write \u0000 if it is meant, or write the file again: NUL bytes are often left by a crash or a full disk.`)
		return
	}
	column, reason := 0, err.Error()
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		column = int(syntax.ByteOffset) + 1
		if syntax.Err != nil {
			reason = syntax.Err.Error()
		}
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		p.add(l.number, column, fmt.Sprintf("member %s stands twice in one object", quote(syntax.JSONPointer.LastToken())),
			"Expected each name once: which of the two counts is not defined. Remove one.")
	case errors.Is(err, io.ErrUnexpectedEOF) && !l.terminated:
		p.add(l.number, len(l.bytes)+1, "the last line is cut off", "The file ends in the middle of a request. Write it again, whole.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		p.add(l.number, len(l.bytes)+1, "the line ends in the middle of a JSON object",
			`Expected a whole request on one line. Write line breaks in texts as \n, and objects without indentation (jq -c does).`)
	default:
		p.add(l.number, column, "not JSON: "+strings.TrimPrefix(reason, "jsontext: "), "Expected one JSON object, such as "+example)
	}
}

// invalidUTF8 returns the place of the first byte that is no UTF-8, or -1.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}

// quote shows a key or a name, shortened, on one line.
func quote[T string | []byte](text T) string {
	const most = 64
	s := string(text)
	if len(s) <= most {
		return strconv.Quote(s)
	}
	cut := most
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "…"
}

// kindName names what stands where something else was expected.
func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	}
	return "null"
}
