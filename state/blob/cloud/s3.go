package cloud

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/qaplan/qaplan/state/blob"
)

// OpenS3 opens a bucket of Amazon S3, or of a server that speaks like it. Nothing
// is sent to it yet.
func OpenS3(ctx context.Context, at blob.Location) (*blob.Bucket, error) {
	o := at.Options
	load := []func(*config.LoadOptions) error{
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Anonymous {
		load = append(load, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	if o.Endpoint != "" {
		// Other servers know the checksums of the last years not always.
		load = append(load, config.WithBaseEndpoint(o.Endpoint),
			config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
			config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, &blob.Error{Op: "open", Location: at, Kind: blob.KindCredentials, Err: err}
	}
	if cfg.Region == "" {
		if o.Endpoint == "" {
			return nil, &blob.Error{Op: "open", Location: at, Kind: blob.KindOther,
				Err: errors.New("it is not said in which region the bucket is: set AWS_REGION, or add ?region=NAME to the address")}
		}
		cfg.Region = "us-east-1" // what other servers take for any
	}
	client := s3.NewFromConfig(cfg, func(s *s3.Options) { s.UsePathStyle = o.PathStyle })
	return blob.New(at, &amazon{client, at.Bucket}), nil
}

// amazon has the entity tag as the version of an object: with server-side
// encryption or without, another content has another one.
type amazon struct {
	client *s3.Client
	name   string
}

func (a *amazon) Close() error { return nil }

func (a *amazon) Get(ctx context.Context, key string) (io.ReadCloser, blob.Version, error) {
	out, err := a.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &a.name, Key: &key})
	if err != nil {
		return nil, "", classifyS3(err)
	}
	if aws.ToString(out.ETag) == "" {
		out.Body.Close()
		return nil, "", errors.New("the server tells no ETag")
	}
	return body{out.Body, classifyS3}, blob.Version(*out.ETag), nil
}

func (a *amazon) Put(ctx context.Context, key string, content io.ReadSeeker, size int64, c blob.Condition) (blob.Version, error) {
	in := &s3.PutObjectInput{
		Bucket: &a.name, Key: &key, Body: content, ContentLength: &size, ContentType: aws.String(contentType),
	}
	switch {
	case c.Absent():
		in.IfNoneMatch = aws.String("*")
	case c.Match() != "":
		in.IfMatch = aws.String(string(c.Match()))
	}
	out, err := a.client.PutObject(ctx, in)
	if err != nil {
		err = classifyS3(err)
		if errors.Is(err, fs.ErrNotExist) { // If-Match, and the object is gone
			err = blob.ErrConflict
		}
		return "", err
	}
	if aws.ToString(out.ETag) == "" {
		return "", &blob.Error{Kind: blob.KindUnsupported, Err: errors.New("the server tells no ETag")}
	}
	return blob.Version(*out.ETag), nil
}

func (a *amazon) List(ctx context.Context, prefix string, yield func(blob.Object) error) error {
	pages := s3.NewListObjectsV2Paginator(a.client, &s3.ListObjectsV2Input{Bucket: &a.name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			err = classifyS3(err)
			if errors.Is(err, fs.ErrNotExist) { // what else could be missing
				err = &blob.Error{Kind: blob.KindNoBucket, Err: err}
			}
			return err
		}
		for _, o := range page.Contents {
			if err := yield(blob.Object{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), ModTime: aws.ToTime(o.LastModified)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *amazon) Delete(ctx context.Context, key string) error {
	if _, err := a.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &a.name, Key: &key}); err != nil {
		return classifyS3(err)
	}
	return nil
}

func classifyS3(err error) error {
	var api smithy.APIError
	var resp *awshttp.ResponseError
	status := 0
	if errors.As(err, &resp) {
		status = resp.HTTPStatusCode()
	}
	if errors.As(err, &api) {
		switch code := api.ErrorCode(); code {
		case "NoSuchBucket", "PermanentRedirect", "AuthorizationHeaderMalformed":
			return &blob.Error{Kind: blob.KindNoBucket, Err: err}
		case "NoSuchKey", "NotFound":
			return fs.ErrNotExist
		case "PreconditionFailed":
			return blob.ErrConflict
		case "ConditionalRequestConflict", "SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted", "Throttling":
			return &blob.Error{Kind: blob.KindTemporary, Err: err}
		case "NotImplemented":
			return &blob.Error{Kind: blob.KindUnsupported, Err: err}
		case "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "RequestTimeTooSkewed":
			return &blob.Error{Kind: blob.KindCredentials, Err: err}
		case "AccessDenied", "AllAccessDisabled":
			return &blob.Error{Kind: blob.KindDenied, Err: err}
		}
	}
	switch {
	case status == http.StatusPreconditionFailed:
		return blob.ErrConflict
	case status == http.StatusNotFound:
		return fs.ErrNotExist
	case status == http.StatusUnauthorized:
		return &blob.Error{Kind: blob.KindCredentials, Err: err}
	case status == http.StatusForbidden:
		return &blob.Error{Kind: blob.KindDenied, Err: err}
	case passing(status):
		return &blob.Error{Kind: blob.KindTemporary, Err: err}
	case status != 0:
		return &blob.Error{Kind: blob.KindOther, Err: err}
	case noCredentials(err):
		return &blob.Error{Kind: blob.KindCredentials, Err: err}
	}
	return unanswered(err)
}

// noCredentials tells that none were found: the library has no type for it.
func noCredentials(err error) bool {
	return strings.Contains(err.Error(), "get identity: get credentials")
}
