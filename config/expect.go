package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/qaplan/qaplan/provider/batchfile"
)

const (
	// rulesVersion stands in the digest of the rules. It goes up when package
	// batchfile judges some row differently under the same rules, so that rows
	// in hand are judged again.
	rulesVersion = 1
	// maxMinChars bounds min_chars: no model answers with more.
	maxMinChars = 1_000_000
)

func expectGrammar() grammar {
	return grammar{
		attrs: expectNames(),
		hints: map[string]string{
			"key": "write key_field = … with the name of the member that holds the row's key", "id": "write key_field",
			"json_schema": "write schema", "response_schema": "write schema", "schema_file": "write schema",
			"format": "write json = true", "type": "write json = true", "min_length": "write min_chars",
			"finish": "write finish_reasons", "stop": "write finish_reasons",
			"max_attempts": "write it inside repair { … }", "generation_config": "write it inside repair { … }",
		},
	}
}

func expectNames() []string {
	return []string{"finish_reasons", "json", "schema", "min_chars", "key_field", "as_requested"}
}

// decodeExpect reads what counts as a good answer.
func (l *loader) decodeExpect(block *Block, b *hclsyntax.Block) {
	r := &reader{l: l, body: b.Body, where: fmt.Sprintf("expect of batch %q", block.Name), scope: l.scope}
	l.check(r.where, b.Body, expectGrammar())
	rules := &block.Rules
	rules.FinishReasons = r.finishReasons()
	if s := r.schema(); s != nil {
		rules.Schema, block.schema = s.compiled, s.text
	}
	if n, ok := r.whole("min_chars", 0, maxMinChars); ok {
		rules.MinChars = n
	}
	rules.KeyField, _, _ = r.text("key_field")
	if asRequested, ok := r.flag("as_requested"); ok {
		rules.AsRequested = asRequested
	}
	var implied []string // what asks for JSON by itself
	for _, name := range []string{"schema", "key_field"} {
		if r.given(name) {
			implied = append(implied, name)
		}
	}
	json, given := r.flag("json")
	if given && !json && len(implied) > 0 {
		list := strings.Join(implied, " and ")
		l.errorIn(b.Body.Attributes["json"].Expr, r.scope, "json = false contradicts the other rules",
			"An answer can fit %s only where it is JSON. Remove json, or remove %s.", list, list)
	}
	rules.JSON = json || len(implied) > 0
}

// finishReasons takes the reasons with which an answer may end. The service adds
// new ones, so that a word which is not known is no mistake by itself.
func (r *reader) finishReasons() []string {
	list, exprs, ok := r.words("finish_reasons", false, errors.New(`a list of the service's words for how an answer ended, such as ["STOP"]`))
	known := []string{"STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "LANGUAGE", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MALFORMED_FUNCTION_CALL"}
	for i, word := range list {
		likely := strings.ToUpper(strings.NewReplacer(" ", "_", "-", "_").Replace(strings.TrimSpace(word)))
		switch {
		case !isReason(word) && isReason(likely):
			ok = false
			r.l.errorIn(exprs[i], r.scope, `Invalid value in "finish_reasons"`, "%q is no reason of the service. Did you mean %q?", word, likely)
		case !isReason(word):
			ok = false
			r.l.errorIn(exprs[i], r.scope, `Invalid value in "finish_reasons"`, "%q is no reason of the service: they are words in upper case, such as %q.", word, "MAX_TOKENS")
		case !slices.Contains(known, word) && nearest(word, known) != "":
			at := exprs[i].Range()
			r.l.warnf(&at, "Unknown finish reason", "The service is not known to end an answer with %q.%s", word, didYouMean(word, known))
		}
	}
	if !ok {
		return nil
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// words takes a list of strings that is not empty, with the expression of each
// where the list is written out; alone says that one string may stand for a list
// of one. Where ok is false the list holds those that are right.
func (r *reader) words(name string, alone bool, want error) (list []string, exprs []hclsyntax.Expression, ok bool) {
	v, expr, ok := r.plain(name)
	if !ok {
		return nil, nil, false
	}
	values, _ := listOf(v)
	switch {
	case alone && v.Type() == cty.String:
		word, ok := r.l.asText(name, v, expr, r.scope)
		return []string{word}, []hclsyntax.Expression{expr}, ok
	case len(values) == 0:
		r.wrong(name, v, expr, want)
		return nil, nil, false
	}
	for i, e := range values {
		at := element(expr, i)
		if e.IsNull() || e.Type() != cty.String {
			r.l.errorIn(at, r.scope, fmt.Sprintf("Invalid value in %q", name), "Every element of %s must be a string in double quotes%s.", name, notGiven(e))
			ok = false
			continue
		}
		word, sound := r.l.asText(name, e, at, r.scope)
		if !sound {
			ok = false
			continue
		}
		list, exprs = append(list, word), append(exprs, at)
	}
	return list, exprs, ok
}

// rulesDigest hashes what counts as a good row and what is changed in rows that
// are repaired. Rules that mean the same have the same digest.
func rulesDigest(b *Block) string {
	rules, generation := b.Rules, ""
	if rules.FinishReasons == nil {
		rules.FinishReasons = []string{"STOP"} // what none means
	}
	if b.Repair != nil {
		generation = b.Repair.GenerationConfig
	}
	h := sha256.New()
	write(h, "rules", rulesVersion, rules.FinishReasons, rules.JSON, b.schema, rules.MinChars, rules.KeyField, rules.AsRequested, generation)
	return hex.EncodeToString(h.Sum(nil))
}

// defaultRules are those of a block that expects nothing by itself.
func defaultRules() batchfile.Rules { return batchfile.Rules{AsRequested: true} }
