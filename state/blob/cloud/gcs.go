package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"google.golang.org/api/googleapi"

	"github.com/qaplan/qaplan/state/blob"
)

// OpenGCS opens a bucket of Google Cloud Storage. Nothing is sent to it yet.
func OpenGCS(_ context.Context, at blob.Location) (*blob.Bucket, error) {
	server, anonymous := serverOfGCS(at.Options)
	bucket := url.PathEscape(at.Bucket)
	g := &gcs{
		objects: server + "/storage/v1/b/" + bucket + "/o",
		uploads: server + "/upload/storage/v1/b/" + bucket + "/o",
		client:  http.Client{CheckRedirect: redirected},
	}
	if !anonymous {
		creds, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{"https://www.googleapis.com/auth/cloud-platform"}})
		if err != nil {
			return nil, &blob.Error{Op: "open", Location: at, Kind: blob.KindCredentials, Err: err}
		}
		g.tokens = creds
	}
	return blob.New(at, g), nil
}

// serverOfGCS gives the address of the server, and whether it is spoken to
// without credentials. An emulator that the environment names, as Google's
// libraries know it, is.
func serverOfGCS(o blob.Options) (address string, anonymous bool) {
	switch emulator := os.Getenv("STORAGE_EMULATOR_HOST"); {
	case o.Endpoint != "":
		return o.Endpoint, o.Anonymous
	case emulator == "":
		return "https://storage.googleapis.com", o.Anonymous
	case strings.Contains(emulator, "://"):
		return strings.TrimRight(emulator, "/"), true
	default:
		return "http://" + emulator, true
	}
}

// gcs speaks the JSON form of Cloud Storage's interface; a generation, a number
// that only grows, is the version of an object. Google's library would link gRPC
// with all that belongs to it (doc.go of package blob has the figures), and of
// what it adds, nothing is wanted here but credentials and checksums.
type gcs struct {
	objects, uploads string             // addresses
	tokens           auth.TokenProvider // nil: anonymous
	client           http.Client
}

// redirected lets a read be answered elsewhere, where the token is not shown. A
// write stays where it was sent: what is asked of it would change on the way.
func redirected(req *http.Request, via []*http.Request) error {
	from := via[0]
	switch {
	case from.Method != http.MethodGet:
		return http.ErrUseLastResponse
	case len(via) >= 10:
		return errors.New("the server redirects in a circle")
	case req.URL.Host != from.URL.Host || req.URL.Scheme != from.URL.Scheme:
		req.Header.Del("Authorization")
	}
	return nil
}

func (g *gcs) Close() error { return nil }

func (g *gcs) object(key string) string { return g.objects + "/" + url.PathEscape(key) }

func (g *gcs) Get(ctx context.Context, key string) (io.ReadCloser, blob.Version, error) {
	res, err := g.call(ctx, http.MethodGet, g.object(key)+"?alt=media", nil)
	if err != nil {
		return nil, "", err
	}
	generation := res.Header.Get("X-Goog-Generation")
	if generation == "" {
		res.Body.Close()
		return nil, "", errors.New("the server tells no generation")
	}
	return body{checkedBody(res), unanswered}, blob.Version(generation), nil
}

// Put sends one request, whatever the size: an upload in pieces would have to be
// begun anew after a failure just the same, since nothing is tried again here.
func (g *gcs) Put(ctx context.Context, key string, content io.ReadSeeker, size int64, c blob.Condition) (blob.Version, error) {
	address := g.uploads + "?uploadType=multipart"
	switch {
	case c.Absent():
		address += "&ifGenerationMatch=0"
	case c.Match() != "":
		n, err := strconv.ParseInt(string(c.Match()), 10, 64)
		if err != nil {
			return "", blob.ErrConflict // of another service
		}
		address += "&ifGenerationMatch=" + strconv.FormatInt(n, 10)
	}
	in, err := newUpload(key, content, size)
	if err != nil {
		return "", &blob.Error{Kind: blob.KindOther, Err: err}
	}
	var out struct{ Generation string }
	if err := g.ask(ctx, http.MethodPost, address, in, &out); err != nil {
		if errors.Is(err, fs.ErrNotExist) { // what else could be missing
			err = &blob.Error{Kind: blob.KindNoBucket, Err: err}
		}
		return "", err
	}
	if out.Generation == "" {
		return "", &blob.Error{Kind: blob.KindUnsupported, Err: errors.New("the server tells no generation")}
	}
	return blob.Version(out.Generation), nil
}

