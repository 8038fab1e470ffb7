package config

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// reader takes typed values out of the body of one block. A value that is wrong
// is reported and counts as not there, like one that is null or was not written.
type reader struct {
	l     *loader
	body  *hclsyntax.Body
	where string // such as batch "qa"
	scope *hcl.EvalContext
}

// value evaluates an argument. ok is false when it is not there, null, or
// already reported.
func (r *reader) value(name string) (v cty.Value, expr hclsyntax.Expression, ok bool) {
	a := r.body.Attributes[name]
	if a == nil {
		return cty.NilVal, nil, false
	}
	v, ok = r.l.evaluate(a.Expr, r.scope)
	if !ok || v.IsNull() {
		return cty.NilVal, a.Expr, false
	}
	return v, a.Expr, true
}

// missing reports an argument that must be there, unless it was written and is
// wrong for another reason. Null counts as not written.
func (r *reader) missing(name, example string, at hcl.Range) {
	if r.l.guessed[[2]string{r.where, name}] {
		return
	}
	if !r.given(name) {
		r.l.errorf(&at, fmt.Sprintf("Missing argument %q", name), "%s needs %s: write for example %s.", upperFirst(r.where), name, example)
	}
}

// given reports whether an argument is there and not null, be it right or wrong.
// What is wrong is reported by whoever takes the value.
func (r *reader) given(name string) bool {
	a := r.body.Attributes[name]
	if a == nil {
		return false
	}
	before := len(r.l.diags)
	v, ok := r.l.evaluate(a.Expr, r.scope)
	r.l.diags = r.l.diags[:before]
	return !ok || !v.IsNull()
}

// evaluate gives the value of an expression, ok false when it has none that is
// known; the reason is then reported.
func (l *loader) evaluate(expr hclsyntax.Expression, scope *hcl.EvalContext) (cty.Value, bool) {
	if !l.checkReferences(expr, scope) {
		return cty.NilVal, false
	}
	v, diags := expr.Value(scope)
	l.diags = append(l.diags, diags...)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return cty.NilVal, false
	}
	return v, true
}

// text takes a string that is shown in plans and kept in the state, and so may
// not be sensitive.
func (r *reader) text(name string) (string, hclsyntax.Expression, bool) {
	v, expr, ok := r.value(name)
	if !ok {
		return "", expr, false
	}
	s, ok := r.l.asText(name, v, expr, r.scope)
	return s, expr, ok
}

func (l *loader) asText(name string, v cty.Value, expr hclsyntax.Expression, scope *hcl.EvalContext) (string, bool) {
	switch {
	case v.IsMarked():
		l.tooSensitive(name, expr, scope)
	case v.Type() != cty.String:
		l.errorIn(expr, scope, fmt.Sprintf("Wrong type for %q", name),
			"%s must be a string in double quotes, not %s.", name, kindOf(v))
	case holdsKey(v.AsString()):
		l.keepSecret(expr.Range()) // where it was put together from pieces
		l.errorIn(expr, scope, fmt.Sprintf("An API key in %q", name),
			"The value looks like an API key. Keys come from the environment variables GOOGLE_API_KEY or GEMINI_API_KEY only, since a config and what is made from it are shared and printed.")
	case strings.TrimSpace(v.AsString()) == "":
		l.errorIn(expr, scope, fmt.Sprintf("Empty %q", name), "%s must not be an empty string; to leave it unset, remove the line or write null.", name)
	default:
		return v.AsString(), true
	}
	return "", false
}

// plain takes a value of any type that is shown in plans and kept in the state.
func (r *reader) plain(name string) (cty.Value, hclsyntax.Expression, bool) {
	v, expr, ok := r.value(name)
	if ok && v.ContainsMarked() {
		r.l.tooSensitive(name, expr, r.scope)
		ok = false
	}
	return v, expr, ok
}

func (l *loader) tooSensitive(name string, expr hclsyntax.Expression, scope *hcl.EvalContext) {
	l.errorIn(expr, scope, fmt.Sprintf("Sensitive value for %q", name),
		"%s is shown in plans and kept in the state, so it cannot be sensitive. Remove sensitive = true from the variable, or write nonsensitive(…) around the value.", name)
}

// kindOf names what a value is, for "must be a string, not …".
func kindOf(v cty.Value) string {
	switch t := v.Type(); {
	case t == cty.Bool || t == cty.Number || t == cty.String:
		return "a " + t.FriendlyName()
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		return "a list"
	case t.IsObjectType() || t.IsMapType():
		return "a map"
	}
	return "something else"
}

// whole takes a whole number between two bounds, which fit an int.
func (r *reader) whole(name string, low, high int64) (int, bool) {
	n, ok := r.whole64(name, low, high)
	return int(n), ok
}

