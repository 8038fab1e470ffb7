package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// Transport gives a transport that hands requests to h in this process, without
// a network: for tests, above all those in bubbles of testing/synctest, where a
// real connection would keep time from passing.
//
// Each request runs in a goroutine of its own. Bodies stream both ways, so
// memory does not grow with them. The handler's context ends with the request's,
// when the client closes the answer's body, and when the handler returns. A
// handler that panics with http.ErrAbortHandler cuts the connection: before the
// header the client sees a reset, after it io.ErrUnexpectedEOF. Any other panic
// is a bug, and ends the process.
func Transport(h http.Handler) http.RoundTripper { return &transport{h} }

type transport struct{ handler http.Handler }

// errReset is what a client sees of a connection that is cut without an answer.
func errReset() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithCancel(req.Context())
	pr, pw := io.Pipe()
	x := &exchange{req: req, header: http.Header{}, pipe: pw, answered: make(chan *http.Response, 1), cut: make(chan struct{})}
	x.body = &responseBody{PipeReader: pr, cancel: cancel}
	// A client that gives up sees its own reason, whatever the handler does.
	x.body.stop = context.AfterFunc(req.Context(), func() {
		pw.CloseWithError(req.Context().Err())
		closeBody(req)
	})
	go x.serve(t.handler, serverRequest(ctx, req), cancel)
	select {
	case resp := <-x.answered:
		return resp, nil
	case <-x.cut:
		x.body.stop()
		cancel()
		return nil, errReset()
	case <-req.Context().Done():
		cancel()
		return nil, req.Context().Err()
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close() //nolint:errcheck // nothing hangs on it
	}
}

// serverRequest gives the request as a server would see it.
func serverRequest(ctx context.Context, req *http.Request) *http.Request {
	r := req.Clone(ctx)
	r.RequestURI = req.URL.RequestURI()
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RemoteAddr = "127.0.0.1:1"
	if r.Host == "" {
		r.Host = req.URL.Host
	}
	r.Body = http.NoBody
	if req.Body != nil && req.Body != http.NoBody {
		if req.ContentLength == 0 {
			r.ContentLength = -1
		}
		r.Body = &requestBody{body: req.Body, left: r.ContentLength, ctx: ctx}
	}
	return r
}

// requestBody is what the handler reads of a client's body. One that ends before
// its announced length was cut.
type requestBody struct {
	body io.ReadCloser
	left int64 // negative: not announced
	ctx  context.Context
}

func (b *requestBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.body.Read(p)
	if b.left >= 0 {
		if int64(n) > b.left {
			n, err = int(b.left), errors.New("the body is longer than announced")
		}
		b.left -= int64(n)
	}
	switch {
	case err == io.EOF && b.left > 0:
		err = io.ErrUnexpectedEOF
	case err != nil && err != io.EOF:
		err = io.ErrUnexpectedEOF // a server sees no more of a client's trouble
	}
	return n, err
}

func (b *requestBody) Close() error { return nil } // the exchange closes it

// exchange is one request and its answer; it is the handler's ResponseWriter.
type exchange struct {
	req      *http.Request
	header   http.Header
	pipe     *io.PipeWriter
	body     *responseBody
	answered chan *http.Response
	cut      chan struct{} // closed when the connection is cut before an answer

	wrote     bool
	announced int64 // Content-Length; negative: none
	sent      int64
}

func (x *exchange) serve(h http.Handler, r *http.Request, cancel context.CancelFunc) {
	defer closeBody(x.req)
	defer cancel()
	defer func() {
		switch p := recover(); {
		case p == nil:
		case p == http.ErrAbortHandler:
			x.abort()
		default:
			panic(p)
		}
	}()
	h.ServeHTTP(x, r)
	x.WriteHeader(http.StatusOK)
	if x.announced > x.sent && bodyAllowed(x.req.Method) {
		x.abort()
		return
	}
	x.finish(nil)
}

// finish ends the body: well, or with err. To a client that gave up it never
// ends well, even where the handler heard of that and returned.
func (x *exchange) finish(err error) {
	if gone := x.req.Context().Err(); gone != nil {
		err = gone
	}
	x.pipe.CloseWithError(err) // nil is io.EOF
}

func (x *exchange) abort() {
	if !x.wrote {
		x.wrote = true
		close(x.cut)
		return
	}
	x.finish(io.ErrUnexpectedEOF)
}

func bodyAllowed(method string) bool { return method != http.MethodHead }

func (x *exchange) Header() http.Header { return x.header }

func (x *exchange) WriteHeader(status int) {
	if x.wrote {
		return
	}
	x.wrote = true
	header := x.header.Clone()
	for k, v := range header {
		if v == nil {
			delete(header, k) // how a handler keeps a header from being set
		}
	}
	x.announced = -1
	if n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64); err == nil {
		x.announced = n
	}
	x.answered <- &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, ContentLength: x.announced, Body: x.body, Request: x.req,
	}
}

func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	if !bodyAllowed(x.req.Method) {
		return len(p), nil
	}
	if x.announced >= 0 && x.sent+int64(len(p)) > x.announced {
		return 0, http.ErrContentLength
	}
	n, err := x.pipe.Write(p)
	x.sent += int64(n)
	return n, err
}

// FlushError does nothing: what is written is with the client already.
func (x *exchange) FlushError() error { return nil }

// responseBody is what the client reads. Closing it tells the handler.
type responseBody struct {
	*io.PipeReader
	cancel context.CancelFunc
	stop   func() bool
	closed atomic.Bool
	once   sync.Once
}

func (b *responseBody) Close() error {
	b.closed.Store(true)
	b.once.Do(func() {
		b.stop()
		b.cancel()
	})
	return b.PipeReader.Close()
}

func (b *responseBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.PipeReader.Read(p)
}
