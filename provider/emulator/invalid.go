package emulator

import (
	"slices"
	"strings"
)

// invalidText is an answer that is whole for the service and yet not what was
// asked: for JSON the right value in a Markdown fence, or one without a property
// or with one of a wrong type; else a few words.
func invalidText(r *row, seed string) string {
	choose := func(n int) int { return int(share(seed, "invalid", r.Key) * float64(n)) }
	if !r.JSON {
		return []string{"OK.", "Sure!", "N/A", "I cannot help with that."}[choose(4)]
	}
	schema := answerSchema(r)
	value := (&sampler{question: excerpt(r.Prompt, 180), seed: seed + r.Key}).value(schema, "", 0)
	damage := []func(any, map[string]any) (any, bool){withoutProperty, withWrongType}
	if kind := choose(3); kind > 0 {
		if damaged, ok := damage[kind-1](value, schema); ok {
			return encode(damaged)
		}
		if damaged, ok := withWrongType(value, schema); ok {
			return encode(damaged)
		}
	}
	return "```json\n" + encode(value) + "\n```"
}

// withoutProperty drops a property that the schema requires.
func withoutProperty(value any, schema map[string]any) (any, bool) {
	object, _ := value.(fields)
	required, _ := schema["required"].([]any)
	for i, f := range object {
		if slices.Contains(required, any(f.name)) {
			return slices.Delete(slices.Clone(object), i, i+1), true
		}
	}
	return nil, false
}

// withWrongType puts something of another type in the place of the value, of an
// object's first property with a type, or of a list's first element.
func withWrongType(value any, schema map[string]any) (any, bool) {
	properties, _ := schema["properties"].(map[string]any)
	switch value := value.(type) {
	case fields:
		value = slices.Clone(value)
		for i, f := range value {
			sub, _ := properties[f.name].(map[string]any)
			if wrong, ok := wrongValue(sub); ok {
				value[i].value = wrong
				return value, true
			}
		}
		return nil, false
	case []any:
		items, _ := schema["items"].(map[string]any)
		if wrong, ok := withWrongType(value[0], items); ok {
			value = slices.Clone(value)
			value[0] = wrong
			return value, true
		}
	}
	return wrongValue(schema)
}

// wrongValue gives a value that no type of the schema allows.
func wrongValue(schema map[string]any) (any, bool) {
	allowed := map[string]bool{}
	addTypes(allowed, schema)
	if len(allowed) == 0 {
		return nil, false
	}
	for _, other := range []struct {
		value any
		types []string
	}{
		{"not given", []string{"string"}}, {-1, []string{"integer", "number"}},
		{[]any{}, []string{"array"}}, {fields{}, []string{"object"}}, {false, []string{"boolean"}},
	} {
		if !slices.ContainsFunc(other.types, func(t string) bool { return allowed[t] }) {
			return other.value, true
		}
	}
	return nil, false
}

// addTypes collects the types that a schema allows; none stands for any.
func addTypes(into map[string]bool, schema map[string]any) {
	branches, _ := schema["anyOf"].([]any)
	for _, b := range branches {
		sub, _ := b.(map[string]any)
		addTypes(into, sub)
	}
	types, _ := schema["type"].([]any)
	for _, t := range slices.Concat(types, []any{schema["type"]}) {
		if name, ok := t.(string); ok {
			into[strings.ToLower(name)] = true
		}
	}
	choices, _ := schema["enum"].([]any)
	if c, ok := schema["const"]; ok {
		choices = []any{c}
	}
	for _, c := range choices {
		into[typeOf(c)] = true
	}
	if schema["properties"] != nil {
		into["object"] = true
	}
}

// typeOf names the JSON type of a decoded value.
func typeOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "null"
}
