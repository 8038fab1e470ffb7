package results

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
)

// Same reports whether the file of that name holds what write writes. Both are
// read side by side, as far as they are alike; write gets an error after that.
func (d *Dir) Same(ctx context.Context, name string, write func(io.Writer) error) (bool, error) {
	f, err := d.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	same, err := holds(ctx, f, write)
	if err != nil {
		return false, d.fail("compare", name, err)
	}
	return same, nil
}

func holds(ctx context.Context, f *File, write func(io.Writer) error) (bool, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	c := &comparer{r: bufio.NewReaderSize(reader{ctx, f}, 64<<10)}
	switch err := write(c); {
	case errors.Is(err, errDiffers):
		return false, nil
	case err != nil:
		return false, err
	}
	_, err := c.r.ReadByte()
	if err == io.EOF {
		return true, nil
	}
	return false, err
}

var errDiffers = errors.New("the bytes differ")

// comparer fails with errDiffers as soon as what is written is not what it
// reads.
type comparer struct {
	r   *bufio.Reader
	buf []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	if cap(c.buf) < len(p) {
		c.buf = make([]byte, len(p))
	}
	n, err := io.ReadFull(c.r, c.buf[:len(p)])
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF || err == nil && !bytes.Equal(c.buf[:n], p):
		return 0, errDiffers
	case err != nil:
		return 0, err
	}
	return len(p), nil
}
