package emulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// reply is what a call is answered with.
type reply struct {
	status int
	header http.Header
	body   []byte
	// open gives the body instead, of size bytes.
	open func() (io.ReadCloser, error)
	size int64
}

const jsonType = "application/json; charset=UTF-8"

func ok(v any) *reply { return jsonReply(http.StatusOK, v) }

func jsonReply(status int, v any) *reply {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return internal(err)
	}
	return rawReply(status, jsonType, append(body, '\n'))
}

func rawReply(status int, contentType string, body []byte) *reply {
	return &reply{status: status, header: http.Header{"Content-Type": {contentType}}, body: body}
}

func (r *reply) with(key, value string) *reply {
	r.header.Set(key, value)
	return r
}

// errorBody is the envelope of every error.
type errorBody struct {
	Error apiError `json:"error"`
}

type apiError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

// statusName gives the google.rpc name that goes with an HTTP code.
func statusName(code int) string {
	switch code {
	case 400:
		return "INVALID_ARGUMENT"
	case 401:
		return "UNAUTHENTICATED"
	case 403:
		return "PERMISSION_DENIED"
	case 404:
		return "NOT_FOUND"
	case 409:
		return "ALREADY_EXISTS"
	case 416:
		return "OUT_OF_RANGE"
	case 429:
		return "RESOURCE_EXHAUSTED"
	case 499:
		return "CANCELLED"
	case 500:
		return "INTERNAL"
	case 501:
		return "UNIMPLEMENTED"
	case 503:
		return "UNAVAILABLE"
	case 408, 504:
		return "DEADLINE_EXCEEDED"
	}
	return "UNKNOWN"
}

func refuse(code int, format string, args ...any) *reply {
	return jsonReply(code, errorBody{apiError{Code: code, Message: fmt.Sprintf(format, args...), Status: statusName(code)}})
}

func refuseWith(code int, message string, details ...any) *reply {
	return jsonReply(code, errorBody{apiError{Code: code, Message: message, Status: statusName(code), Details: details}})
}

// internal is the emulator's own failure: a full disk, a damaged data folder.
func internal(err error) *reply { return refuse(500, "the emulator failed: %v", err) }

func noSuchFile(id string) *reply {
	return refuse(403, "You do not have permission to access the File %s or it may not exist.", strings.TrimPrefix(id, "files/"))
}

func badKey() *reply {
	return refuseWith(400, "API key not valid. Please pass a valid API key.", map[string]any{
		"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com",
		"metadata": map[string]string{"service": "generativelanguage.googleapis.com"},
	})
}

func noKey() *reply {
	return refuse(403, "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.")
}
