package notes

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestSettle(t *testing.T) {
	check(t, known(), []reading{
		{"the surest mention wins", "batch 51\nbatches/x1\n\n051 batches/x1 pending\n\nbatches/x1 (batch 51)\n\nbatches/x1\n", `
51 batches/x1 stated :6 same line: "(batch 51)"
`},
		{"one id, two numbers", "batch 51: batches/x1\nbatch 52: batches/x1\n", `
! batches/x1 is said to be batch 51 and batch 52
  51 batches/x1 stated :1 same line: "batch 51"
  52 batches/x1 stated :2 same line: "batch 52"
`},
		{"one file, two numbers", "batch 51: files/f1\nbatch 52: files/f1\n", `
! files/f1 is said to be batch 51 and batch 52
  51 files/f1 stated :1 same line: "batch 51"
  52 files/f1 stated :2 same line: "batch 52"
`},
		{"one number, two jobs", "batch 51: batches/x1\nbatch 52: batches/x2\nbatch 51: batches/x3\n", `
52 batches/x2 stated :2 same line: "batch 52"
! batch 51 is said to have 2 jobs
  51 batches/x1 stated :1 same line: "batch 51"
  51 batches/x3 stated :3 same line: "batch 51"
`},
		{"one number, a job and two files", "batch 51: batches/x1\nbatch 51: files/f1\nbatch 51: files/f2\n", `
51 batches/x1 stated :1 same line: "batch 51"
51 files/f1 stated :2 same line: "batch 51"
51 files/f2 stated :3 same line: "batch 51"
`},
		{"two jobs, two numbers", "batch 51: batches/x1\nbatch 52: batches/x1\nbatch 51: batches/x2\n", `
! batch 51 is said to have 2 jobs
  51 batches/x1 stated :1 same line: "batch 51"
  51 batches/x2 stated :3 same line: "batch 51"
! batches/x1 is said to be batch 51 and batch 52
  51 batches/x1 stated :1 same line: "batch 51"
  52 batches/x1 stated :2 same line: "batch 52"
`},
		{"a guess gives way", "batch 51: batches/x1\n\nbatch 51\nbatches/x2\n\nbatch 52\nbatches/x1\n", `
51 batches/x1 stated :1 same line: "batch 51"
- batches/x2 :4 line above: "batch 51", but batch 51 has batches/x1 (line 1)
`},
		{"two guesses", "batch 51\nbatches/x1\n\nbatch 51\nbatches/x2\n", `
! batch 51 is said to have 2 jobs
  51 batches/x1 guessed :2 line above: "batch 51"
  51 batches/x2 guessed :5 line above: "batch 51"
`},
		{"a number of another config", "batch 205: batches/x1\nbatch 51: batches/x1\n", `
! batches/x1 is said to be batch 205 and batch 51
  205 batches/x1 stated :1 same line: "batch 205"
  51 batches/x1 stated :2 same line: "batch 51"
`},
		{"equal to a count", "100: batches/x1\n100: batches/x2\n", `
! batch 100 is said to have 2 jobs
  100 batches/x1 likely :1 same line: "100"
  100 batches/x2 likely :2 same line: "100"
`},
	})
}

func TestOptions(t *testing.T) {
	text := "51: batches/x1\nin/qa-007.jsonl: files/f7\nqa-8: files/f8\nxqa-9.jsonl: files/f9\nqa-10.jsonl.gz: files/g1\n12.jsonl files/g2\n"
	t.Run("all numbers", func(t *testing.T) {
		check(t, Options{}, []reading{{"no glob", text, `
51 batches/x1 likely :1 same line: "51"
- files/f7 :2 no batch number stands next to it
- files/f8 :3 no batch number stands next to it
- files/f9 :4 no batch number stands next to it
- files/g1 :5 no batch number stands next to it
- files/g2 :6 no batch number stands next to it
`}})
	})
	t.Run("globs", func(t *testing.T) {
		check(t, Options{Globs: []string{"in/qa-*.jsonl", "*.jsonl", "none", "*", "a*b*c"}}, []reading{{"two globs", text, `
7 files/f7 stated :2 same line: "qa-007.jsonl"
8 files/f8 stated :3 same line: "qa-8"
12 files/g2 stated :6 same line: "12.jsonl"
51 batches/x1 likely :1 same line: "51"
- files/f9 :4 no batch number stands next to it
- files/g1 :5 no batch number stands next to it
`}})
	})
}

func TestDecode(t *testing.T) {
	const text = "batch 51: batches/x1\r\n\r\nbatch 52: files/f2 – é\r\n"
	want := "51 batches/x1 stated :1 same line: \"batch 51\"\n52 files/f2 stated :3 same line: \"batch 52\"\n"
	wide := func(order binary.AppendByteOrder, mark bool) string {
		var b []byte
		if mark {
			b = order.AppendUint16(b, 0xfeff)
		}
		for _, u := range utf16.Encode([]rune(text)) {
			b = order.AppendUint16(b, u)
		}
		return string(b)
	}
	check(t, known(), []reading{
		{"Windows line ends", text, want},
		{"byte order mark", "\xef\xbb\xbf" + text, want},
		{"UTF-16LE", wide(binary.LittleEndian, true), want},
		{"UTF-16BE", wide(binary.BigEndian, true), want},
		{"UTF-16LE without mark", wide(binary.LittleEndian, false), want},
		{"UTF-16BE without mark", wide(binary.BigEndian, false), want},
		{"half a unit", wide(binary.LittleEndian, true) + "x", want},
		{"invalid UTF-8", strings.ReplaceAll(text, "é", "\xff\xfe\x80"), want},
		{"empty", "", ""},
	})
}
