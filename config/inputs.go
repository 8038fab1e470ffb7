package config

import (
	"context"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/qaplan/qaplan/config/source"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/durable"
)

// Bought tells whether anything was bought for a batch, and the path of the
// source that it was bought for as the state has it, which says what the result
// is called once the source is gone. The path may be "".
type Bought func(planner.Address) (sourcePath string, bought bool)

// Paths are where the files of one batch are, for the operating system.
type Paths struct {
	Source string // "" when the source is missing
	// Facts are those of the source's file when its content was what is desired,
	// zero where a change would not be sure to show in them.
	Facts      durable.Facts
	OutputDir  string // absolute
	OutputName string // of the result file in OutputDir
}

// Inputs are the batches that a config declares, with what their source files
// hold now.
type Inputs struct {
	Desired planner.Desired // batches in the order of their addresses
	Paths   []Paths         // of each batch, in the same order
	// Ignored counts files that match a glob and whose number is outside the
	// range or excluded.
	Ignored int
}

// CachePath is where fingerprints of sources are remembered.
func (c *Config) CachePath() string {
	return filepath.Join(c.Dir, cacheDir, "sources")
}

// Inputs finds and reads the source files. The result is nil when the
// diagnostics hold errors; the error is that of ctx. It writes nothing; saving
// the cache is the caller's business.
func (c *Config) Inputs(ctx context.Context, cache *source.Cache, bought Bought) (*Inputs, Diagnostics, error) {
	g := &gathering{
		cfg: c, bought: bought, in: &Inputs{}, imports: c.imports(),
	}
	for i := range c.Blocks {
		g.block(&c.Blocks[i])
	}
	prints, problems, err := cache.Scan(ctx, g.files)
	if err != nil {
		return nil, nil, fmt.Errorf("read source files: %w", err)
	}
	for _, p := range problems {
		g.problem(p)
	}
	g.results()
	diags := g.diags.sorted()
	if diags.HasErrors() {
		return nil, diags, nil
	}
	for i, print := range prints {
		s := &g.in.Desired.Batches[g.batches[i]].Source
		s.SHA256, s.Bytes, s.Rows, s.Tokens = print.SHA256, print.Bytes, print.Rows, print.Tokens
		s.OutputLimit, s.Unlimited = print.OutputLimit, print.Unlimited
		g.in.Paths[g.batches[i]].Facts = g.files[i].Facts()
	}
	g.in.Desired.ConfigDigest, g.in.Desired.SettleTime = c.Digest, c.Provider.SettleTime
	return g.in, diags, nil
}

// gathering carries what the blocks add to one Inputs.
type gathering struct {
	cfg     *Config
	bought  Bought
	in      *Inputs
	files   []source.File
	batches []int // for each file, its place in in.Desired.Batches
	lacking bool  // a batch has no source file
	imports map[planner.Address][]string
	folders map[string]string // see leadsTo
	diags   Diagnostics
}

// leadsTo makes folders equal that are one: through links, or as a path and as a
// file address. Each is looked at once.
func (g *gathering) leadsTo(dir string) string {
	at, ok := g.folders[dir]
	if !ok {
		at = folded(filepath.Clean(dir))
		if abs, onDisk := onDisk(dir); onDisk {
			at = resolved(abs)
		}
		if g.folders == nil {
			g.folders = map[string]string{}
		}
		g.folders[dir] = at
	}
	return at
}

// fileIn is a file in a folder, equal for all ways to it.
func (g *gathering) fileIn(dir, name string) string {
	return filepath.Join(g.leadsTo(dir), folded(name))
}

// block adds the batches of a block by their numbers.
func (g *gathering) block(b *Block) {
	g.outputFolder(b)
	found := source.Discover(source.Query{Dir: g.cfg.Dir, Glob: b.Source, First: b.First, Last: b.Last, Exclude: b.Exclude})
	g.in.Ignored += found.Outside
	for _, p := range found.Problems {
		g.problem(p)
	}
	files := found.Files
	more := len(files) + len(found.Missing)
	g.files = slices.Grow(g.files, len(files))
	g.batches = slices.Grow(g.batches, len(files))
	g.in.Paths = slices.Grow(g.in.Paths, more)
	g.in.Desired.Batches = slices.Grow(g.in.Desired.Batches, more)
	upTo := func(n int) {
		for len(files) > 0 && files[0].Number < n {
			g.file(b, &files[0])
			files = files[1:]
		}
	}
	var unbought []int
	for _, n := range found.Missing {
		upTo(n)
		a := planner.Address{Block: b.Name, Number: n}
		was, ok := "", false
		if g.bought != nil {
			was, ok = g.bought(a)
		}
		if !ok {
			if !g.orphaned(a) {
				unbought = append(unbought, n)
			}
			continue
		}
		if was == "" {
			was = strings.Replace(b.Source, "*", strconv.Itoa(n), 1)
		}
		g.lacking = true
		g.add(b, a, planner.Source{Path: was, Missing: true}, "", path.Base(was))
	}
	upTo(math.MaxInt)
	if len(unbought) > 0 {
		g.missing(b, &found, unbought)
	}
}

