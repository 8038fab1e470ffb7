package ui

import (
	"fmt"
	"path"
	"runtime"
	"strings"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/config/starter"
)

// Project is how a command line reaches a config.
type Project struct {
	Chdir  string // "" for the folder of the shell
	Config string // "" for the default name
}

// Command is a command line that works on the project.
func (p Project) Command(words string) string {
	line := "qaplan"
	if p.Chdir != "" {
		line += " -C " + shellWord(p.Chdir)
	}
	line += " " + words
	if p.Config != "" {
		line += " --config " + shellWord(p.Config)
	}
	return line
}

// Advice says what comes after a config that is there.
func (p Project) Advice() string {
	return fmt.Sprintf("Go on with %s, or move it away to have it guessed anew.", p.Command("plan"))
}

// shellWord quotes a word for a shell where it needs to be.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,\\", r) || r > 0x7f
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return Printable(s)
	}
	return "'" + strings.ReplaceAll(Printable(s), "'", `'\''`) + "'"
}

// StartedView is what was written, and for whom.
type StartedView struct {
	Config, Ignore string   // paths of the files
	IgnoreMade     bool     // the .gitignore is new
	IgnoreLacks    []string // lines that a .gitignore which was there before lacks
	Project        Project
	Provider       config.ProviderKind
	Style          Style
	Width          int
}

// Started says what init guessed and why, and what to type next.
func Started(g *starter.Guess, v StartedView) string {
	var b strings.Builder
	para := func(text string) {
		for _, l := range wrap(text, v.Width) {
			b.WriteString(l + "\n")
		}
	}
	for i := range g.Families {
		f := &g.Families[i]
		b.WriteString(v.Style.bold(fmt.Sprintf("batch.%s", f.Name)) + fmt.Sprintf("  %s, %s\n", count(f.Files, "file"), Printable(f.Glob)))
		for _, l := range reasons(f) {
			b.WriteString(indent("  ", wrap(l, max(v.Width-2, 0))))
		}
	}
	switch {
	case g.Model == "":
		para(fmt.Sprintf("\nModel: %s, since the requests name none. Another one: --var model=NAME, or the default in the config.", starter.DefaultModel))
	default:
		para(fmt.Sprintf("\nModel: %s, which the requests name.", g.Model))
	}
	if lines := leftOut(g); len(lines) > 0 {
		b.WriteString("\nLeft out:\n")
		for _, l := range lines {
			b.WriteString(indent("  ", wrap(l, max(v.Width-2, 0))))
		}
	}
	wrote := "\nWrote " + Printable(v.Config)
	if v.IgnoreMade {
		wrote += " and " + Printable(v.Ignore)
	}
	para(wrote + ".")
	if len(v.IgnoreLacks) > 0 {
		para(fmt.Sprintf("%s was there and is as it was. It might ignore as well: %s", Printable(v.Ignore), strings.Join(v.IgnoreLacks, ", ")))
	}
	b.WriteString("\nNext:\n")
	steps, widest := nextSteps(v), 0
	for _, s := range steps {
		widest = max(widest, cells(s[0]))
	}
	for _, s := range steps { // to be copied into a shell, comments and all
		fmt.Fprintf(&b, "  %s%s  # %s\n", s[0], strings.Repeat(" ", widest-cells(s[0])), s[1])
	}
	return b.String()
}

func nextSteps(v StartedView) [][2]string {
	rows := [][2]string{
		{v.Project.Command("validate"), "checks every line of the sources, offline"},
	}
	if v.Provider == config.ProviderEmulator {
		return append(rows,
			[2]string{v.Project.Command("plan"), "shows what would be bought, in a rehearsal"},
			[2]string{v.Project.Command("apply --wait"), "rehearses it, for nothing"})
	}
	return append(rows,
		[2]string{v.Project.Command("plan --refresh=false"), "shows what would be bought, without a key"},
		[2]string{setKey(runtime.GOOS), "a key from https://aistudio.google.com/apikey"},
		[2]string{v.Project.Command("plan"), "compares it with the service; buys nothing"})
}

// setKey is how the shells of a system set the key.
func setKey(system string) string {
	if system == "windows" {
		return `$env:GEMINI_API_KEY = "..."`
	}
	return "export GEMINI_API_KEY=..."
}

