package gemini

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/genai"

	"github.com/qaplan/qaplan/provider"
)

// DefaultBaseURL is Google's own service.
const DefaultBaseURL = "https://generativelanguage.googleapis.com/"

// The version that the Go SDK speaks (go-genai 1.77.0); our own requests use
// the same, so that one client never mixes two.
const apiVersion = "v1beta"

// Options say how to reach the service. The zero value of everything but
// APIKey is usable.
type Options struct {
	APIKey string
	// BaseURL is where the service is; "" means [DefaultBaseURL]. A path in it
	// is kept. Environment variables that the SDK would read are not heard:
	// they are the caller's to interpret.
	BaseURL string
	// Transport carries the requests; nil means one of our own that keeps
	// connections, gives up on dead hosts and honours the usual proxy
	// variables.
	Transport http.RoundTripper
	UserAgent string // "" leaves the SDK's
	PageSize  int    // of both listings, 0 means 100

	// CallTimeout bounds one small call, 0 means 30 s.
	CallTimeout time.Duration
	// ListTimeout bounds one page of a listing, 0 means 60 s.
	ListTimeout time.Duration
	// StallTimeout ends an upload or a download in which no byte moves any
	// more, 0 means 60 s. They have no other limit.
	StallTimeout time.Duration

	// Admit is called before each HTTP request, retries and chunks of an
	// upload included, with one of the provider.Op names. It may wait; its
	// error ends the call. The release that it returns is called once when the
	// answer has been read; nil means that nothing is to be released. A nil
	// Admit admits everything.
	Admit func(ctx context.Context, op string) (release func(), err error)

	// Log hears of retries and of restarted uploads, never of keys or bodies;
	// nil discards.
	Log *slog.Logger
}

// Client speaks to one project of the service. It is safe for concurrent use.
type Client struct {
	sdk  *genai.Client
	http *http.Client
	base *url.URL
	own  *http.Transport // closed by Close, nil when the caller brought one
	opt  Options
	log  *slog.Logger
}

// New makes a client. It sends nothing.
func New(ctx context.Context, o Options) (*Client, error) {
	if err := checkKey(o.APIKey); err != nil {
		return nil, err
	}
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	o.PageSize = orDefault(o.PageSize, 100)
	o.CallTimeout = orDefault(o.CallTimeout, 30*time.Second)
	o.ListTimeout = orDefault(o.ListTimeout, 60*time.Second)
	o.StallTimeout = orDefault(o.StallTimeout, 60*time.Second)
	c := &Client{base: base, opt: o, log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	next := o.Transport
	if next == nil {
		c.own = newTransport()
		next = c.own
	}
	c.http = &http.Client{
		Transport:     &tap{next: next, base: base},
		CheckRedirect: c.checkRedirect,
	}
	header := http.Header{}
	if o.UserAgent != "" {
		header.Set("User-Agent", o.UserAgent)
	}
	// Backend, key and base URL are all set, else the SDK takes them from the
	// environment: GOOGLE_GENAI_USE_VERTEXAI would silently change the service.
	// RetryOptions stay nil, since the SDK's retries repeat creates.
	c.sdk, err = genai.NewClient(ctx, &genai.ClientConfig{
		Backend:    genai.BackendGeminiAPI,
		APIKey:     o.APIKey,
		HTTPClient: c.http,
		HTTPOptions: genai.HTTPOptions{
			BaseURL:    base.String(),
			APIVersion: apiVersion,
			Headers:    header,
		},
	})
	if err != nil {
		// The SDK's errors may print its whole configuration.
		return nil, errors.New("make client: " + c.redact(err.Error()))
	}
	return c, nil
}

// Close drops idle connections. Calls after it still work.
func (c *Client) Close() {
	if c.own != nil {
		c.own.CloseIdleConnections()
	}
}

func orDefault[T int | time.Duration](v, def T) T {
	if v <= 0 {
		return def
	}
	return v
}

// checkKey refuses what cannot be sent in a header, without showing it.
func checkKey(key string) error {
	if key == "" {
		return errors.New("make client: the API key is empty")
	}
	for _, r := range key {
		if r <= ' ' || r > '~' {
			return errors.New("make client: the API key holds a space, a line break or another character that no key has")
		}
	}
	return nil
}

func parseBase(s string) (*url.URL, error) {
	if s == "" {
		s = DefaultBaseURL
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		// Not wrapped: url.Error repeats the whole string, passwords included.
		return nil, errors.New("make client: the base URL cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("make client: the base URL has to begin with https:// or http://, not %q", u.Scheme)
	case u.Host == "":
		return nil, errors.New("make client: the base URL has no host")
	case u.User != nil:
		return nil, errors.New("make client: the base URL holds a user name; only the API key is sent")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("make client: the base URL has a query or a fragment")
	}
	return u, nil
}

const maxConnections = 64

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DialContext:       (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2: true,
		// As many as the most calls that a config lets be in flight: with fewer, a
		// burst would open and close a connection for each call.
		MaxIdleConns:          maxConnections,
		MaxIdleConnsPerHost:   maxConnections,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// call is one HTTP request to be made.
type call struct {
	op     string
	target string
	kind   kind
	// timeout bounds the whole request; 0 means that only stalling ends it.
	timeout time.Duration
}

// errTimeout is the cause of a context that ended by our own deadline.
var errTimeout = errors.New("no answer in time")

// send admits one request, bounds it and lets do make it. The exchange holds
// what came back. The error is a *provider.Error unless the service answered
// with success and the answer was read.
//
// Waiting for admission takes nothing from the request's time.
func (c *Client) send(ctx context.Context, k call, x *exchange, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return c.unsent(k, context.Cause(ctx))
	}
	if c.opt.Admit != nil {
		release, err := c.opt.Admit(ctx, k.op)
		if err != nil {
			return c.unsent(k, admissionError{err})
		}
		if release != nil {
			defer release()
		}
	}
	parent := ctx
	if k.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, k.timeout, errTimeout)
		defer cancel()
	} else {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		x.watch = newWatch(c.opt.StallTimeout, cancel)
		defer x.watch.stop()
	}
	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	err := guard(func() error { return do(context.WithValue(ctx, exchangeKey{}, x)) })
	if x.ok() && (!x.streamed || err == nil) {
		return nil
	}
	e := c.failure(k, x, err)
	// A transport that never asked for a connection is not net/http's, and
	// says nothing about what it sent.
	e.NotSent = !x.begun || x.status == 0 && asked.Load() && !connected.Load()
	whole := x.status != 0 && x.status/100 != 2 && x.err == nil
	switch {
	case whole: // the service's answer stands, whatever ended since
	case parent.Err() != nil:
		e.Err = context.Cause(parent)
	case ctx.Err() != nil:
		e.Err = c.bounded(k, context.Cause(ctx))
	}
	return e
}

