package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/planner"
)

// globals are the flags that every command takes.
type globals struct {
	chdir    string
	config   string
	vars     []string
	varFiles []string
	noColor  bool
	logLevel choice
}

const logOff = "off"

func (g *globals) register(f *pflag.FlagSet) {
	f.StringVarP(&g.chdir, "chdir", "C", "", "work in `DIR`: paths given here are relative to it")
	f.StringVar(&g.config, "config", "qaplan.hcl", "the config `FILE`")
	f.StringArrayVar(&g.vars, "var", nil, "set a variable, `NAME=VALUE`; may be repeated")
	f.StringArrayVar(&g.varFiles, "var-file", nil, "set variables from `FILE`; may be repeated")
	f.BoolVar(&g.noColor, "no-color", false, "no colours")
	g.logLevel = choice{value: "warn", allowed: []string{logOff, "debug", "info", "warn", "error"}}
	f.Var(&g.logLevel, "log-level", "what to log to stderr: off, debug, info, warn or error")
}

// choice is a flag that takes one of a few words.
type choice struct {
	value   string
	allowed []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return "WORD" }

func (c *choice) Set(s string) error {
	switch {
	case slices.Contains(c.allowed, s):
		c.value = s
		return nil
	default:
		return advised(fmt.Errorf("it must be %s", orList(c.allowed)), didYouMean(s, c.allowed))
	}
}

func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// format is --format with its other spelling --json.
type format struct {
	choice choice
	json   bool
}

// register declares both; more are forms beside human and json.
func (f *format) register(cmd *cobra.Command, more ...string) {
	f.choice = choice{value: "human", allowed: append([]string{"human", "json"}, more...)}
	cmd.Flags().Var(&f.choice, "format", "the form of the result: "+orList(f.choice.allowed))
	cmd.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
}

func (f *format) isJSON() bool { return f.json || f.choice.value == "json" }

func (f *format) isMarkdown() bool { return !f.isJSON() && f.choice.value == "markdown" }

// must turns a slip in the declaration of a command, which shows on every
// start, into a panic.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// selection are the flags that narrow or widen a plan.
type selection struct {
	targets, excludes, rerun []string
}

func (s *selection) register(a *app, cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&s.targets, "target", nil, "only these batches; `ADDRESS` is a batch, a range or a block; may be repeated")
	f.StringArrayVar(&s.excludes, "exclude", nil, "all but these batches, `ADDRESS` as in --target; may be repeated")
	f.StringArrayVar(&s.rerun, "rerun", nil, "buy another job for these batches, whatever was bought; `ADDRESS` as in --target; may be repeated")
	must(cmd.RegisterFlagCompletionFunc("target", a.completeSelector))
	must(cmd.RegisterFlagCompletionFunc("exclude", a.completeSelector))
	must(cmd.RegisterFlagCompletionFunc("rerun", a.completeSelector))
}

// given names a flag of the selection that is set, "" where none is.
func (s *selection) given() string {
	switch {
	case len(s.targets) > 0:
		return "--target"
	case len(s.excludes) > 0:
		return "--exclude"
	case len(s.rerun) > 0:
		return "--rerun"
	}
	return ""
}

// options reads the selectors. Each must name a batch that exists, so that a
// slip of the pen does not become an empty plan.
func (s *selection) options(known []planner.Address) (planner.Options, error) {
	var o planner.Options
	var errs []error
	read := func(flag string, texts []string, into *[]planner.Selector) {
		for _, text := range texts {
			sel, err := planner.ParseSelector(text)
			if err == nil && !slices.ContainsFunc(known, sel.Contains) {
				err = unknownAddress(sel, known)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
				continue
			}
			*into = append(*into, sel)
		}
	}
	read("target", s.targets, &o.Targets)
	read("exclude", s.excludes, &o.Excludes)
	read("rerun", s.rerun, &o.Rerun)
	return o, errors.Join(errs...)
}

func unknownAddress(sel planner.Selector, known []planner.Address) error {
	var blocks []string
	for _, a := range known {
		if !slices.Contains(blocks, a.Block) {
			blocks = append(blocks, a.Block)
		}
	}
	if slices.Contains(blocks, sel.Block) {
		return advised(fmt.Errorf("%s names no batch of the config or the state", sel), "qaplan status lists them.")
	}
	return advised(fmt.Errorf("%s names no batch: there is no block %q", sel, sel.Block), didYouMean(sel.Block, blocks))
}

