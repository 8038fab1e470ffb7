package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// texts are the files that diagnostics point into, and the words that none may
// repeat.
type texts struct {
	files map[string]*sourceFile
	// hidden are the texts of sensitive values.
	hidden []string
}

// minHidden is the length from which on a sensitive text is starred out wherever
// it turns up; shorter ones would star out half of every sentence.
const minHidden = 4

// keep makes the texts of a value unspeakable.
func (t *texts) keep(v cty.Value) {
	plain, _ := v.UnmarkDeep()
	for _, leaf := range leaves(plain) {
		if len(leaf) >= minHidden && !slices.Contains(t.hidden, leaf) {
			t.hidden = append(t.hidden, leaf)
		}
	}
	// The longest first: one may be a part of another.
	slices.SortFunc(t.hidden, func(a, b string) int { return len(b) - len(a) })
}

// leaves gives the strings and numbers in a value as text.
func leaves(v cty.Value) []string {
	var out []string
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) { // the function never fails
		if v.IsKnown() && !v.IsNull() {
			switch v.Type() {
			case cty.String:
				out = append(out, v.AsString())
			case cty.Number:
				out = append(out, v.AsBigFloat().Text('f', -1))
			}
		}
		return true, nil
	})
	return out
}

// hide stars out whatever looks like an API key or is sensitive.
func (t *texts) hide(s string) string {
	s = hideKeys(s)
	for _, secret := range t.hidden {
		s = strings.ReplaceAll(s, secret, "(sensitive value)")
	}
	return s
}

// convert gives a diagnostic of HCL the form of this package: with its source
// line and the values of its references, and without secrets.
func (t *texts) convert(d *hcl.Diagnostic) Diagnostic {
	out := Diagnostic{Severity: SeverityError, Summary: t.hide(d.Summary), Detail: t.hide(d.Detail)}
	if d.Severity == hcl.DiagWarning {
		out.Severity = SeverityWarning
	}
	if d.Subject == nil {
		return out
	}
	r := toRange(*d.Subject)
	out.Range = &r
	var values []SnippetValue
	secret := false
	if d.Expression != nil && d.EvalContext != nil {
		values, secret = referenced(d.Expression, d.EvalContext)
	}
	for i := range values {
		values[i].Statement = t.hide(values[i].Statement)
	}
	if secret && strings.Contains(strings.ToLower(d.Summary), "function") {
		// A function may have put its argument, or what it made of it, into
		// the reason.
		out.Detail = "The reason is left out: it could show a sensitive value."
	}
	if strings.HasPrefix(d.Summary, "Invalid escape sequence") {
		out.Detail += " A backslash starts an escape sequence: write paths with forward slashes, like \"c:/data/batch_*.jsonl\"; they work on every system."
	}
	if f := t.files[d.Subject.Filename]; f != nil {
		out.Snippet = f.snippet(*d.Subject)
		out.Snippet.Values = values
	}
	return out
}

func toRange(r hcl.Range) Range {
	return Range{
		Filename: r.Filename,
		Start:    Pos{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:      Pos{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// referenced tells what the references of an expression stand for, and whether
// one of them is sensitive.
func referenced(expr hcl.Expression, scope *hcl.EvalContext) (values []SnippetValue, secret bool) {
	seen := map[string]bool{}
	for _, traversal := range expr.Variables() {
		for ; len(traversal) > 1; traversal = traversal[:len(traversal)-1] {
			// x.y.z may fail at z; what x.y is then explains why.
			value, diags := traversal.TraverseAbs(scope)
			if diags.HasErrors() {
				continue
			}
			secret = secret || value.ContainsMarked()
			name := traversalString(traversal)
			if statement := statementOf(value); statement != "" && !seen[name] {
				seen[name] = true
				values = append(values, SnippetValue{Traversal: name, Statement: statement})
			}
			break
		}
	}
	slices.SortFunc(values, func(a, b SnippetValue) int { return strings.Compare(a.Traversal, b.Traversal) })
	return values, secret
}

func traversalString(t hcl.Traversal) string {
	var b strings.Builder
	for _, step := range t {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			key, _ := step.Key.Unmark()
			switch {
			case key.IsNull() || !key.IsKnown():
				b.WriteString("[...]")
			case key.Type() == cty.String:
				fmt.Fprintf(&b, "[%q]", key.AsString())
			case key.Type() == cty.Number:
				fmt.Fprintf(&b, "[%s]", key.AsBigFloat().Text('f', -1))
			}
		}
	}
	return b.String()
}

// statementOf says what a value is in a few words, nothing for one that is not
// known: it failed elsewhere, and that is reported there.
func statementOf(v cty.Value) string {
	if v.IsMarked() {
		return "has a sensitive value"
	}
	if !v.IsKnown() {
		return ""
	}
	if v.IsNull() {
		return "is null"
	}
	switch t := v.Type(); {
	case t == cty.String:
		s := v.AsString()
		if len(s) > 100 {
			return fmt.Sprintf("is a string of %d bytes", len(s))
		}
		return fmt.Sprintf("is %q", s)
	case t == cty.Number:
		return "is " + v.AsBigFloat().Text('g', 20)
	case t == cty.Bool:
		return fmt.Sprintf("is %t", v.True())
	case t.IsCollectionType() || t.IsTupleType():
		if !v.IsWhollyKnown() {
			return ""
		}
		name := "a list"
		if t.IsMapType() || t.IsSetType() {
			name = article(t.FriendlyName())
		}
		return fmt.Sprintf("is %s of length %d", name, v.LengthInt())
	case t.IsObjectType():
		attrs := names(t.AttributeTypes())
		if len(attrs) == 0 {
			return "is an empty object"
		}
		if len(attrs) > 8 {
			return fmt.Sprintf("is an object with %d attributes", len(attrs))
		}
		return "is an object with " + strings.Join(attrs, ", ")
	}
	return ""
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}
