package results

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// PublishOptions say what may be replaced; nothing, when they are zero.
type PublishOptions struct {
	Replace bool  // whatever file is there
	Old     *Info // a file of this size and time
}

// Publish writes a result: write fills a temporary file, which takes the name
// when all of it is on the disk. It is called once, and what it returns an
// error for is not published. Where something is in the way that the options
// do not allow to replace, the error is ErrExists.
func (d *Dir) Publish(ctx context.Context, name string, o PublishOptions, write func(io.Writer) error) (Written, error) {
	if err := CheckName(name); err != nil {
		return Written{}, err
	}
	return d.publish(ctx, name, o, write)
}

func (d *Dir) publish(ctx context.Context, name string, o PublishOptions, write func(io.Writer) error) (Written, error) {
	w, err := d.tryPublish(ctx, name, o, write)
	if err != nil {
		return Written{}, d.fail("write", name, err)
	}
	return w, nil
}

func (d *Dir) tryPublish(ctx context.Context, name string, o PublishOptions, write func(io.Writer) error) (_ Written, err error) {
	if _, err := d.replaceable(name, o); err != nil {
		return Written{}, err // before the work
	}
	root, f, temp, err := d.temp()
	if err != nil {
		return Written{}, err
	}
	defer func() { // when write panics, too
		f.Close()
		if temp != "" {
			root.Remove(temp)
		}
	}()
	sum, size, err := fill(ctx, f, write)
	if err != nil {
		return Written{}, err
	}
	if d.bucket != nil {
		info, err := d.bucket.put(ctx, name, f, size, sum, o)
		return Written{info, sum}, err
	}
	info, renamed, err := d.take(root, temp, name, size, o)
	if renamed {
		temp = ""
	}
	return Written{info, sum}, err
}

// take gives a temporary file that is on the disk its name, durably. renamed tells
// that its former name stands for nothing any more, whether the rest went well or
// not.
func (d *Dir) take(root *os.Root, temp, name string, size int64, o PublishOptions) (_ Info, renamed bool, err error) {
	if d.moved(root) {
		return Info{}, false, errMoved
	}
	former, renamed, err := d.place(root, temp, name, o)
	if err != nil {
		return Info{}, false, err
	}
	if err := d.settle(name); err != nil {
		if !former {
			root.Remove(name)
		}
		return Info{}, renamed, err
	}
	info, there, err := d.look(name)
	if err == nil && (!there || info.Size != size) {
		err = errors.New("the file is not what was written: somebody else is writing here")
	}
	return info, renamed, err
}

// fill lets write write and puts all of it on the disk.
func fill(ctx context.Context, f tempFile, write func(io.Writer) error) (sum string, size int64, err error) {
	m := &meter{ctx: ctx, w: f, hash: sha256.New()}
	buf := bufio.NewWriterSize(m, 32<<10) // a larger one is no faster, and most results are small
	if err := write(buf); err != nil {
		return "", 0, err
	}
	if err := buf.Flush(); err != nil {
		return "", 0, err
	}
	if err := f.Sync(); err != nil {
		return "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	if info.Size() != m.n {
		return "", 0, fmt.Errorf("%d bytes were written and %d are there", m.n, info.Size())
	}
	return hex.EncodeToString(m.hash.Sum(nil)), m.n, ctx.Err()
}

// meter hashes and counts what reaches the file.
type meter struct {
	ctx  context.Context
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (m *meter) Write(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.w.Write(p)
	m.hash.Write(p[:n])
	m.n += int64(n)
	return n, err
}

// replaceable tells whether a file is there that may be replaced.
func (d *Dir) replaceable(name string, o PublishOptions) (there bool, err error) {
	info, there, err := d.look(name)
	if err != nil || !there {
		return false, err
	}
	if !o.Replace && (o.Old == nil || !info.same(*o.Old)) {
		return true, ErrExists
	}
	return true, nil
}

// place gives the temporary file its name. A free name is taken by a link, so
// that a file that appears in the meantime is not replaced; the temporary name
// is then still there. Else, and where the file system has no links, it is
// renamed.
func (d *Dir) place(root *os.Root, temp, name string, o PublishOptions) (former, renamed bool, err error) {
	former, err = d.replaceable(name, o)
	if err != nil {
		return former, false, err
	}
	if !former {
		switch err := d.sys.link(root, temp, name); {
		case err == nil:
			return false, false, nil
		case errors.Is(err, fs.ErrExist):
			return true, false, ErrExists
		}
	}
	return former, true, d.sys.rename(root, temp, name)
}

// settle makes the name durable.
func (d *Dir) settle(name string) error {
	if sub := filepath.Dir(name); sub != "." {
		if err := d.sys.syncDir(filepath.Join(d.path, sub)); err != nil {
			return err
		}
	}
	return d.sys.syncDir(d.path)
}
