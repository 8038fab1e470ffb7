package starter

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/qaplan/qaplan/planner"
)

const (
	// DefaultModel is what a config says where the requests name no model.
	DefaultModel = "gemini-2.5-flash"
	// maxBlocks is how many blocks a config gets; a folder with more families is
	// no project that somebody can read.
	maxBlocks = 20
)

// Reasons why files are left out, beside their kinds.
const (
	NoNumber   Kind = "no_number"  // requests, but no number in the name
	Unnameable Kind = "unnameable" // requests, but a config cannot name the file
	Alone      Kind = "alone"      // requests that stand alone beside a family
	Mixed      Kind = "mixed"      // more files of the family hold something else
	TooMany    Kind = "too_many"   // of the smallest families
	Copy       Kind = "copy"       // a family of another folder has the same names and sizes
)

// Left is files of one folder that are left out for one reason.
type Left struct {
	Folder  string // relative, "" for the folder itself
	Kind    Kind
	Count   int
	Example string // the name of one
	Why     string // of Unnameable: the reason, in words
}

// Guess is a first config.
type Guess struct {
	Families []Family
	Left     []Left
	// Model is what most requests name, "" where they name none.
	Model string
	Found Found
}

// Files counts what the blocks find.
func (g *Guess) Files() int {
	n := 0
	for i := range g.Families {
		n += g.Families[i].Files
	}
	return n
}

// New guesses a config from what a folder holds. project is the name of the
// folder, which a block may be named after; taken tells whether the folder has
// something at a relative path where results must not go.
func New(found Found, project string, taken func(rel string) bool) Guess {
	g := Guess{Found: found}
	var candidates []candidate
	for _, a := range groups(found.Files) {
		families, rest := a.families()
		candidates = append(candidates, families...)
		for _, f := range rest {
			kind := f.Kind
			if kind == Requests {
				kind = NoNumber
			}
			g.leave(f, kind, "")
		}
	}
	g.declare(g.originals(candidates))
	slices.SortStableFunc(g.Families, func(a, b Family) int { return cmp.Compare(b.Files, a.Files) })
	if len(g.Families) > maxBlocks {
		for _, f := range g.Families[maxBlocks:] {
			g.Left = append(g.Left, Left{Folder: f.Folder, Kind: TooMany, Count: f.Files, Example: path.Base(f.Glob)})
		}
		g.Families = g.Families[:maxBlocks]
	}
	slices.SortFunc(g.Families, func(a, b Family) int {
		return cmp.Or(strings.Compare(a.Glob, b.Glob), cmp.Compare(a.First, b.First))
	})
	g.model()
	g.christen(project)
	g.outputs(taken)
	slices.SortFunc(g.Left, func(a, b Left) int {
		return cmp.Or(strings.Compare(a.Folder, b.Folder), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Why, b.Why))
	})
	return g
}

// originals leaves out candidates whose files have, number for number, the name
// and the size of files in another folder: a backup would be bought as well. The
// shorter path counts as the original.
func (g *Guess) originals(candidates []candidate) []candidate {
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(len(a.glob), len(b.glob)), strings.Compare(a.glob, b.glob))
	})
	sizes := map[string]map[int]int64{} // of the originals, by the glob without its folder
	return slices.DeleteFunc(candidates, func(c candidate) bool {
		if c.requests() == 0 {
			return false
		}
		base := path.Base(c.glob)
		known := sizes[base]
		if known == nil {
			known = map[int]int64{}
			sizes[base] = known
		}
		if slices.ContainsFunc(c.members, func(m member) bool {
			size, ok := known[m.number]
			return !ok || size != m.file.Bytes
		}) {
			for _, m := range c.members {
				known[m.number] = m.file.Bytes
			}
			return false
		}
		for _, m := range c.members {
			kind := m.file.Kind
			if kind == Requests {
				kind = Copy
			}
			g.leave(m.file, kind, "")
		}
		return true
	})
}

// declare turns the candidates that hold requests into families.
func (g *Guess) declare(candidates []candidate) {
	most := map[string]int{} // requests of the largest family of each folder
	for i := range candidates {
		c := &candidates[i]
		most[c.folder] = max(most[c.folder], c.requests())
	}
	for i := range candidates {
		c := &candidates[i]
		n := c.requests()
		err := c.declarable()
		whole := Kind("")
		switch {
		case n == 0:
		case err != nil:
			whole = Unnameable
		case n == 1 && len(c.members) == 1 && most[c.folder] >= many:
			whole = Alone
		case 2*n < len(c.members):
			whole = Mixed
		default:
			g.take(c)
			continue
		}
		for _, m := range c.members {
			kind := m.file.Kind
			why := ""
			if kind == Requests {
				kind = whole
				if whole == Unnameable {
					why = err.Error()
				}
			}
			g.leave(m.file, kind, why)
		}
	}
}

