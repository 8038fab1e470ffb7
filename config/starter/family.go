package starter

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/qaplan/qaplan/config/source"
)

const (
	maxNumber = 999_999_999
	maxSpan   = 1_000_000 // what one range may cover
	// manyMissing is from how many numbers without a file on they are allowed to
	// be missing, in place of being excluded one by one.
	manyMissing = 30
	// many is a family beside which a file that stands alone looks like a copy or
	// a test.
	many = 3
)

// Family is what one batch block declares.
type Family struct {
	Name    string // of the block
	Folder  string // relative, "" for the folder of the config
	Glob    string // with the folder
	First   int
	Last    int
	Files   int      // that the block finds
	Missing []int    // numbers between First and Last without a file
	Barred  []Barred // numbers whose file is not to be bought
	Model   string   // that the requests name, "" where they name none, or several
	// Numbers is how many numbers a name holds; the one that the * stands for is
	// Number of them, from 1.
	Numbers, Number int
	Output          string // output_dir
}

// Barred is a number that is excluded although there are files for it.
type Barred struct {
	Number int
	Kind   Kind   // of its file
	Twice  bool   // two files have the number
	File   string // one of them, relative
}

// Excluded lists the numbers of exclude.
func (f *Family) Excluded() []int {
	var out []int
	for _, b := range f.Barred {
		out = append(out, b.Number)
	}
	if !f.AllowMissing() {
		out = append(out, f.Missing...)
	}
	slices.Sort(out)
	return out
}

// AllowMissing tells whether more numbers have no file than are excluded one by
// one.
func (f *Family) AllowMissing() bool { return len(f.Missing) > manyMissing }

// member is a file as its family sees it.
type member struct {
	file   File
	number int
}

// name is a file name taken apart: texts around runs of digits, one more than
// there are runs.
type name struct {
	texts, digits []string
}

func takeApart(s string) name {
	ext := path.Ext(s)
	stem := strings.TrimSuffix(s, ext)
	n := name{texts: []string{""}}
	for i := 0; i < len(stem); {
		j := i
		for j < len(stem) && stem[j] >= '0' && stem[j] <= '9' {
			j++
		}
		if j > i {
			n.digits = append(n.digits, stem[i:j])
			n.texts = append(n.texts, "")
			i = j
			continue
		}
		n.texts[len(n.texts)-1] += stem[i : i+1]
		i++
	}
	n.texts[len(n.texts)-1] += ext
	return n
}

// glob is the name with a * in place of one run of digits.
func (n *name) glob(at int) string {
	var b strings.Builder
	for i, t := range n.texts {
		b.WriteString(t)
		switch {
		case i == len(n.digits):
		case i == at:
			b.WriteByte('*')
		default:
			b.WriteString(n.digits[i])
		}
	}
	return b.String()
}

