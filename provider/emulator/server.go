package emulator

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is the emulated service. It serves HTTP, over a network or in process
// through Transport, and is safe for use by many goroutines. It runs nothing in
// the background: what a job looks like is computed when somebody asks.
type Server struct {
	cfg    Config
	folder *folder
	faults switches

	outputs sync.Mutex // held while an output is written
	scans   scanCache
	bills   billCache
}

// New opens the data folder of cfg, or makes it.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.Dir == "" {
		return nil, fmt.Errorf("open the emulator: no data folder given")
	}
	s := &Server{cfg: cfg}
	if err := s.faults.set(cfg.Faults); err != nil {
		return nil, fmt.Errorf("open the emulator: %w", err)
	}
	var err error
	s.folder, err = openFolder(cfg.Dir, cfg.Clock, cfg.Rate, cfg.begin)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close releases the data folder. Calls after it are answered with status 500.
func (s *Server) Close() error { return s.folder.close() }

// ID identifies the data folder: it was made with it and stays.
func (s *Server) ID() string {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	return s.folder.rep.id
}

// Now gives the virtual time, as far as this server has seen it pass.
func (s *Server) Now() time.Time {
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	return s.folder.virtualNow()
}

// SetFaults replaces the faults that are on. Their counts begin anew.
func (s *Server) SetFaults(faults ...Fault) error { return s.faults.set(faults) }

// call is one request on its way.
type call struct {
	*Server
	r    *http.Request
	op   string
	hits hits
	id   string // what the path names: a model, a job or a file id
	page pageRequest
	// cut asks for the connection to be cut in place of an answer.
	cut bool
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{Server: s, r: r}
	handle := c.route()
	c.hits = s.faults.due(c.op, c.page.number)
	var limited bool
	err := s.folder.update(func(tx *transaction) (err error) {
		limit := s.cfg.Quota.RequestsPerMinute
		tx.rep.requests = prune(tx.rep.requests, tx.now.Add(-minute))
		limited = limit > 0 && len(tx.rep.requests) >= limit
		return tx.add(&record{Call: c.op})
	})
	var answer *reply
	switch {
	case err != nil:
		answer = internal(err)
	case c.before(&answer):
	case limited:
		answer = overQuota(quotaPerMinute, "", s.cfg.Quota.RequestsPerMinute)
	default:
		if answer = c.authorize(); answer == nil {
			answer = handle(c)
		}
		c.after(&answer)
	}
	c.write(w, answer)
}

// before carries out the faults that strike before anything is done; it tells
// whether one did that answers the call.
func (c *call) before(answer **reply) bool {
	if f, ok := c.hits.take(FaultSlow); ok {
		c.sleep(f.duration(10 * time.Second))
	}
	switch {
	case c.hits.takes(FaultResetBefore):
		panic(http.ErrAbortHandler)
	case c.hits.takes(FaultTimeoutBefore):
		c.hold()
	case c.hits.takes(FaultStatusBefore):
		*answer = failure(c.hits[FaultStatusBefore].number(503))
	case c.hits.takes(FaultQuota429):
		*answer = overQuota(c.hits[FaultQuota429].Value, c.model(), 0)
	case c.hits.takes(FaultHTML200):
		*answer = page(200, "Sign in to the network")
	case c.hits.takes(FaultHTML503):
		*answer = page(503, "Service Unavailable")
	case c.hits.takes(FaultMalformedJSON):
		*answer = rawReply(c.hits[FaultMalformedJSON].number(500), jsonType, []byte("{\"error\":{\"code\":500,\"mess"))
	case c.hits.takes(FaultRedirect):
		to := c.hits[FaultRedirect].Value
		if !strings.Contains(to, "://") {
			to = "http://" + to
		}
		*answer = rawReply(http.StatusTemporaryRedirect, "text/html; charset=UTF-8", nil).
			with("Location", strings.TrimSuffix(to, "/")+c.r.URL.RequestURI())
	}
	return *answer != nil
}

// after carries out the faults that strike when everything is done.
func (c *call) after(answer **reply) {
	switch {
	case c.hits.takes(FaultTimeoutAfter):
		c.hold()
	case c.cut, c.hits.takes(FaultResetAfter):
		panic(http.ErrAbortHandler)
	case c.hits.takes(FaultStatusAfter):
		*answer = failure(c.hits[FaultStatusAfter].number(503))
	case c.hits.takes(FaultEmpty200):
		*answer = rawReply(200, jsonType, nil)
	}
}

// failure is an error of the service that tells nothing. On some outages the
// message was empty (python-genai #2489).
func failure(code int) *reply {
	messages := map[int]string{
		409: "The operation was aborted.", 500: "An internal error has occurred.",
		502: "Bad gateway.", 503: "", 504: "Deadline expired before operation could complete.",
	}
	return refuse(code, "%s", messages[code])
}

func page(status int, title string) *reply {
	return rawReply(status, "text/html; charset=UTF-8", fmt.Appendf(nil,
		"<!DOCTYPE html>\n<html><head><title>%[1]s</title></head><body><h1>%[1]s</h1></body></html>\n", title))
}

// hold keeps the call until the client gives up.
func (c *call) hold() {
	io.Copy(io.Discard, c.r.Body) //nolint:errcheck // the server hears of a lost client only after the body
	<-c.r.Context().Done()
	panic(http.ErrAbortHandler)
}

