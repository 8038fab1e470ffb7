package gemini

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/finish"
)

const (
	chunkSize = 8 << 20 // what the service named as its granularity in 2026
	// A file goes on as long as the service takes some of it; without progress
	// this many requests in a row are made.
	uploadAttempts = 6
	// Sessions end and files are refused for their type: this many uploads
	// from the beginning are made.
	uploadStarts = 3

	mimeJSONL = "application/jsonl"
	mimePlain = "text/plain"
)

// Upload sends a file under the name that the caller chose and returns when the
// service has confirmed its size and sha256. Memory does not grow with the
// file; one that fits in one chunk takes two requests.
//
// On any doubt the service is asked what it holds, and the upload goes on from
// there: within this call, and across processes through the session, which is
// valid for the same base URL. r.Started is called for each session that is
// begun, a second time where the service dropped the first one or refused the
// file's type. An error of r.Started ends the upload.
//
// A name that is taken has the class refused and the status ALREADY_EXISTS;
// other bytes at the service than were sent are [provider.ErrDamaged].
//
// The SDK's upload is not used: it cannot resume, loses the status of failures
// and panics on an answer without a file (go-genai 1.77.0, api_client.go).
func (c *Client) Upload(ctx context.Context, src io.ReaderAt, r provider.UploadRequest) (provider.File, error) {
	u := &upload{
		c: c, src: src, req: r, mime: mimeJSONL, session: r.Session,
		k: call{op: provider.OpUpload, target: r.Name, kind: kindUpload},
		// What an earlier process sent last is not known.
		landed: r.Session != "",
	}
	if err := u.check(); err != nil {
		return provider.File{}, invalid(u.k, err)
	}
	f, err := u.run(ctx)
	if err != nil {
		return provider.File{}, err
	}
	return u.verify(ctx, f)
}

type upload struct {
	c   *Client
	src io.ReaderAt
	req provider.UploadRequest
	k   call

	mime    string
	session string // path and query of the upload URL, "" before the start
	chunk   int64
	held    int64 // bytes that the service has
	landed  bool  // a finalize may have been carried out unseen
	quota   bool  // one refusal for quota was waited out
}

var (
	errSessionGone = errors.New("the service dropped the upload")
	errMIME        = errors.New("the service refuses the file's type")
)

func (u *upload) check() error {
	switch {
	case u.req.Bytes < 0:
		return errors.New("negative size")
	case len(u.req.SHA256) != 64 || !isHex(u.req.SHA256):
		return errors.New("the sha256 is not 64 hex digits")
	}
	return resource(u.req.Name, "files")
}

// run repeats from the beginning where that is the only way on.
func (u *upload) run(ctx context.Context) (provider.File, error) {
	resume := u.session != ""
	for starts := 0; ; {
		var f provider.File
		var err error
		if u.session == "" {
			starts++
			f, err = u.start(ctx)
		}
		if err == nil && f.Name == "" {
			f, err = u.transfer(ctx, resume)
		}
		resume = false
		switch {
		case errors.Is(err, errMIME) && u.mime == mimeJSONL:
			// python-genai #1547: the service refuses a type one day that it
			// took the day before.
			u.mime = mimePlain
		case errors.Is(err, errSessionGone) && starts < uploadStarts:
		default:
			return f, err
		}
		u.c.log.LogAttrs(ctx, slog.LevelInfo, "upload begins again",
			slog.String("target", u.k.target), slog.String("mime", u.mime), slog.String("why", err.Error()))
		u.session, u.held = "", 0
	}
}