func (g *gathering) file(b *Block, f *source.File) {
	g.files = append(g.files, *f)
	g.batches = append(g.batches, len(g.in.Desired.Batches))
	g.add(b, planner.Address{Block: b.Name, Number: f.Number}, planner.Source{Path: f.Shown}, f.Path, filepath.Base(f.Path))
}

func (g *gathering) add(b *Block, a planner.Address, s planner.Source, file, name string) {
	g.in.Paths = append(g.in.Paths, Paths{Source: file, OutputDir: b.OutputDirAbs, OutputName: name})
	g.in.Desired.Batches = append(g.in.Desired.Batches, planner.Batch{
		Address: a, Model: b.Model, ModelVar: b.ModelVar, DisplayName: b.DisplayName(a.Number),
		Output: join(b.OutputDir, name), Source: s,
		OnChange: b.OnChange, MaxAttempts: b.MaxAttempts, IgnoreUnclaimed: b.Unclaimed == UnclaimedIgnore,
		Imports: g.imports[a], Rules: b.RulesDigest, Repair: b.repair(),
	})
}

// orphaned reports what is imported for a batch without a source: nothing could
// tell whether it is the batch's, so that allow_missing does not cover it.
func (g *gathering) orphaned(a planner.Address) bool {
	for i := range g.cfg.Imports {
		if imp := &g.cfg.Imports[i]; imp.To == a {
			g.at(SeverityError, imp.declared, a.String(), "Import without a source file",
				fmt.Sprintf("%s matches no file for batch %d, so what is imported cannot be checked against it. Put the file there, or remove the import.", g.cfg.find(a.Block).Source, a.Number))
			return true
		}
	}
	return false
}

// missing reports the numbers without a file in one diagnostic.
func (g *gathering) missing(b *Block, found *source.Found, numbers []int) {
	severity := SeverityError
	if b.AllowMissing {
		severity = SeverityWarning
	}
	list := source.Ranges(numbers)
	if found.Folder != nil {
		g.at(severity, b.sourceAt, b.Name, upperFirst(found.Folder.Summary),
			fmt.Sprintf("%s So the source files of %s are missing.", found.Folder.Detail, list))
		return
	}
	summary := fmt.Sprintf("No source file for %d batches", len(numbers))
	if len(numbers) == 1 {
		summary = "No source file for one batch"
	}
	detail := fmt.Sprintf("%s matches no file for batch %s.", b.Source, list)
	if found.Hint != "" {
		detail += " " + found.Hint
	}
	if !b.AllowMissing {
		detail += " Put the files there, change range or source, name the numbers in exclude, or set allow_missing = true."
	}
	g.at(severity, b.sourceAt, b.Name, summary, detail)
}

// datasets reports datasets that cannot be written where they are to be.
func (g *gathering) datasets(results map[string]planner.Address) {
	for i := range g.cfg.Datasets {
		d := &g.cfg.Datasets[i]
		if blob.IsURL(d.PathAbs) {
			dir, file := d.Place()
			if result, ok := results[g.fileIn(dir, file)]; ok {
				g.at(SeverityError, d.pathAt, "dataset."+d.Name, "A dataset would overwrite a result",
					fmt.Sprintf("%s is the result of %s. Name another file.", d.Path, result))
			}
			continue
		}
		info, err := os.Stat(d.PathAbs)
		file := inTheWay(filepath.Dir(d.PathAbs), path.Dir(d.Path))
		result, isResult := results[g.fileIn(filepath.Dir(d.PathAbs), filepath.Base(d.PathAbs))]
		fail := func(summary, detail string, args ...any) {
			g.at(SeverityError, d.pathAt, "dataset."+d.Name, summary, fmt.Sprintf(detail, args...))
		}
		switch {
		case err == nil && info.IsDir():
			fail("The path of a dataset is a folder", "%s is a folder. Name a file.", d.Path)
		case file != "":
			fail("The path of a dataset is below a file", "%s is no folder, so %s cannot be made. Name another path, or move the file away.", file, d.Path)
		case isResult:
			fail("A dataset would overwrite a result", "%s is the result of %s. Name another file.", d.Path, result)
		}
	}
}

