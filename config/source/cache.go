package source

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/qaplan/qaplan/state/durable"
)

// Fingerprint is what is known of the content of a source file.
type Fingerprint struct {
	SHA256 string // lower-case hex
	Bytes  int64
	Rows   int
	Tokens int64 // estimated input tokens
	// OutputLimit sums the limits of output tokens over the rows that have one, and
	// Unlimited counts the rows without.
	OutputLimit int64
	Unlimited   int
}

// Cache remembers fingerprints. It may be used by several goroutines.
type Cache struct {
	path string

	mu sync.Mutex
	// text is the file as it was read, and lines says where in it the line of a
	// File.Shown begins: most are looked at once, and need no more memory than that.
	text  string
	lines map[string]lineAt
	fresh map[string]entry // what this run found out, by File.Shown
	// changed tells that the file is no longer what it should be.
	changed bool
}

// lineAt is where a line begins, as it is or, once the line was used in this run,
// all its bits turned.
type lineAt int32

func (l lineAt) used() bool { return l < 0 }

func (l lineAt) of(text string) string {
	if l < 0 {
		l = ^l
	}
	line, _, _ := strings.Cut(text[l:], "\n")
	return line
}

// entry ties a fingerprint to the file it was taken from.
type entry struct {
	fingerprint Fingerprint
	modTime     int64
	inode       uint64
}

// cacheHeader starts the file. The number changes with the rules by which
// package batchfile checks and counts: fingerprints of other rules are void.
const cacheHeader = "qaplan sources 4"

// cacheSum begins the last line, with the CRC-32C of all lines before it. A
// digit that went wrong would otherwise pass for another file's fingerprint.
const cacheSum = "crc32c "

// spare is how many unused entries are kept: other configs in the same folder
// share the cache.
const spare = 1000

// OpenCache reads the cache at path. What is not there or not readable counts
// as empty. A path of "" makes a cache that is never written.
func OpenCache(path string) *Cache {
	c := &Cache{path: path, lines: map[string]lineAt{}, fresh: map[string]entry{}}
	if path == "" {
		return c
	}
	f, err := durable.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	if text, err := readText(f); err == nil && sound(text) {
		c.text = text
		c.index()
	}
	return c
}

// readText reads a file into one string, which exists once.
func readText(f *os.File) (string, error) {
	var text strings.Builder
	if info, err := f.Stat(); err == nil {
		if info.Size() > math.MaxInt32 {
			return "", errors.New("larger than any cache")
		}
		text.Grow(int(info.Size()))
	}
	_, err := io.Copy(&text, f)
	return text.String(), err
}

// sound reports whether the text is a whole cache of these rules. Any damage voids
// all of it.
func sound(text string) bool {
	if !strings.HasPrefix(text, cacheHeader+"\n") || !strings.HasSuffix(text, "\n") || len(text) > math.MaxInt32 {
		return false
	}
	end := strings.LastIndexByte(text[:len(text)-1], '\n') + 1
	sum, buffer := uint32(0), make([]byte, 64<<10)
	for rest := text[:end]; rest != ""; {
		n := copy(buffer, rest)
		sum, rest = crc32.Update(sum, castagnoli(), buffer[:n]), rest[n:]
	}
	return text[end:] == cacheSum+sumText(sum)+"\n"
}

// index notes where the line of each name begins.
func (c *Cache) index() {
	c.lines = make(map[string]lineAt, strings.Count(c.text, "\n"))
	for at := len(cacheHeader) + 1; ; {
		line, _, _ := strings.Cut(c.text[at:], "\n")
		if strings.HasPrefix(line, cacheSum) {
			return
		}
		name := line
		for range fieldsBefore {
			_, name, _ = strings.Cut(name, "\t")
		}
		c.lines[name] = lineAt(at)
		at += len(line) + 1
	}
}

// fieldsBefore is how many fields of a line come before the name.
const fieldsBefore = 8

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func sumText(sum uint32) string { return fmt.Sprintf("%08x", sum) }

