package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

const (
	// varsFile is read when it stands beside the config.
	varsFile = "qaplan.vars"
	// envPrefix starts the names of environment variables that set variables.
	envPrefix = "QAPLAN_VAR_"
)

// sensitive marks values that no message may show.
type sensitive struct{}

// variable is one declared variable. Its value is unknown while, or because, it
// is not given or wrong; that is then reported.
type variable struct {
	name      string
	block     *hclsyntax.Block
	typ       cty.Type
	defaults  *typeexpr.Defaults
	literal   bool // texts from outside are taken as they are, not parsed
	sensitive bool
	broken    bool // its declaration is wrong; nothing more is said about it

	set   bool
	value cty.Value
	from  *hcl.Range // where the value in force was given, nil for flags and environment
	said  string     // the same in words
}

func (l *loader) declareVariables(blocks []*hclsyntax.Block) {
	seen := map[string]*hclsyntax.Block{}
	for _, b := range blocks {
		name, ok := l.labelled(b, seen)
		if !ok {
			continue
		}
		v := &variable{name: name, block: b, typ: cty.DynamicPseudoType, literal: true, value: cty.DynamicVal}
		l.vars[name] = v
		before := len(l.diags)
		l.declareVariable(v)
		v.broken = l.diags[before:].HasErrors()
	}
}

func (l *loader) declareVariable(v *variable) {
	where := header(v.block)
	body := v.block.Body
	l.check(where, body, grammar{
		attrs:  []string{"type", "default", "description", "sensitive"},
		blocks: map[string]int{"validation": 0},
		hints: map[string]string{
			"nullable":  "null always stands for the default",
			"ephemeral": "a variable is never kept",
			"value":     `the value stands in default, in qaplan.vars or in --var`,
		},
	})
	r := &reader{l: l, body: body, where: where}
	v.sensitive, _ = r.flag("sensitive")
	r.text("description")
	if a := body.Attributes["type"]; a != nil {
		typ, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
		l.diags = append(l.diags, diags...)
		if diags.HasErrors() {
			return
		}
		v.typ, v.defaults = typ, defaults
		v.literal = typ.IsPrimitiveType()
	}
	a := body.Attributes["default"]
	if a == nil {
		return
	}
	if v.sensitive {
		l.keepSecret(a.Expr.Range())
	}
	given, ok := l.evaluate(a.Expr, nil)
	if !ok {
		return
	}
	if given.IsNull() {
		v.set, v.value = true, cty.NullVal(v.typ)
		return
	}
	l.assign(v, given, a.Expr.Range().Ptr(), "the default")
}

// keepSecret stars a range out in every snippet.
func (l *loader) keepSecret(r hcl.Range) {
	if f := l.files[r.Filename]; f != nil {
		f.secrets = append(f.secrets, [2]int{r.Start.Byte, r.End.Byte})
	}
}

// assign gives a variable a value from one of the places that may.
func (l *loader) assign(v *variable, given cty.Value, from *hcl.Range, said string) {
	if given.IsNull() { // unset: what was there before holds
		return
	}
	if v.defaults != nil {
		given = v.defaults.Apply(given)
	}
	value, err := convert.Convert(given, v.typ)
	if err != nil {
		at := from
		if at == nil {
			at = v.block.DefRange().Ptr()
		}
		l.errorf(at, fmt.Sprintf("Wrong type for variable %q", v.name),
			"The value from %s does not fit the type declared at %s: %s.", said, place(v.block.DefRange()), convert.MismatchMessage(given.Type(), v.typ))
		v.broken = true
		return
	}
	if v.sensitive {
		l.keep(value)
		value = value.Mark(sensitive{})
	}
	v.set, v.value, v.from, v.said = true, value, from, said
}