// advised adds sentences of advice to an error; empty ones are left out.
func advised(err error, sentences ...string) error {
	sentences = slices.DeleteFunc(sentences, func(s string) bool { return s == "" })
	if len(sentences) == 0 {
		return err
	}
	return &ui.Advised{Err: err, Advice: strings.Join(sentences, " ")}
}

// seeHelp is the sentence that names the help page of a command.
func seeHelp(cmd *cobra.Command) string { return "See " + cmd.CommandPath() + " --help." }

// didYouMean asks for the known word nearest to what was written; "" where none
// is near.
func didYouMean(word string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := levenshtein.Distance(word, k, nil); d < distance && d < len(word) {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("Did you mean %q?", best)
}

// named reports whether a boolean flag is set on a command line, before it is
// parsed.
func named(args []string, flag string) bool {
	set := false
	for _, arg := range args {
		if arg == "--" {
			break
		}
		name, value, valued := strings.Cut(arg, "=")
		if name != "--"+flag && name != "-"+flag {
			continue
		}
		on, err := strconv.ParseBool(value)
		set = !valued || err == nil && on
	}
	return set
}

// doubleDashes lets long flags begin with one dash, as Terraform's do. Without
// it pflag would read -json as five one-letter flags, and -out=x as -o with the
// value ut=x. The only letters that stand for flags are -C and -h.
func doubleDashes(root *cobra.Command, args []string) []string {
	if len(args) > 1 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		typed := len(args) - 1 // what is being typed is not finished
		return slices.Concat(args[:1], doubleDashes(root, args[1:typed]), args[typed:])
	}
	flags := map[string]*pflag.Flag{}
	collectFlags(root, flags)
	out := slices.Clone(args)
	for i := 0; i < len(out); i++ {
		arg := out[i]
		if arg == "--" {
			break
		}
		if arg == "-C" {
			i++ // its value
			continue
		}
		if len(arg) < 3 || arg[0] != '-' || strings.HasPrefix(arg, "-C") {
			continue
		}
		if arg[1] != '-' {
			out[i] = "-" + arg
		}
		name, _, valued := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if f := flags[name]; f != nil && !valued && f.NoOptDefVal == "" {
			i++ // its value, which may begin with a dash
		}
	}
	return out
}

func collectFlags(cmd *cobra.Command, into map[string]*pflag.Flag) {
	add := func(f *pflag.Flag) { into[f.Name] = f }
	cmd.Flags().VisitAll(add)
	cmd.PersistentFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		collectFlags(sub, into)
	}
}

// flagError adds what may have been meant to an error of parsing.
func flagError(cmd *cobra.Command, err error) error {
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return invalidValue(cmd, invalid)
	}
	missing, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return advised(err, seeHelp(cmd))
	}
	name := missing.GetSpecifiedName()
	if shorthand := missing.GetSpecifiedShortnames(); shorthand != "" {
		return advised(fmt.Errorf("unknown flag: -%s", shorthand), seeHelp(cmd))
	}
	var known []string
	add := func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, "--"+f.Name)
		}
	}
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return advised(fmt.Errorf("unknown flag: --%s", name), didYouMean("--"+name, known), seeHelp(cmd))
}

// invalidValue says what a flag takes in place of what it was given.
func invalidValue(cmd *cobra.Command, invalid *pflag.InvalidValueError) error {
	f, cause := invalid.GetFlag(), invalid.Unwrap()
	switch f.Value.Type() {
	case "duration":
		cause = errors.New("it must be a length of time with its unit, such as 30s, 15m or 2h")
	case "bool":
		cause = errors.New("it must be true or false")
	case "int", "float64":
		cause = errors.New("it must be a number")
	}
	err := fmt.Errorf("--%s %s: %w", f.Name, invalid.GetValue(), cause)
	if e, ok := errors.AsType[*ui.Advised](cause); ok {
		return advised(err, e.Advice, seeHelp(cmd))
	}
	return advised(err, seeHelp(cmd))
}
