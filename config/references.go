package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// checkReferences reports every reference of an expression that leads nowhere,
// in words that know variables and locals, which HCL's own do not, and every call
// of a function that is not there: HCL's suggestion for those differs from run
// to run.
func (l *loader) checkReferences(expr hclsyntax.Expression, scope *hcl.EvalContext) bool {
	ok := true
	diags := hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		call, isCall := node.(*hclsyntax.FunctionCallExpr)
		if isCall && !hasKey(l.funcs, call.Name) {
			return hcl.Diagnostics{l.unknownFunction(call)}
		}
		return nil
	})
	if diags.HasErrors() {
		l.diags = append(l.diags, diags...)
		ok = false
	}
	for _, t := range expr.Variables() {
		ok = l.checkReference(t, scope) && ok
	}
	return ok
}

func (l *loader) unknownFunction(call *hclsyntax.FunctionCallExpr) *hcl.Diagnostic {
	hint := didYouMean(call.Name, names(l.funcs))
	switch call.Name {
	case "timestamp", "plantimestamp", "uuid", "env", "bcrypt":
		hint = " A config means the same in every run, so there are no functions of the clock, chance or the environment; hand such values in with --var."
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: fmt.Sprintf("Unknown function %q", call.Name),
		Detail:  fmt.Sprintf("There is no function of this name.%s", hint),
		Subject: call.NameRange.Ptr(),
	}
}

func (l *loader) checkReference(t hcl.Traversal, scope *hcl.EvalContext) bool {
	at := t.SourceRange()
	root := t.RootName()
	fail := func(summary, detail string, args ...any) bool {
		l.errorf(&at, summary, detail, args...)
		return false
	}
	if scope == nil {
		return fail("References are not possible here", "This value is needed before variables and locals are known: write it out.")
	}
	name, named := stepName(t)
	switch {
	case root == "var" && !named:
		return fail("Incomplete reference", "var needs the name of a variable: write var.NAME.")
	case root == "var" && l.vars[name] == nil:
		return fail(fmt.Sprintf("Undeclared variable %q", name), "No variable %q { … } block is in the config.%s", name, suggest(name, names(l.vars)))
	case root == "var":
		return true
	case root == "local" && !named:
		return fail("Incomplete reference", "local needs the name of a value: write local.NAME.")
	case root == "local" && l.local[name] == nil:
		return fail(fmt.Sprintf("Undeclared local value %q", name), "No locals { … } block has an argument named %q.%s", name, suggest(name, names(l.local)))
	case root == "local" && !reachable(scope, root):
		return fail("Local value in a variable", "A variable cannot depend on local.%s: locals are evaluated after variables.", name)
	case root == "local":
		return true
	case root == "each" && !reachable(scope, root):
		return fail("each has no meaning here", "each.number is the number of one batch; it can stand in display_name alone.")
	case root == "each" && name != "number":
		return fail("Unknown reference", "each has one value: each.number, the number of the batch.")
	case root == "each":
		return true
	case root == "true" || root == "false" || root == "null":
		return true
	}
	hint := suggest(root, []string{"var", "local", "each"})
	if root == "batch" {
		hint = " Batches cannot be referred to."
	} else if l.vars[root] != nil {
		hint = fmt.Sprintf(" Did you mean var.%s?", root)
	} else if l.local[root] != nil {
		hint = fmt.Sprintf(" Did you mean local.%s?", root)
	} else if len(t) == 1 {
		hint = fmt.Sprintf(" For the text itself, put it into double quotes: %q.", root)
	}
	return fail(fmt.Sprintf("Unknown reference %q", root), "Expressions can refer to var.NAME and local.NAME.%s", hint)
}

// stepName gives the name after the root: var.NAME or var["NAME"].
func stepName(t hcl.Traversal) (string, bool) {
	if len(t) < 2 {
		return "", false
	}
	switch step := t[1].(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		if key, _ := step.Key.Unmark(); key.Type() == cty.String && key.IsKnown() && !key.IsNull() {
			return key.AsString(), true
		}
	}
	return "", false
}

func reachable(scope *hcl.EvalContext, root string) bool {
	for s := scope; s != nil; s = s.Parent() {
		if _, ok := s.Variables[root]; ok {
			return true
		}
	}
	return false
}
