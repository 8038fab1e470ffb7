package gemini

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/qaplan/qaplan/provider"
)

// Download writes a file to w from the given offset on, in constant memory. A
// transfer that breaks off is taken up where it broke, a bounded number of
// times without a new byte; after an error, Bytes of it have been written, and
// a later call can begin after them. Where the service sends the whole file
// although a later offset was asked for, the part before it is read and
// dropped: w gets the same bytes either way.
//
// The SDK's Download is not used: it returns error pages as data with a nil
// error, holds the whole file in memory and never closes the body (go-genai
// 1.77.0, api_client.go).
func (c *Client) Download(ctx context.Context, file string, offset int64, w io.Writer) (provider.Downloaded, error) {
	k := call{op: provider.OpDownload, target: file}
	d := &download{c: c, k: k, w: w, offset: offset, info: provider.Downloaded{Total: -1}}
	if err := resource(file, "files"); err != nil {
		return d.info, invalid(k, err)
	}
	if offset < 0 {
		return d.info, invalid(k, errors.New("negative offset"))
	}
	for {
		before := d.info.Bytes
		err := c.again(ctx, k, func() error {
			if d.info.Bytes > before {
				return errProgress
			}
			return d.fetch(ctx)
		})
		if !errors.Is(err, errProgress) {
			return d.info, err
		}
	}
}

// errProgress ends a round of attempts that brought something, so that the next
// round has all its attempts again.
var errProgress = errors.New("some bytes came")

type download struct {
	c      *Client
	k      call
	w      io.Writer
	offset int64
	info   provider.Downloaded
}

// fetch makes one request for what is still missing.
func (d *download) fetch(ctx context.Context) error {
	x := &exchange{streamed: true}
	at := d.offset + d.info.Bytes
	var local *localError
	err := d.c.send(ctx, d.k, x, func(ctx context.Context) error {
		u := d.c.base.JoinPath(apiVersion, d.k.target+":download")
		u.RawQuery = "alt=media"
		req, err := d.c.request(ctx, http.MethodGet, u)
		if err != nil {
			return err
		}
		// Packed, the length and the range would be those of the packed bytes.
		req.Header.Set("Accept-Encoding", "identity")
		if at > 0 {
			req.Header.Set("Range", fmt.Sprintf("bytes=%d-", at))
		}
		resp, err := d.c.http.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if !x.ok() {
			return nil
		}
		err = d.take(resp, x, at)
		local, _ = errors.AsType[*localError](err)
		return err
	})
	if e, ok := errors.AsType[*provider.Error](err); ok {
		switch {
		case local != nil:
			e.Class, e.Err = provider.ClassRefused, local.err
		case e.HTTPStatus == http.StatusRequestedRangeNotSatisfiable && at > 0 &&
			strings.TrimSpace(x.header.Get("Content-Range")) == fmt.Sprintf("bytes */%d", at):
			d.accept(x, at)
			return nil // nothing was missing
		}
	}
	return err
}

// take checks one answer with data and writes what is new in it.
func (d *download) take(resp *http.Response, x *exchange, at int64) error {
	if t, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); t == "text/html" {
		return errors.New("a web page came instead of the file")
	}
	body := x.watch.reader(resp.Body)
	begin, total := int64(0), resp.ContentLength
	if resp.StatusCode == http.StatusPartialContent {
		var err error
		if begin, total, err = contentRange(resp.Header.Get("Content-Range")); err != nil {
			return err
		}
	}
	switch {
	case begin > at:
		return fmt.Errorf("asked for the bytes from %d on, the service began at %d", at, begin)
	case total >= 0 && d.info.Total >= 0 && total != d.info.Total:
		return &localError{fmt.Errorf("the file changed from %d to %d bytes while it was read", d.info.Total, total)}
	case total >= 0 && at > total:
		return &localError{fmt.Errorf("the offset %d is beyond the file's %d bytes", at, total)}
	}
	if n, err := io.CopyN(io.Discard, body, at-begin); err != nil {
		return short(err, begin+n, total)
	}
	d.accept(x, total)
	out := &sink{w: d.w}
	n, err := io.CopyBuffer(out, body, make([]byte, copied(total-at)))
	d.info.Bytes += n
	switch {
	case out.err != nil:
		return &localError{out.err}
	case err != nil:
		return short(err, at+n, total)
	case total >= 0 && at+n != total:
		return short(io.ErrUnexpectedEOF, at+n, total)
	}
	return nil
}

// copied is how much of so many bytes is taken at once: a large file costs fewer calls
// of the system then, and a small one no more memory than it has.
func copied(left int64) int64 {
	const usual, most = 32 << 10, 256 << 10
	if left < 0 {
		return usual
	}
	return min(max(left, 512), most)
}

// accept notes what a good answer said.
func (d *download) accept(x *exchange, total int64) {
	d.info.Date = x.date()
	if total >= 0 {
		d.info.Total = total
	}
}

func short(err error, got, total int64) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.ErrUnexpectedEOF
	}
	if total < 0 {
		return fmt.Errorf("the file broke off after %d bytes: %w", got, err)
	}
	return fmt.Errorf("the file broke off after %d of %d bytes: %w", got, total, err)
}

// contentRange reads "bytes 5-9/10"; the total is -1 where it is "*".
func contentRange(s string) (begin, total int64, err error) {
	spec, ok := strings.CutPrefix(strings.TrimSpace(s), "bytes ")
	span, size, ok2 := strings.Cut(spec, "/")
	from, _, ok3 := strings.Cut(span, "-")
	begin, err = strconv.ParseInt(from, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil {
		return 0, 0, fmt.Errorf("the service sent a part and the range %q", s)
	}
	if size == "*" {
		return begin, -1, nil
	}
	if total, err = strconv.ParseInt(size, 10, 64); err != nil {
		return 0, 0, fmt.Errorf("the service sent a part and the range %q", s)
	}
	return begin, total, nil
}

// localError is a failure that no repetition of the request mends.
type localError struct{ err error }

func (e *localError) Error() string { return e.err.Error() }
func (e *localError) Unwrap() error { return e.err }

// sink tells a failing writer from a failing connection.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