// start opens a session. It gives a file where the name turned out to be taken
// by this very upload.
func (u *upload) start(ctx context.Context) (provider.File, error) {
	k := u.k
	k.timeout = u.c.opt.CallTimeout
	x := &exchange{verbatim: true}
	err := u.c.read(ctx, k, x, func(ctx context.Context) error {
		req, err := u.startRequest(ctx)
		if err != nil {
			return err
		}
		if err := u.do(req); err != nil || !x.ok() {
			return err
		}
		if mimeRefused(string(x.body)) {
			return nil
		}
		u.session, x.err = sessionOf(x.header)
		return x.err
	})
	e, _ := err.(*provider.Error)
	switch {
	case e == nil && u.session == "":
		return provider.File{}, refusedMIME(u.odd(x, ""))
	case e == nil:
		u.chunk = chunkFor(x.header)
	case e.Status == statusExists && u.landed:
		return u.find(ctx, e)
	default:
		return provider.File{}, e
	}
	if u.req.Started != nil {
		if err := u.req.Started(u.session); err != nil {
			return provider.File{}, &provider.Error{
				Op: u.k.op, Target: u.k.target, Class: provider.ClassRefused, NotSent: true,
				Err: fmt.Errorf("record the upload's session: %w", err),
			}
		}
	}
	u.progress()
	return provider.File{}, nil
}

func (u *upload) startRequest(ctx context.Context) (*http.Request, error) {
	file := map[string]string{"name": u.req.Name, "mimeType": u.mime}
	if u.req.DisplayName != "" {
		file["displayName"] = u.req.DisplayName
	}
	req, err := u.c.request(ctx, http.MethodPost, u.c.base.JoinPath("upload", apiVersion, "files"))
	if err != nil {
		return nil, err
	}
	if err := setJSON(req, map[string]any{"file": file}); err != nil {
		return nil, err
	}
	req.Header.Set("X-Goog-Upload-Protocol", "resumable")
	req.Header.Set("X-Goog-Upload-Command", "start")
	req.Header.Set("X-Goog-Upload-Header-Content-Type", u.mime)
	req.Header.Set("X-Goog-Upload-Header-Content-Length", strconv.FormatInt(u.req.Bytes, 10))
	return req, nil
}

// transfer sends chunks until the service has the file. With ask it is asked
// first what it has.
func (u *upload) transfer(ctx context.Context, ask bool) (provider.File, error) {
	var last error
	for idle := 0; ; {
		var s step
		if ask {
			s = u.query(ctx, last)
		} else {
			s = u.send(ctx)
		}
		switch {
		case s.end:
			return s.file, s.err
		case s.moved:
			idle, ask, last = 0, false, nil
			u.progress()
			continue
		case s.err == nil: // the service is where we thought
			ask = false
			if last == nil {
				continue
			}
		default:
			last, ask = s.err, true
		}
		if idle++; idle >= uploadAttempts {
			return provider.File{}, last
		}
		if ask {
			if err := u.pause(ctx, idle, last); err != nil {
				return provider.File{}, err
			}
		}
	}
}

// pause waits before the next try.
func (u *upload) pause(ctx context.Context, idle int, last error) error {
	wait := backoff(idle)
	e, _ := errors.AsType[*provider.Error](last)
	if e != nil {
		wait = max(wait, min(e.RetryDelay, patience))
	}
	u.c.log.LogAttrs(ctx, slog.LevelInfo, "upload interrupted, going on",
		slog.String("target", u.k.target), slog.Int64("held", u.held), slog.Duration("wait", wait))
	if cause := finish.Pause(ctx, wait); cause != nil {
		return &provider.Error{Op: u.k.op, Target: u.k.target, Class: provider.ClassTemporary, Err: cause}
	}
	return nil
}

func (u *upload) progress() {
	if u.req.Progress != nil {
		u.req.Progress(u.held)
	}
}

// step is what one request of a transfer led to.
type step struct {
	end   bool // the transfer is over, with file or err
	moved bool // the service has more than before
	file  provider.File
	err   error
}