func (c *call) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.r.Context().Done():
	}
}

// authorize lets calls with a key in. The URL of an upload is a key of its own.
func (c *call) authorize() *reply {
	switch c.op {
	case OpUploadChunk, OpUploadFinalize, OpUploadQuery, OpUploadCancel:
		return nil
	}
	key := c.r.Header.Get("X-Goog-Api-Key")
	if key == "" {
		key = c.r.URL.Query().Get("key")
	}
	switch {
	case key == "":
		return noKey()
	case c.cfg.APIKey != "" && key != c.cfg.APIKey:
		return badKey()
	}
	return nil
}

// write sends the answer.
func (c *call) write(w http.ResponseWriter, answer *reply) {
	io.Copy(io.Discard, c.r.Body) //nolint:errcheck // else the connection is reset under the client's feet
	head := w.Header()
	for k, v := range answer.header {
		head[k] = v
	}
	now := c.Now()
	switch {
	case c.hits.takes(FaultNoDate):
		head["Date"] = nil
	case c.hits.takes(FaultDateBack):
		now = now.Add(-c.hits[FaultDateBack].duration(time.Hour))
		fallthrough
	default:
		head.Set("Date", now.UTC().Format(http.TimeFormat))
	}
	size := answer.size
	if answer.open == nil {
		size = int64(len(answer.body))
	}
	announced, sent := size, size
	switch {
	case size > 0 && c.hits.takes(FaultCutBody):
		sent = size / 2
	case c.hits.takes(FaultWrongLength):
		announced = size + 17
	}
	head.Set("Content-Length", strconv.FormatInt(announced, 10))
	var body io.ReadCloser
	if answer.open != nil {
		var err error
		if body, err = answer.open(); err != nil {
			c.hits = nil
			c.write(w, internal(err))
			return
		}
		defer body.Close()
	}
	w.WriteHeader(answer.status)
	if body != nil {
		if _, err := io.CopyN(w, body, sent); err != nil {
			panic(http.ErrAbortHandler) // the client has gone, or the disk failed
		}
	} else {
		w.Write(answer.body[:sent]) //nolint:errcheck // the client has gone
	}
	if sent < announced {
		http.NewResponseController(w).Flush() //nolint:errcheck // what was sent is to arrive
		panic(http.ErrAbortHandler)
	}
}

// route finds out what the call wants, and sets op, id and page.
func (c *call) route() func(*call) *reply {
	segments := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
	if up := uploadPath(segments); up && c.r.Method == http.MethodPost {
		return c.routeUpload()
	}
	download := segments[0] == "download"
	if download {
		segments = segments[1:]
	}
	if len(segments) >= 2 && len(segments) <= 3 && isVersion(segments[0]) {
		collection, id, verb := segments[1], "", ""
		if len(segments) == 3 {
			id, verb, _ = strings.Cut(segments[2], ":")
		}
		c.id = id
		if op, handle := c.method(collection, verb); handle != nil && (!download || op == OpDownload) {
			c.op = op
			return handle
		}
	}
	c.op = OpOther
	return func(c *call) *reply {
		return refuse(404, "no such method: %s %s", c.r.Method, c.r.URL.Path)
	}
}

func isVersion(s string) bool { return s == "v1" || s == "v1beta" || s == "v1alpha" }

// uploadPath tells /upload/{v}/files and /{v}/upload/{v}/files; the second is
// what the Go SDK makes of another API version.
func uploadPath(segments []string) bool {
	if len(segments) == 4 && isVersion(segments[0]) {
		segments = segments[1:]
	}
	return len(segments) == 3 && segments[0] == "upload" && isVersion(segments[1]) && segments[2] == "files"
}

// method gives the handler of a plain call, nil when there is none.
func (c *call) method(collection, verb string) (string, func(*call) *reply) {
	what := c.r.Method + " " + collection
	if c.id != "" {
		what += "/*"
	}
	if verb != "" {
		what += ":" + verb
	}
	switch what {
	case "POST models/*:batchGenerateContent":
		return OpCreate, (*call).create
	case "GET batches/*":
		return OpGetJob, (*call).getJob
	case "GET batches":
		c.page = c.readPage()
		return OpListJobs, (*call).listJobs
	case "POST batches/*:cancel":
		return OpCancel, (*call).cancelJob
	case "DELETE batches/*":
		return OpDeleteJob, (*call).deleteJob
	case "GET files/*":
		return OpGetFile, (*call).getFile
	case "GET files":
		c.page = c.readPage()
		return OpListFiles, (*call).listFiles
	case "DELETE files/*":
		return OpDeleteFile, (*call).deleteFile
	case "GET files/*:download":
		return OpDownload, (*call).download
	case "POST models/*:countTokens":
		return OpCountTokens, (*call).countTokens
	case "POST models/*:generateContent":
		return OpGenerate, (*call).generate
	case "GET models":
		return OpListModels, (*call).listModels
	case "GET models/*":
		return OpGetModel, (*call).getModel
	}
	return "", nil
}

// model gives the model that the call names, "" when it names none.
func (c *call) model() string {
	switch c.op {
	case OpCreate, OpCountTokens, OpGenerate, OpGetModel:
		return c.id
	}
	return ""
}

// base gives the scheme and host under which the caller knows the emulator, so
// that no URL in an answer leads elsewhere.
func (c *call) base() string {
	if c.r.TLS != nil {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}
