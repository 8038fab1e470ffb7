package config

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// element gives the expression of one element where a list is written out, else
// that of the list.
func element(list hclsyntax.Expression, i int) hclsyntax.Expression {
	if tuple, ok := list.(*hclsyntax.TupleConsExpr); ok && i < len(tuple.Exprs) {
		return tuple.Exprs[i]
	}
	return list
}

// member gives one member of an object that is written out; of any other its
// expressions are that of the object.
func (r *reader) member(object hclsyntax.Expression, name string) item {
	found := item{name: name, key: object, value: object}
	for _, i := range r.items(object) {
		if i.name == name {
			found = i
		}
	}
	return found
}

// item is a member of an object, and where it is written.
type item struct {
	name       string
	key, value hclsyntax.Expression
}

// items lists the members of an object in the order in which they are written,
// where the expression writes them out or names a local value that does; nil for
// any other. A value keeps them by name alone. The expression must have a value.
func (r *reader) items(expr hclsyntax.Expression) []item {
	for {
		switch e := expr.(type) {
		case *hclsyntax.ParenthesesExpr:
			expr = e.Expression
		case *hclsyntax.ScopeTraversalExpr:
			name, ok := stepName(e.Traversal)
			if !ok || len(e.Traversal) != 2 || e.Traversal.RootName() != "local" || r.l.local[name] == nil {
				return nil
			}
			expr = r.l.local[name].attr.Expr // no circle: it has a value
		case *hclsyntax.ObjectConsExpr:
			return r.itemsOf(e)
		default:
			return nil
		}
	}
}

func (r *reader) itemsOf(object *hclsyntax.ObjectConsExpr) []item {
	list := make([]item, 0, len(object.Items))
	for _, i := range object.Items {
		key, diags := i.KeyExpr.Value(r.scope)
		if diags.HasErrors() {
			return nil
		}
		plain, _ := key.Unmark()
		name, err := convert.Convert(plain, cty.String)
		if err != nil || name.IsNull() || !name.IsKnown() {
			return nil
		}
		list = append(list, item{name: name.AsString(), key: i.KeyExpr, value: i.ValueExpr})
	}
	return list
}
