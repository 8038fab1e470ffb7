package blob

import (
	"errors"
	"fmt"
	"io/fs"
)

// ErrConflict tells that the condition of a write did not hold: the object is
// another than the one that was expected, or is there although none was.
var ErrConflict = errors.New("the object was changed by somebody else")

// Kind is why a bucket could not be used.
type Kind string

const (
	// KindTemporary: the server is overloaded, ill or not to be reached. A write
	// may have been carried out all the same.
	KindTemporary   Kind = "temporary"
	KindNoBucket    Kind = "no_bucket"
	KindDenied      Kind = "denied"
	KindCredentials Kind = "credentials" // there are none, or they are refused
	KindUnsupported Kind = "unsupported" // no conditional writes
	KindUntrusted   Kind = "untrusted"   // its certificate does not hold, or it has none
	KindOther       Kind = "other"
)

// OpList is the operation of an [Error] of listing.
const OpList = "list"

// Error tells why a bucket could not be used. Its text repeats what the server
// or the library said, which holds no credentials.
type Error struct {
	Op       string // such as "read"
	Location Location
	Kind     Kind
	Err      error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: %s: %v; %s", e.Op, e.Location, e.summary(), e.Err, e.Hint())
}

func (e *Error) Unwrap() error { return e.Err }

func (e *Error) summary() string {
	switch e.Kind {
	case KindTemporary:
		return "the server gave no answer that counts"
	case KindNoBucket:
		return fmt.Sprintf("there is no bucket %q", e.Location.Bucket)
	case KindDenied:
		if e.Location.Scheme == SchemeFile {
			return "the folder refuses it"
		}
		return "the server refuses it to these credentials"
	case KindCredentials:
		return "there are no credentials that the server takes"
	case KindUnsupported:
		return "the server does not keep to the conditions of writes"
	case KindUntrusted:
		return "the server does not prove who it is"
	default:
		return "it failed"
	}
}

// Hint says what to do.
func (e *Error) Hint() string {
	s3, file := e.Location.Scheme == SchemeS3, e.Location.Scheme == SchemeFile
	switch e.Kind {
	case KindTemporary:
		return "try again later"
	case KindNoBucket:
		if file {
			return "make the folder, or mount what it is on"
		}
		return "make the bucket, or name another one; qaplan makes none"
	case KindDenied:
		switch {
		case s3:
			return "allow them s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there"
		case file:
			return "give yourself the right to read and write there"
		}
		return "give them the role roles/storage.objectAdmin (Storage Object Admin) on the bucket"
	case KindCredentials:
		if s3 {
			return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or run aws sso login"
		}
		return "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"
	case KindUnsupported:
		return "two runs could buy the same batches there: keep the state in a bucket of Google Cloud Storage, of Amazon S3, or of a server that honours If-Match and If-None-Match"
	case KindUntrusted:
		return "check the endpoint, this machine's clock and what stands between (a proxy, a login page); certificates of your own must be trusted by the system"
	default:
		return "see what the server says"
	}
}

// KindOf is the kind of an error of this package, "" for any other error.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// passes tells errors that are answers and no failures.
func passes(err error) bool {
	return KindOf(err) == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrConflict))
}
