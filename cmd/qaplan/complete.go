package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

// Completion of addresses. A shell waits for it at each press of a key: only the
// config and the state are read, nothing is sent to the service, and what is wrong with them is
// not said here.

// maxWords bounds how many words a shell gets; nobody reads more, and further
// digits make them fewer.
const maxWords = 1000

// completionTime is how long a bucket may take to tell the state: somebody is
// waiting at a prompt.
const completionTime = 2 * time.Second

// completing is what words are made of.
type completing struct {
	cfg   *config.Config // without blocks where the config does not load
	items []planner.Item // as the state alone has them, by address
}

func (a *app) completing(ctx context.Context) completing {
	cfg, _ := config.Load(ctx, a.configOptions())
	if cfg == nil {
		// A slip in the config does not take away what the state knows.
		cfg = &config.Config{Backend: config.Backend{Path: filepath.Join(filepath.Dir(a.path(a.global.config)), "qaplan.state.json")}}
	}
	c := completing{cfg: cfg}
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	if st, err := a.read(ctx, cfg, state.Identity{}); err == nil {
		c.items, _ = asRecorded(cfg, st)
	}
	return c
}

// word is what a shell offers, with what it shows beside it.
func word(sel planner.Selector, about string) cobra.Completion {
	if about == "" {
		return sel.String()
	}
	return cobra.CompletionWithDesc(sel.String(), about)
}

func one(addr planner.Address) planner.Selector {
	return planner.Selector{Block: addr.Block, First: addr.Number, Last: addr.Number}
}

// offer ends a completion: words that begin as what was typed, without those
// that the line has already.
func offer(words []cobra.Completion, args []string, typed string, how cobra.ShellCompDirective) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	for _, w := range words {
		text, _, _ := strings.Cut(w, "\t")
		if strings.HasPrefix(text, typed) && !slices.Contains(args, text) && len(out) < maxWords {
			out = append(out, w)
		}
	}
	return out, how | cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeSelector offers the blocks, each with its range, and from the bracket
// on each batch of config and state.
func (a *app) completeSelector(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c := a.completing(cmd.Context())
	if strings.Contains(typed, "[") {
		return offer(c.everyBatch(), nil, typed, 0)
	}
	return offer(c.blocks(), nil, typed, cobra.ShellCompDirectiveNoSpace)
}

// blocks are those of config and state, each whole and with its range.
func (c *completing) blocks() []cobra.Completion {
	type span struct{ first, last, n int }
	blocks := map[string]span{}
	for i := range c.cfg.Blocks {
		b := &c.cfg.Blocks[i]
		blocks[b.Name] = span{b.First, b.Last, b.Count()}
	}
	var left []string // blocks that the state alone knows
	for i := range c.items {
		addr := c.items[i].Address
		s, known := blocks[addr.Block]
		if !known {
			left = append(left, addr.Block)
			s = span{addr.Number, addr.Number, 0}
		}
		if slices.Contains(left, addr.Block) {
			s.last, s.n = addr.Number, s.n+1
			blocks[addr.Block] = s
		}
	}
	var words []cobra.Completion
	for _, name := range sortedKeys(blocks) {
		s := blocks[name]
		about := fmt.Sprintf("%d batches", s.n)
		if s.n == 1 {
			about = "1 batch"
		}
		words = append(words, word(planner.Selector{Block: name, Whole: true}, about), word(planner.Selector{Block: name, First: s.first, Last: s.last}, about))
	}
	return words
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// everyBatch are the batches of the config and those that the state alone knows.
func (c *completing) everyBatch() []cobra.Completion {
	type batch struct {
		addr  planner.Address
		about string
	}
	about := make(map[planner.Address]string, len(c.items))
	var all []batch
	for i := range c.items {
		it := &c.items[i]
		about[it.Address] = standing(it)
		if !declares(c.cfg, it.Address) {
			all = append(all, batch{it.Address, standing(it)})
		}
	}
	for i := range c.cfg.Blocks {
		b := &c.cfg.Blocks[i]
		for n := b.First; n <= b.Last; n++ {
			if has(*b, n) {
				addr := planner.Address{Block: b.Name, Number: n}
				all = append(all, batch{addr, about[addr]})
			}
		}
	}
	slices.SortFunc(all, func(x, y batch) int { return x.addr.Compare(y.addr) })
	words := make([]cobra.Completion, len(all))
	for i, b := range all {
		words[i] = word(one(b.addr), b.about)
	}
	return words
}

// standing is how a batch stands by the state alone.
func standing(it *planner.Item) string {
	if it.Reason != "" {
		return string(it.Phase) + ", " + string(it.Reason)
	}
	return string(it.Phase)
}

// recorded are the batches that the state knows and keep takes.
func (c *completing) recorded(keep func(*planner.Item) bool) []cobra.Completion {
	items := slices.Clone(c.items)
	slices.SortFunc(items, func(x, y planner.Item) int { return cmp.Or(x.Address.Compare(y.Address)) })
	var words []cobra.Completion
	for i := range items {
		if keep(&items[i]) {
			words = append(words, word(one(items[i].Address), standing(&items[i])))
		}
	}
	return words
}

func anyItem(*planner.Item) bool { return true }

// completeRecorded offers the batches that the state knows.
func (a *app) completeRecorded(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c := a.completing(cmd.Context())
	return offer(c.recorded(anyItem), args, typed, 0)
}

// completeOne is completeRecorded for a single argument.
func (a *app) completeOne(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return cobra.NoFileCompletions(cmd, args, typed)
	}
	return a.completeRecorded(cmd, args, typed)
}

