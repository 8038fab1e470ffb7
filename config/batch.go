package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/blob"
)

const (
	defaultMaxAttempts = 3
	maxMaxAttempts     = 100
	// maxNumber bounds batch numbers, maxBatches the length of a range; more is a
	// slip of the pen.
	maxNumber  = 999_999_999
	maxBatches = 1_000_000
)

// decodeBatches reads the batch blocks.
func (l *loader) decodeBatches(ctx context.Context, cfg *Config, blocks []*hclsyntax.Block) {
	if len(blocks) == 0 && l.guessed[[2]string{topWhere, "batch"}] {
		return
	}
	if len(blocks) == 0 {
		if l.opts.WithoutBatches {
			return
		}
		l.errorf(nil, "No batches", "%s declares none. Add a block such as\n  batch \"NAME\" {\n    range      = [1, 10]\n    model      = \"gemini-2.5-flash\"\n    source     = \"batches/batch_*.jsonl\"\n    output_dir = \"results\"\n  }", l.name)
		return
	}
	seen := map[string]*hclsyntax.Block{}
	for _, b := range blocks {
		if name, ok := l.labelled(b, seen); ok {
			block := Block{Name: name, declared: b.DefRange()}
			l.decodeBatch(ctx, cfg, &block, b)
			cfg.Blocks = append(cfg.Blocks, block)
		}
	}
	slices.SortFunc(cfg.Blocks, func(a, b Block) int { return strings.Compare(a.Name, b.Name) })
}

func batchGrammar() grammar {
	hints := insideBlock("expect", expectNames())
	maps.Copy(hints, insideBlock("repair", []string{"generation_config"}))
	maps.Copy(hints, map[string]string{
		"count": "write range = [first, last]", "for_each": "write range = [first, last]",
		"from": "write range = [first, last]", "to": "write range = [first, last]",
		"command": `write it inside on_complete { … }`, "hook": "write on_complete { command = [\"…\"] }", "on_done": "write on_complete { command = [\"…\"] }",
		"budget": "write max_cost", "cost": "write max_cost", "cached": "write it inside price { … }",
		"output": "write output_dir", "input": "write source", "files": "write source", "glob": "write source",
		"dataset": "dataset \"NAME\" { … } stands beside the batch blocks",
		"name":    "the name stands behind batch; for the name at the service write display_name",
	})
	return grammar{
		attrs: []string{
			"range", "model", "source", "output_dir", "display_name", "exclude",
			"on_change", "unclaimed", "max_attempts", "allow_missing", "max_cost",
		},
		blocks: map[string]int{"expect": 0, "repair": 0, "price": 0, "on_complete": 0},
		once:   []string{"expect", "repair", "price", "on_complete"},
		hints:  hints,
	}
}

func (l *loader) decodeBatch(ctx context.Context, cfg *Config, block *Block, b *hclsyntax.Block) {
	r := &reader{l: l, body: b.Body, where: header(b), scope: l.scope}
	l.check(r.where, b.Body, batchGrammar())
	r.missing("range", "range = [51, 204]", block.declared)
	r.missing("model", `model = "gemini-2.5-flash"`, block.declared)
	r.missing("source", `source = "submissions/batch_*_proper.jsonl"`, block.declared)
	r.missing("output_dir", `output_dir = "results"`, block.declared)

	block.numbered = r.numbers(block)
	if text, expr, ok := r.text("model"); ok {
		model, complaint := ModelName(text)
		if complaint != "" {
			l.errorIn(expr, r.scope, "Invalid model", "%s", complaint)
		}
		block.Model, block.ModelVar = model, variableOf(expr)
	}
	r.source(block)
	r.outputDir(cfg, block)
	block.OnChange, block.Unclaimed, block.MaxAttempts = planner.OnChangeHold, UnclaimedHold, defaultMaxAttempts
	if c, ok := choice(r, "on_change", planner.OnChangeHold, planner.OnChangeRerun, planner.OnChangeKeep); ok {
		block.OnChange = c
	}
	if c, ok := choice(r, "unclaimed", UnclaimedHold, UnclaimedIgnore); ok {
		block.Unclaimed = c
	}
	if n, ok := r.whole("max_attempts", 1, maxMaxAttempts); ok {
		block.MaxAttempts = n
	}
	block.AllowMissing, _ = r.flag("allow_missing")
	block.MaxCost, _ = r.usd("max_cost", maxCost, false)
	if block.MaxCost > 0 { // and not null
		at := toRange(r.body.Attributes["max_cost"].Range())
		block.MaxCostPlace = at.place()
	}
	l.decodeInner(block, b.Body)
	if block.numbered {
		r.displayNames(ctx, block)
	}
}

