package state

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/qaplan/qaplan/state/durable"
)

// quick is the machine's file system without waiting for the disk.
type quick struct{ durable.OS }

func (quick) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	f, err := durable.OS{}.OpenFile(name, flag, perm)
	return quickFile{f}, err
}

func (quick) SyncDir(string) error { return nil }

type quickFile struct{ durable.File }

func (quickFile) Sync() error { return nil }

// step is one call to the file system.
type step struct {
	kind     string // open, write, truncate, sync, close, rename, remove, syncdir, ack
	handle   int    // of the calls on an open file
	path, to string
	off      int64 // of a write; the size of a truncate
	data     []byte
}

// disk passes everything on to the machine and notes it, so that what a power
// cut would have left can be worked out for each step afterwards. It fails the
// steps that broken tells it to.
type disk struct {
	quick
	mu     sync.Mutex
	steps  []step
	opened int
	broken func(n int, s step) bool // n counts from 0
}

var errBroken = errors.New("no space left on the test's device")

func (d *disk) note(s step) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil && d.broken(len(d.steps), s) {
		d.steps = append(d.steps, step{kind: "failed"})
		return errBroken
	}
	s.data = bytes.Clone(s.data)
	d.steps = append(d.steps, s)
	return nil
}

func (d *disk) count(kind string) (n int, size int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.steps {
		if s.kind == kind {
			n++
			size += int64(len(s.data))
		}
	}
	return n, size
}

func (d *disk) OpenFile(name string, flag int, perm os.FileMode) (durable.File, error) {
	d.mu.Lock()
	handle := d.opened
	d.opened++
	d.mu.Unlock()
	if err := d.note(step{kind: "open", handle: handle, path: filepath.Base(name)}); err != nil {
		return nil, err
	}
	f, err := d.quick.OpenFile(name, flag, perm)
	return &diskFile{f, d, handle}, err
}

func (d *disk) Rename(from, to string) error {
	if err := d.note(step{kind: "rename", path: filepath.Base(from), to: filepath.Base(to)}); err != nil {
		return err
	}
	return d.quick.Rename(from, to)
}

func (d *disk) Remove(name string) error {
	if err := d.note(step{kind: "remove", path: filepath.Base(name)}); err != nil {
		return err
	}
	return d.quick.Remove(name)
}

func (d *disk) SyncDir(string) error { return d.note(step{kind: "syncdir"}) }

type diskFile struct {
	durable.File
	disk   *disk
	handle int
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.disk.note(step{kind: "write", handle: f.handle, data: p, off: off}); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off) // a full disk takes a part
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.disk.note(step{kind: "truncate", handle: f.handle, off: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *diskFile) Sync() error { return f.disk.note(step{kind: "sync", handle: f.handle}) }

func (f *diskFile) Close() error {
	return errors.Join(f.disk.note(step{kind: "close", handle: f.handle}), f.File.Close())
}

// platter works out what is on a disk after some steps, under the least that a
// file system promises: content lasts once it was synced, a name once its
// folder was, and what was not synced may be there, or not, or in part.
type platter struct {
	handles map[int]*inode
	names   map[string]*inode // as the running program sees them
	lasting map[string]*inode
	moves   []step // changes of names since the folder was synced
	made    map[int]*inode
	acked   int
}

type inode struct {
	lasting []byte
	pending []step
}

func newPlatter() *platter {
	return &platter{handles: map[int]*inode{}, names: map[string]*inode{}, lasting: map[string]*inode{}, made: map[int]*inode{}}
}

func (p *platter) do(s step) {
	switch s.kind {
	case "open":
		if p.names[s.path] == nil {
			p.names[s.path] = &inode{}
			p.made[s.handle] = p.names[s.path]
			p.moves = append(p.moves, s)
		}
		p.handles[s.handle] = p.names[s.path]
	case "write", "truncate":
		f := p.handles[s.handle]
		f.pending = append(f.pending, s)
	case "sync":
		f := p.handles[s.handle]
		f.lasting, f.pending = rewrite(f.lasting, f.pending...), nil
	case "rename", "remove":
		p.move(p.names, s)
		p.moves = append(p.moves, s)
	case "syncdir":
		p.lasting, p.moves = maps.Clone(p.names), nil
	case "ack":
		p.acked++
	}
}

func (p *platter) move(names map[string]*inode, s step) {
	switch s.kind {
	case "open":
		names[s.path] = p.made[s.handle]
	case "rename":
		names[s.to] = names[s.path]
		delete(names, s.path)
	case "remove":
		delete(names, s.path)
	}
}

func rewrite(data []byte, steps ...step) []byte {
	data = bytes.Clone(data)
	grow := func(size int64) {
		if missing := size - int64(len(data)); missing > 0 {
			data = append(data, make([]byte, missing)...)
		}
	}
	for _, s := range steps {
		if s.kind == "truncate" {
			grow(s.off)
			data = data[:s.off]
			continue
		}
		grow(s.off + int64(len(s.data)))
		copy(data[s.off:], s.data)
	}
	return data
}

// remains are the folders that a power cut may leave now.
func (p *platter) remains(yield func(how string, files map[string][]byte)) {
	for kept := range len(p.moves) + 1 {
		names := maps.Clone(p.lasting)
		for _, s := range p.moves[:kept] {
			p.move(names, s)
		}
		for _, how := range []string{"lost", "torn", "swapped", "kept"} {
			files := map[string][]byte{}
			for name, f := range names {
				pending := f.pending
				switch last := len(pending) - 1; {
				case how == "lost":
					pending = nil
				case how == "torn" && last >= 0 && pending[last].kind == "write":
					part := pending[last]
					part.data = part.data[:len(part.data)/2]
					pending = append(pending[:last:last], part)
				case how == "swapped" && last > 0: // the last call reached the disk first
					pending = pending[last:]
				}
				files[name] = rewrite(f.lasting, pending...)
			}
			yield(fmt.Sprintf("%d of %d names kept, content %s", kept, len(p.moves), how), files)
		}
	}
}

func lay(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