func (g *gcs) List(ctx context.Context, prefix string, yield func(blob.Object) error) error {
	query := url.Values{"prefix": {prefix}, "fields": {"nextPageToken,items(name,size,updated)"}}
	for {
		var page struct {
			NextPageToken string
			Items         []struct {
				Name    string
				Size    int64 `json:",string"`
				Updated time.Time
			}
		}
		if err := g.ask(ctx, http.MethodGet, g.objects+"?"+query.Encode(), nil, &page); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return &blob.Error{Kind: blob.KindNoBucket, Err: err}
			}
			return err
		}
		for _, o := range page.Items {
			if err := yield(blob.Object{Key: o.Name, Size: o.Size, ModTime: o.Updated}); err != nil {
				return err
			}
		}
		if page.NextPageToken == "" {
			return nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
}

func (g *gcs) Delete(ctx context.Context, key string) error {
	return g.ask(ctx, http.MethodDelete, g.object(key), nil, nil)
}

// maxAnswer bounds what is read of an answer that is no object, in bytes: a page
// of a listing has 1,000 names.
const maxAnswer = 16 << 20

// ask makes a call and reads its answer into out, unless that is nil.
func (g *gcs) ask(ctx context.Context, method, address string, in *upload, out any) error {
	res, err := g.call(ctx, method, address, in)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &blob.Error{Kind: blob.KindTemporary, Err: err}
	case len(text) > maxAnswer:
		return &blob.Error{Kind: blob.KindOther, Err: fmt.Errorf("the answer has more than %d bytes", maxAnswer)}
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return &blob.Error{Kind: blob.KindOther, Err: fmt.Errorf("the answer is not one of Cloud Storage: %w", err)}
	}
	return nil
}

// call sends one request. The answer is a success; whoever gets it closes it.
func (g *gcs) call(ctx context.Context, method, address string, in *upload) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Body, req.ContentLength = io.NopCloser(in.body), in.length
		req.Header.Set("Content-Type", in.contentType)
	}
	if g.tokens != nil {
		token, err := g.tokens.Token(ctx)
		if err != nil {
			return nil, classifyToken(err)
		}
		req.Header.Set("Authorization", "Bearer "+token.Value)
	}
	res, err := g.client.Do(req)
	if err != nil {
		return nil, unanswered(err)
	}
	if res.StatusCode/100 != 2 {
		defer res.Body.Close()
		return nil, classifyGCS(res)
	}
	return res, nil
}

// maxComplaint bounds what is read of an answer that tells of a failure, in bytes.
const maxComplaint = 64 << 10

func classifyGCS(res *http.Response) error {
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxComplaint), res.Body}
	err := googleapi.CheckResponse(res)
	if err == nil { // a redirection that leads nowhere
		err = errors.New(res.Status)
	}
	switch status := res.StatusCode; {
	case status == http.StatusPreconditionFailed:
		return blob.ErrConflict
	case status == http.StatusUnauthorized:
		return &blob.Error{Kind: blob.KindCredentials, Err: err}
	case status == http.StatusForbidden:
		return &blob.Error{Kind: blob.KindDenied, Err: err}
	case status == http.StatusNotFound && strings.Contains(err.Error(), "bucket does not exist"):
		return &blob.Error{Kind: blob.KindNoBucket, Err: err}
	case status == http.StatusNotFound:
		return fs.ErrNotExist
	case passing(status):
		return &blob.Error{Kind: blob.KindTemporary, Err: err}
	}
	return &blob.Error{Kind: blob.KindOther, Err: err}
}

// classifyToken classifies why there is no token for a request: a server that is
// ill or not reached, or credentials that it does not take.
func classifyToken(err error) error {
	var refused *auth.Error
	if errors.As(err, &refused) && refused.Temporary() {
		return &blob.Error{Kind: blob.KindTemporary, Err: err}
	}
	if err := unanswered(err); blob.KindOf(err) != blob.KindOther {
		return err
	}
	return &blob.Error{Kind: blob.KindCredentials, Err: err}
}