// reasons say how a block was told from the names of its files.
func reasons(f *starter.Family) []string {
	numbers := fmt.Sprintf("Numbers %d to %d", f.First, f.Last)
	if f.First == f.Last {
		numbers = fmt.Sprintf("Number %d", f.First)
	}
	switch {
	case f.Numbers > 1 && f.Files > 1:
		numbers += fmt.Sprintf(": of %d numbers in the names, the %s is the batch's", f.Numbers, ordinal(f.Number))
	case f.Numbers > 1:
		numbers += fmt.Sprintf(": of %d numbers in the name, the %s is taken for the batch's", f.Numbers, ordinal(f.Number))
	}
	out := []string{numbers + fmt.Sprintf(". Results go to %s.", Printable(f.Output))}
	switch n := len(f.Missing); {
	case n == 0:
	case f.AllowMissing():
		out = append(out, fmt.Sprintf("%s of them %s no file, which is allowed (allow_missing).", count(n, "number"), have(n)))
	default:
		out = append(out, fmt.Sprintf("No file, so excluded: %s.", source.Ranges(f.Missing)))
	}
	for i := range f.Barred {
		if i == 5 {
			out = append(out, fmt.Sprintf("And %s excluded; the config names them.", count(len(f.Barred)-i, "more number")))
			break
		}
		out = append(out, "Excluded: "+Printable(f.Barred[i].Words()))
	}
	return out
}

func have(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func ordinal(n int) string {
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	}
	return fmt.Sprintf("%dth", n)
}

// maxLeft bounds how many kinds of what is left out are shown.
const maxLeft = 12

// leftOut says what else the folder holds.
func leftOut(g *starter.Guess) []string {
	var out []string
	for i := range g.Left {
		if i == maxLeft {
			out = append(out, fmt.Sprintf("and files of %s", count(len(g.Left)-i, "more folder or kind")))
			break
		}
		l := &g.Left[i]
		at := Printable(path.Join(l.Folder, l.Example))
		if l.Count > 1 {
			at += fmt.Sprintf(" and %s like it", count(l.Count-1, "file"))
		}
		out = append(out, at+": "+leftWhy(l))
	}
	f := &g.Found
	if f.Packed > 0 {
		out = append(out, fmt.Sprintf("%s: unpack what is to be sent", count(f.Packed, "compressed file")))
	}
	for _, p := range f.Projects {
		out = append(out, fmt.Sprintf("%s: it has a config of its own", Printable(p)))
	}
	for _, p := range f.Closed {
		out = append(out, fmt.Sprintf("%s: the folder cannot be read", Printable(p)))
	}
	if f.More {
		out = append(out, "what lies deeper, or comes after the first 500,000 files: name a smaller folder to have it looked at")
	}
	return out
}

func leftWhy(l *starter.Left) string {
	switch l.Kind {
	case starter.NoNumber:
		return fmt.Sprintf("the name has no number that could be a batch's; rename it, such as to %s", Printable(numbered(l.Example)))
	case starter.Unnameable:
		return "a config cannot name it: " + Printable(l.Why)
	case starter.Alone:
		return "it stands alone beside many others: a copy, or a test"
	case starter.Mixed:
		return "other files of the same name hold no requests, or have the same number"
	case starter.TooMany:
		return "the folder has larger groups of files; init declares 20"
	case starter.Copy:
		return "files of another folder have the same names and sizes, and would be bought twice"
	}
	return l.Kind.Words()
}

// numbered is a name with a number.
func numbered(name string) string {
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "_1" + ext
}

// NoRequests says that a folder holds nothing that can be bought.
func NoRequests(g *starter.Guess, dir string) string {
	where := Printable(dir)
	if dir == "." {
		where = "this folder"
	}
	if len(g.Found.Files) == 0 {
		return fmt.Sprintf("no JSONL files in %s or below it, so there is nothing to declare", where)
	}
	return fmt.Sprintf("none of the %s in %s can be declared", count(len(g.Found.Files), "JSONL file"), where)
}

// NoRequestsAdvice says what the files are, and what is expected.
func NoRequestsAdvice(g *starter.Guess) string {
	var b strings.Builder
	for _, l := range leftOut(g) {
		b.WriteString(l + ".\n")
	}
	for i := range g.Left {
		if how := conversion(g.Left[i].Kind); how != "" {
			b.WriteString(how + "\n")
			break
		}
	}
	b.WriteString(`A source is a file such as batches/batch_001.jsonl with one request a line:
{"key":"row-1","request":{"contents":[{"role":"user","parts":[{"text":"..."}]}]}}
Put such files there, then run qaplan init again.`)
	return b.String()
}

// conversion says how the lines of another service become requests.
func conversion(kind starter.Kind) string {
	switch kind {
	case starter.OpenAI:
		return `To convert: custom_id becomes "key"; each of body.messages becomes one of "contents", its role "user" or "model", its content in "parts":[{"text":...}]; a system message becomes "system_instruction".`
	case starter.Anthropic:
		return `To convert: custom_id becomes "key"; each of params.messages becomes one of "contents", its role "user" or "model", its content in "parts":[{"text":...}]; params.system becomes "system_instruction".`
	case starter.Unkeyed:
		return `To convert: give each line a "key" beside its "request", a string of your choice that no other line has.`
	case starter.Bare:
		return `To convert: put each line into {"key":"row-1","request":...}, with a key that no other line has.`
	case starter.Array:
		return "To convert: write each element of the list on a line of its own, as jq -c '.[]' does."
	}
	return ""
}