// send sends the next chunk, the last one with the command to finish.
func (u *upload) send(ctx context.Context) step {
	n := min(u.chunk, u.req.Bytes-u.held)
	last := u.held+n == u.req.Bytes
	command := "upload"
	if last {
		command = "upload, finalize"
	}
	src := &source{r: io.NewSectionReader(u.src, u.held, n), want: n}
	defer src.Close()
	x := &exchange{verbatim: true}
	err := u.c.send(ctx, u.k, x, func(ctx context.Context) error {
		req, err := u.c.request(ctx, http.MethodPost, u.url())
		if err != nil {
			return err
		}
		if n > 0 {
			src.watch = x.watch
			req.Body, req.ContentLength = src, n
		}
		req.Header.Set("Content-Type", u.mime)
		req.Header.Set("X-Goog-Upload-Command", command)
		req.Header.Set("X-Goog-Upload-Offset", strconv.FormatInt(u.held, 10))
		return u.do(req)
	})
	if last && (err == nil || x.status == 0 || x.status/100 == 5) {
		u.landed = true
	}
	if bad := src.failed(); bad != nil {
		return step{end: true, err: &provider.Error{
			Op: u.k.op, Target: u.k.target, Class: provider.ClassRefused, Err: fmt.Errorf("read the source: %w", bad),
		}}
	}
	if err != nil {
		return u.failed(ctx, x, err.(*provider.Error))
	}
	switch status := x.header.Get("X-Goog-Upload-Status"); {
	case mimeRefused(string(x.body)):
		// python-genai #1590: a refusal under HTTP 200.
		return step{end: true, err: refusedMIME(u.odd(x, ""))}
	case last:
		return u.finished(ctx, x, status)
	case status == "active":
		u.held += n
		return step{moved: true}
	default:
		return step{err: u.odd(x, fmt.Sprintf("the chunk was answered with the upload status %q", status))}
	}
}

// finished reads the answer to the last chunk.
func (u *upload) finished(ctx context.Context, x *exchange, status string) step {
	if o, ok := parseObject(x.body); ok {
		if f, err := decodeFile(o.object("file")); err == nil {
			u.held = u.req.Bytes
			u.progress()
			return step{end: true, file: f}
		}
	}
	if status != "final" {
		return step{err: u.odd(x, fmt.Sprintf("the last chunk was answered with the upload status %q", status))}
	}
	// The SDK panics here; python-genai #1590 and #1248 saw such answers.
	return u.lookUp(ctx, u.odd(x, "the upload was finished without naming the file"))
}

// failed decides how to go on after a chunk or a query that failed.
func (u *upload) failed(ctx context.Context, x *exchange, e *provider.Error) step {
	status := x.header.Get("X-Goog-Upload-Status")
	switch {
	case ctx.Err() != nil || isAdmission(e) || errors.Is(e, errMIME):
		return step{end: true, err: e}
	case e.Status == statusExists && !u.landed:
		return step{end: true, err: e}
	case e.Status == statusExists, status == "final", status == "cancelled",
		x.status == http.StatusNotFound, x.status == http.StatusGone:
		return u.lookUp(ctx, e)
	case e.Class == provider.ClassQuota && (u.quota || e.RetryDelay == 0 || e.RetryDelay > patience):
		return step{end: true, err: e}
	case e.Class == provider.ClassQuota:
		u.quota = true
		return step{err: e}
	case x.status == http.StatusUnauthorized || x.status == http.StatusForbidden:
		return step{end: true, err: e}
	}
	return step{err: e}
}

