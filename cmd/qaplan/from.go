package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/notes"
	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
)

// maxNotes is how long a text to import from may be, in bytes.
const maxNotes = 64 << 20

// importFrom finds jobs and files next to batch numbers in a text, checks each
// pair against the service, shows them all, and records what nothing
// contradicts.
func (a *app) importFrom(ctx context.Context, f *importFlags) (err error) {
	if err := f.ready(a); err != nil {
		return err
	}
	name := f.from
	if name == "-" {
		name = "stdin"
	}
	text, err := a.readNotes(f.from, name)
	if err != nil {
		return err
	}
	w, err := a.openWork(ctx, workOptions{operation: "import", adoptOnly: true, lockTimeout: f.lockTimeout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	blocks, err := blocksNamed(w.cfg, f.block)
	if err != nil {
		return err
	}
	found := notes.Read(text, notesOptions(blocks))
	claims, err := claimsOf(found.Pairs, blocks)
	if err != nil {
		return err
	}
	var evidence []planner.Evidence
	if len(claims) > 0 {
		if evidence, err = w.engine.Judge(ctx, claims); err != nil {
			return err
		}
	}
	shown := pairsShown(&found)
	shown.Judged = judgedPairs(found.Pairs, claims, evidence)
	a.ui.Print(ui.RenderPairs(shown, ui.PairsView{Style: a.ui.OutStyle(), Width: a.ui.Width(), File: name}))
	var taken []planner.Claim
	recorded := 0
	for i, e := range evidence {
		switch e.Verdict {
		case planner.ClaimVerified, planner.ClaimUnverified:
			taken = append(taken, claims[i])
		case planner.ClaimRecorded:
			recorded++
		}
	}
	switch {
	case len(taken) > 0:
		return a.adopt(ctx, w, taken, &f.surgeryFlags)
	case recorded > 0:
		a.ui.Print("\nNothing to import: the state knows what it can use of this.\n")
		return nil
	}
	advice := "Each line above says why. A pair of which you are sure can be given alone: qaplan import 'batch.NAME[72]' batches/…."
	if len(found.Pairs)+len(found.Conflicts)+len(found.Unpaired) == 0 {
		advice = "What is looked for are names such as batches/… and files/…, each next to the number of its batch."
	}
	return advised(fmt.Errorf("%s: nothing there can be imported", name), advice)
}

// readNotes reads the text, which messages call name; "-" is stdin.
func (a *app) readNotes(file, name string) ([]byte, error) {
	in := a.stdin
	switch {
	case file == "-" && a.ui.Interactive():
		return nil, errors.New("stdin is a terminal; name the file to import from")
	case file != "-":
		f, err := a.open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var text bytes.Buffer
	switch n, err := io.Copy(&text, io.LimitReader(in, maxNotes+1)); {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case n > maxNotes:
		return nil, fmt.Errorf("%s is longer than %d MB; cut out the part that names jobs and batches", name, maxNotes>>20)
	}
	return text.Bytes(), nil
}

// blocksNamed gives the block of that name, or all without one.
func blocksNamed(cfg *config.Config, name string) ([]config.Block, error) {
	if name == "" {
		return cfg.Blocks, nil
	}
	i := slices.IndexFunc(cfg.Blocks, func(b config.Block) bool { return b.Name == name })
	if i < 0 {
		names := make([]string, len(cfg.Blocks))
		for i, b := range cfg.Blocks {
			names[i] = b.Name
		}
		return nil, advised(fmt.Errorf("--block %s: the config has no such block", name), didYouMean(name, names))
	}
	return cfg.Blocks[i : i+1], nil
}

// has reports whether a block declares the number.
func has(b config.Block, number int) bool {
	return b.First <= number && number <= b.Last && !slices.Contains(b.Exclude, number)
}

func notesOptions(blocks []config.Block) notes.Options {
	o := notes.Options{Numbers: func(n int) bool {
		return slices.ContainsFunc(blocks, func(b config.Block) bool { return has(b, n) })
	}}
	for _, b := range blocks {
		o.Globs = append(o.Globs, b.Source)
	}
	return o
}

// claimsOf gives each pair the batch that its number means.
func claimsOf(pairs []notes.Pair, blocks []config.Block) ([]planner.Claim, error) {
	claims := make([]planner.Claim, len(pairs))
	for i, p := range pairs {
		var names []string
		for _, b := range blocks {
			if has(b, p.Number) {
				names = append(names, b.Name)
			}
		}
		if len(names) > 1 {
			return nil, fmt.Errorf("batch %d is in %d blocks; say with --block which one is meant: %s", p.Number, len(names), orList(names))
		}
		claims[i] = planner.Claim{Address: planner.Address{Block: names[0], Number: p.Number}, ID: p.ID}
	}
	return claims, nil
}

// pairsShown is what the text leaves open.
func pairsShown(found *notes.Result) ui.Pairs {
	var p ui.Pairs
	for _, u := range found.Unpaired {
		p.Loose = append(p.Loose, ui.LooseID{ID: u.ID, Line: u.Line, Why: u.Why})
	}
	for _, c := range found.Conflicts {
		clash := ui.Clash{Why: c.Why}
		for _, said := range c.Said {
			clash.Said = append(clash.Said, ui.LooseID{ID: said.ID, Line: said.Line, Why: fmt.Sprintf("batch %d, %s", said.Number, said.Why)})
		}
		p.Clashes = append(p.Clashes, clash)
	}
	return p
}

func judgedPairs(pairs []notes.Pair, claims []planner.Claim, evidence []planner.Evidence) []ui.JudgedPair {
	list := make([]ui.JudgedPair, len(pairs))
	for i, p := range pairs {
		said := p.Why
		if p.Sure != notes.Stated {
			said = p.Sure.String() + ", " + said
		}
		list[i] = ui.JudgedPair{
			Address: claims[i].Address, ID: p.ID, Verdict: string(evidence[i].Verdict), Why: evidence[i].Why, Said: said, Line: p.Line,
		}
	}
	return list
}