// variableOf gives the variable that an expression is nothing but, "" where it is
// anything else.
func variableOf(expr hclsyntax.Expression) string {
	switch e := expr.(type) {
	case *hclsyntax.TemplateWrapExpr: // "${var.model}"
		return variableOf(e.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		return variableOf(e.Expression)
	case *hclsyntax.ScopeTraversalExpr:
		if name, ok := stepName(e.Traversal); ok && len(e.Traversal) == 2 && e.Traversal.RootName() == "var" {
			return name
		}
	}
	return ""
}

// decodeInner reads the blocks inside a batch block.
func (l *loader) decodeInner(block *Block, body *hclsyntax.Body) {
	block.Rules = defaultRules()
	for _, b := range body.Blocks {
		switch b.Type {
		case "expect":
			l.decodeExpect(block, b)
		case "repair":
			l.decodeRepair(block, b)
		case "price":
			l.decodePrice(block, b)
		case "on_complete":
			l.decodeHook(block, b)
		}
	}
	block.RulesDigest = rulesDigest(block)
}

// numbers reads range and exclude.
func (r *reader) numbers(block *Block) bool {
	v, expr, ok := r.plain("range")
	if !ok {
		return false
	}
	wrong := func(detail string, args ...any) bool {
		r.l.errorIn(expr, r.scope, `Invalid value for "range"`, detail, args...)
		return false
	}
	list, ok := listOf(v)
	if !ok || v.Type().IsSetType() || len(list) != 2 {
		return wrong("range must be a list of two numbers, the first and the last batch, both included: write for example [51, 204]. Single batches are left out with exclude.")
	}
	var bounds [2]int
	for i, e := range list {
		n, err := wholeNumber(e, 0, maxNumber)
		if err != nil {
			return wrong("The %s number of range must be %s%s.", [2]string{"first", "last"}[i], err, notGiven(e))
		}
		bounds[i] = int(n)
	}
	block.First, block.Last = bounds[0], bounds[1]
	switch n := block.Last - block.First + 1; {
	case n <= 0:
		return wrong("range ends before it starts: write [%d, %d].", block.Last, block.First)
	case n > maxBatches:
		return wrong("range has %d batches; one block can declare at most %d.", n, maxBatches)
	}
	return r.exclude(block)
}

func (r *reader) exclude(block *Block) bool {
	v, expr, ok := r.plain("exclude")
	if !ok {
		return true
	}
	list, ok := listOf(v)
	if !ok {
		r.wrong("exclude", v, expr, errors.New("a list of batch numbers such as [60, 61]"))
		return false
	}
	var outside []int
	wrong := 0
	for i, e := range list {
		whole, err := wholeNumber(e, 0, maxNumber)
		if err != nil {
			wrong++
			r.l.errorIn(element(expr, i), r.scope, `Invalid value in "exclude"`, "Every element of exclude must be %s%s.", err, notGiven(e))
			continue
		}
		n := int(whole)
		if n < block.First || n > block.Last {
			outside = append(outside, n)
			continue
		}
		block.Exclude = append(block.Exclude, n)
	}
	if wrong > 0 {
		return false
	}
	slices.Sort(block.Exclude)
	block.Exclude = slices.Compact(block.Exclude)
	if len(outside) > 0 {
		slices.Sort(outside)
		at := expr.Range()
		r.l.warnf(&at, "exclude names batches outside the range",
			"range is [%d, %d]; %s would not be bought anyway.", block.First, block.Last, source.Ranges(slices.Compact(outside)))
	}
	if block.Count() == 0 {
		r.l.errorIn(expr, r.scope, "Every batch is excluded", "exclude names every number of range [%d, %d]: the block declares nothing. Remove the block, or numbers from exclude.", block.First, block.Last)
		return false
	}
	return true
}

// ModelName gives a model without "models/", or a sentence on why it is none.
func ModelName(text string) (name, complaint string) {
	name = strings.TrimPrefix(strings.TrimSpace(text), "models/")
	if isModel(name) {
		return name, ""
	}
	if likely := strings.ToLower(strings.ReplaceAll(name, " ", "-")); isModel(likely) {
		return "", fmt.Sprintf("%q is no model. Did you mean %q?", text, likely)
	}
	return "", fmt.Sprintf("%q is no model: a model has lower-case letters, digits, dots and hyphens, like %q.", text, "gemini-2.5-flash")
}

// source reads the glob. It is used as it was written, but compared with file
// names regardless of how either spells its accents.
func (r *reader) source(block *Block) {
	p, ok := r.path("source")
	if !ok {
		return
	}
	expr := r.body.Attributes["source"].Expr
	block.sourceAt = expr.Range()
	if err := source.CheckGlob(p); err != nil {
		r.l.errorIn(expr, r.scope, `Invalid value for "source"`, "%q: %s.", p, err)
		return
	}
	block.Source = r.l.locate(p).shown
}

func (r *reader) outputDir(cfg *Config, block *Block) {
	at, moved, ok := r.folder("output_dir")
	if !ok {
		return
	}
	expr := r.body.Attributes["output_dir"].Expr
	block.outputAt = expr.Range()
	if strings.Contains(at.shown, "*") {
		r.l.errorIn(expr, r.scope, `Invalid value for "output_dir"`, "%q: output_dir is one folder for the whole block; a result takes its name from its source.", at.shown)
		return
	}
	block.outputReal = at.abs
	if blob.IsURL(at.abs) {
		block.outputReal = at.shown
	}
	if cfg.Provider.Kind == ProviderEmulator {
		at = moved
	}
	block.OutputDir, block.OutputDirAbs = at.shown, at.abs
	if block.Source != "" && sameFolder(r.l.locate(path.Dir(block.Source)).abs, block.outputReal) {
		r.l.errorIn(expr, r.scope, "output_dir is the folder of the sources",
			"A result has the name of its source, so the results would overwrite the sources. Name another folder, such as \"results\".")
	}
}

// displayNames evaluates display_name for every batch, so that a mistake in it
// is found before anything is bought.
func (r *reader) displayNames(ctx context.Context, block *Block) {
	a := r.body.Attributes["display_name"]
	if a == nil {
		return
	}
	scope := r.scope.NewChild()
	scope.Variables = map[string]cty.Value{"each": cty.DynamicVal}
	if !r.l.checkReferences(a.Expr, scope) {
		return
	}
	numbers := 1
	for _, t := range a.Expr.Variables() {
		if t.RootName() == "each" {
			numbers = block.Last - block.First + 1
		}
	}
	names := make([]string, 0, numbers)
	for i := range numbers {
		if i%1024 == 0 && ctx.Err() != nil {
			return
		}
		scope.Variables["each"] = cty.ObjectVal(map[string]cty.Value{"number": cty.NumberIntVal(int64(block.First + i))})
		name, ok := r.displayName(a.Expr, scope)
		if !ok {
			return // the same mistake for every number would be no news
		}
		names = append(names, name)
	}
	block.names = names
}

// displayName gives "" for null, which is the default.
func (r *reader) displayName(expr hclsyntax.Expression, scope *hcl.EvalContext) (string, bool) {
	v, diags := expr.Value(scope)
	r.l.diags = append(r.l.diags, diags...)
	if diags.HasErrors() || !v.IsWhollyKnown() {
		return "", false
	}
	if v.IsNull() {
		return "", true
	}
	if plain, marks := v.Unmark(); plain.Type() == cty.Number {
		if text, err := convert.Convert(plain, cty.String); err == nil {
			v = text.WithMarks(marks)
		}
	}
	return r.l.asText("display_name", v, expr, scope)
}
