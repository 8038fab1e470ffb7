package notes

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"sort"
	"strings"
	"unicode/utf16"
)

// decode gives a text as UTF-8 without byte order mark, carriage returns at line
// ends and terminal sequences. Bytes that are no UTF-8 stay as they are: ids and
// numbers are ASCII. Lines keep their numbers.
func decode(text []byte) string {
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		text = text[3:]
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		text = from16(text[2:], binary.LittleEndian)
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		text = from16(text[2:], binary.BigEndian)
	case len(text) >= 4 && text[0] != 0 && text[1] == 0 && text[2] != 0 && text[3] == 0:
		text = from16(text, binary.LittleEndian)
	case len(text) >= 4 && text[0] == 0 && text[1] != 0 && text[2] == 0 && text[3] != 0:
		text = from16(text, binary.BigEndian)
	}
	if bytes.Contains(text, []byte("\r\n")) {
		text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	}
	if bytes.IndexByte(text, '\x1b') >= 0 {
		text = regexp.MustCompile(`\x1b\[[0-9;:?]*[ -/]*[@-~]`).ReplaceAll(text, nil)
	}
	return string(text)
}

func from16(text []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(text)/2)
	for i := range units {
		units[i] = order.Uint16(text[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}

// findLines notes where lines start.
func (p *page) findLines() {
	p.starts = append(make([]int, 0, strings.Count(p.text, "\n")+1), 0)
	for i := 0; ; {
		n := strings.IndexByte(p.text[i:], '\n')
		if n < 0 {
			return
		}
		i += n + 1
		p.starts = append(p.starts, i)
	}
}

// lineOf gives the line, from 0, that an offset is in.
func (p *page) lineOf(at int) int {
	return sort.SearchInts(p.starts, at+1) - 1
}

// lineEnd gives the offset behind a line's last byte, without its line feed.
func (p *page) lineEnd(line int) int {
	if line+1 < len(p.starts) {
		return p.starts[line+1] - 1
	}
	return len(p.text)
}

// line gives a line's bytes, from 0, without the line feed.
func (p *page) line(line int) string { return p.text[p.starts[line]:p.lineEnd(line)] }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLetter(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z'
}
func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

// at gives the byte at an offset, 0 outside the text.
func at(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return 0
	}
	return s[i]
}

// afterEscape reports whether s ends in an escape of a string in JSON or the
// like, so that what follows begins a word: \n or \u003c.
func afterEscape(s string) bool {
	n := len(s)
	if n >= 2 && s[n-2] == '\\' && strings.IndexByte("nrtbf", s[n-1]) >= 0 {
		return true
	}
	return n >= 6 && s[n-6] == '\\' && s[n-5] == 'u'
}

// excerpt gives the beginning of a text for a message.
func excerpt(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	const most = 60
	if len(s) <= most {
		return s
	}
	for i := range s {
		if i > most-3 {
			return s[:i] + "…"
		}
	}
	return s
}
