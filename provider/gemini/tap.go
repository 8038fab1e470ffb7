package gemini

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxAnswer  = 32 << 20 // of a control call, inline rows left out
	maxFailure = 1 << 20  // of an error's body
)

// exchange is one HTTP request and its answer, handed from the tap to the
// caller through a value in the request's context, since the SDK drops most of
// both.
type exchange struct {
	// streamed leaves the body of a success to the caller.
	streamed bool
	// verbatim keeps a success as it came, JSON or not.
	verbatim bool
	watch    *watch // nil without a stall limit

	begun  bool // the transport was asked
	status int  // 0 when no answer came
	header http.Header
	// body is the answer, without the rows of inline jobs; of a streamed
	// success nil.
	body []byte
	err  error // why there is no answer, or no whole one
}

type exchangeKey struct{}

// ok tells whether a success came and was read.
func (x *exchange) ok() bool { return x.err == nil && x.status/100 == 2 }

// date is the service's time, zero when it sent none.
func (x *exchange) date() time.Time {
	t, err := http.ParseTime(x.header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// isJSON tells whether the answer says that it is JSON.
func (x *exchange) isJSON() bool {
	t, _, err := mime.ParseMediaType(x.header.Get("Content-Type"))
	return err == nil && t == "application/json"
}

// tap is the transport under the SDK and under our own requests. It keeps each
// answer for its caller, lets no request leave for another host, and shows the
// SDK an empty object in place of every body: what the SDK would make of the
// body is not needed, and its decoding fails on answers that are fine.
type tap struct {
	next http.RoundTripper
	base *url.URL
}

func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	x, ok := req.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("request without an exchange")
	}
	if req.URL.Scheme != t.base.Scheme || req.URL.Host != t.base.Host {
		return nil, fmt.Errorf("request to %s refused: the key is sent to %s alone", req.URL.Host, t.base.Host)
	}
	*x = exchange{streamed: x.streamed, verbatim: x.verbatim, watch: x.watch, begun: true}
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		x.err = err
		return nil, err
	}
	x.status, x.header = resp.StatusCode, resp.Header
	if x.streamed && resp.StatusCode/100 == 2 {
		return resp, nil
	}
	x.body, x.err = x.read(resp)
	if err := resp.Body.Close(); err != nil && x.err == nil {
		x.err = err
	}
	if x.err != nil {
		return nil, x.err
	}
	const empty = "{}"
	resp.Body = io.NopCloser(bytes.NewReader([]byte(empty)))
	resp.ContentLength = int64(len(empty))
	return resp, nil
}

// checkRedirect follows a few redirects of reads on the same host. Any other
// is left unfollowed and becomes a failure: a redirected create would be a
// second send, and the key goes to no other host.
func (c *Client) checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	if first.Method != http.MethodGet || len(via) > 3 ||
		req.URL.Scheme != c.base.Scheme || req.URL.Host != c.base.Host {
		return http.ErrUseLastResponse
	}
	return nil
}

// read reads a body that fits in memory; one that does not is an error.
func (x *exchange) read(resp *http.Response) ([]byte, error) {
	if x.verbatim || resp.StatusCode/100 != 2 {
		b, err := io.ReadAll(io.LimitReader(resp.Body, maxFailure+1))
		if err == nil && len(b) > maxFailure {
			err = fmt.Errorf("the answer is longer than %d bytes", maxFailure)
		}
		return b, err
	}
	head := &capped{max: 4 << 10, drop: true}
	out := &capped{max: maxAnswer}
	in := io.TeeReader(resp.Body, head)
	err := slim(out, in)
	switch {
	case errors.Is(err, io.EOF): // an empty body, which some calls answer with
		return nil, nil
	case isSyntax(err):
		return head.buf.Bytes(), errNotJSON
	case err != nil:
		return head.buf.Bytes(), err
	}
	// A connection is used again only when its answer was read to the end.
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	return out.buf.Bytes(), err
}

var errNotJSON = errors.New("the answer is no JSON")

func isSyntax(err error) bool {
	_, ok := errors.AsType[*jsontext.SyntacticError](err)
	return ok
}

// slim copies one JSON value without what makes a job long: the rows of inline
// answers, which stand in a job twice, and of inline requests. Each is replaced
// by true, so that the copy tells that they are there.
func slim(dst io.Writer, src io.Reader) error {
	lax := jsontext.AllowDuplicateNames(true)
	dec := jsontext.NewDecoder(src, lax, jsontext.AllowInvalidUTF8(true))
	enc := jsontext.NewEncoder(dst, lax, jsontext.AllowInvalidUTF8(true))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return err
		}
		rows := isName(dec) && (tok.String() == "inlinedResponses" || tok.String() == "requests")
		if err := enc.WriteToken(tok); err != nil {
			return err
		}
		if rows {
			if err := dec.SkipValue(); err != nil {
				return err
			}
			if err := enc.WriteToken(jsontext.True); err != nil {
				return err
			}
		}
		if dec.StackDepth() == 0 {
			return nil
		}
	}
}

// isName tells whether the token just read is the name of a member.
func isName(dec *jsontext.Decoder) bool {
	kind, n := dec.StackIndex(dec.StackDepth())
	return kind == jsontext.KindBeginObject && n%2 == 1
}

// capped is a buffer with a limit, beyond which it fails or drops.
type capped struct {
	buf  bytes.Buffer
	max  int
	drop bool
}

func (c *capped) Write(p []byte) (int, error) {
	room := c.max - c.buf.Len()
	if len(p) <= room {
		return c.buf.Write(p)
	}
	if !c.drop {
		return 0, fmt.Errorf("the answer is longer than %d bytes", c.max)
	}
	c.buf.Write(p[:room])
	return len(p), nil
}

// watch ends a transfer in which nothing moves any more.
type watch struct {
	limit time.Duration
	timer *time.Timer
}

func newWatch(limit time.Duration, cancel context.CancelCauseFunc) *watch {
	return &watch{limit: limit, timer: time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("no byte moved for %s", limit))
	})}
}

func (w *watch) moved() { w.timer.Reset(w.limit) }
func (w *watch) stop()  { w.timer.Stop() }

// reader tells the watch about each byte that passes.
func (w *watch) reader(r io.Reader) io.Reader { return &watchedReader{r, w} }

type watchedReader struct {
	r io.Reader
	w *watch
}

func (r *watchedReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if n > 0 {
		r.w.moved()
	}
	return n, err
}
