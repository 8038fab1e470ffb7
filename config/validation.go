package config

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// validateVariables checks every variable against its validation blocks.
func (l *loader) validateVariables() {
	scope := &hcl.EvalContext{
		Variables: map[string]cty.Value{"var": l.scope.Variables["var"]},
		Functions: l.funcs,
	}
	for _, name := range names(l.vars) {
		v := l.vars[name]
		for _, b := range v.block.Body.Blocks {
			if b.Type == "validation" {
				l.validateVariable(v, b, scope)
			}
		}
	}
}

func (l *loader) validateVariable(v *variable, b *hclsyntax.Block, scope *hcl.EvalContext) {
	where := "validation of variable " + fmt.Sprintf("%q", v.name)
	l.check(where, b.Body, grammar{attrs: []string{"condition", "error_message"}})
	r := &reader{l: l, body: b.Body, where: where, scope: scope}
	condition := b.Body.Attributes["condition"]
	if condition == nil {
		r.missing("condition", `condition = length(var.`+v.name+`) > 0`, b.DefRange())
	}
	if b.Body.Attributes["error_message"] == nil {
		r.missing("error_message", `error_message = "…"`, b.DefRange())
	}
	message, _, said := l.errorMessage(r)
	if condition == nil {
		return
	}
	value, ok := l.evaluate(condition.Expr, scope)
	if !ok {
		return
	}
	holds, err := truth(value)
	if err != nil {
		r.wrong("condition", value, condition.Expr, err)
		return
	}
	if holds {
		return
	}
	if !said {
		message = "It does not meet the condition."
	}
	at := v.from
	if at == nil {
		at = v.block.DefRange().Ptr()
	}
	l.diags = append(l.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: fmt.Sprintf("Invalid value for variable %q", v.name),
		Detail:  fmt.Sprintf("%s\nThe value came from %s; the condition stands at %s.", message, v.said, place(b.DefRange())),
		Subject: at, Expression: condition.Expr, EvalContext: scope,
	})
}

// errorMessage evaluates error_message; one that would show a sensitive value
// is replaced.
func (l *loader) errorMessage(r *reader) (message string, expr hclsyntax.Expression, ok bool) {
	v, expr, ok := r.value("error_message")
	switch {
	case !ok:
		return "", expr, false
	case v.IsMarked():
		return "The message is left out: it would show a sensitive value.", expr, true
	case v.Type() != cty.String:
		r.wrong("error_message", v, expr, errors.New("a string"))
		return "", expr, false
	}
	return v.AsString(), expr, true
}

func truth(v cty.Value) (bool, error) {
	v, _ = v.Unmark()
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || b.IsNull() || !b.IsKnown() {
		return false, errors.New("true or false")
	}
	return b.True(), nil
}
