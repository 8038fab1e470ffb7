package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/blob"
)

// Dataset is one file that is put together from the results of blocks.
type Dataset struct {
	Name    string
	From    []string // names of blocks, in the order of the config, each once
	Path    string   // as messages show it
	PathAbs string
	Format  planner.DatasetFormat
	Fields  []planner.DatasetField // in the order of the columns, never empty
	// Digest is the sha256 of the meaning in lower-case hex, the same on every
	// machine. What the blocks mean is not in it.
	Digest string

	declared hcl.Range
	pathAt   hcl.Range
	real     location // before a rehearsal moved it
}

// Declared is the place of the block's header in the config.
func (d *Dataset) Declared() Range { return toRange(d.declared) }

// fieldSources are all but planner.FieldJSON, which needs a path.
func fieldSources() []string {
	return []string{
		string(planner.FieldKey), string(planner.FieldNumber), string(planner.FieldText), string(planner.FieldModel),
		string(planner.FieldInputTokens), string(planner.FieldOutputTokens), string(planner.FieldFinishReason), string(planner.FieldBlock),
	}
}

// defaultFields are the columns when none are declared.
func defaultFields() []planner.DatasetField {
	return []planner.DatasetField{{Name: "key", Source: planner.FieldKey}, {Name: "number", Source: planner.FieldNumber}, {Name: "text", Source: planner.FieldText}}
}

func datasetGrammar() grammar {
	return grammar{
		attrs: []string{"from", "path", "format", "fields"},
		hints: map[string]string{
			"blocks": "write from", "batch": "write from", "batches": "write from", "source": "write from", "sources": "write from",
			"file": "write path", "output": "write path", "output_file": "write path",
			"output_dir": "write path = … with the name of one file", "columns": "write fields",
			"schema": "write fields; what an answer has to fit stands in expect { … } of the batch block", "type": "write format",
		},
	}
}

// decodeDatasets reads the dataset blocks, after the blocks that they are made
// from.
func (l *loader) decodeDatasets(cfg *Config, blocks []*hclsyntax.Block) {
	seen := map[string]*hclsyntax.Block{}
	for _, b := range blocks {
		if name, ok := l.labelled(b, seen); ok {
			cfg.Datasets = append(cfg.Datasets, l.decodeDataset(cfg, name, b))
		}
	}
	slices.SortFunc(cfg.Datasets, func(a, b Dataset) int { return strings.Compare(a.Name, b.Name) })
	l.checkDatasetPaths(cfg)
}

func (l *loader) decodeDataset(cfg *Config, name string, b *hclsyntax.Block) Dataset {
	d := Dataset{Name: name, Fields: defaultFields(), declared: b.DefRange()}
	r := &reader{l: l, body: b.Body, where: header(b), scope: l.scope}
	l.check(r.where, b.Body, datasetGrammar())
	r.missing("from", `from = ["NAME"] with the names of batch blocks`, d.declared)
	r.missing("path", `path = "dataset.jsonl"`, d.declared)
	d.From = r.from(cfg)
	r.datasetPath(cfg, &d)
	if format, ok := choice(r, "format", planner.FormatJSONL, planner.FormatCSV); ok {
		d.Format = format
	}
	if fields, ok := r.fields(); ok {
		d.Fields = fields
	}
	h := sha256.New()
	write(h, "dataset", d.Name, d.From, d.Path, d.Format, d.Fields)
	d.Digest = hex.EncodeToString(h.Sum(nil))
	return d
}

// from takes the names of the blocks whose results the dataset holds.
func (r *reader) from(cfg *Config) []string {
	a := r.body.Attributes["from"]
	if a != nil && refersToBatch(a.Expr) {
		at := a.Expr.Range()
		r.l.errorf(&at, `Invalid value for "from"`, "from names blocks, which expressions cannot refer to: write their names as strings, such as from = [%q].", r.exampleBlock(cfg))
		return nil
	}
	list, exprs, _ := r.words("from", true, errors.New("a list of names of batch blocks"))
	var found []string
	for i, name := range list {
		fail := func(summary, detail string, args ...any) {
			r.l.errorIn(exprs[i], r.scope, summary, detail, args...)
		}
		known := slices.ContainsFunc(cfg.Blocks, func(b Block) bool { return b.Name == name })
		bare := strings.TrimPrefix(name, "batch.")
		switch {
		case slices.Contains(found, name):
			fail(fmt.Sprintf("Block %q named twice", name), "The rows of batch %q would stand in the dataset twice. Remove one of the two.", name)
		case known:
			found = append(found, name)
		case len(cfg.Blocks) == 0: // which is what is wrong
		case bare != name:
			fail(`Invalid value in "from"`, "from takes the names of blocks alone: write %q.", bare)
		default:
			known := make([]string, len(cfg.Blocks))
			for i := range cfg.Blocks {
				known[i] = cfg.Blocks[i].Name
			}
			fail(fmt.Sprintf("Undeclared batch block %q", name), "No batch %q { … } block is in the config.%s", name, suggest(name, known))
		}
	}
	return found
}

func refersToBatch(expr hclsyntax.Expression) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool { return t.RootName() == "batch" })
}

