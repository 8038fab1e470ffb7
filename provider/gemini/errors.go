package gemini

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/qaplan/qaplan/provider"
)

// kind says what it means when a call's answer is lost or is not the
// service's.
type kind int

const (
	kindRead   kind = iota // has no effect
	kindUpload             // its effect is looked up by the file's name
	kindChange             // cancel, delete
	kindCreate             // pays
)

// lost is the class of a call whose outcome nobody told.
func (k kind) lost() provider.Class {
	if k == kindRead || k == kindUpload {
		return provider.ClassTemporary
	}
	return provider.ClassUnknown
}

// failure makes the error of a request that did not succeed. cause is what the
// HTTP client or the SDK said; the exchange is believed first.
func (c *Client) failure(k call, x *exchange, cause error) *provider.Error {
	e := &provider.Error{
		Op: k.op, Target: k.target, Class: k.kind.lost(),
		HTTPStatus: x.status, Date: x.date(),
	}
	switch {
	case !x.begun:
		e.Class, e.Err = provider.ClassRefused, c.scrub(cause)
		return e
	case x.status == 0:
		e.Err = c.scrub(first(x.err, cause))
		if untrusted(e.Err) {
			e.About = provider.AboutCertificate
		}
		return e
	case x.status/100 == 2:
		e.Err = c.scrub(first(x.err, cause))
		if errors.Is(e.Err, errNotJSON) {
			e.Message = c.excerpt(x)
		}
		return e
	case x.status/100 == 3:
		e.Message = redirected(x)
		return e
	}
	if x.err != nil { // an error whose words were cut off decides nothing
		e.Err = c.scrub(x.err)
		return e
	}
	w, own := parseFailure(x.status, x.body)
	if !own {
		e.Message = c.excerpt(x)
		if k.kind == kindUpload && mimeRefused(e.Message) {
			return refusedMIME(e) // its refusals come as plain text at times
		}
		return e
	}
	e.Status = w.status
	e.Message = c.bound(w.message)
	e.Reason = w.reason
	e.Quotas = w.quotas
	e.RetryDelay = retryDelay(w, x)
	e.About = about(k, w)
	e.Class = classify(k, x.status, e)
	if k.kind == kindUpload && mimeRefused(e.Message) {
		return refusedMIME(e)
	}
	return e
}

// untrusted tells that the host's certificate does not hold, or that it speaks no
// TLS at all.
func untrusted(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return certificate || noTLS || errors.Is(err, http.ErrSchemeMismatch)
}

// classify gives the class of a failure in the service's own words.
func classify(k call, status int, e *provider.Error) provider.Class {
	if k.kind == kindCreate {
		// The list is closed: whatever is not on it may have bought a job.
		switch status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return provider.ClassRefused
		case http.StatusTooManyRequests:
			return provider.ClassQuota
		}
		return provider.ClassUnknown
	}
	switch {
	case status == http.StatusTooManyRequests:
		return provider.ClassQuota
	case status == http.StatusForbidden && namesFile(k) && e.About == provider.AboutFile:
		// What the service answers for files that are missing, expired or
		// another project's (deprecated-generative-ai-js #236).
		return provider.ClassGone
	case status == http.StatusNotFound && k.kind != kindUpload && strings.Contains(k.target, "/"):
		return provider.ClassGone
	case status == http.StatusRequestTimeout || status/100 == 5:
		return k.kind.lost()
	case status == http.StatusConflict && (k.kind == kindRead || e.Status != statusExists):
		return k.kind.lost() // a read conflicts with nothing for good
	}
	return provider.ClassRefused
}

const statusExists = "ALREADY_EXISTS"

func namesFile(k call) bool {
	return k.kind != kindUpload && strings.HasPrefix(k.target, "files/")
}

var (
	reFile  = pattern(`(?i)\bfiles?\b`)
	reKey   = pattern(`(?i)\bapi[ _]?key\b`)
	reModel = pattern(`(?i)\bmodels?\b`)
	// reInput matches what create says about a source that it does not take:
	// "Error on line 1: invalid JSON, near column 1032: no such field: …"
	// (inspect_ai #3257), "Unsupported MIME type: jsonl" (python-genai #1547).
	reInput = pattern(`(?i)\bline \d|\binvalid json|\bno such field|\bmime\b|\btoo (large|big|long|many)\b|\bexceeds?\b.*\b(size|bytes|limit)|\bis empty\b`)
)

