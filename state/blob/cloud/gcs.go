package cloud

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strconv"

	"cloud.google.com/go/storage"
	gcblob "gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/gcp"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/qaplan/qaplan/state/blob"
)

// OpenGCS opens a bucket of Google Cloud Storage. Nothing is sent to it yet.
func OpenGCS(ctx context.Context, at blob.Location) (*blob.Bucket, error) {
	client := gcp.NewAnonymousHTTPClient(gcp.DefaultTransport())
	if !at.Options.Anonymous {
		creds, err := gcp.DefaultCredentials(ctx)
		if err == nil {
			client, err = gcp.NewHTTPClient(gcp.DefaultTransport(), gcp.CredentialsTokenSource(creds))
		}
		if err != nil {
			return nil, &blob.Error{Op: "open", Location: at, Kind: blob.KindCredentials, Err: err}
		}
	}
	opts := &gcsblob.Options{ClientOptions: []option.ClientOption{storage.WithJSONReads()}}
	if at.Options.Endpoint != "" {
		opts.ClientOptions = append(opts.ClientOptions, option.WithEndpoint(at.Options.Endpoint+"/storage/v1/"))
	}
	b, err := gcsblob.OpenBucket(ctx, client, at.Bucket, opts)
	if err != nil {
		return nil, &blob.Error{Op: "open", Location: at, Kind: blob.KindOther, Err: err}
	}
	var service *storage.Client
	if b.As(&service) {
		service.SetRetry(storage.WithPolicy(storage.RetryNever))
	}
	return blob.New(at, &gcs{portable{b, classifyGCS}}), nil
}

// gcs has a generation, a number that only grows, as the version of an object.
type gcs struct{ portable }

func (g *gcs) Get(ctx context.Context, key string) (io.ReadCloser, blob.Version, error) {
	r, err := g.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, "", g.classify(err)
	}
	var native *storage.Reader
	if !r.As(&native) {
		r.Close()
		return nil, "", errors.New("the library tells no generation")
	}
	return body{r, g.classify}, generation(native.Attrs.Generation), nil
}

func generation(n int64) blob.Version { return blob.Version(strconv.FormatInt(n, 10)) }

func (g *gcs) Put(ctx context.Context, key string, content io.ReadSeeker, size int64, c blob.Condition) (blob.Version, error) {
	var writer *storage.Writer
	opts := &gcblob.WriterOptions{
		ContentType: contentType, DisableContentTypeDetection: true, BufferSize: chunk(size),
		BeforeWrite: func(as func(any) bool) error {
			var object **storage.ObjectHandle
			if !as(&object) {
				return errors.New("the library takes no conditions")
			}
			switch {
			case c.Absent():
				*object = (*object).If(storage.Conditions{DoesNotExist: true})
			case c.Match() != "":
				n, err := strconv.ParseInt(string(c.Match()), 10, 64)
				if err != nil {
					return blob.ErrConflict // of another service
				}
				*object = (*object).If(storage.Conditions{GenerationMatch: n})
			}
			if !as(&writer) {
				return errors.New("the library tells no generation")
			}
			return nil
		},
	}
	if err := g.write(ctx, key, content, opts); err != nil {
		return "", err
	}
	return generation(writer.Attrs().Generation), nil
}

// chunk is the buffer for an object of that size: one request where it is small,
// and not sixteen megabytes for a few lines.
func chunk(size int64) int {
	const unit, most = 256 << 10, 16 << 20
	return int(min(most, (size/unit+1)*unit))
}

func classifyGCS(err error) error {
	var native *googleapi.Error
	var token *oauth2.RetrieveError
	switch {
	case errors.Is(err, storage.ErrBucketNotExist):
		return &blob.Error{Kind: blob.KindNoBucket, Err: err}
	case errors.Is(err, storage.ErrObjectNotExist):
		return fs.ErrNotExist
	case errors.As(err, &native):
		switch {
		case native.Code == http.StatusPreconditionFailed:
			return blob.ErrConflict
		case native.Code == http.StatusUnauthorized:
			return &blob.Error{Kind: blob.KindCredentials, Err: err}
		case native.Code == http.StatusForbidden:
			return &blob.Error{Kind: blob.KindDenied, Err: err}
		case native.Code == http.StatusNotFound:
			return fs.ErrNotExist
		case passing(native.Code):
			return &blob.Error{Kind: blob.KindTemporary, Err: err}
		}
		return &blob.Error{Kind: blob.KindOther, Err: err}
	case errors.As(err, &token):
		return &blob.Error{Kind: blob.KindCredentials, Err: err}
	}
	return unanswered(err)
}
