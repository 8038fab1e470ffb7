package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// laterCommand declares a command that is known and not carried out yet: refused
// with a sentence, never accepted and ignored.
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
		laterCommand("report", "the report page"),
	}
}
