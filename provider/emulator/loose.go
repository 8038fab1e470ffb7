package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// loose is a JSON object whose fields may be spelled in two ways, as the API
// takes them: camelCase and snake_case.
type loose map[string]json.RawMessage

// looseObject reads an object; nothing and null are an empty one.
func looseObject(raw []byte) (loose, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	var o loose
	if err := json.Unmarshal(raw, &o); err != nil {
		return nil, err
	}
	return o, nil
}

// get gives the first field that is there under one of the names.
func (o loose) get(names ...string) json.RawMessage {
	for _, name := range names {
		if raw, ok := o[name]; ok && !bytes.Equal(raw, []byte("null")) {
			return raw
		}
	}
	return nil
}

// text gives a string field, "" when it is absent or no string.
func (o loose) text(names ...string) string {
	var s string
	if raw := o.get(names...); raw != nil && json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// number gives a 64-bit field, which is a number or, better, a string.
func (o loose) number(names ...string) (int64, error) {
	raw := o.get(names...)
	if raw == nil {
		return 0, nil
	}
	n, err := parseInt64(string(bytes.Trim(raw, `"`)))
	if err != nil {
		return 0, fmt.Errorf("invalid value for int64 field %s: %s", names[0], raw)
	}
	return n, nil
}

// createRequest is the body of a create, read.
type createRequest struct {
	displayName string
	model       string // "" or models/…
	priority    int64
	fileName    string            // files/…, "" for inline
	requests    []json.RawMessage // inline
}

func readCreate(raw []byte) (req createRequest, err error) {
	outer, err := looseObject(raw)
	if err != nil {
		return req, err
	}
	batch, err := looseObject(outer.get("batch"))
	if err != nil {
		return req, err
	}
	input, err := looseObject(batch.get("inputConfig", "input_config"))
	if err != nil {
		return req, err
	}
	req.displayName = batch.text("displayName", "display_name")
	req.model = batch.text("model")
	req.fileName = input.text("fileName", "file_name")
	if req.priority, err = batch.number("priority"); err != nil {
		return req, err
	}
	wrapper, err := looseObject(input.get("requests"))
	if err != nil {
		return req, err
	}
	if list := wrapper.get("requests"); list != nil {
		if err := json.Unmarshal(list, &req.requests); err != nil {
			return req, err
		}
	}
	switch {
	case batch == nil:
		return req, errors.New("batch is required")
	case req.fileName == "" && len(req.requests) == 0:
		return req, errors.New("batch.input_config: one of file_name and requests is required")
	case req.fileName != "" && len(req.requests) > 0:
		return req, errors.New("batch.input_config: file_name and requests exclude each other")
	}
	return req, nil
}

// inlineLines writes inline requests as the lines that a file would have.
func inlineLines(requests []json.RawMessage) ([]byte, error) {
	var out bytes.Buffer
	for i, raw := range requests {
		item, err := looseObject(raw)
		if err != nil {
			return nil, fmt.Errorf("requests[%d]: %w", i, err)
		}
		metadata, err := looseObject(item.get("metadata"))
		if err != nil {
			return nil, fmt.Errorf("requests[%d].metadata: %w", i, err)
		}
		key := metadata.text("key")
		if key == "" {
			key = fmt.Sprintf("#%d", i)
		}
		line := map[string]any{"key": key}
		if request := item.get("request"); request != nil {
			line["request"] = request
		}
		if metadata != nil {
			line["metadata"] = metadata
		}
		text, err := json.Marshal(line) // makes one line of it
		if err != nil {
			return nil, fmt.Errorf("requests[%d]: %w", i, err)
		}
		out.Write(text)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}