func (r *reader) whole64(name string, low, high int64) (int64, bool) {
	v, expr, ok := r.value(name)
	if !ok {
		return 0, false
	}
	n, err := wholeNumber(v, low, high)
	if err != nil {
		r.wrong(name, v, expr, err)
		return 0, false
	}
	return n, true
}

// wrong reports a value that has not the form that name needs.
func (r *reader) wrong(name string, v cty.Value, expr hclsyntax.Expression, err error) {
	r.l.errorIn(expr, r.scope, fmt.Sprintf("Invalid value for %q", name), "%s must be %s%s.", name, err, notGiven(v))
}

// notGiven gives ", not 7" for values that may be shown.
func notGiven(v cty.Value) string {
	statement := statementOf(v)
	if rest, ok := strings.CutPrefix(statement, "is "); ok && !holdsKey(rest) {
		return ", not " + rest
	}
	return ""
}

// wholeNumber accepts numbers and strings of digits; its error says what would
// be right.
func wholeNumber(v cty.Value, low, high int64) (int64, error) {
	n, err := number(v)
	if err == nil {
		if i, accuracy := n.Int64(); accuracy == big.Exact && i >= low && i <= high {
			return i, nil
		}
	}
	return 0, fmt.Errorf("a whole number from %d to %d", low, high)
}

// number gives the number that a value is or spells.
func number(v cty.Value) (*big.Float, error) {
	v, _ = v.Unmark()
	if v.IsNull() || v.Type() == cty.Bool {
		return nil, errors.New("a number")
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil || n.IsNull() || !n.IsKnown() {
		return nil, errors.New("a number")
	}
	return n.AsBigFloat(), nil
}

// decimal takes a number between two bounds.
func (r *reader) decimal(name string, low, high float64) (float64, bool) {
	v, expr, ok := r.value(name)
	if !ok {
		return 0, false
	}
	n, err := number(v)
	if err == nil {
		if f, _ := n.Float64(); f >= low && f <= high {
			return f, true
		}
	}
	r.wrong(name, v, expr, fmt.Errorf("a number from %s to %s", short(low), short(high)))
	return 0, false
}

func short(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// flag takes true or false.
func (r *reader) flag(name string) (value, ok bool) {
	v, expr, ok := r.value(name)
	if !ok {
		return false, false
	}
	plain, _ := v.Unmark()
	b, err := convert.Convert(plain, cty.Bool)
	if err != nil {
		r.wrong(name, v, expr, errors.New("true or false"))
		return false, false
	}
	return b.True(), true
}

// choice takes one of a few words.
func choice[T ~string](r *reader, name string, words ...T) (T, bool) {
	s, expr, ok := r.text(name)
	if !ok {
		return "", false
	}
	list, quoted := make([]string, len(words)), make([]string, len(words))
	for i, w := range words {
		if s == string(w) {
			return w, true
		}
		list[i], quoted[i] = string(w), strconv.Quote(string(w))
	}
	hint := ""
	if best := nearest(s, list); best != "" {
		hint = fmt.Sprintf(" Did you mean %q?", best)
	}
	r.l.errorIn(expr, r.scope, fmt.Sprintf("Invalid value for %q", name), "%s must be %s, not %q.%s", name, orList(quoted), s, hint)
	return "", false
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// maxDuration bounds lengths of time; what is longer is a slip of the pen.
const maxDuration = 30 * 24 * time.Hour

// duration takes a length of time of at least low.
func (r *reader) duration(name string, low time.Duration) (time.Duration, bool) {
	v, expr, ok := r.value(name)
	if !ok {
		return 0, false
	}
	d, err := duration(v, low)
	if err != nil {
		r.wrong(name, v, expr, err)
		return 0, false
	}
	return d, true
}

func duration(v cty.Value, low time.Duration) (time.Duration, error) {
	want := fmt.Errorf(`a length of time with its unit, such as "30s", "15m" or "2h", from %s to %s`, humanDuration(low), humanDuration(maxDuration))
	v, _ = v.Unmark()
	if v.IsNull() || v.Type() != cty.String {
		return 0, want
	}
	d, err := time.ParseDuration(strings.TrimSpace(v.AsString()))
	if err != nil || d < low || d > maxDuration {
		return 0, want
	}
	return d, nil
}

// humanDuration gives 15m instead of 15m0s.
func humanDuration(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if s == "" {
		return "0s"
	}
	if strings.HasSuffix(s, "h0m") {
		return strings.TrimSuffix(s, "0m")
	}
	if last := s[len(s)-1]; last >= '0' && last <= '9' { // 10s lost its end
		return d.String()
	}
	return s
}
