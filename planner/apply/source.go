package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/qaplan/qaplan/state/durable"
)

// source is the input file, open and known to be the planned bytes.
type source struct {
	*io.SectionReader
	file   *os.File
	before os.FileInfo
}

func (b *batchFiles) openSource(ctx context.Context) (*source, error) {
	f, err := openSource(b.path.Source, b.want.Source.Bytes)
	if err != nil {
		return nil, err
	}
	b.closers = append(b.closers, func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	src := &source{SectionReader: io.NewSectionReader(f, 0, info.Size()), file: f, before: info}
	if b.path.Facts != (durable.Facts{}) && b.path.Facts == durable.FactsOf(info) {
		return src, nil // as plans trust it, too
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &interruptible{ctx, f}); err != nil {
		return nil, fmt.Errorf("read %s: %w", b.path.Source, err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != b.want.Source.SHA256 {
		return nil, b.changed()
	}
	return src, nil
}

func (b *batchFiles) changed() error {
	return fmt.Errorf("the source file %s changed since it was read", b.path.Source)
}

type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// unchanged makes sure that the keys were read from the planned bytes. Those stay
// open: a file that is put in their place meanwhile is the next plan's to see.
func (b *batchFiles) unchanged(src *source) error {
	now, err := src.file.Stat()
	if err == nil && (now.Size() != src.before.Size() || !now.ModTime().Equal(src.before.ModTime())) {
		err = b.changed()
	}
	return err
}

// openSource opens an input file that must still have its planned size; its
// hash is compared with what the service received.
func openSource(path string, size int64) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the source file %s is gone since it was read", path)
		}
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != size {
		err = fmt.Errorf("the source file %s changed since it was read: %d bytes then, %d now", path, size, info.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