// query asks the service what it holds. doubt is what led to the question: a
// refusal stands if the service is where it was.
func (u *upload) query(ctx context.Context, doubt error) step {
	refused, _ := errors.AsType[*provider.Error](doubt)
	if refused != nil && refused.Class != provider.ClassRefused {
		refused = nil
	}
	k := u.k
	k.timeout = u.c.opt.CallTimeout
	x := &exchange{verbatim: true}
	err := u.c.send(ctx, k, x, func(ctx context.Context) error {
		req, err := u.c.request(ctx, http.MethodPost, u.url())
		if err != nil {
			return err
		}
		req.Header.Set("X-Goog-Upload-Command", "query")
		return u.do(req)
	})
	if err != nil {
		e := err.(*provider.Error)
		s := step{end: true}
		if e.HTTPStatus == http.StatusBadRequest { // no session that it knows
			s.file, s.err = u.find(ctx, e)
		} else {
			s = u.failed(ctx, x, e)
		}
		if errors.Is(s.err, errSessionGone) && refused != nil {
			s.err = refused // the session ended with the refusal
		}
		return s
	}
	if x.header.Get("X-Goog-Upload-Chunk-Granularity") != "" || u.chunk == 0 {
		u.chunk = chunkFor(x.header)
	}
	switch status := x.header.Get("X-Goog-Upload-Status"); status {
	case "active":
	case "final":
		u.landed = true
		return u.finished(ctx, x, status)
	default:
		return u.lookUp(ctx, u.odd(x, fmt.Sprintf("the question was answered with the upload status %q", status)))
	}
	held, err := strconv.ParseInt(x.header.Get("X-Goog-Upload-Size-Received"), 10, 64)
	if err != nil || held < 0 || held > u.req.Bytes {
		return step{end: true, err: dropped(u.odd(x, "the service did not say how much it holds"))}
	}
	if held != u.held {
		moved := held > u.held
		u.held = held
		return step{moved: moved}
	}
	if refused != nil {
		return step{end: true, err: refused}
	}
	return step{}
}

// lookUp ends a transfer whose session is over: the file is there under its
// name, or the upload begins again.
func (u *upload) lookUp(ctx context.Context, why *provider.Error) step {
	f, err := u.find(ctx, why)
	return step{end: true, file: f, err: err}
}

func (u *upload) find(ctx context.Context, why *provider.Error) (provider.File, error) {
	f, err := u.c.GetFile(ctx, u.req.Name)
	switch {
	case err == nil && why.Status == statusExists && f.SHA256 != strings.ToLower(u.req.SHA256):
		return provider.File{}, why // taken, by other bytes of this project
	case err == nil:
		return f, nil
	case provider.ClassOf(err) != provider.ClassGone:
		return provider.File{}, err
	case why.Status == statusExists: // taken, by another project's file
		return provider.File{}, why
	}
	return provider.File{}, dropped(why)
}

// verify compares what the service holds with what was to be sent.
func (u *upload) verify(ctx context.Context, f provider.File) (provider.File, error) {
	if f.SHA256 == "" {
		var err error
		if f, err = u.c.GetFile(ctx, u.req.Name); err != nil {
			return provider.File{}, err
		}
	}
	e := &provider.Error{Op: u.k.op, Target: u.k.target, Class: provider.ClassRefused}
	switch {
	case f.Name != u.req.Name:
		e.Message = "the service named the file " + f.Name
	case f.SHA256 == "":
		e.Message = "the service tells no sha256, so what it holds cannot be compared"
	case f.Bytes != u.req.Bytes || f.SHA256 != strings.ToLower(u.req.SHA256):
		e.Message = fmt.Sprintf("sent %d bytes with sha256 %s, it holds %d with %s", u.req.Bytes, u.req.SHA256, f.Bytes, f.SHA256)
		e.Err = provider.ErrDamaged
	case f.State == "FAILED":
		e.Message = "the service could not process the file"
	default:
		return f, nil
	}
	return provider.File{}, e
}

// odd is the failure of a request that was answered, but not as it should be.
func (u *upload) odd(x *exchange, what string) *provider.Error {
	return &provider.Error{
		Op: u.k.op, Target: u.k.target, Class: provider.ClassTemporary, HTTPStatus: x.status, Date: x.date(),
		Message: what,
	}
}

// do sends a request whose answer the exchange keeps.
func (u *upload) do(req *http.Request) error {
	resp, err := u.c.http.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func mimeRefused(s string) bool {
	return strings.Contains(strings.ToLower(s), "unsupported mime type")
}

// refusedMIME marks the refusal of a file's type, in whatever form it came.
func refusedMIME(e *provider.Error) *provider.Error {
	e.Class, e.About, e.Err = provider.ClassRefused, provider.AboutInput, errMIME
	return e
}

// dropped marks that the session is over and the file not there.
func dropped(e *provider.Error) *provider.Error {
	e.Class, e.Err = provider.ClassTemporary, errSessionGone
	return e
}
