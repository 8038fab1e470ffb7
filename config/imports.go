package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/qaplan/qaplan/planner"
)

// Import says that something that exists at the service is a batch's.
type Import struct {
	To planner.Address
	ID string // batches/… or files/…

	declared hcl.Range
}

// Declared is the place of the block's header in the config.
func (i *Import) Declared() Range { return toRange(i.declared) }

const (
	jobPrefix  = "batches/"
	filePrefix = "files/"
	// outputPrefix begins the names of the files that jobs write their answers
	// to; the rest is the job's own id.
	outputPrefix = "files/batch-"
	importTo     = "batch.NAME[51]"
)

func importGrammar() grammar {
	return grammar{
		attrs: []string{"to", "id"},
		hints: map[string]string{
			"batch": "write to", "address": "write to", "target": "write to", "from": "write to = " + importTo + " and id = \"batches/…\"",
			"job": "write id", "file": "write id", "name": "write id", "source": "write id",
			"for_each": "write one import block for each job or file", "provider": "the config has one provider",
		},
	}
}

// decodeImports reads the import blocks, after the blocks that they point to.
func (l *loader) decodeImports(cfg *Config, blocks []*hclsyntax.Block) {
	for _, b := range blocks {
		if imp, ok := l.decodeImport(cfg, b); ok && l.unique(cfg.Imports, imp) {
			cfg.Imports = append(cfg.Imports, imp)
		}
	}
	slices.SortFunc(cfg.Imports, func(a, b Import) int { return cmp.Or(a.To.Compare(b.To), cmp.Compare(a.ID, b.ID)) })
}

func (l *loader) decodeImport(cfg *Config, b *hclsyntax.Block) (Import, bool) {
	imp := Import{declared: b.DefRange()}
	r := &reader{l: l, body: b.Body, where: header(b), scope: l.scope}
	for _, name := range importGrammar().attrs {
		delete(l.guessed, [2]string{r.where, name}) // of another import block
	}
	l.check(r.where, b.Body, importGrammar())
	to, named := l.importTarget(r, imp.declared)
	imp.To = to
	declared := named && l.checkTarget(cfg, to, b.Body.Attributes["to"].Expr.Range())
	r.missing("id", `id = "batches/…"`, imp.declared)
	text, expr, ok := r.text("id")
	if !ok {
		return imp, false
	}
	id, complaint := serviceName(text)
	if complaint != "" {
		l.errorIn(expr, r.scope, `Invalid value for "id"`, "%s", complaint)
		return imp, false
	}
	imp.ID = id
	return imp, declared
}

// importTarget reads the address in to. It is no value but a name, and so is
// written out: what an import means must not depend on variables.
func (l *loader) importTarget(r *reader, declared hcl.Range) (planner.Address, bool) {
	a := r.body.Attributes["to"]
	if a == nil || isNull(a.Expr) {
		if !l.guessed[[2]string{r.where, "to"}] {
			l.errorf(&declared, `Missing argument "to"`, "Import needs to: write for example to = %s.", importTo)
		}
		return planner.Address{}, false
	}
	to, complaint := targetOf(a.Expr)
	if complaint != "" {
		at := a.Expr.Range()
		l.errorf(&at, `Invalid value for "to"`, "%s", complaint)
		return planner.Address{}, false
	}
	return to, true
}

func isNull(expr hclsyntax.Expression) bool {
	literal, ok := expr.(*hclsyntax.LiteralValueExpr)
	return ok && literal.Val.IsNull()
}

// targetOf gives the address that an expression spells, or a sentence on why it
// spells none.
func targetOf(expr hclsyntax.Expression) (planner.Address, string) {
	if template, ok := expr.(*hclsyntax.TemplateExpr); ok && template.IsStringLiteral() {
		v, _ := template.Value(nil)
		var to planner.Address
		if to.UnmarshalText([]byte(v.AsString())) == nil {
			return planner.Address{}, fmt.Sprintf("Write the address without the quotes: to = %s.", to)
		}
	}
	if index, ok := expr.(*hclsyntax.IndexExpr); ok && traversalRoot(index.Collection) == "batch" {
		return planner.Address{}, "The number must be written out, such as " + importTo + ": one import is for one batch, and means the same whatever the variables say."
	}
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() || t.RootName() != "batch" {
		return planner.Address{}, "to names one batch, such as " + importTo + "."
	}
	name, ok := "", len(t) > 1
	if ok {
		var step hcl.TraverseAttr
		step, ok = t[1].(hcl.TraverseAttr)
		name = step.Name
	}
	switch {
	case !ok || len(t) > 3:
		return planner.Address{}, "to names one batch, such as " + importTo + "."
	case len(t) == 2:
		return planner.Address{}, fmt.Sprintf("to names one batch of the block: write batch.%s[51] with its number.", name)
	}
	index, ok := t[2].(hcl.TraverseIndex)
	if !ok || index.Key.Type() != cty.Number {
		return planner.Address{}, fmt.Sprintf("The number stands in brackets, without quotes: write batch.%s[51].", name)
	}
	n, err := wholeNumber(index.Key, 0, maxNumber)
	if err != nil {
		return planner.Address{}, fmt.Sprintf("The number of a batch is %s.", err)
	}
	return planner.Address{Block: name, Number: int(n)}, ""
}

