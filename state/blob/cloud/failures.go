package cloud

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/qaplan/qaplan/state/blob"
)

const contentType = "application/json"

// body makes errors of the middle of a read those of this package.
type body struct {
	io.ReadCloser
	classify func(error) error
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.classify(err)
	}
	return n, err
}

// passing tells the statuses of a server that may answer better later.
func passing(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusConflict
}

// unanswered classifies an error that is no answer of the server: mostly the
// way to it failed, or took too long.
func unanswered(err error) error {
	var network net.Error
	if errors.Is(err, blob.ErrConflict) {
		return err
	}
	if untrusted(err) {
		return &blob.Error{Kind: blob.KindUntrusted, Err: err}
	}
	if errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &blob.Error{Kind: blob.KindTemporary, Err: err}
	}
	return &blob.Error{Kind: blob.KindOther, Err: err}
}

// untrusted tells that the server's certificate does not hold, or that it speaks no
// TLS at all: it is no other a minute later.
func untrusted(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return certificate || noTLS || errors.Is(err, http.ErrSchemeMismatch)
}
