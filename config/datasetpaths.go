package config

import (
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// checkDatasetPaths reports datasets that would overwrite each other or
// something else. A rehearsal finds what the real run would run into as well.
func (l *loader) checkDatasetPaths(cfg *Config) {
	if len(cfg.Datasets) == 0 {
		return
	}
	p := l.placesOf(cfg)
	for i := range cfg.Datasets {
		d := &cfg.Datasets[i]
		if d.PathAbs == "" {
			continue // reported where it stands
		}
		moved, real := resolved(d.PathAbs), resolved(d.real.abs)
		for _, at := range []string{moved, real} {
			if summary, detail := p.clash(d, at); summary != "" {
				l.errorf(&d.pathAt, summary, "%s", detail)
				break
			}
		}
		p.datasets[moved], p.datasets[real] = d, d
	}
}

// manifestName is the file that says beside results what was run with what.
const manifestName = "manifest.json"

// places are the resolved paths that no dataset may have.
type places struct {
	datasets map[string]*Dataset
	taken    map[string]string   // what each path is
	above    map[string]string   // folders that hold an output_dir, with its block
	sources  map[string][]*Block // by the folder of their sources
	results  map[string][]*Block // by output_dir
}

func (l *loader) placesOf(cfg *Config) *places {
	p := &places{
		datasets: map[string]*Dataset{}, taken: map[string]string{}, above: map[string]string{},
		sources: map[string][]*Block{}, results: map[string][]*Block{},
	}
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		if b.Source == "" || b.OutputDirAbs == "" {
			continue // reported where they stand
		}
		in := resolved(l.locate(path.Dir(b.Source)).abs)
		p.sources[in] = append(p.sources[in], b)
		p.output(b, resolved(b.OutputDirAbs))
		if b.outputReal != b.OutputDirAbs {
			p.output(b, resolved(b.outputReal))
		}
	}
	for abs := range l.schemas {
		p.taken[resolved(abs)] = "a schema that the config names"
	}
	for _, vars := range append([]string{filepath.Join(l.dir, varsFile)}, l.opts.VarFiles...) {
		if abs, err := filepath.Abs(vars); err == nil {
			p.taken[resolved(abs)] = "a file of variables"
		}
	}
	if e := cfg.Provider.Emulator; e != nil && e.History != "" {
		p.taken[resolved(e.History)] = "the emulator's history"
	}
	state := cfg.Backend.Path
	p.taken[resolved(state)] = "the state"
	p.taken[resolved(state+".journal")] = "the journal of the state"
	p.taken[resolved(state+".lock")] = "the lock of the state"
	p.taken[resolved(filepath.Join(l.dir, path.Base(l.name)))] = "the config file"
	return p
}

func (p *places) output(b *Block, dir string) {
	p.results[dir] = append(p.results[dir], b)
	p.taken[dir] = fmt.Sprintf("the output_dir of batch %q", b.Name)
	p.taken[filepath.Join(dir, manifestName)] = fmt.Sprintf("the manifest of the results of batch %q", b.Name)
	for up := filepath.Dir(dir); p.above[up] == ""; up = filepath.Dir(up) {
		p.above[up] = b.Name
	}
}

// clash says what a dataset at a resolved path would overwrite, "" for nothing.
func (p *places) clash(d *Dataset, at string) (summary, detail string) {
	shown := d.real.shown
	if other := p.datasets[at]; other != nil {
		return "Two datasets with one path", fmt.Sprintf("Dataset %q, declared at %s, is written to %s too. Give them different paths.", other.Name, place(other.declared), shown)
	}
	if what := p.taken[at]; what != "" {
		return "A dataset would overwrite something else", fmt.Sprintf("%s is %s. Name another file.", shown, what)
	}
	if block := p.above[at]; block != "" {
		return "A dataset would overwrite something else", fmt.Sprintf("%s is a folder that the output_dir of batch %q is in. Name another file.", shown, block)
	}
	if block := numbered(p.sources, at); block != "" {
		return "A dataset would overwrite a source", fmt.Sprintf("%s has the name of a source of batch %q. Name another file.", shown, block)
	}
	if block := numbered(p.results, at); block != "" {
		return "A dataset would overwrite a result", fmt.Sprintf("%s has the name of a result of batch %q. Name another file.", shown, block)
	}
	return "", ""
}

// numbered gives the block of the folder of a file whose glob fits its name,
// whatever the number: a range can grow. "" is none.
func numbered(folders map[string][]*Block, file string) string {
	for _, b := range folders[filepath.Dir(file)] {
		before, after, _ := strings.Cut(folded(path.Base(b.Source)), "*")
		rest, begins := strings.CutPrefix(filepath.Base(file), before)
		digits, ends := strings.CutSuffix(rest, after)
		if begins && ends && digits != "" && strings.Trim(digits, "0123456789") == "" {
			return b.Name
		}
	}
	return ""
}

// resolved follows the links of a path as far as it exists, so that two paths
// that lead to one place are equal.
func resolved(abs string) string {
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return folded(filepath.Join(real, rest))
		}
		if filepath.Dir(at) == at {
			return folded(abs)
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}
