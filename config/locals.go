package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// local is one argument of a locals block. Its value is unknown until it has
// been evaluated, and stays so when that fails.
type local struct {
	attr  *hclsyntax.Attribute
	value cty.Value
	state visit
}

type visit int

const (
	unvisited visit = iota
	visiting
	visited
)

func (l *loader) declareLocals(blocks []*hclsyntax.Block) {
	for _, b := range blocks {
		l.check("locals", b.Body, grammar{attrs: names(b.Body.Attributes)})
		for _, name := range names(b.Body.Attributes) {
			a := b.Body.Attributes[name]
			if earlier := l.local[name]; earlier != nil {
				l.errorf(&a.NameRange, fmt.Sprintf("Local value %q declared twice", name),
					"local.%s was already declared at %s.", name, place(earlier.attr.SrcRange))
				continue
			}
			l.local[name] = &local{attr: a, value: cty.DynamicVal}
		}
	}
}

// evaluateLocals evaluates each local after those that it refers to.
func (l *loader) evaluateLocals() {
	for _, name := range names(l.local) {
		l.evaluateLocal(name, nil)
	}
}

// evaluateLocal evaluates one local; path holds the locals that led to it.
func (l *loader) evaluateLocal(name string, path []string) {
	loc := l.local[name]
	if loc == nil || loc.state == visited {
		return
	}
	if loc.state == visiting {
		l.cycle(slices.Concat(path[slices.Index(path, name):], []string{name}))
		return
	}
	loc.state = visiting
	path = append(path, name)
	used := map[string]cty.Value{}
	for _, t := range loc.attr.Expr.Variables() {
		if t.RootName() != "local" {
			continue
		}
		if next, ok := stepName(t); ok && l.local[next] != nil {
			l.evaluateLocal(next, path)
			used[next] = l.local[next].value
		}
	}
	loc.state = visited
	if v, ok := l.evaluate(loc.attr.Expr, l.scopeWith(used)); ok {
		loc.value = v
	}
}

// cycle reports locals that need each other, naming the place of every one.
func (l *loader) cycle(path []string) {
	first := l.local[path[0]].attr
	steps := make([]string, len(path))
	for i, name := range path {
		steps[i] = "local." + name
	}
	if len(path) == 2 {
		l.errorf(&first.NameRange, fmt.Sprintf("%s refers to itself", steps[0]), "A local value cannot be made from itself.")
		return
	}
	places := make([]string, 0, len(path)-1)
	for _, name := range path[:len(path)-1] {
		places = append(places, fmt.Sprintf("local.%s at %s", name, place(l.local[name].attr.SrcRange)))
	}
	l.errorf(&first.NameRange, "Local values refer to each other in a circle",
		"%s. Break the circle at one of them: %s.", strings.Join(steps, " → "), strings.Join(places, ", "))
}
