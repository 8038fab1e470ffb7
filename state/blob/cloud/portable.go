package cloud

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"

	gcblob "gocloud.dev/blob"

	"github.com/qaplan/qaplan/state/blob"
)

const contentType = "application/json"

// portable is what is alike for all services.
type portable struct {
	bucket   *gcblob.Bucket
	classify func(error) error
}

func (p portable) Close() error { return p.bucket.Close() }

func (p portable) List(ctx context.Context, prefix string, yield func(blob.Object) error) error {
	for it := p.bucket.List(&gcblob.ListOptions{Prefix: prefix}); ; {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			err = p.classify(err)
			if errors.Is(err, fs.ErrNotExist) { // what else could be missing
				return &blob.Error{Kind: blob.KindNoBucket, Err: err}
			}
			return err
		}
		if err := yield(blob.Object{Key: o.Key, Size: o.Size, ModTime: o.ModTime}); err != nil {
			return err
		}
	}
}

func (p portable) Delete(ctx context.Context, key string) error {
	if err := p.bucket.Delete(ctx, key); err != nil {
		return p.classify(err)
	}
	return nil
}

// write writes an object through the library. A failure on the way cancels the
// upload: nothing of it becomes an object.
func (p portable) write(ctx context.Context, key string, content io.Reader, opts *gcblob.WriterOptions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := p.bucket.NewWriter(ctx, key, opts)
	if err != nil {
		return p.classify(err)
	}
	if _, err := io.Copy(w, content); err != nil {
		cancel()
		w.Close()
		return p.classify(err)
	}
	if err := w.Close(); err != nil {
		return p.classify(err)
	}
	return nil
}

// body makes errors of the middle of a read those of this package.
type body struct {
	io.ReadCloser
	classify func(error) error
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.classify(err)
	}
	return n, err
}

// passing tells the statuses of a server that may answer better later.
func passing(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusConflict
}

// unanswered classifies an error that is no answer of the server: mostly the
// way to it failed, or took too long.
func unanswered(err error) error {
	var network net.Error
	if errors.Is(err, blob.ErrConflict) {
		return err
	}
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &blob.Error{Kind: blob.KindTemporary, Err: err}
	}
	return &blob.Error{Kind: blob.KindOther, Err: err}
}