// pattern is a regular expression that is compiled when it is first needed: most
// runs meet no refusal.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// about reads what a refusal is about from its reason, status and words.
func about(k call, w wireFailure) string {
	text := w.message
	switch {
	case strings.HasPrefix(w.reason, "API_KEY_"), w.code == http.StatusUnauthorized:
		return provider.AboutKey
	case w.code == http.StatusForbidden && reFile().MatchString(text):
		return provider.AboutFile
	case w.code == http.StatusForbidden && reKey().MatchString(text):
		return provider.AboutKey
	case w.code == http.StatusForbidden:
		return provider.AboutProject
	case w.code == http.StatusNotFound && reFile().MatchString(text):
		return provider.AboutFile
	case w.code == http.StatusNotFound && (k.kind == kindCreate || reModel().MatchString(text)):
		return provider.AboutModel
	case w.code != http.StatusBadRequest:
		return ""
	case w.status == "FAILED_PRECONDITION" && reFile().MatchString(text):
		return provider.AboutFile // "The File … is not in an ACTIVE state"
	case w.status == "FAILED_PRECONDITION":
		return provider.AboutProject
	case reKey().MatchString(text):
		return provider.AboutKey
	case reInput().MatchString(text):
		return provider.AboutInput
	case reFile().MatchString(text):
		return provider.AboutFile
	}
	return ""
}

// wireFailure is the service's own error, as far as it is used.
type wireFailure struct {
	code    int
	status  string
	message string
	reason  string
	quotas  []string
	delay   string // RetryInfo.retryDelay, "" without
}

// parseFailure reads an error body. It is the service's own only with code and
// status in place, the code being the answer's: a gateway's JSON proves nothing
// about what happened behind it.
func parseFailure(status int, body []byte) (wireFailure, bool) {
	root, ok := parseObject(body)
	if !ok {
		return wireFailure{}, false
	}
	o := root.object("error")
	w := wireFailure{
		code:    int(o.int("code")),
		status:  o.string("status"),
		message: o.string("message"),
	}
	if w.code != status || w.status == "" {
		return wireFailure{}, false
	}
	for _, d := range o.objects("details") {
		switch t := d.string("@type"); {
		case strings.HasSuffix(t, "google.rpc.ErrorInfo") && w.reason == "":
			w.reason = d.string("reason")
		case strings.HasSuffix(t, "google.rpc.QuotaFailure"):
			for _, v := range d.objects("violations") {
				if id := v.string("quotaId"); id != "" {
					w.quotas = append(w.quotas, id)
				}
			}
		case strings.HasSuffix(t, "google.rpc.RetryInfo"):
			w.delay = d.string("retryDelay")
		}
	}
	return w, true
}

const maxDelay = time.Hour

var reRetryIn = pattern(`(?i)\bretry in ((?:\d+(?:\.\d+)?(?:ms|h|m|s))+)`)

// retryDelay takes the first hint there is: RetryInfo, Retry-After, the words
// "Please retry in 45.57s". All are clamped: the service has sent 2^63-1
// seconds (python-genai #1172).
func retryDelay(w wireFailure, x *exchange) time.Duration {
	if s, ok := strings.CutSuffix(w.delay, "s"); ok {
		if d, ok := seconds(s); ok {
			return d
		}
	}
	if h := strings.TrimSpace(x.header.Get("Retry-After")); h != "" {
		if d, ok := seconds(h); ok {
			return d
		}
		if t, err := http.ParseTime(h); err == nil && !x.date().IsZero() {
			return clamp(t.Sub(x.date()))
		}
	}
	if m := reRetryIn().FindStringSubmatch(w.message); m != nil {
		if d, err := time.ParseDuration(m[1]); err == nil {
			return clamp(d)
		}
	}
	return 0
}

func seconds(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) {
		return 0, false
	}
	return time.Duration(min(max(f, 0), maxDelay.Seconds()) * float64(time.Second)), true
}

func clamp(d time.Duration) time.Duration { return min(max(d, 0), maxDelay) }

const maxMessage = 2 << 10

// bound cuts a text at 2 KiB and takes secrets out.
func (c *Client) bound(s string) string {
	s = c.redact(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= maxMessage {
		return s
	}
	s = s[:maxMessage]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + " …"
}

// excerpt shows the beginning of an answer that is not the service's own.
func (c *Client) excerpt(x *exchange) string {
	t := x.header.Get("Content-Type")
	if t == "" {
		t = "no content type"
	}
	text := strings.Join(strings.Fields(c.redact(strings.ToValidUTF8(string(x.body), "\uFFFD"))), " ")
	switch {
	case text == "":
		return "an empty answer"
	case len(text) > 200:
		text = strings.ToValidUTF8(text[:200], "") + " …"
	}
	return fmt.Sprintf("not the service's own answer (%s): %q", t, text)
}

// redirected names the host that a refused redirect leads to, and nothing else
// of it: a login page's address can hold anything.
func redirected(x *exchange) string {
	host := "an unknown place"
	if u, err := url.Parse(x.header.Get("Location")); err == nil && u.Host != "" {
		host = u.Host
	}
	return "redirected to " + host + ", which is not followed"
}

// scrub takes the URL and the key out of an error of the HTTP client.
func (c *Client) scrub(err error) error {
	if err == nil {
		return nil
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // the call is named already, and an upload's URL is a secret
	}
	if s := err.Error(); strings.Contains(s, c.opt.APIKey) {
		return errors.New(c.redact(s))
	}
	return err
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
