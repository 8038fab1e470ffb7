package source

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/qaplan/qaplan/state/durable"
)

// A remembered file is not read again: the test changes its bytes behind the
// cache's back, with size, time and inode as they were.
func TestCacheRemembers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".qaplan", "sources")
	files := batch(t, dir, 3)
	c := OpenCache(path)
	before, _ := scan(t, c, files)
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(files[1].Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[1].Path, []byte(strings.Replace(row, "hello", "HELLO", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(files[1].Path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	after, problems := scan(t, OpenCache(path), discover(t, dir, 3))
	if diff := cmp.Diff(before, after); diff != "" || len(problems) > 0 {
		t.Errorf("the second scan read again (-before +after), problems %v:\n%s", problems, diff)
	}
	c = OpenCache(path)
	scan(t, c, discover(t, dir, 3))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a scan that learned nothing wrote the cache")
	}
}

// Anything that may be a change makes a file be read again.
func TestCacheNotices(t *testing.T) {
	other := strings.Replace(row, "hello", "HELLO", 1)
	tests := []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"size", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, path, strings.Replace(row, "hello", "hello you", 1))
			if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
		{"time", func(t *testing.T, path string) {
			writeFile(t, path, other)
			age(t, path, 30*time.Second)
		}},
		{"older time", func(t *testing.T, path string) {
			writeFile(t, path, other)
			age(t, path, time.Hour)
		}},
		{"inode", func(t *testing.T, path string) {
			if runtime.GOOS == "windows" {
				writeFile(t, path, other)
				return
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, path+".new", other)
			if err := os.Chtimes(path+".new", info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			c := OpenCache("")
			files := batch(t, dir, 2)
			before, _ := scan(t, c, files)
			tt.change(t, files[1].Path)
			after, _ := scan(t, c, discover(t, dir, 2))
			if before[0] != after[0] || before[1].SHA256 == after[1].SHA256 {
				t.Errorf("before %v, after %v; want the second changed alone", before, after)
			}
		})
	}
}

// A file that was modified just now may be modified again without a trace in its
// time; one with a problem is not remembered either.
func TestCacheDoesNotTrust(t *testing.T) {
	dir := t.TempDir()
	files := batch(t, dir, 4)
	age(t, files[1].Path, 0)
	age(t, files[2].Path, -time.Hour)
	writeFile(t, files[3].Path, "oops\n")
	age(t, files[3].Path, time.Hour)
	c := OpenCache("")
	for _, when := range []string{"read", "remembered"} {
		found := discover(t, dir, 4)
		found = append(found, found[:2]...) // two blocks may share a file
		scan(t, c, found)
		for i, want := range []bool{true, false, false, false, true, false} {
			f := &found[i]
			if got := slices.Contains(remembered(c), f.Shown); got != want {
				t.Errorf("%s: %s: remembered %t, want %t", when, f.Shown, got, want)
			}
			// What is not remembered is not known by its facts either.
			var facts durable.Facts
			if info, err := os.Stat(f.Path); err != nil {
				t.Error(err)
			} else if want {
				facts = durable.FactsOf(info)
			}
			if got := f.Facts(); got != facts {
				t.Errorf("%s: %s: facts %+v, want %+v", when, f.Shown, got, facts)
			}
		}
	}
	// A file that gets a problem is forgotten.
	writeFile(t, files[0].Path, "oops\n")
	scan(t, c, discover(t, dir, 4))
	if names := remembered(c); len(names) != 0 {
		t.Errorf("remembered: %v, want nothing", names)
	}
}

// remembered lists the files whose fingerprints a cache has.
func remembered(c *Cache) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(c.lines)), maps.Keys(c.fresh))
	slices.Sort(names)
	return slices.Compact(names)
}

