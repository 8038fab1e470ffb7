package emulator

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// modelWire is a Model on the wire.
type modelWire struct {
	Name             string   `json:"name"`
	Version          string   `json:"version"`
	DisplayName      string   `json:"displayName"`
	InputTokenLimit  int      `json:"inputTokenLimit"`
	OutputTokenLimit int      `json:"outputTokenLimit"`
	Methods          []string `json:"supportedGenerationMethods"`
}

func wireModel(id string) modelWire {
	return modelWire{
		Name: "models/" + id, Version: "001", DisplayName: strings.ReplaceAll(id, "-", " "),
		InputTokenLimit: 1 << 20, OutputTokenLimit: 1 << 16,
		Methods: []string{"generateContent", "countTokens", "batchGenerateContent"},
	}
}

// listModels gives all models on one page.
func (c *call) listModels() *reply {
	answer := struct {
		Models []modelWire `json:"models,omitempty"`
	}{}
	for _, id := range slices.Sorted(slices.Values(c.cfg.Models)) {
		answer.Models = append(answer.Models, wireModel(id))
	}
	return ok(answer)
}

func (c *call) getModel() *reply {
	if !c.cfg.knows(c.id) {
		return c.noSuchModel("GetModel")
	}
	return ok(wireModel(c.id))
}

// countTokens takes either contents or a whole request, not both. It counts what
// an answer's usage has as its prompt, what comes from a cache included.
func (c *call) countTokens() *reply {
	if !c.cfg.knows(c.id) {
		return c.noSuchModel("countTokens")
	}
	raw, refusal := c.readAll()
	if refusal != nil {
		return refusal
	}
	body, err := looseObject(raw)
	if err != nil {
		return badPayload(err)
	}
	contents := body.get("contents")
	request := body.get("generateContentRequest", "generate_content_request")
	switch {
	case contents != nil && request != nil:
		return refuse(400, "contents and generate_content_request exclude each other")
	case request == nil:
		request = json.RawMessage(encode(map[string]any{"contents": contents}))
	}
	row, err := new(rowParser).bare(request)
	if err != nil {
		return badPayload(err)
	}
	total := row.Tokens + row.Cached
	return ok(struct {
		Total   int64           `json:"totalTokens"`
		Cached  int64           `json:"cachedContentTokenCount,omitempty"`
		Details []modalityCount `json:"promptTokensDetails,omitempty"`
	}{total, row.Cached, []modalityCount{{"TEXT", total}}})
}

// generate answers one request at once.
func (c *call) generate() *reply {
	if !c.cfg.knows(c.id) {
		return c.noSuchModel("generateContent")
	}
	raw, refusal := c.readAll()
	if refusal != nil {
		return refusal
	}
	row, err := new(rowParser).bare(raw)
	switch {
	case err != nil:
		return badPayload(err)
	case !row.HasContents:
		return refuse(400, "* GenerateContentRequest.contents: contents is not specified\n")
	}
	resp := answer(&row, RowGood, 0, "synchronous", c.id)
	resp.Usage.ServiceTier = "standard"
	return ok(resp)
}

func (c *call) readAll() ([]byte, *reply) {
	raw, err := io.ReadAll(io.LimitReader(c.r.Body, inlineLimit+1))
	switch {
	case err != nil:
		return nil, refuse(400, "reading the request: %v", err)
	case len(raw) > inlineLimit:
		return nil, refuse(400, "Request payload size exceeds the limit: %d bytes.", inlineLimit)
	}
	return raw, nil
}
