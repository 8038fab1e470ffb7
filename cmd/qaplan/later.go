package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// laterFlag declares a flag that is known and not carried out yet: refused with
// a sentence, never accepted and ignored.
func laterFlag(cmd *cobra.Command, name, what string) {
	cmd.Flags().Var(&refusedFlag{name, what}, name, what)
	must(cmd.Flags().MarkHidden(name))
}

type refusedFlag struct{ name, what string }

func (f *refusedFlag) String() string { return "" }
func (f *refusedFlag) Type() string   { return "VALUE" }

func (f *refusedFlag) Set(string) error {
	return fmt.Errorf("%s is not carried out by this version yet", f.what)
}

// laterCommand declares a command of which the same is true.
func laterCommand(use, what string) *cobra.Command {
	return &cobra.Command{
		Use: use, Hidden: true, DisableFlagParsing: true,
		Short: what + " (not carried out by this version yet)",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return fmt.Errorf("%s: %s is not carried out by this version yet", cmd.CommandPath(), what)
		},
	}
}

func laterCommands() []*cobra.Command {
	return []*cobra.Command{
		laterCommand("init", "writing a first config"),
		laterCommand("report", "the report page"),
	}
}