// numberOf reads digits as the number of a batch.
func numberOf(digits string) (int, bool) {
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, true
	}
	if len(digits) > len(strconv.Itoa(maxNumber)) {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// alike are files of one folder whose names differ in their digits alone.
type alike struct {
	folder string
	names  []name
	files  []File
}

func groups(files []File) []*alike {
	byShape := map[string]*alike{}
	for _, f := range files {
		folder, base := path.Split(f.Path)
		n := takeApart(norm.NFC.String(base))
		shape := folder + "\x00" + strings.Join(n.texts, "\x00")
		g := byShape[shape]
		if g == nil {
			g = &alike{folder: strings.TrimSuffix(folder, "/")}
			byShape[shape] = g
		}
		g.names, g.files = append(g.names, n), append(g.files, f)
	}
	out := make([]*alike, 0, len(byShape))
	for _, shape := range slices.Sorted(maps.Keys(byShape)) {
		out = append(out, byShape[shape])
	}
	return out
}

// choose finds the run of digits that numbers the files, -1 where none can.
func (g *alike) choose() int {
	best, fewest := -1, 0
	for at := range g.names[0].digits {
		globs := map[string]bool{}
		usable := true
		for i := range g.names {
			_, ok := numberOf(g.names[i].digits[at])
			usable = usable && ok
			globs[g.names[i].glob(at)] = true
		}
		switch n := len(globs); {
		case !usable:
		case best < 0 || n < fewest || n == fewest && (g.counts(at) || !g.counts(best)):
			best, fewest = at, n
		}
	}
	return best
}

// counts tells whether the word before a run of digits is one that counts
// batches.
func (g *alike) counts(at int) bool {
	words := strings.FieldsFunc(strings.ToLower(g.names[0].texts[at]), notLetter)
	return len(words) > 0 && slices.Contains([]string{"batch", "part", "chunk", "shard", "split", "no", "nr"}, words[len(words)-1])
}

func notLetter(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }

// families makes families of the files that are alike; the rest has no number.
func (g *alike) families() (out []candidate, rest []File) {
	at := g.choose()
	if at < 0 {
		return nil, g.files
	}
	byGlob := map[string]*candidate{}
	for i := range g.names {
		glob := g.names[i].glob(at)
		c := byGlob[glob]
		if c == nil {
			c = &candidate{folder: g.folder, name: g.names[i], at: at, glob: path.Join(g.folder, glob)}
			byGlob[glob] = c
		}
		n, _ := numberOf(g.names[i].digits[at])
		c.members = append(c.members, member{g.files[i], n})
	}
	for _, glob := range slices.Sorted(maps.Keys(byGlob)) {
		out = append(out, *byGlob[glob])
	}
	return out, nil
}

// candidate is a family before it is known what of it can be declared.
type candidate struct {
	folder, glob string
	name         name
	at           int
	members      []member
}

// declarable says whether a config can name the files, with the words of
// discovery where it cannot.
func (c *candidate) declarable() error {
	if err := source.CheckGlob(c.glob); err != nil {
		return err
	}
	return spellable(c.glob)
}

// requests are the files that can be bought.
func (c *candidate) requests() int {
	n := 0
	for _, m := range c.members {
		if m.file.Kind == Requests {
			n++
		}
	}
	return n
}

// split cuts the members, by number, where one range cannot cover them all: at
// the widest gap first.
func split(members []member) [][]member {
	if len(members) == 0 || members[len(members)-1].number-members[0].number < maxSpan {
		return [][]member{members}
	}
	cut, widest := 0, -1
	for i := 1; i < len(members); i++ {
		if gap := members[i].number - members[i-1].number; gap > widest {
			cut, widest = i, gap
		}
	}
	return append(split(members[:cut]), split(members[cut:])...)
}

// declare makes families of a candidate's members; there is at least one with
// requests.
func (c *candidate) declare() []Family {
	slices.SortFunc(c.members, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.file.Path, b.file.Path))
	})
	var out []Family
	for _, part := range split(c.members) {
		if f, ok := c.family(part); ok {
			out = append(out, f)
		}
	}
	return out
}

// family declares consecutive members; ok is false where nothing can be bought.
func (c *candidate) family(members []member) (Family, bool) {
	f := Family{Folder: c.folder, Glob: c.glob, Numbers: len(c.name.digits), Number: c.at + 1}
	var good []int
	models := map[string]bool{}
	for i := 0; i < len(members); {
		m, same := members[i], 1
		for i+same < len(members) && members[i+same].number == m.number {
			same++
		}
		switch {
		case same > 1:
			f.Barred = append(f.Barred, Barred{Number: m.number, Twice: true, File: m.file.Path})
		case m.file.Kind != Requests:
			f.Barred = append(f.Barred, Barred{Number: m.number, Kind: m.file.Kind, File: m.file.Path})
		default:
			good = append(good, m.number)
			models[m.file.Model] = true
		}
		i += same
	}
	if len(good) == 0 {
		return Family{}, false
	}
	f.First, f.Last, f.Files = good[0], good[len(good)-1], len(good)
	f.Barred = slices.DeleteFunc(f.Barred, func(b Barred) bool { return b.Number < f.First || b.Number > f.Last })
	if len(models) == 1 {
		f.Model = slices.Collect(maps.Keys(models))[0]
	}
	there := make(map[int]bool, len(members))
	for _, m := range members {
		there[m.number] = true
	}
	for n := f.First; n <= f.Last; n++ {
		if !there[n] {
			f.Missing = append(f.Missing, n)
		}
	}
	return f, true
}

// spellable says why a path cannot be written in a config, nil when it can.
func spellable(p string) error {
	switch {
	case !utf8.ValidString(p):
		return errSpelling("it is no valid UTF-8")
	case strings.ContainsRune(p, '\\'):
		return errSpelling("it holds a backslash")
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }):
		return errSpelling("it holds a control character")
	case strings.HasPrefix(p, "~"):
		return errSpelling("it begins with ~")
	case len(p) > 1 && p[1] == ':':
		return errSpelling("it looks like a drive of Windows")
	case strings.Contains(p, "://"):
		return errSpelling("it looks like a web address")
	}
	return nil
}

type errSpelling string

func (e errSpelling) Error() string { return string(e) }