// completeMove offers what the state knows, and then where it can go: blocks and
// batches of the config.
func (a *app) completeMove(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return a.completeRecorded(cmd, args, typed)
	case len(args) == 1:
		return a.completeSelector(cmd, args, typed)
	}
	return cobra.NoFileCompletions(cmd, args, typed)
}

// completeRunning offers the batches that may have a job to cancel, as far as
// the state knows.
func (a *app) completeRunning(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c := a.completing(cmd.Context())
	return offer(c.recorded(func(it *planner.Item) bool {
		return it.Phase == planner.PhaseUnknown || it.Phase == planner.PhaseSubmitted
	}), args, typed, 0)
}

// completeDesired offers the batches of the config as the first argument, and
// none after it.
func (a *app) completeDesired(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return cobra.NoFileCompletions(cmd, args, typed)
	}
	c := a.completing(cmd.Context())
	return offer(c.everyBatch(), args, typed, 0)
}

// completeBlockNames offers the names of the config's blocks.
func (a *app) completeBlockNames(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	c := a.completing(cmd.Context())
	var names []cobra.Completion
	for i := range c.cfg.Blocks {
		names = append(names, c.cfg.Blocks[i].Name)
	}
	return offer(names, nil, typed, 0)
}

// shellAsks tells that it may be the shell that asks. Flags may stand before its
// word, where an alias holds them.
func shellAsks(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, cobra.ShellCompRequestCmd) })
}

// completeRest sets what shells offer where a command says nothing itself: files
// only where files are taken, and the words of flags that take a few.
func completeRest(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		completeRest(sub)
	}
	if cmd.ValidArgsFunction == nil && cmd.ValidArgs == nil && cmd.Args != nil && cmd.Args(cmd, []string{"x"}) != nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if _, set := cmd.GetFlagCompletionFunc(f.Name); set || f.NoOptDefVal != "" {
			return
		}
		offer := cobra.NoFileCompletions
		words, few := f.Value.(*choice)
		switch value, _ := pflag.UnquoteUsage(f); {
		case few:
			offer = cobra.FixedCompletions(words.allowed, cobra.ShellCompDirectiveNoFileComp)
		case value == "FILE":
			return
		case value == "DIR":
			offer = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		}
		must(cmd.RegisterFlagCompletionFunc(f.Name, offer))
	})
}
