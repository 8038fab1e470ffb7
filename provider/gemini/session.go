package gemini

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// url is where the chunks go.
func (u *upload) url() *url.URL {
	to := *u.c.base
	s, _ := url.Parse(u.session) // sessionOf and check have parsed it before
	if s != nil {
		to.Path, to.RawPath, to.RawQuery = s.Path, s.RawPath, s.RawQuery
	}
	return &to
}

// sessionOf takes path and query of the upload URL. Its host is left behind:
// the key goes to the base URL's alone, as the SDK has it. A key in the query
// is left out too, since sessions are kept on disk.
func sessionOf(h http.Header) (string, error) {
	for _, name := range []string{"X-Goog-Upload-Url", "X-Goog-Upload-Control-Url"} {
		s, err := url.Parse(h.Get(name))
		if err != nil || s.Path == "" {
			continue
		}
		if q := s.Query(); q.Has("key") {
			q.Del("key")
			s.RawQuery = q.Encode()
		}
		return (&url.URL{Path: s.Path, RawPath: s.RawPath, RawQuery: s.RawQuery}).String(), nil
	}
	return "", errors.New("the service began no upload")
}

// chunkFor gives the chunk size: a multiple of the service's granularity.
func chunkFor(h http.Header) int64 {
	g, err := strconv.ParseInt(h.Get("X-Goog-Upload-Chunk-Granularity"), 10, 64)
	switch {
	case err != nil || g <= 0:
		return chunkSize
	case g >= chunkSize:
		return g
	}
	return chunkSize / g * g
}

// source is one chunk of the file, as the body of a request. It tells a failing
// source from a failing connection, and one that got shorter from a whole one.
// The transport may read on while the answer is there already, so reading and
// closing exclude each other: after Close the file is not touched.
type source struct {
	mu     sync.Mutex
	r      io.Reader
	want   int64
	watch  *watch
	closed bool
	err    error
}

func (s *source) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, errors.New("read after the request ended")
	}
	n, err := s.r.Read(p)
	s.want -= int64(n)
	if n > 0 {
		s.watch.moved()
	}
	if err == io.EOF && s.want > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// Close ends reading. The transport calls it, and the upload does.
func (s *source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *source) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