func traversalRoot(expr hclsyntax.Expression) string {
	t, diags := hcl.AbsTraversalForExpr(expr)
	if diags.HasErrors() {
		return ""
	}
	return t.RootName()
}

// checkTarget makes sure that the config declares the batch.
func (l *loader) checkTarget(cfg *Config, to planner.Address, at hcl.Range) bool {
	i := slices.IndexFunc(cfg.Blocks, func(b Block) bool { return b.Name == to.Block })
	if i < 0 {
		if len(cfg.Blocks) > 0 { // else that is what is wrong
			known := make([]string, len(cfg.Blocks))
			for i := range cfg.Blocks {
				known[i] = cfg.Blocks[i].Name
			}
			l.errorf(&at, fmt.Sprintf("Undeclared batch block %q", to.Block), "No batch %q { … } block is in the config.%s", to.Block, suggest(to.Block, known))
		}
		return false
	}
	b := &cfg.Blocks[i]
	switch {
	case !b.numbered: // reported where it stands
		return false
	case to.Number < b.First || to.Number > b.Last:
		l.errorf(&at, fmt.Sprintf("%s is outside the range", to), "Batch %q, declared at %s, has the range [%d, %d]. Correct the number, or widen the range.", b.Name, place(b.declared), b.First, b.Last)
		return false
	}
	if _, excluded := slices.BinarySearch(b.Exclude, to.Number); excluded {
		l.errorf(&at, fmt.Sprintf("%s is excluded", to), "exclude of batch %q, declared at %s, names %d. Take it out there, or remove the import.", b.Name, place(b.declared), to.Number)
		return false
	}
	return true
}

// unique reports an import that contradicts an earlier one. A batch has one job
// and one upload, and each of them is one batch's.
func (l *loader) unique(earlier []Import, imp Import) bool {
	for i := range earlier {
		e := &earlier[i]
		switch {
		case e.ID == imp.ID && e.To == imp.To:
			l.errorf(&imp.declared, fmt.Sprintf("%s imported twice", imp.ID), "The same import stands at %s. Remove one of them.", place(e.declared))
			return false
		case e.ID == imp.ID:
			l.errorf(&imp.declared, fmt.Sprintf("%s imported twice", imp.ID), "It is imported for %s at %s and here for %s; it can be one batch's only.", e.To, place(e.declared), imp.To)
			return false
		case e.To == imp.To && kindOfName(e.ID) == kindOfName(imp.ID):
			kind := kindOfName(imp.ID)
			l.errorf(&imp.declared, fmt.Sprintf("A second %s for %s", kind, imp.To), "%s is imported for it at %s. A batch takes one %s; remove the import of the other.", e.ID, place(e.declared), kind)
			return false
		}
	}
	return true
}

func kindOfName(id string) string {
	if strings.HasPrefix(id, jobPrefix) {
		return "job"
	}
	return "upload"
}

// serviceName gives the service's own name of a job or an upload, which may be
// written as a full address, or a sentence on why it is none.
func serviceName(text string) (name, complaint string) {
	const want = `write "batches/…" for a job or "files/…" for an upload`
	name = strings.TrimSpace(text)
	if scheme, _, isURI := strings.Cut(name, "://"); isURI {
		u, err := url.Parse(name)
		switch {
		case err != nil || !strings.EqualFold(scheme, "https") || u.Host == "":
			return "", fmt.Sprintf("This is no https address of a job or an upload: %s.", want)
		case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, ":"):
			return "", fmt.Sprintf("The address has more than the name of a job or an upload: %s.", want)
		}
		steps := strings.Split(u.Path, "/")
		name = strings.Join(steps[max(0, len(steps)-2):], "/")
	}
	switch {
	case strings.HasPrefix(name, outputPrefix):
		return "", fmt.Sprintf("%q holds the answers of a job. Import the job itself: %q.", name, jobPrefix+strings.TrimPrefix(name, outputPrefix))
	case isServiceName(name):
		return name, ""
	case isBareID(name):
		return "", fmt.Sprintf("%q alone does not say what it is. Write %q for a job or %q for an upload.", name, jobPrefix+name, filePrefix+name)
	}
	return "", fmt.Sprintf("%q is no name of a job or an upload: %s.", text, want)
}

// imports lists what is imported for each batch, in order.
func (c *Config) imports() map[planner.Address][]string {
	ids := make(map[planner.Address][]string, len(c.Imports))
	for i := range c.Imports {
		ids[c.Imports[i].To] = append(ids[c.Imports[i].To], c.Imports[i].ID)
	}
	return ids
}
