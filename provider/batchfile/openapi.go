package batchfile

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// fromOpenAPI turns a responseSchema, which is a part of OpenAPI 3.0 in the
// service's own dress (Schema, Gemini API reference), into a JSON Schema: types
// are upper case, limits may be strings, and a value that may be null says
// "nullable". What does not say anything about a value, format included, is left
// out. A text that is no schema stays as it is.
func fromOpenAPI(text []byte) []byte {
	p := lenientParser()
	p.reset(text)
	value, err := p.decode()
	if err != nil {
		return text
	}
	converted, err := json.Marshal(convert(value))
	if err != nil {
		return text
	}
	return converted
}

// convert converts a schema and those inside it.
func convert(value any) any {
	from, ok := value.(map[string]any)
	if !ok {
		return value
	}
	to := map[string]any{}
	for name, v := range from {
		switch name {
		case "items":
			to["items"] = convert(v)
		case "properties":
			to["properties"] = convertEach(v)
		case "anyOf", "any_of":
			to["anyOf"] = convertEach(v)
		case "required", "pattern", "enum":
			to[name] = v
		case "minimum", "maximum":
			to[name] = number(v)
		case "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties":
			to[name] = number(v)
		case "min_items", "max_items", "min_length", "max_length", "min_properties", "max_properties":
			first, second, _ := strings.Cut(name, "_")
			to[first+strings.ToUpper(second[:1])+second[1:]] = number(v)
		case "type":
			if t, ok := v.(string); ok && !unspecified([]byte(t)) {
				to["type"] = strings.ToLower(t)
			}
		}
	}
	numbers(to)
	if nullable, _ := from["nullable"].(bool); nullable {
		allowNull(to)
	}
	return to
}

// convertEach converts the schemas in a list or under names.
func convertEach(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i, v := range value {
			list[i] = convert(v)
		}
		return list
	case map[string]any:
		named := make(map[string]any, len(value))
		for name, v := range value {
			named[name] = convert(v)
		}
		return named
	}
	return value
}

// number takes an int64 that is written as a string, as JSON for protocol
// buffers does.
func number(value any) any {
	if s, ok := value.(string); ok && json.Valid([]byte(s)) && !bytes.ContainsAny([]byte(s), `"{[tfn`) {
		return json.Number(s)
	}
	return value
}

// numbers takes the values of a number's enum, which are written as strings.
func numbers(schema map[string]any) {
	values, ok := schema["enum"].([]any)
	if !ok || schema["type"] != "integer" && schema["type"] != "number" {
		return
	}
	values = slices.Clone(values)
	for i := range values {
		values[i] = number(values[i])
	}
	schema["enum"] = values
}

// allowNull lets a schema take null as well.
func allowNull(schema map[string]any) {
	if t, ok := schema["type"]; ok {
		schema["type"] = []any{t, "null"}
	}
	if values, ok := schema["enum"].([]any); ok && !slices.Contains(values, nil) {
		schema["enum"] = append(slices.Clone(values), nil)
	}
	if list, ok := schema["anyOf"].([]any); ok {
		schema["anyOf"] = append(list, map[string]any{"type": "null"})
	}
}
