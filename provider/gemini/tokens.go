package gemini

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/qaplan/qaplan/provider"
)

// CountTokens asks how many tokens of input a request has for a model; request
// is the JSON object that a line of a source has under "request". It is free,
// and the answer of a model is not asked for. Its class is gone when the service
// has no such model.
//
// The SDK's call is not used: it counts contents alone, and would leave out what
// a system instruction and tools add (go-genai 1.77.0, models.go).
func (c *Client) CountTokens(ctx context.Context, model string, request []byte) (int64, error) {
	k := call{op: provider.OpCountTokens, target: "models/" + model, timeout: c.opt.CallTimeout}
	if err := resource(k.target, "models"); err != nil {
		return 0, invalid(k, err)
	}
	body, err := countBody(k.target, request)
	if err != nil {
		return 0, invalid(k, err)
	}
	var total int64
	err = c.read(ctx, k, &exchange{}, c.decoded(func(ctx context.Context) error {
		req, err := c.request(ctx, http.MethodPost, c.base.JoinPath(apiVersion, k.target+":countTokens"))
		if err != nil {
			return err
		}
		if err := setJSON(req, body); err != nil {
			return err
		}
		resp, err := c.http.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}, func(x *exchange) (err error) {
		total, err = decodeOne(x.body, decodeCount)
		return err
	}))
	if err != nil {
		return 0, err
	}
	return total, nil
}

// countBody puts a request, with the model that the service wants in it, into
// the body of the call.
func countBody(model string, request []byte) (any, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(request, &members); err != nil || members == nil {
		return nil, errors.New("the request is no JSON object")
	}
	name, err := json.Marshal(model)
	if err != nil {
		return nil, fmt.Errorf("name the model: %w", err)
	}
	members["model"] = name
	return map[string]any{"generateContentRequest": members}, nil
}

func decodeCount(o object) (int64, error) {
	if !o.has("totalTokens") {
		return 0, errors.New("the answer has no count of tokens")
	}
	return o.int("totalTokens"), nil
}