// take declares a candidate and leaves out what its blocks do not find.
func (g *Guess) take(c *candidate) {
	families := c.declare()
	g.Families = append(g.Families, families...)
	for _, m := range c.members {
		bought := slices.ContainsFunc(families, func(f Family) bool {
			return m.number >= f.First && m.number <= f.Last
		})
		if !bought { // else it is bought, or barred and named with its family
			kind := m.file.Kind
			if kind == Requests {
				kind = Mixed // two files of one number, beside nothing else
			}
			g.leave(m.file, kind, "")
		}
	}
}

// leave counts a file that is left out.
func (g *Guess) leave(f File, kind Kind, why string) {
	folder, base := path.Split(f.Path)
	folder = strings.TrimSuffix(folder, "/")
	i := slices.IndexFunc(g.Left, func(l Left) bool { return l.Folder == folder && l.Kind == kind && l.Why == why })
	if i < 0 {
		i = len(g.Left)
		g.Left = append(g.Left, Left{Folder: folder, Kind: kind, Example: base, Why: why})
	}
	g.Left[i].Count++
}

// model finds what most requests name.
func (g *Guess) model() {
	files := map[string]int{}
	for i := range g.Families {
		f := &g.Families[i]
		if f.Model == "" {
			continue
		}
		files[f.Model] += f.Files
		if n := files[f.Model]; g.Model == "" || n > files[g.Model] || n == files[g.Model] && f.Model < g.Model {
			g.Model = f.Model
		}
	}
}

// christen names the blocks: after the folder of the files, the project or the
// words of the file name, whichever says most and tells them apart.
func (g *Guess) christen(project string) {
	options := make([][]string, len(g.Families))
	for i := range g.Families {
		f := &g.Families[i]
		words := label(strings.TrimSuffix(path.Base(f.Glob), path.Ext(f.Glob)))
		folder := ""
		if f.Folder != "" {
			folder = label(path.Base(f.Folder))
		}
		options[i] = []string{folder, label(project), words}
		if len(g.Families) > 1 {
			options[i] = []string{words, folder, join(folder, words), join(label(path.Base(path.Dir(f.Folder))), folder), label(project)}
		}
		options[i] = append(options[i], "batches")
	}
	uses := map[string]int{}
	for _, names := range options {
		for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
			uses[n]++
		}
	}
	taken := map[string]bool{}
	for i, names := range options {
		free := func(n string) bool { return n != "" && !taken[n] && planner.ValidLabel(n) }
		at := slices.IndexFunc(names, func(n string) bool { return free(n) && uses[n] == 1 })
		if at < 0 {
			at = slices.IndexFunc(names, free)
		}
		name := ""
		if at >= 0 {
			name = names[at]
		}
		for k := 2; name == ""; k++ {
			if n := fmt.Sprintf("batches_%d", k); free(n) {
				name = n
			}
		}
		taken[name] = true
		g.Families[i].Name = name
	}
}

func join(a, b string) string {
	if a == "" || b == "" || a == b {
		return ""
	}
	return a + "_" + b
}

// generic words say nothing about what batches are for.
func generic(word string) bool {
	switch word {
	case "batch", "batches", "part", "parts", "chunk", "chunks", "shard", "shards", "split", "file", "files", "data", "json", "jsonl",
		"input", "inputs", "in", "request", "requests", "req", "source", "sources", "src", "submission", "submissions", "submit",
		"proper", "final", "fixed", "new", "tmp", "temp", "no", "nr", "num", "gemini", "api", "todo", "work", "project", "downloads", "home":
		return true
	}
	return false
}

// label makes a block name of the words of a name, "" where none says anything.
func label(s string) string {
	words := strings.FieldsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	words = slices.DeleteFunc(words, func(w string) bool { return generic(strings.ToLower(w)) })
	name := strings.Join(words, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' || len(name) > 60 {
		return ""
	}
	return name
}

// outputs finds folders for the results where nothing is in the way.
func (g *Guess) outputs(taken func(rel string) bool) {
	base := "results"
	busy := func(rel string) bool {
		return taken(rel) || slices.ContainsFunc(g.Families, func(f Family) bool { return strings.EqualFold(f.Folder, rel) })
	}
	for k := 1; busy(base); k++ {
		base = "qaplan-results"
		if k > 1 {
			base = fmt.Sprintf("qaplan-results-%d", k)
		}
	}
	for i := range g.Families {
		g.Families[i].Output = base
		if len(g.Families) > 1 {
			g.Families[i].Output = base + "/" + g.Families[i].Name
		}
	}
}
