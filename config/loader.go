package config

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Load reads a config file. The Config is nil when the diagnostics hold errors.
// It reads the config, variable files, schemas and what functions such as file
// name; source files and folders are looked at by [Config.Inputs].
func Load(ctx context.Context, opts Options) (*Config, Diagnostics) {
	if opts.Path == "" {
		opts.Path = DefaultFile
	}
	l := newLoader(opts)
	src, ok := l.readConfig(opts.Path)
	if !ok {
		return nil, l.finish()
	}
	return l.load(ctx, src)
}

// loader carries what the phases of one load share.
type loader struct {
	opts Options
	name string // of the config file, as messages show it
	dir  string // its folder, absolute
	*texts
	diags hcl.Diagnostics
	funcs map[string]function.Function
	vars  map[string]*variable
	local map[string]*local
	// varObject is var, once the variables have their values.
	varObject cty.Value
	// guessed holds names, with what they belong to, that unknown ones most
	// likely stand for.
	guessed map[[2]string]bool
	schemas map[string]*schema // by absolute path
	limited []limitedModel
	// scope is what expressions outside display_name see.
	scope *hcl.EvalContext
}

func newLoader(opts Options) *loader {
	abs, err := filepath.Abs(opts.Path)
	if err != nil { // the working folder is gone
		abs = filepath.Clean(opts.Path)
	}
	dir := filepath.Dir(abs)
	return &loader{
		opts: opts, name: filepath.ToSlash(opts.Path), dir: dir,
		texts: &texts{files: map[string]*sourceFile{}}, funcs: functions(dir),
		vars: map[string]*variable{}, local: map[string]*local{}, guessed: map[[2]string]bool{}, schemas: map[string]*schema{},
	}
}

func (l *loader) load(ctx context.Context, src []byte) (*Config, Diagnostics) {
	body, ok := l.parse(l.name, src)
	if !ok || !l.checkVersion(body) {
		return nil, l.finish()
	}
	blocks := l.topLevel(body)
	l.declareVariables(blocks["variable"])
	l.assignVariables()
	l.declareLocals(blocks["locals"])
	l.evaluateLocals()
	l.scope = l.scopeWith(l.localValues())
	l.validateVariables()

	cfg := &Config{Path: l.name, Dir: l.dir, texts: l.texts}
	l.decodeProvider(cfg, blocks["provider"])
	l.decodeSettings(cfg, blocks["qaplan"])
	l.decodeBatches(ctx, cfg, blocks["batch"])
	l.decodeImports(cfg, blocks["import"])
	l.decodeDatasets(cfg, blocks["dataset"])
	l.checkLimitedModels(cfg)
	if ctx.Err() != nil {
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Interrupted while reading the config"})
	}
	if l.diags.HasErrors() {
		return nil, l.finish()
	}
	cfg.Digest = digest(cfg)
	return cfg, l.finish()
}

const topWhere = "the config"

// topLevel sorts the blocks of the config by type and refuses the rest.
func (l *loader) topLevel(body *hclsyntax.Body) map[string][]*hclsyntax.Block {
	l.check(topWhere, body, grammar{
		blocks: map[string]int{"qaplan": 0, "provider": 1, "variable": 1, "locals": 0, "batch": 1, "import": 0, "dataset": 1},
		hints: map[string]string{
			"resource":         "declare batches with batch \"NAME\" { … }",
			"local":            "local values stand in a locals { … } block",
			"terraform":        "settings of the tool stand in a qaplan { … } block",
			"output":           "qaplan has no outputs; results are files in output_dir",
			"module":           "qaplan has no modules",
			"backend":          "a backend stands inside the qaplan { … } block",
			"rate":             "rate { … } stands inside the provider block",
			"expect":           "expect { … } stands inside a batch block",
			"repair":           "repair { … } stands inside a batch block",
			"price":            "price { … } stands inside a batch block",
			"max_cost":         "it stands inside a batch block",
			"model":            "it stands inside a batch block",
			"range":            "it stands inside a batch block",
			"source":           "it stands inside a batch block",
			"output_dir":       "it stands inside a batch block",
			"base_url":         "it stands inside the provider block",
			"required_version": "it stands inside the qaplan block",
		},
	})
	blocks := map[string][]*hclsyntax.Block{}
	for _, b := range body.Blocks {
		blocks[b.Type] = append(blocks[b.Type], b)
	}
	return blocks
}

// scopeWith gives what expressions see: var.*, local.* and the functions. What
// could not be evaluated is unknown, so that it is reported once, where it is
// wrong, and not again wherever it is used.
func (l *loader) scopeWith(locals map[string]cty.Value) *hcl.EvalContext {
	if l.varObject == cty.NilVal {
		vars := make(map[string]cty.Value, len(l.vars))
		for name, v := range l.vars {
			vars[name] = v.value
		}
		l.varObject = cty.ObjectVal(vars)
	}
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{"var": l.varObject, "local": cty.ObjectVal(locals)},
		Functions: l.funcs,
	}
}

// localValues gives the values of all locals.
func (l *loader) localValues() map[string]cty.Value {
	locals := make(map[string]cty.Value, len(l.local))
	for name, v := range l.local {
		locals[name] = v.value
	}
	return locals
}

// errorf reports an error at a range.
func (l *loader) errorf(at *hcl.Range, summary, detail string, args ...any) {
	l.report(hcl.DiagError, at, summary, detail, args...)
}

func (l *loader) warnf(at *hcl.Range, summary, detail string, args ...any) {
	l.report(hcl.DiagWarning, at, summary, detail, args...)
}

func (l *loader) report(severity hcl.DiagnosticSeverity, at *hcl.Range, summary, detail string, args ...any) {
	l.diags = append(l.diags, &hcl.Diagnostic{
		Severity: severity, Summary: summary, Detail: fmt.Sprintf(detail, args...), Subject: at,
	})
}

// errorIn reports an error about the value of an expression, whose references
// are shown with it.
func (l *loader) errorIn(expr hclsyntax.Expression, scope *hcl.EvalContext, summary, detail string, args ...any) {
	l.diags = append(l.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(detail, args...),
		Subject: expr.Range().Ptr(), Expression: expr, EvalContext: scope,
	})
}

// finish turns what was found into the form that leaves the package.
func (l *loader) finish() Diagnostics {
	out := make(Diagnostics, 0, len(l.diags))
	for _, d := range l.diags {
		out = append(out, l.convert(d))
	}
	return out.sorted()
}

// names lists the keys of a map in order.
func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