// Whatever characters a name has, its fingerprint is its own in the next run.
func TestCacheOfStrangeNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	names := []string{"b", "a\tb", "a\n1\t2", "crc32c 00000000", "ü\t", "x\r"}
	c := OpenCache(path)
	for i, name := range names {
		c.remember(&File{Shown: name, Size: int64(i), ModTime: 7, Inode: 9}, Fingerprint{SHA256: strings.Repeat(strconv.Itoa(i), 64), Bytes: int64(i), Rows: i})
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	c = OpenCache(path)
	for i, name := range names {
		print, ok := c.lookup(&File{Shown: name, Size: int64(i), ModTime: 7, Inode: 9})
		if ok != !strings.Contains(name, "\n") || ok && (print.Rows != i || print.SHA256[0] != byte('0'+i)) {
			t.Errorf("%q: %v, %+v", name, ok, print)
		}
	}
}

// A damaged cache is an empty one.
func TestCacheDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cache")
	c := OpenCache(path)
	scan(t, c, batch(t, dir, 2))
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(remembered(OpenCache(path))); got != 2 {
		t.Fatalf("read back %d entries, want 2", got)
	}
	read := func(text []byte) int {
		t.Helper()
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return len(remembered(OpenCache(path)))
	}
	for at := range whole {
		// Nothing but the last line break may be missing.
		if got := read(whole[:at]); got != 0 && at < len(whole)-1 {
			t.Errorf("cut at %d: read %d entries, want none", at, got)
		}
		for bit := range 8 {
			damaged := bytes.Clone(whole)
			damaged[at] ^= 1 << bit
			if got := read(damaged); got != 0 && at < len(whole)-1 {
				t.Errorf("bit %d of byte %d flipped: read %d entries, want none", bit, at, got)
			}
		}
	}
	for _, text := range []string{
		"", "\n", "qaplan sources 0\n", "{}\n", cacheHeader + "\nx\n", cacheHeader + "\n" + strings.Repeat("\t", 6) + "x\n",
		string(bytes.Replace(whole, []byte("\t1\t"), []byte("\t-1\t"), 1)),
		string(whole) + strings.Repeat("x", 100_000),
	} {
		if got := read([]byte(text)); got != 0 {
			t.Errorf("%.40q: read %d entries, want none", text, got)
		}
	}
}

// What a run that was killed while it wrote the cache left is removed by the
// next one, which has to write it.
func TestCacheLeftOver(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".qaplan", "sources")
	files := batch(t, dir, 1)
	left := filepath.Join(dir, ".qaplan", ".sources.tmp-0123456789abcdef")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, left, cacheHeader)
	c := OpenCache(path)
	scan(t, c, files)
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("the temporary file of a killed run is still there")
	}
}

// A cache that cannot be written says so to who asks, and scans go on.
func TestCacheUnwritable(t *testing.T) {
	dir := t.TempDir()
	files := batch(t, dir, 1)
	writeFile(t, filepath.Join(dir, "file"), "x")
	c := OpenCache(filepath.Join(dir, "file", "sources"))
	prints, problems := scan(t, c, files)
	if len(problems) > 0 || prints[0].Rows != 1 {
		t.Errorf("got %v and %v, want a fingerprint", prints, problems)
	}
	if c.Save() == nil {
		t.Error("Save gives no error, want one")
	}
}

// What another config left in the cache is kept, up to a point.
func TestCacheKeepsOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "cache")
	c := OpenCache(path)
	scan(t, c, batch(t, dir, 3))
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	c = OpenCache(path)
	age(t, filepath.Join(dir, "b_0"), time.Hour)
	scan(t, c, discover(t, dir, 1))
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if got := len(remembered(OpenCache(path))); got != 3 {
		t.Errorf("%d entries, want the two others kept", got)
	}
	c = OpenCache(path)
	for i := range spare + 10 {
		c.lines[strings.Repeat("x", i+1)] = c.lines["b_1"]
	}
	age(t, filepath.Join(dir, "b_0"), 2*time.Hour)
	scan(t, c, discover(t, dir, 1))
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if got := len(remembered(OpenCache(path))); got != 1 {
		t.Errorf("%d entries, want the used one alone", got)
	}
}
