package cloud

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"strings"

	"github.com/qaplan/qaplan/state/blob"
)

// upload is the body of a request that writes an object: what the object is
// called, and what it holds.
type upload struct {
	body        io.Reader
	length      int64 // bytes
	contentType string
}

// newUpload reads content once for its checksum, with which the server refuses
// what was damaged on the way; the second time it goes out as it is read.
func newUpload(key string, content io.ReadSeeker, size int64) (*upload, error) {
	sum := newChecksum()
	if _, err := io.Copy(sum, content); err != nil {
		return nil, err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	about, err := json.Marshal(map[string]string{"name": key, "contentType": contentType, "crc32c": shown(sum)})
	if err != nil {
		return nil, err
	}
	boundary := rand.Text()
	head := "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" + string(about) +
		"\r\n--" + boundary + "\r\nContent-Type: " + contentType + "\r\n\r\n"
	tail := "\r\n--" + boundary + "--\r\n"
	return &upload{
		body:        io.MultiReader(strings.NewReader(head), content, strings.NewReader(tail)),
		length:      int64(len(head)) + size + int64(len(tail)),
		contentType: "multipart/related; boundary=" + boundary,
	}, nil
}

func newChecksum() hash.Hash32 { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }

// shown writes a checksum as Cloud Storage does.
func shown(sum hash.Hash32) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
}

// checkedBody is the body of an answer that fails at its end where it is not what
// the server has, as far as the server says what that is. What is kept compressed
// has the checksum of that form.
func checkedBody(res *http.Response) io.ReadCloser {
	kept := res.Header.Get("X-Goog-Stored-Content-Encoding")
	if res.Uncompressed || kept != "" && kept != "identity" {
		return res.Body
	}
	for _, line := range res.Header.Values("X-Goog-Hash") {
		for one := range strings.SplitSeq(line, ",") {
			if want, ok := strings.CutPrefix(strings.TrimSpace(one), "crc32c="); ok {
				return &checked{ReadCloser: res.Body, sum: newChecksum(), want: want}
			}
		}
	}
	return res.Body
}

type checked struct {
	io.ReadCloser
	sum  hash.Hash32
	want string
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && shown(c.sum) != c.want {
		err = &blob.Error{Kind: blob.KindTemporary, Err: errors.New("the bytes were damaged on the way: their checksum is another one")}
	}
	return n, err
}