// parseEntry reads a line: fields with tabs between them, the name last.
func parseEntry(line string) (e entry, ok bool) {
	ok = true
	field := func() (f string) {
		f, rest, there := strings.Cut(line, "\t")
		ok, line = ok && there, rest
		return f
	}
	number := func() int64 {
		n, err := strconv.ParseInt(field(), 10, 64)
		ok = ok && err == nil
		return n
	}
	count := func() int64 {
		n := number()
		ok = ok && n >= 0
		return n
	}
	sha := field()
	e.fingerprint.Bytes = count()
	e.fingerprint.Rows = int(count())
	e.fingerprint.Tokens = count()
	e.fingerprint.OutputLimit = count()
	e.fingerprint.Unlimited = int(count())
	e.modTime = number()
	inode, err := strconv.ParseUint(field(), 10, 64)
	e.inode, e.fingerprint.SHA256 = inode, sha
	return e, ok && err == nil && len(sha) == 64 && len(line) > 0
}

// lookup gives the remembered fingerprint of a file that has not changed.
func (c *Cache) lookup(f *File) (Fingerprint, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.fresh[f.Shown]
	at, remembered := c.lines[f.Shown]
	if !ok && remembered {
		e, ok = parseEntry(at.of(c.text))
	}
	if !ok || e.fingerprint.Bytes != f.Size || e.modTime != f.ModTime || e.inode != f.Inode {
		return Fingerprint{}, false
	}
	if remembered && !at.used() {
		c.lines[f.Shown] = ^at
	}
	return e.fingerprint, true
}

// remember keeps the fingerprint of a file; forget drops it.
func (c *Cache) remember(f *File, print Fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.ContainsRune(f.Shown, '\n') {
		return // a line of the cache could not hold it
	}
	c.fresh[f.Shown] = entry{fingerprint: print, modTime: f.ModTime, inode: f.Inode}
	c.changed = true
}

func (c *Cache) forget(f *File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, fresh := c.fresh[f.Shown]
	_, remembered := c.lines[f.Shown]
	delete(c.fresh, f.Shown)
	delete(c.lines, f.Shown)
	c.changed = c.changed || fresh || remembered
}

// Save writes the cache when a scan changed it. An error concerns the next
// run's speed alone; a folder that may only be read is the common cause.
func (c *Cache) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed || c.path == "" {
		return nil
	}
	used := slices.Collect(maps.Keys(c.fresh))
	var unused []string
	for name, at := range c.lines {
		_, again := c.fresh[name]
		switch {
		case again:
		case at.used():
			used = append(used, name)
		default:
			unused = append(unused, name)
		}
	}
	if len(unused) > len(used)+spare {
		unused = nil
	}
	keep := append(used, unused...)
	slices.Sort(keep)
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the source cache: %w", err)
	}
	// Where a run was killed while it wrote the cache, the next one has to write
	// it. Another run that is writing it now may fail for it, at no harm.
	_ = durable.RemoveTemps(c.path)
	err := durable.WriteFile(c.path, 0o600, func(w io.Writer) error { return c.write(w, keep) })
	if err != nil {
		return fmt.Errorf("write the source cache: %w", err)
	}
	c.changed = false
	return nil
}

func (c *Cache) write(w io.Writer, keep []string) error {
	sum := crc32.New(castagnoli())
	both := io.MultiWriter(w, sum)
	line := append([]byte(cacheHeader), '\n')
	for _, name := range keep {
		if _, err := both.Write(line); err != nil {
			return err
		}
		if e, ok := c.fresh[name]; ok {
			line = e.append(line[:0], name)
		} else {
			line = append(append(line[:0], c.lines[name].of(c.text)...), '\n')
		}
	}
	if _, err := both.Write(line); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s%s\n", cacheSum, sumText(sum.Sum32()))
	return err
}

// append adds the line that parseEntry reads.
func (e *entry) append(line []byte, name string) []byte {
	line = append(append(line, e.fingerprint.SHA256...), '\t')
	line = append(strconv.AppendInt(line, e.fingerprint.Bytes, 10), '\t')
	line = append(strconv.AppendInt(line, int64(e.fingerprint.Rows), 10), '\t')
	line = append(strconv.AppendInt(line, e.fingerprint.Tokens, 10), '\t')
	line = append(strconv.AppendInt(line, e.fingerprint.OutputLimit, 10), '\t')
	line = append(strconv.AppendInt(line, int64(e.fingerprint.Unlimited), 10), '\t')
	line = append(strconv.AppendInt(line, e.modTime, 10), '\t')
	line = append(strconv.AppendUint(line, e.inode, 10), '\t')
	return append(append(line, name...), '\n')
}
