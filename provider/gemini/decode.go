package gemini

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/qaplan/qaplan/provider"
)

// decodeJob reads a job off the wire. The SDK's BatchJob lacks error, counts,
// input and the answer's place on this backend (go-genai 1.77.0, batches.go).
func decodeJob(o object) (provider.Job, error) {
	m := o.object("metadata")
	j := provider.Job{
		Name:        cmp.Or(o.string("name"), m.string("name")),
		DisplayName: m.string("displayName"),
		Model:       m.string("model"),
		InputFile:   m.object("inputConfig").string("fileName"),
		State:       cmp.Or(m.string("state"), o.string("state")),
		Done:        o.bool("done"),
		CreateTime:  m.time("createTime"),
		UpdateTime:  m.time("updateTime"),
		EndTime:     m.time("endTime"),
	}
	// The output stands in both places; either alone is believed.
	for _, out := range []object{m.object("output"), o.object("response")} {
		j.ResponsesFile = cmp.Or(j.ResponsesFile, out.string("responsesFile"))
		j.Inline = j.Inline || out.has("inlinedResponses")
	}
	s := m.object("batchStats")
	j.Stats = provider.Stats{
		Requests:  s.int("requestCount"),
		Succeeded: s.int("successfulRequestCount"),
		Failed:    s.int("failedRequestCount"),
		Pending:   s.int("pendingRequestCount"),
	}
	if e := o.object("error"); e != nil {
		j.Error = &provider.Status{Code: int(e.int("code")), Message: e.string("message")}
	}
	if !strings.HasPrefix(j.Name, "batches/") {
		return provider.Job{}, errors.New("the answer names no job")
	}
	return j, nil
}

func decodeFile(o object) (provider.File, error) {
	f := provider.File{
		Name:        o.string("name"),
		DisplayName: o.string("displayName"),
		MIMEType:    o.string("mimeType"),
		Bytes:       o.int("sizeBytes"),
		SHA256:      decodeHash(o.string("sha256Hash")),
		State:       o.string("state"),
		Source:      o.string("source"),
		CreateTime:  o.time("createTime"),
		ExpireTime:  o.time("expirationTime"),
	}
	if !strings.HasPrefix(f.Name, "files/") {
		return provider.File{}, errors.New("the answer names no file")
	}
	return f, nil
}

// decodeHash gives lower-case hex. The service sends the base64 of the hex text
// (ellmer's google-upload cassette, 2026-06-17); the base64 of the 32 bytes,
// which its reference promises, and plain hex are taken too.
func decodeHash(s string) string {
	if len(s) == hex.EncodedLen(32) && isHex(s) {
		return strings.ToLower(s)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	switch {
	case err != nil:
		return ""
	case len(b) == 32:
		return hex.EncodeToString(b)
	case len(b) == hex.EncodedLen(32) && isHex(string(b)):
		return strings.ToLower(string(b))
	}
	return ""
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

// decodePage reads one page of a listing. It accepts nothing that merely looks
// empty: a job that a listing lacks may be taken for one that was never made.
func decodePage[T any](x *exchange, member string, decode func(object) (T, error)) ([]T, string, error) {
	o, ok := parseObject(x.body)
	if !ok {
		return nil, "", errors.New("the answer is no JSON object")
	}
	if v, there := o["unreachable"].([]any); there && len(v) > 0 {
		return nil, "", errors.New("the service could not list everything")
	}
	list, ok := o[member].([]any)
	switch {
	case o.has(member) && !ok:
		return nil, "", fmt.Errorf("%q is no array", member)
	case !o.has(member):
		for name := range o {
			if name != "nextPageToken" && name != "unreachable" && name != member {
				return nil, "", fmt.Errorf("the answer has no %q but %q", member, name)
			}
		}
		if !x.isJSON() {
			return nil, "", errors.New("the answer is empty and does not say that it is JSON")
		}
	}
	items := make([]T, 0, len(list))
	for i, v := range list {
		m, _ := v.(map[string]any)
		item, err := decode(m)
		if err != nil {
			return nil, "", fmt.Errorf("entry %d of %d: %w", i+1, len(list), err)
		}
		items = append(items, item)
	}
	return items, o.string("nextPageToken"), nil
}
