package source

import (
	"bufio"
	"bytes"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

	mu      sync.Mutex
	entries map[string]entry // by File.Shown
	changed bool
}

// entry ties a fingerprint to the file it was taken from.
type entry struct {
	fingerprint Fingerprint
	modTime     int64
	inode       uint64
	used        bool // in this run
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
	c := &Cache{path: path, entries: map[string]entry{}}
	if path == "" {
		return c
	}
	f, err := durable.Open(path)
	if err != nil {
		return c
	}
	defer f.Close()
	if entries, ok := readEntries(f); ok {
		c.entries = entries
	}
	return c
}

// readEntries reads lines of tab-separated fields, the path last. Any damage
// voids the whole.
func readEntries(r io.Reader) (map[string]entry, bool) {
	entries := map[string]entry{}
	sum := crc32.New(castagnoli())
	lines := bufio.NewScanner(r)
	if !lines.Scan() || lines.Text() != cacheHeader {
		return nil, false
	}
	for {
		sum.Write(lines.Bytes()) // never fails
		sum.Write([]byte{'\n'})
		if !lines.Scan() {
			return nil, false // cut off
		}
		if end, ok := bytes.CutPrefix(lines.Bytes(), []byte(cacheSum)); ok {
			return entries, string(end) == sumText(sum) && !lines.Scan() && lines.Err() == nil
		}
		name, e, ok := parseEntry(lines.Bytes())
		if !ok {
			return nil, false
		}
		entries[string(name)] = e
	}
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func sumText(h hash.Hash32) string { return fmt.Sprintf("%08x", h.Sum32()) }

// parseEntry reads a line of which it keeps nothing. The name is a part of it.
func parseEntry(line []byte) (name []byte, e entry, ok bool) {
	ok = true
	field := func() (f []byte) {
		tab := bytes.IndexByte(line, '\t')
		if tab < 0 {
			ok = false
			return nil
		}
		f, line = line[:tab], line[tab+1:]
		return f
	}
	number := func() int64 {
		n, err := strconv.ParseInt(string(field()), 10, 64)
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
	inode, err := strconv.ParseUint(string(field()), 10, 64)
	e.inode = inode
	if !ok || err != nil || len(sha) != 64 || len(line) == 0 {
		return nil, entry{}, false
	}
	e.fingerprint.SHA256 = string(sha)
	return line, e, true
}

// lookup gives the remembered fingerprint of a file that has not changed.
func (c *Cache) lookup(f *File) (Fingerprint, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[f.Shown]
	if !ok || e.fingerprint.Bytes != f.Size || e.modTime != f.ModTime || e.inode != f.Inode {
		return Fingerprint{}, false
	}
	e.used = true
	c.entries[f.Shown] = e
	return e.fingerprint, true
}

// remember keeps the fingerprint of a file; forget drops it.
func (c *Cache) remember(f *File, print Fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[f.Shown] = entry{fingerprint: print, modTime: f.ModTime, inode: f.Inode, used: true}
	c.changed = true
}

func (c *Cache) forget(f *File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[f.Shown]; ok {
		delete(c.entries, f.Shown)
		c.changed = true
	}
}

// Save writes the cache when a scan changed it. An error concerns the next
// run's speed alone; a folder that may only be read is the common cause.
func (c *Cache) Save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.changed || c.path == "" {
		return nil
	}
	var used, unused []string
	for name, e := range c.entries {
		if e.used {
			used = append(used, name)
		} else {
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
		e := c.entries[name]
		line = append(append(line[:0], e.fingerprint.SHA256...), '\t')
		line = append(strconv.AppendInt(line, e.fingerprint.Bytes, 10), '\t')
		line = append(strconv.AppendInt(line, int64(e.fingerprint.Rows), 10), '\t')
		line = append(strconv.AppendInt(line, e.fingerprint.Tokens, 10), '\t')
		line = append(strconv.AppendInt(line, e.fingerprint.OutputLimit, 10), '\t')
		line = append(strconv.AppendInt(line, int64(e.fingerprint.Unlimited), 10), '\t')
		line = append(strconv.AppendInt(line, e.modTime, 10), '\t')
		line = append(strconv.AppendUint(line, e.inode, 10), '\t')
		line = append(append(line, name...), '\n')
	}
	if _, err := both.Write(line); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s%s\n", cacheSum, sumText(sum))
	return err
}