// mayClash reports whether two of all these paths may be one: names in a folder
// differ within a block, where each has a number of its own.
func (g *gathering) mayClash() bool {
	if g.lacking || len(g.cfg.Datasets) > 0 {
		return true
	}
	outputs := map[string]bool{}
	for i := range g.cfg.Blocks {
		b := &g.cfg.Blocks[i]
		dir, real := g.leadsTo(b.OutputDirAbs), g.leadsTo(b.outputReal)
		if outputs[dir] || outputs[real] {
			return true
		}
		outputs[dir], outputs[real] = true, true
	}
	last := "" // almost all are in the folder of the one before
	for i := range g.files {
		dir := filepath.Dir(g.files[i].Path)
		if dir != last && outputs[g.leadsTo(dir)] {
			return true
		}
		last = dir
	}
	return false
}

// results reports result files that would overwrite each other or a source, once
// for each two blocks.
func (g *gathering) results() {
	if !g.mayClash() {
		return
	}
	batches := g.in.Desired.Batches
	sources := make(map[string]planner.Address, len(g.files))
	for i := range g.files {
		sources[g.fileIn(filepath.Dir(g.files[i].Path), filepath.Base(g.files[i].Path))] = batches[g.batches[i]].Address
	}
	taken := make(map[string]planner.Address, len(batches))
	said := map[[3]string]bool{}
	for i := range batches {
		batch, p := &batches[i], &g.in.Paths[i]
		a := batch.Address
		key := g.fileIn(p.OutputDir, p.OutputName)
		b := g.cfg.find(a.Block)
		report := func(other planner.Address, summary, detail string, args ...any) {
			if id := [3]string{summary, other.Block, a.Block}; !said[id] {
				said[id] = true
				g.at(SeverityError, b.outputAt, a.String(), summary, fmt.Sprintf(detail, args...))
			}
		}
		real := g.fileIn(b.outputReal, p.OutputName) // a rehearsal finds what the real run would
		other, ok := taken[key]
		if !ok {
			other, ok = taken[real]
		}
		if ok {
			report(other, "Two batches with one result file",
				"The results of %s (declared at %s) and %s would both be %s. Give the two blocks different output_dirs.",
				other, place(g.cfg.find(other.Block).declared), a, batch.Output)
			continue
		}
		taken[key], taken[real] = a, a
		if other, ok := sources[key]; ok {
			report(other, "A result would overwrite a source",
				"%s is the source of %s and would be the result of %s. Name another output_dir.", batch.Output, other, a)
		}
	}
	g.datasets(taken)
}

// find gives the block of a name that is there.
func (c *Config) find(name string) *Block {
	i, _ := slices.BinarySearchFunc(c.Blocks, name, func(b Block, name string) int { return strings.Compare(b.Name, name) })
	return &c.Blocks[i]
}

// at adds a diagnostic at a place in the config.
func (g *gathering) at(severity Severity, r hcl.Range, address, summary, detail string) {
	d := g.cfg.texts.convert(&hcl.Diagnostic{Summary: summary, Detail: detail, Subject: &r})
	d.Severity = severity
	d.Address = address
	if !strings.Contains(address, ".") { // the name of a batch block
		d.Address = "batch." + address
	}
	g.diags = append(g.diags, d)
}

// problem adds what package source found, at its place in the source file.
func (g *gathering) problem(p source.Problem) {
	hide := g.cfg.texts.hide
	d := Diagnostic{Severity: SeverityError, Summary: hide(upperFirst(p.Summary)), Detail: hide(p.Detail)}
	pos := Pos{Line: p.Line, Column: p.Column}
	d.Range = &Range{Filename: p.Path, Start: pos, End: pos}
	g.diags = append(g.diags, d)
}

// folded makes paths equal that name one file on this system.
func folded(p string) string {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return strings.ToLower(p)
	}
	return p
}

// sameFolder reports whether two absolute paths name one folder, through links
// as well.
func sameFolder(a, b string) bool {
	if folded(a) == folded(b) {
		return true
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}
