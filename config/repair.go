package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/qaplan/qaplan/planner"
)

const (
	defaultMaxRepairs = 2
	maxMaxRepairs     = 10
)

// Repair says how rows that are not good are bought again.
type Repair struct {
	MaxAttempts int    // counted apart from those of the block
	Model       string // "" for that of the block
	// GenerationConfig is what the requests' own generation_config is changed
	// by: a JSON object without blanks, its members sorted and none of them
	// null; "" changes nothing.
	GenerationConfig string
}

// RaisesOutput reports whether it sets the limit of output tokens: answers that
// were cut off at the former one may be whole then.
func (r *Repair) RaisesOutput() bool {
	return strings.Contains(r.GenerationConfig, `"max_output_tokens":`) || strings.Contains(r.GenerationConfig, `"maxOutputTokens":`)
}

// repair gives what the planner needs to know of it.
func (b *Block) repair() *planner.Repair {
	if b.Repair == nil {
		return nil
	}
	return &planner.Repair{MaxAttempts: b.Repair.MaxAttempts, Model: b.Repair.Model}
}

func repairGrammar() grammar {
	hints := insideBlock("expect", expectNames())
	hints["attempts"], hints["count"] = "write max_attempts", "write max_attempts"
	for _, name := range []string{"temperature", "max_output_tokens", "top_p", "top_k", "thinking_config"} {
		hints[name] = "write it inside generation_config = { … }"
	}
	return grammar{attrs: []string{"max_attempts", "model", "generation_config"}, hints: hints}
}

// decodeRepair reads how bad rows are bought again. Its presence alone asks for
// that.
func (l *loader) decodeRepair(block *Block, b *hclsyntax.Block) {
	r := &reader{l: l, body: b.Body, where: fmt.Sprintf("repair of batch %q", block.Name), scope: l.scope}
	l.check(r.where, b.Body, repairGrammar())
	repair := &Repair{MaxAttempts: defaultMaxRepairs}
	if n, ok := r.whole("max_attempts", 1, maxMaxRepairs); ok {
		repair.MaxAttempts = n
	}
	if text, expr, ok := r.text("model"); ok {
		model, complaint := ModelName(text)
		if complaint != "" {
			l.errorIn(expr, r.scope, "Invalid model", "%s", complaint)
		}
		if model != block.Model {
			repair.Model = model
		}
	}
	repair.GenerationConfig = r.generationConfig()
	block.Repair = repair
}

// generationConfig takes an object of any values that JSON has.
func (r *reader) generationConfig() string {
	const name = "generation_config"
	v, expr, ok := r.plain(name)
	if !ok {
		return ""
	}
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		r.wrong(name, v, expr, errors.New("an object such as { max_output_tokens = 8192 }"))
		return ""
	}
	values, spelled := v.AsValueMap(), map[string]string{}
	for _, member := range names(values) {
		fail := func(at hclsyntax.Expression, detail string, args ...any) {
			ok = false
			r.l.errorIn(at, r.scope, fmt.Sprintf("Invalid value in %q", name), detail, args...)
		}
		// The service takes max_output_tokens and maxOutputTokens.
		one := strings.ToLower(strings.ReplaceAll(member, "_", ""))
		if other, twice := spelled[one]; twice {
			fail(r.member(expr, member).key, "%s and %s are one member in two spellings. Remove one of them.", other, member)
		}
		spelled[one] = member
		if _, err := appendJSON(nil, values[member], member); err != nil {
			fail(r.member(expr, member).value, "%s.", err)
		}
	}
	if !ok || len(values) == 0 {
		return ""
	}
	text, err := appendJSON(nil, v, name)
	if err != nil { // its members have been through
		panic("encode generation_config: " + err.Error())
	}
	if holdsKey(string(text)) {
		r.l.keepSecret(expr.Range())
		r.l.errorIn(expr, r.scope, fmt.Sprintf("An API key in %q", name), "A value in it looks like an API key. Keys come from the environment variables GOOGLE_API_KEY or GEMINI_API_KEY only.")
		return ""
	}
	return string(text)
}

// appendJSON appends the one JSON text that a known value without marks has; at
// says where it stands.
func appendJSON(dst []byte, v cty.Value, at string) ([]byte, error) {
	if v.IsNull() {
		return dst, fmt.Errorf("%s is null, and null takes nothing away from a request: leave it out, or give it a value", at)
	}
	switch t := v.Type(); {
	case t == cty.String:
		return appendString(dst, v.AsString()), nil
	case t == cty.Bool:
		return strconv.AppendBool(dst, v.True()), nil
	case t == cty.Number:
		return appendNumber(dst, v.AsBigFloat(), at)
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		dst = append(dst, '[')
		for i, e := range v.AsValueSlice() {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendJSON(dst, e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return dst, err
			}
		}
		return append(dst, ']'), nil
	case t.IsObjectType() || t.IsMapType():
		dst = append(dst, '{')
		values := v.AsValueMap()
		for i, name := range names(values) {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendJSON(append(appendString(dst, name), ':'), values[name], at+"."+name); err != nil {
				return dst, err
			}
		}
		return append(dst, '}'), nil
	}
	return dst, fmt.Errorf("%s is nothing that JSON has", at)
}

func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s) // its error is about bytes that are no UTF-8, which it has replaced
	return dst
}

// appendNumber writes whole numbers out, and others as short as a float64 has
// them, which is what the service reads.
func appendNumber(dst []byte, n *big.Float, at string) ([]byte, error) {
	if i, accuracy := n.Int64(); accuracy == big.Exact {
		return strconv.AppendInt(dst, i, 10), nil
	}
	f, _ := n.Float64()
	text := strconv.AppendFloat(nil, f, 'g', -1, 64)
	if !jsontext.Value(text).IsValid() {
		return dst, fmt.Errorf("%s is a number that is too large", at)
	}
	return append(dst, text...), nil
}
