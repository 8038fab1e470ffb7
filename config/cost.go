package config

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	maxPrice = 10_000        // USD for a million tokens
	maxCost  = 1_000_000_000 // USD
	// maxTokens bounds limits on tokens; more is none.
	maxTokens = 1_000_000_000_000_000
)

// Price is what the tokens of a block cost, in USD for a million of them.
type Price struct {
	Input, Output float64
	// Cached is for the part of the input that came from a cache. A config that
	// does not name it pays for that part as for the rest.
	Cached float64
}

func priceNames() []string { return []string{"input", "output", "cached"} }

func priceGrammar() grammar {
	return grammar{
		attrs: priceNames(),
		hints: map[string]string{
			"prompt": "write input", "input_tokens": "write input", "completion": "write output", "output_tokens": "write output",
			"thoughts": "thoughts are paid for as output", "cached_input": "write cached", "cache": "write cached",
			"currency": "prices are in USD", "max_cost": "it stands beside price { … }",
		},
	}
}

// decodePrice reads prices that take the place of those that qaplan knows.
func (l *loader) decodePrice(block *Block, b *hclsyntax.Block) {
	r := &reader{l: l, body: b.Body, where: fmt.Sprintf("price of batch %q", block.Name), scope: l.scope}
	l.check(r.where, b.Body, priceGrammar())
	r.missing("input", "input = 0.15", b.DefRange())
	r.missing("output", "output = 1.25", b.DefRange())
	price := &Price{}
	price.Input, _ = r.usd("input", maxPrice, true)
	price.Output, _ = r.usd("output", maxPrice, true)
	price.Cached = price.Input
	if cached, ok := r.usd("cached", maxPrice, true); ok {
		price.Cached = cached
	}
	block.Price = price
}

// usd takes an amount of money; free says that it may be 0.
func (r *reader) usd(name string, high float64, free bool) (float64, bool) {
	v, expr, ok := r.plain(name)
	if !ok {
		return 0, false
	}
	n, err := number(v)
	if err == nil {
		if f, _ := n.Float64(); f > 0 && f <= high || free && n.Sign() == 0 {
			return f, true
		}
	}
	want := "above 0, at most"
	if free {
		want = "from 0 to"
	}
	r.wrong(name, v, expr, fmt.Errorf("a number of USD %s %s", want, short(high)))
	return 0, false
}

// enqueuedTokens takes one number for every model, or a map for some.
func (r *reader) enqueuedTokens(rate *Rate) {
	const name = "max_enqueued_tokens"
	v, expr, ok := r.plain(name)
	if !ok {
		return
	}
	if t := v.Type(); t.IsObjectType() || t.IsMapType() {
		rate.MaxEnqueuedTokens = r.tokens(name, maxTokens)
		for model := range rate.MaxEnqueuedTokens {
			r.l.limited = append(r.l.limited, limitedModel{model, expr})
		}
		return
	}
	n, err := wholeNumber(v, 1, maxTokens)
	if err != nil {
		r.wrong(name, v, expr, fmt.Errorf(`%w, or a map from model to number, such as { "gemini-2.5-flash" = 3000000 }`, err))
		return
	}
	rate.MaxEnqueuedTokensAll = n
}

// tokens takes a map from model to number of tokens. Null is a model that is not
// there.
func (r *reader) tokens(name string, high int64) map[string]int64 {
	v, expr, ok := r.plain(name)
	if !ok {
		return nil
	}
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		r.wrong(name, v, expr, errors.New(`a map from model to number, such as { "gemini-2.5-flash" = 3000000 }`))
		return nil
	}
	var limits map[string]int64
	values := v.AsValueMap()
	for _, written := range names(values) {
		limit := values[written]
		if limit.IsNull() {
			continue
		}
		fail := func(at hclsyntax.Expression, detail string, args ...any) {
			r.l.errorIn(at, r.scope, fmt.Sprintf("Invalid value in %q", name), detail, args...)
		}
		model, complaint := ModelName(written)
		n, err := wholeNumber(limit, 1, high)
		_, twice := limits[model]
		switch {
		case complaint != "":
			fail(r.member(expr, written).key, "%s", complaint)
		case err != nil:
			fail(r.member(expr, written).value, "The limit of %q must be %s%s.", written, err, notGiven(limit))
		case twice:
			fail(r.member(expr, written).key, "%q is limited twice: models/ before it makes no other model of it. Remove one of the two.", model)
		case limits == nil:
			limits = map[string]int64{model: n}
		default:
			limits[model] = n
		}
	}
	return limits
}

// limitedModel is a model that a limit names, and the expression that does.
type limitedModel struct {
	model string
	expr  hclsyntax.Expression
}

// checkLimitedModels warns of limits that would limit nothing.
func (l *loader) checkLimitedModels(cfg *Config) {
	used := map[string]bool{}
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		used[b.Model] = true
		if b.Repair != nil && b.Repair.Model != "" {
			used[b.Repair.Model] = true
		}
	}
	if used[""] { // a model that is wrong may be the one
		return
	}
	for _, m := range l.limited {
		if used[m.model] {
			continue
		}
		hint := didYouMean(m.model, names(used))
		if hint == "" {
			hint = " One number in place of the map is a limit for every model."
		}
		at := m.expr.Range()
		l.warnf(&at, "A limit for a model that no block uses", "max_enqueued_tokens names %q, and no batch block has this model.%s", m.model, hint)
	}
}
