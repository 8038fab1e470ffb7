package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/qaplan/qaplan/planner"
)

// grammar is what may stand in one kind of body.
type grammar struct {
	attrs  []string
	blocks map[string]int // type → number of labels
	once   []string       // blocks that may stand there once
	// later maps what a later version brings to what it would do, in words that
	// follow "This version of qaplan does not carry out".
	later map[string]string
	// hints maps what people try to what they should write.
	hints map[string]string
}

// check reports everything in a body that its grammar does not have. where says
// what the body belongs to, such as batch "qa".
func (l *loader) check(where string, body *hclsyntax.Body, g grammar) {
	for _, name := range names(body.Attributes) {
		a := body.Attributes[name]
		if !slices.Contains(g.attrs, name) {
			l.unknown("argument", where, name, a.NameRange, a.Expr.Range(), g)
		}
	}
	first := map[string]*hclsyntax.Block{}
	for _, b := range body.Blocks {
		labels, known := g.blocks[b.Type]
		if !known {
			l.unknown("block", where, b.Type, b.TypeRange, b.Range(), g)
			continue
		}
		l.checkLabels(b, labels)
		if earlier := first[b.Type]; earlier != nil && slices.Contains(g.once, b.Type) {
			at := b.DefRange()
			l.errorf(&at, fmt.Sprintf("Second %s block", b.Type),
				"One %s block is allowed here; the first stands at %s. Put everything into one of them.", b.Type, place(earlier.DefRange()))
			continue
		}
		first[b.Type] = b
	}
}

func (l *loader) checkLabels(b *hclsyntax.Block, want int) {
	switch {
	case len(b.Labels) < want:
		at := b.DefRange()
		l.errorf(&at, fmt.Sprintf("Missing name for %s", b.Type), "A %s block needs a name: write %s \"NAME\" { … }.", b.Type, b.Type)
	case len(b.Labels) > want && want == 0:
		l.errorf(&b.LabelRanges[0], fmt.Sprintf("Unexpected name for %s", b.Type), "%s blocks have no name: write %s { … }.", upperFirst(b.Type), b.Type)
	case len(b.Labels) > want:
		l.errorf(&b.LabelRanges[want], fmt.Sprintf("Unexpected name for %s", b.Type), "A %s block has one name: write %s %q { … }.", b.Type, b.Type, b.Labels[0])
	}
}

// unknown reports an argument or a block that has no place where it stands.
func (l *loader) unknown(kind, where, name string, at, whole hcl.Range, g grammar) {
	if isKeyName(name) {
		if kind == "block" {
			whole.Start = at.End
		}
		l.keepSecret(whole)
	}
	switch {
	case isKeyName(name) && g.hints[name] == "":
		l.errorf(&at, "The API key does not belong into the config",
			"A config is committed, shared and printed; a key in it would be too. Remove it, and set the environment variable GOOGLE_API_KEY or GEMINI_API_KEY instead. If this file was ever shared, revoke that key.")
	case g.later[name] != "":
		l.errorf(&at, fmt.Sprintf("%q is not carried out yet", name),
			"This version of qaplan does not carry out %s, and nothing in a config is accepted and then ignored. Remove it.", g.later[name])
	case kind == "argument" && g.blocks != nil && hasKey(g.blocks, name):
		l.meant(where, name)
		l.errorf(&at, fmt.Sprintf("%q is a block", name), "Write %s { … } without an equals sign.", name+[]string{"", ` "NAME"`}[g.blocks[name]])
	case kind == "block" && slices.Contains(g.attrs, name):
		l.meant(where, name)
		l.errorf(&at, fmt.Sprintf("%q is an argument", name), "Write %s = … with an equals sign and without braces around it.", name)
	case g.hints[name] != "":
		for _, a := range g.attrs {
			if strings.HasPrefix(g.hints[name], "write "+a) {
				l.meant(where, a)
			}
		}
		l.errorf(&at, fmt.Sprintf("Unknown %s %q", kind, name), "%s has no %s named %q: %s.", upperFirst(where), kind, name, g.hints[name])
	default:
		words := append(names(g.blocks), g.attrs...)
		l.meant(where, nearest(name, words))
		l.errorf(&at, fmt.Sprintf("Unknown %s %q", kind, name), "%s has no %s named %q.%s", upperFirst(where), kind, name, suggest(name, words))
	}
}

// meant notes that something unknown most likely stands for name, so that it is
// not reported as missing as well.
func (l *loader) meant(where, name string) { l.guessed[[2]string{where, name}] = true }

func hasKey[V any](m map[string]V, key string) bool { _, ok := m[key]; return ok }

// isKeyName reports whether an argument of this name would hold an API key.
func isKeyName(name string) bool {
	switch strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(name)) {
	case "apikey", "key", "googleapikey", "geminiapikey", "token", "secret", "password", "credentials":
		return true
	}
	return false
}

// suggest gives " Did you mean …?" when one of the words is close enough, else
// a list of the words when it is short.
func suggest(got string, words []string) string {
	if best := nearest(got, words); best != "" {
		return fmt.Sprintf(" Did you mean %q?", best)
	}
	if len(words) == 0 || len(words) > 16 {
		return ""
	}
	return " Known: " + strings.Join(slices.Sorted(slices.Values(words)), ", ") + "."
}

// nearest gives the word closest to got, "" when none is close.
func nearest(got string, words []string) string {
	best, limit := "", min(3, len(got)/2)
	for _, w := range slices.Sorted(slices.Values(words)) {
		if d := levenshtein.Distance(strings.ToLower(got), strings.ToLower(w), nil); d <= limit {
			best, limit = w, d-1
		}
	}
	return best
}

// upperFirst makes the beginning of a sentence.
func upperFirst(s string) string {
	c, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(c)) + s[n:]
}

// place gives file:line.
func place(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// labelled checks that the label of a declaration is a name, and that no
// earlier one has it.
func (l *loader) labelled(b *hclsyntax.Block, seen map[string]*hclsyntax.Block) (string, bool) {
	if len(b.Labels) != 1 {
		return "", false // reported with the body it stands in
	}
	name := b.Labels[0]
	if !planner.ValidLabel(name) {
		l.errorf(&b.LabelRanges[0], fmt.Sprintf("Invalid name for %s", b.Type),
			"A name holds letters, digits, _ and -, and starts with no digit; %q does not.", name)
		return "", false
	}
	if earlier := seen[name]; earlier != nil {
		at := b.DefRange()
		l.errorf(&at, fmt.Sprintf("%s declared twice", upperFirst(header(b))),
			"%s was already declared at %s. Rename one of them, or put both into one block.", upperFirst(header(b)), place(earlier.DefRange()))
		return "", false
	}
	seen[name] = b
	return name, true
}
