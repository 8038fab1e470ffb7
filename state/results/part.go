package results

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/qaplan/qaplan/state/durable"
)

// Part is the place for the rows of one job below .parts/.
type Part struct {
	dir  *Dir
	name string // .parts/…
}

// Part names the part of a job, batches/…; nothing is made yet. The error is a
// *NameError where the job's name is not a plain one.
func (d *Dir) Part(job string) (Part, error) {
	name, err := partName(job)
	if err != nil {
		return Part{}, err
	}
	return Part{d, path.Join(partsFolder, name)}, nil
}

// Path is where the part is, relative to the output folder, with slashes.
func (p Part) Path() string { return p.name }

// Stat is [Dir.Stat] for a part.
func (p Part) Stat() (Info, bool, error) { return p.dir.stat(p.name) }

// Hash is [Dir.Hash] for a part.
func (p Part) Hash(ctx context.Context) (sha256hex string, size int64, err error) {
	return p.dir.hash(ctx, p.name)
}

// Open is [Dir.Open] for a part.
func (p Part) Open() (*File, error) { return p.dir.openFile(p.name) }

// Publish is [Dir.Publish] for a part.
func (p Part) Publish(ctx context.Context, o PublishOptions, write func(io.Writer) error) (Written, error) {
	if p.dir.bucket != nil { // which has no folders
		return p.dir.publish(ctx, p.name, o, write)
	}
	err := p.dir.inFolder(func(root *os.Root) error {
		switch err := root.Mkdir(partsFolder, 0o700); {
		case err == nil:
			return p.dir.sys.syncDir(p.dir.path)
		case errors.Is(err, fs.ErrExist):
			return nil
		default:
			return err
		}
	})
	if err != nil {
		return Written{}, p.dir.fail("write", p.name, err)
	}
	return p.dir.publish(ctx, p.name, o, write)
}

// Remove removes the part, and the folder of parts with the last one. It does
// nothing where there is none.
func (p Part) Remove() error {
	if p.dir.bucket != nil {
		if err := p.dir.bucket.remove(p.name); err != nil {
			return p.dir.fail("remove", p.name, err)
		}
		return nil
	}
	root, err := p.dir.open()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = root.Remove(p.name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return p.dir.fail("remove", p.name, err)
	}
	root.Remove(partsFolder) // fails as long as it is not empty
	if err := durable.SyncDir(p.dir.path); err != nil {
		return p.dir.fail("remove", p.name, err)
	}
	return nil
}