// bounded words the end of a request by one of our own limits. The context's
// error is left out, so that nobody takes it for the end of the caller's.
func (c *Client) bounded(k call, cause error) error {
	if errors.Is(cause, errTimeout) {
		return fmt.Errorf("%w (%s)", errTimeout, k.timeout)
	}
	return cause
}

// unsent is the failure of a call that nothing was sent for.
func (c *Client) unsent(k call, err error) *provider.Error {
	return &provider.Error{Op: k.op, Target: k.target, Class: k.kind.lost(), NotSent: true, Err: err}
}

// admissionError is the end of a call that was not admitted.
type admissionError struct{ error }

func (e admissionError) Unwrap() error { return e.error }

func isAdmission(e *provider.Error) bool {
	_, ok := errors.AsType[admissionError](e.Err)
	return ok
}

// guard turns a panic of the SDK into an error: it panics on answers that it
// does not expect (go-genai 1.77.0, transformer.go and api_client.go).
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the SDK panicked: %v", p)
		}
	}()
	return do()
}

// request builds one of our own requests, for what the SDK cannot do safely.
func (c *Client) request(ctx context.Context, method string, u *url.URL) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Goog-Api-Key", c.opt.APIKey)
	if c.opt.UserAgent != "" {
		req.Header.Set("User-Agent", c.opt.UserAgent)
	}
	return req, nil
}

// redact takes the key out of a text.
func (c *Client) redact(s string) string {
	return strings.ReplaceAll(s, c.opt.APIKey, "[key]")
}

// resource checks the name of a job or a file before it becomes part of a URL.
func resource(name, collection string) error {
	id, ok := strings.CutPrefix(name, collection+"/")
	if !ok || id == "" || id == "." || id == ".." {
		return fmt.Errorf("%q is no name of the form %s/…", name, collection)
	}
	for _, r := range id {
		if !isIDRune(r) {
			return fmt.Errorf("%q has a character that no name in %s has", name, collection)
		}
	}
	return nil
}

func isIDRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '-' || r == '_' || r == '.'
}

// setJSON gives a request a body that can be read again.
func setJSON(req *http.Request, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = int64(len(b))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	req.Body, err = req.GetBody()
	return err
}