func (r *reader) exampleBlock(cfg *Config) string {
	if len(cfg.Blocks) == 0 {
		return "NAME"
	}
	return cfg.Blocks[0].Name
}

// datasetPath reads path, and takes the format from its ending.
func (r *reader) datasetPath(cfg *Config, d *Dataset) {
	at, moved, ok := r.pathOrAddress("path", blob.ParseObject)
	if !ok {
		return
	}
	expr := r.body.Attributes["path"].Expr
	d.pathAt = expr.Range()
	p, _, _ := r.text("path")
	if blob.IsURL(p) {
		p = at.shown
	}
	switch base := path.Base(p); {
	case strings.Contains(p, "*"):
		r.l.errorIn(expr, r.scope, `Invalid value for "path"`, "%q: a dataset is one file; there is no number for the * to hold.", p)
		return
	case strings.HasSuffix(p, "/") || base == "." || base == "..":
		r.l.errorIn(expr, r.scope, `Invalid value for "path"`, "%q is a folder: name the file in it, such as %q.", p, path.Join(p, "dataset.jsonl"))
		return
	}
	d.real = at
	if blob.IsURL(at.abs) {
		d.real.abs = at.shown
	}
	if cfg.Provider.Kind == ProviderEmulator {
		at = moved
	}
	d.Path, d.PathAbs = at.shown, at.abs
	switch strings.ToLower(path.Ext(p)) {
	case ".jsonl":
		d.Format = planner.FormatJSONL
	case ".csv":
		d.Format = planner.FormatCSV
	default:
		if !r.given("format") {
			r.l.errorIn(expr, r.scope, "Unknown format of a dataset", `%q ends in neither .jsonl nor .csv. Give it one of these endings, or write format = "jsonl" or format = "csv".`, p)
		}
	}
}

// fields takes a map from the names of columns to their sources. Columns stand
// in the order in which the map writes them out; those of a map that comes from
// elsewhere are sorted by name. Null is a column that is not there.
func (r *reader) fields() ([]planner.DatasetField, bool) {
	v, expr, ok := r.plain("fields")
	if !ok {
		return nil, false
	}
	want := errors.New(`a map from the names of columns to what they hold, such as { id = "key", answer = "text" }`)
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		r.wrong("fields", v, expr, want)
		return nil, false
	}
	columns, ok := r.columns(expr, v)
	values := v.AsValueMap()
	var fields []planner.DatasetField
	for _, c := range columns {
		value := values[c.name]
		if value.IsNull() {
			continue
		}
		if strings.TrimSpace(c.name) == "" || holdsKey(c.name) || strings.ContainsFunc(c.name, unicode.IsControl) {
			r.l.errorIn(c.value, r.scope, `Invalid name in "fields"`, "The name of a column is one line of text, not %q.", c.name)
			ok = false
			continue
		}
		text, sound := r.l.asText("fields."+c.name, value, c.value, r.scope)
		if !sound {
			ok = false
			continue
		}
		field, complaint := fieldOf(text)
		if complaint != "" {
			r.l.errorIn(c.value, r.scope, `Invalid value in "fields"`, "%s", complaint)
			ok = false
		}
		field.Name = c.name
		fields = append(fields, field)
	}
	if ok && len(fields) == 0 {
		r.wrong("fields", v, expr, want)
	}
	return fields, ok && len(fields) > 0
}

// columns lists the members of a map in the order of the columns, and reports one
// that is written out twice: the language would take the last.
func (r *reader) columns(expr hclsyntax.Expression, v cty.Value) (columns []item, ok bool) {
	items, ok := r.items(expr), true
	if items == nil {
		for _, name := range names(v.AsValueMap()) {
			columns = append(columns, item{name: name, key: expr, value: expr})
		}
		return columns, true
	}
	seen := map[string]bool{}
	for _, i := range items {
		if seen[i.name] {
			at := i.key.Range()
			r.l.errorf(&at, fmt.Sprintf("Column %q declared twice", i.name), "A dataset has each column once. Rename one of the two.")
			ok = false
			continue
		}
		seen[i.name] = true
		columns = append(columns, i)
	}
	return columns, ok
}

// fieldOf reads the source of a column, or says in a sentence why it is none.
func fieldOf(text string) (field planner.DatasetField, complaint string) {
	if slices.Contains(fieldSources(), text) {
		return planner.DatasetField{Source: planner.FieldSource(text)}, ""
	}
	steps, isJSON := strings.CutPrefix(text, "json.")
	switch {
	case isJSON && !slices.Contains(strings.Split(steps, "."), ""):
		return planner.DatasetField{Source: planner.FieldJSON, JSONPath: steps}, ""
	case isJSON || text == string(planner.FieldJSON):
		return planner.DatasetField{}, fmt.Sprintf("%q names no member of the answer's JSON: write json. and the names that lead to it, with one dot between two, such as %q.", text, "json.score")
	}
	if best := nearest(text, fieldSources()); best != "" {
		return planner.DatasetField{}, fmt.Sprintf("A column cannot hold %q. Did you mean %q?", text, best)
	}
	return planner.DatasetField{}, fmt.Sprintf("A column cannot hold %q. For a member of the answer's JSON write %q. Known: %s, json.PATH.",
		text, "json."+text, strings.Join(fieldSources(), ", "))
}
