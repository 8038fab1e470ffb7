package config

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxSnippet bounds the source line kept with a diagnostic, in bytes.
const maxSnippet = 1000

// sourceFile is a text that diagnostics point into, with its lines indexed once,
// so that a thousand diagnostics cost no more than a thousand lines.
type sourceFile struct {
	name    string
	text    []byte
	lines   []int // byte offset of each line's start
	blocks  []blockRange
	secrets [][2]int // byte ranges never to be shown
}

type blockRange struct {
	start, end int
	header     string
}

func newSourceFile(name string, text []byte) *sourceFile {
	f := &sourceFile{name: name, text: text, lines: []int{0}, secrets: keysIn(string(text))}
	for i, c := range text {
		if c == '\n' {
			f.lines = append(f.lines, i+1)
		}
	}
	return f
}

// index learns the blocks of the parsed file, for the context of snippets.
func (f *sourceFile) index(body *hclsyntax.Body) {
	for _, b := range body.Blocks {
		f.blocks = append(f.blocks, blockRange{b.TypeRange.Start.Byte, b.CloseBraceRange.End.Byte, header(b)})
	}
	slices.SortFunc(f.blocks, func(a, b blockRange) int { return cmp.Compare(a.start, b.start) })
}

// header gives a block's first line without the brace, such as batch "qa".
func header(b *hclsyntax.Block) string {
	h := b.Type
	for _, l := range b.Labels {
		h += ` "` + l + `"`
	}
	return h
}

func (f *sourceFile) context(offset int) string {
	i, found := slices.BinarySearchFunc(f.blocks, offset, func(b blockRange, o int) int { return cmp.Compare(b.start, o) })
	if !found {
		i--
	}
	if i >= 0 && offset < f.blocks[i].end {
		return f.blocks[i].header
	}
	return ""
}

// pos gives the position of a byte offset.
func (f *sourceFile) pos(offset int) hcl.Pos {
	line, found := slices.BinarySearch(f.lines, offset)
	if !found {
		line--
	}
	return hcl.Pos{Line: line + 1, Column: utf8.RuneCount(f.text[f.lines[line]:offset]) + 1, Byte: offset}
}

func (f *sourceFile) span(start, end int) *hcl.Range {
	return &hcl.Range{Filename: f.name, Start: f.pos(start), End: f.pos(end)}
}

// line gives what stands on a line, without the blanks around it.
func (f *sourceFile) line(number int) *hcl.Range {
	number = min(max(number, 1), len(f.lines))
	from, to := f.lines[number-1], len(f.text)
	if number < len(f.lines) {
		to = f.lines[number]
	}
	text := f.text[from:to]
	start := from + len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
	return f.span(start, max(start, from+len(bytes.TrimRight(text, " \t\r\n"))))
}

// snippet gives the line of r with secrets starred out.
func (f *sourceFile) snippet(r hcl.Range) *Snippet {
	number := min(max(r.Start.Line, 1), len(f.lines))
	from := f.lines[number-1]
	to := len(f.text)
	if number < len(f.lines) {
		to = f.lines[number] - 1
	}
	start := min(max(r.Start.Byte, from), to)
	end := to
	if r.End.Line == r.Start.Line {
		end = min(max(r.End.Byte, start), to)
	}
	line := f.masked(from, to)
	start, end = start-from, end-from
	if len(line) > maxSnippet {
		cut := max(0, min(start-maxSnippet/4, len(line)-maxSnippet))
		line = line[cut:min(len(line), cut+maxSnippet)]
		start, end = min(start-cut, len(line)), min(end-cut, len(line))
	}
	printable(line)
	code := strings.TrimRight(string(line), "\r\n")
	end = min(end, len(code))
	start = min(start, end)
	return &Snippet{
		Context: f.context(r.Start.Byte), Code: code, StartLine: number,
		HighlightStart: start, HighlightEnd: end,
	}
}

// printable replaces, byte for byte, what is no character or would steer a
// terminal.
func printable(line []byte) {
	for i := 0; i < len(line); {
		c, n := utf8.DecodeRune(line[i:])
		if c == utf8.RuneError && n == 1 || unicode.IsControl(c) && c != '\t' && c != '\r' {
			for j := range n {
				line[i+j] = '?'
			}
		}
		i += n
	}
}

// masked copies text[from:to] with every secret in it starred out.
func (f *sourceFile) masked(from, to int) []byte {
	line := bytes.Clone(f.text[from:to])
	for _, s := range f.secrets {
		for i := max(s[0], from); i < min(s[1], to); i++ {
			line[i-from] = '*'
		}
	}
	return line
}