// assignVariables applies environment, variable files and flags, later ones over
// earlier ones, and reports variables that end without a value.
func (l *loader) assignVariables() {
	for _, name := range names(l.vars) {
		if text, ok := l.opts.env(envPrefix + name); ok {
			l.assignText(l.vars[name], text, "the environment variable "+envPrefix+name)
		}
	}
	auto := filepath.Join(l.dir, varsFile)
	if _, err := os.Stat(auto); !errors.Is(err, fs.ErrNotExist) {
		l.assignFile(auto, filepath.ToSlash(filepath.Join(filepath.Dir(l.opts.Path), varsFile)))
	}
	for _, path := range l.opts.VarFiles {
		l.assignFile(path, filepath.ToSlash(path))
	}
	for _, text := range l.opts.Vars {
		l.assignFlag(text)
	}
	for _, name := range names(l.vars) {
		v := l.vars[name]
		if v.broken {
			v.value = cty.DynamicVal
			continue
		}
		if !v.set {
			at := v.block.DefRange()
			l.errorf(&at, fmt.Sprintf("No value for variable %q", name),
				"It has no default. Give it one, or set it with --var '%s=…', with %s%s, or in %s.", name, envPrefix, name, varsFile)
		}
	}
}

func (l *loader) assignFlag(text string) {
	name, value, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		lacks := "equals sign"
		if ok {
			lacks = "name"
		}
		l.errorf(nil, "Invalid --var", "--var takes NAME=VALUE, such as --var model=gemini-2.5-flash; the one given has no %s.", lacks)
		return
	}
	v := l.vars[name]
	if v == nil {
		l.errorf(nil, fmt.Sprintf("--var for undeclared variable %q", name),
			"%s has no variable %q { … } block.%s", l.name, name, suggest(name, names(l.vars)))
		return
	}
	l.assignText(v, value, fmt.Sprintf("--var %s", name))
}

// assignText gives a variable a value that came as text: as it is for simple
// types, parsed as an expression for the others.
func (l *loader) assignText(v *variable, text, said string) {
	if v.broken {
		return
	}
	switch {
	case !utf8.ValidString(text):
		l.errorf(nil, fmt.Sprintf("Invalid value for variable %q", v.name), "The value from %s is not valid UTF-8.", said)
		v.broken = true
		return
	case holdsKey(text):
		l.errorf(nil, fmt.Sprintf("An API key in variable %q", v.name),
			"The value from %s looks like an API key. Keys come from the environment variables GOOGLE_API_KEY or GEMINI_API_KEY only, since a config and what is made from it are shared and printed.", said)
		v.broken = true
		return
	case v.literal:
		l.assign(v, cty.StringVal(text), nil, said)
		return
	}
	f := newSourceFile("<"+said+">", []byte(text))
	if v.sensitive {
		f.secrets = append(f.secrets, [2]int{0, len(text)})
	}
	l.files[f.name] = f
	expr, diags := hclsyntax.ParseExpression(f.text, f.name, hcl.InitialPos)
	if diags.HasErrors() {
		l.diags = append(l.diags, diags[0])
		v.broken = true
		return
	}
	value, ok := l.evaluate(expr, nil)
	if !ok {
		v.broken = true
		return
	}
	l.assign(v, value, expr.Range().Ptr(), said)
}

// assignFile takes the variables of one file of HCL arguments.
func (l *loader) assignFile(path, shown string) {
	src, err := readLimited(path)
	if err != nil {
		l.errorf(nil, "Cannot read the variable file "+shown, "%s. Variable files hold lines such as model = \"gemini-2.5-flash\".", upperFirst(cause(err)))
		return
	}
	body, ok := l.parse(shown, src)
	if !ok {
		return
	}
	for _, b := range body.Blocks {
		at := b.DefRange()
		l.errorf(&at, "Block in a variable file", "A variable file holds lines of the form NAME = VALUE alone; blocks stand in the config.")
	}
	for _, name := range names(body.Attributes) {
		a := body.Attributes[name]
		v := l.vars[name]
		if v == nil {
			l.errorf(&a.NameRange, fmt.Sprintf("Value for undeclared variable %q", name),
				"%s has no variable %q { … } block.%s", l.name, name, suggest(name, names(l.vars)))
			continue
		}
		if v.sensitive {
			l.keepSecret(a.Expr.Range())
		}
		value, ok := l.evaluate(a.Expr, nil)
		if !ok {
			v.broken = true
			continue
		}
		l.assign(v, value, a.Expr.Range().Ptr(), shown)
	}
}
