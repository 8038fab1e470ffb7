package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
)

// usage is what follows the description on a help page.
func usage(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString("Usage:\n  " + cmd.UseLine() + "\n")
	if cmd.HasAvailableSubCommands() {
		b.WriteString("  " + cmd.CommandPath() + " COMMAND [flags]\n")
	}
	if cmd.Example != "" {
		b.WriteString("\nExamples:\n" + cmd.Example + "\n")
	}
	if cmd.HasAvailableSubCommands() {
		var rows [][2]string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				rows = append(rows, [2]string{sub.Name(), sub.Short})
			}
		}
		b.WriteString("\nCommands:\n" + ui.Definitions(rows))
	}
	own, global := cmd.LocalFlags(), cmd.InheritedFlags()
	if own.HasAvailableFlags() {
		b.WriteString("\nFlags, with one dash or two:\n" + ui.Definitions(flagRows(own)))
	}
	if global.HasAvailableFlags() {
		b.WriteString("\nFlags of every command:\n" + ui.Definitions(flagRows(global)))
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nMore about a command: " + cmd.CommandPath() + " COMMAND --help\n")
	}
	return b.String()
}

func flagRows(flags *pflag.FlagSet) [][2]string {
	var rows [][2]string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, words := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		switch {
		case f.NoOptDefVal != "":
			if f.DefValue == "true" {
				name += "=false"
			}
		case value != "":
			name += " " + value
		}
		switch f.DefValue {
		case "", "0", "0s", "[]", "true", "false":
		default:
			words += " (default " + f.DefValue + ")"
		}
		rows = append(rows, [2]string{name, words})
	})
	return rows
}
