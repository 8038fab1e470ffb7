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

// The kinds of a 429.
const (
	quotaHelpOnly   = "help_only"
	quotaBare       = "bare"
	quotaPerMinute  = "per_minute"
	quotaPerDay     = "per_day"
	quotaStorage    = "storage"
	quotaHugeDelay  = "huge_delay"
	quotaRetryAfter = "retry_after"
	quotaHugeAfter  = "huge_retry_after"
)

func quotaKinds() []string {
	return []string{quotaHelpOnly, quotaBare, quotaPerMinute, quotaPerDay, quotaStorage, quotaHugeDelay, quotaRetryAfter, quotaHugeAfter}
}

// huge is the number of seconds in the retryDelay of python-genai #1172: 2^63-1.
const huge = "9223372036854775807"

// overQuota is a 429 of the given kind. The one that a create gets tells nothing
// but where to read about quotas (langchain4j PR #3942).
func overQuota(kind, model string) *reply {
	const message = "You exceeded your current quota, please check your plan and billing details. " +
		"For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits."
	help := map[string]any{"@type": "type.googleapis.com/google.rpc.Help", "links": []any{map[string]string{
		"description": "Learn more about Gemini API quotas", "url": "https://ai.google.dev/gemini-api/docs/rate-limits"}}}
	violation := func(metric, id, value string) any {
		v := map[string]any{"quotaMetric": "generativelanguage.googleapis.com/" + metric, "quotaId": id, "quotaValue": value}
		if model != "" {
			v["quotaDimensions"] = map[string]string{"location": "global", "model": model}
		}
		return map[string]any{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []any{v}}
	}
	retry := func(delay string) any {
		return map[string]any{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
	}
	switch kind {
	case quotaBare:
		return refuse(429, "Resource has been exhausted (e.g. check quota).")
	case quotaPerMinute:
		return refuseWith(429, message+" Please retry in 45.57s.", help,
			violation("generate_requests_per_model", "GenerateRequestsPerMinutePerProjectPerModel", "60"), retry("45s"))
	case quotaPerDay:
		// The short delay is the service's: it does not fit the day.
		return refuseWith(429, message, help,
			violation("generate_requests_per_model_per_day", "GenerateRequestsPerDayPerProjectPerModel", "1000"), retry("38s"))
	case quotaStorage:
		return refuseWith(429, "You have exceeded the file storage quota.", help,
			violation("file_storage_bytes", "FileStorageBytesPerProject", "21474836480"), retry(huge+"s"))
	case quotaHugeDelay:
		return refuseWith(429, message, help, retry(huge+"s"))
	case quotaRetryAfter:
		return refuseWith(429, message).with("Retry-After", "30")
	case quotaHugeAfter:
		return refuseWith(429, message).with("Retry-After", huge)
	}
	return refuseWith(429, message, help)
}
