package batchfile

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// MaxLine is the longest line that is read, in bytes, its end not counted. No
// text comes near it; it bounds what one line can cost in memory.
const MaxLine = 64 << 20

// firstBuffer holds whole small files, and many lines of large ones.
const firstBuffer = 64 << 10

// line is one line of a file. Its bytes are valid until the next one is read.
type line struct {
	bytes      []byte // without its end, neither \n nor \r\n
	number     int    // from 1
	offset     int64  // of its first byte in the file
	terminated bool   // by a line feed; only the last line may lack it
	tooLong    bool   // longer than the limit: bytes is nil
}

// blank tells that nothing but JSON white space stands on the line.
func (l line) blank() bool {
	return !l.tooLong && len(bytes.TrimLeft(l.bytes, " \t\r")) == 0
}

// lineReader cuts a stream into lines through one buffer that is used again
// for each line and grows to the longest of them.
type lineReader struct {
	ctx   context.Context
	r     io.Reader
	limit int

	buf      []byte
	pos, end int   // the unread part of buf
	base     int64 // offset of buf[0] in the file
	number   int
	err      error // what ended the stream
}

func newLineReader(ctx context.Context, r io.Reader, limit int) *lineReader {
	return newSizedLineReader(ctx, r, limit, firstBuffer)
}

// newSizedLineReader begins with a buffer of so many bytes. One more than the whole
// file is enough to read all of it, and its end.
func newSizedLineReader(ctx context.Context, r io.Reader, limit, buffer int) *lineReader {
	return &lineReader{ctx: ctx, r: r, limit: limit, buf: make([]byte, buffer)}
}

// next returns the next line, io.EOF after the last one, or what reading
// failed with; lines cut off by a failed read are not returned.
func (r *lineReader) next() (line, error) {
	searched := 0
	tooLong := false
	offset := r.base + int64(r.pos)
	for {
		if i := bytes.IndexByte(r.buf[r.pos+searched:r.end], '\n'); i >= 0 {
			n := searched + i
			return r.take(n, 1, offset, tooLong || n > r.limit+1), nil
		}
		searched = r.end - r.pos
		if searched > r.limit+1 { // one more for the \r of a line end
			tooLong = true
			r.pos, searched = r.end, 0
		}
		if r.err != nil {
			if r.err == io.EOF && (searched > 0 || tooLong) {
				return r.take(searched, 0, offset, tooLong || searched > r.limit), nil
			}
			return line{}, r.err
		}
		r.fill()
	}
}

// take hands out the n bytes at pos and steps over them and their end.
func (r *lineReader) take(n, end int, offset int64, tooLong bool) line {
	b := r.buf[r.pos : r.pos+n]
	r.pos += n + end
	r.number++
	if end > 0 {
		b = bytes.TrimSuffix(b, []byte{'\r'})
	}
	l := line{bytes: b, number: r.number, offset: offset, terminated: end > 0, tooLong: tooLong || len(b) > r.limit}
	if l.tooLong {
		l.bytes = nil
	}
	return l
}

// fill reads once more, making room first.
func (r *lineReader) fill() {
	if r.err = r.ctx.Err(); r.err != nil {
		return
	}
	if r.pos > 0 {
		copy(r.buf, r.buf[r.pos:r.end])
		r.base += int64(r.pos)
		r.end -= r.pos
		r.pos = 0
	}
	if r.end == len(r.buf) {
		grown := make([]byte, 2*len(r.buf))
		copy(grown, r.buf)
		r.buf = grown
	}
	for range 100 {
		n, err := r.r.Read(r.buf[r.end:])
		r.end += n
		r.err = err
		if n > 0 || err != nil {
			return
		}
	}
	r.err = io.ErrNoProgress
}

// drain reads what is left without looking at it.
func (r *lineReader) drain() error {
	for r.err == nil {
		r.pos = r.end
		r.fill()
	}
	if r.err == io.EOF {
		return nil
	}
	return r.err
}

// skipMark drops the byte order mark of UTF-8 in front of the first line.
func (l *line) skipMark() bool {
	if l.number != 1 || !bytes.HasPrefix(l.bytes, utf8Mark) {
		return false
	}
	l.bytes = l.bytes[len(utf8Mark):]
	l.offset += int64(len(utf8Mark))
	return true
}

var utf8Mark = []byte{0xEF, 0xBB, 0xBF}

// eachLine calls fn for each line of a file that is not blank. what stands for
// the file in errors.
func eachLine(ctx context.Context, f File, what string, fn func(l line) error) error {
	return eachLineOf(ctx, section(f), f.Size(), what, fn)
}

// eachLineOf is eachLine for what comes from a reader, size bytes at most.
func eachLineOf(ctx context.Context, r io.Reader, size int64, what string, fn func(l line) error) error {
	lines := newSizedLineReader(ctx, r, MaxLine, int(min(firstBuffer, size+1)))
	for {
		l, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		l.skipMark()
		if l.blank() {
			continue
		}
		if err := fn(l); err != nil {
			return err
		}
	}
}

func section(f File) io.Reader { return io.NewSectionReader(f, 0, f.Size()) }
