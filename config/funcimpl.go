package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func hasPrefix(s, affix string) bool { return strings.HasPrefix(s, affix) }
func hasSuffix(s, affix string) bool { return strings.HasSuffix(s, affix) }

func affixFunc(affix string, holds func(s, affix string) bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}, {Name: affix, Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(holds(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// replaceFunc replaces a text, or a regular expression written between slashes.
func replaceFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "string", Type: cty.String}, {Name: "substring", Type: cty.String}, {Name: "replacement", Type: cty.String},
		},
		Type: function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
			if len(old) > 2 && old[0] == '/' && old[len(old)-1] == '/' {
				re, err := regexp.Compile(old[1 : len(old)-1])
				if err != nil {
					return cty.NilVal, function.NewArgError(1, err)
				}
				return cty.StringVal(re.ReplaceAllString(s, with)), nil
			}
			return cty.StringVal(strings.ReplaceAll(s, old, with)), nil
		},
	})
}

// lengthFunc counts elements, attributes, or the characters of a string.
func lengthFunc() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			switch t := args[0].Type(); {
			case t == cty.String, t == cty.DynamicPseudoType, t.IsCollectionType(), t.IsTupleType(), t.IsObjectType():
				return cty.Number, nil
			}
			return cty.NilType, function.NewArgErrorf(0, "must be a string, a list or a map")
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			switch v := args[0]; {
			case v.Type() == cty.String && v.IsKnown():
				return stdlib.Strlen(v)
			case v.Type().IsObjectType() && v.IsKnown():
				return cty.NumberIntVal(int64(len(v.Type().AttributeTypes()))), nil
			case !v.IsKnown():
				return cty.UnknownVal(cty.Number), nil
			default:
				return v.Length(), nil
			}
		},
	})
}

// elements gives what is in a list, set or tuple.
func elements(v cty.Value) ([]cty.Value, error) {
	if t := v.Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
		return nil, function.NewArgErrorf(0, "must be a list")
	}
	return v.AsValueSlice(), nil
}

// listParam is a parameter that takes any list.
func listParam() []function.Parameter {
	return []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}}
}

func sumFunc() function.Function {
	return function.New(&function.Spec{
		Params: listParam(),
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			list, err := elements(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			total := cty.Zero
			for _, e := range list {
				n, err := convert.Convert(e, cty.Number)
				if err != nil || n.IsNull() || !n.IsKnown() {
					return cty.NilVal, function.NewArgErrorf(0, "every element must be a number")
				}
				total = total.Add(n)
			}
			return total, nil
		},
	})
}

// trueFunc is alltrue or anytrue.
func trueFunc(all bool) function.Function {
	return function.New(&function.Spec{
		Params: listParam(),
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			list, err := elements(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			for _, e := range list {
				b, err := convert.Convert(e, cty.Bool)
				if err != nil || !b.IsKnown() {
					return cty.NilVal, function.NewArgErrorf(0, "every element must be true or false")
				}
				if holds := !b.IsNull() && b.True(); holds != all {
					return cty.BoolVal(!all), nil
				}
			}
			return cty.BoolVal(all), nil
		},
	})
}

// oneFunc gives the element of a list that has one, null when it is empty.
func oneFunc() function.Function {
	return function.New(&function.Spec{
		Params: listParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			switch {
			case t.IsListType() || t.IsSetType():
				return t.ElementType(), nil
			case t.IsTupleType() && len(t.TupleElementTypes()) == 1:
				return t.TupleElementType(0), nil
			case t.IsTupleType() && len(t.TupleElementTypes()) == 0:
				return cty.DynamicPseudoType, nil
			}
			return cty.NilType, function.NewArgErrorf(0, "must be a list with at most one element")
		},
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			switch list := args[0].AsValueSlice(); len(list) {
			case 0:
				return cty.NullVal(want), nil
			case 1:
				return list[0], nil
			}
			return cty.NilVal, function.NewArgErrorf(0, "must be a list with at most one element")
		},
	})
}

// markFunc is sensitive or nonsensitive.
func markFunc(mark bool) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{
			Name: "value", Type: cty.DynamicPseudoType,
			AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true,
		}},
		Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, _ := args[0].UnmarkDeep()
			if mark {
				v = v.Mark(sensitive{})
			}
			return v, nil
		},
	})
}

func sha256Func() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			sum := sha256.Sum256([]byte(args[0].AsString()))
			return cty.StringVal(hex.EncodeToString(sum[:])), nil
		},
	})
}

// pathFunc makes a function of one path.
func pathFunc(change func(p string) (string, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p, err := change(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return cty.StringVal(p), nil
		},
	})
}

var errNotText = errors.New("the file is not valid UTF-8 text")

func quoteError(p string, err error) error { return fmt.Errorf("%s: %s", p, cause(err)) }
