package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/report"
	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider/batchfile"
)

// reportFlags are what a report can be asked for.
type reportFlags struct {
	format  choice
	json    bool
	output  string
	content bool
	refresh bool
}

func (f *reportFlags) form() string {
	if f.json {
		return "json"
	}
	return f.format.value
}

func reportCommand(a *app) *cobra.Command {
	f := reportFlags{format: choice{value: "html", allowed: []string{"html", "markdown", "json"}}}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Make a page of how it went: progress, throughput, cost, failures",
		Long: `Make a report of all batches: phases over time, throughput against the limits,
tokens and cost by block and by day, how long jobs took, failures with their keys,
old jobs, and a table of the batches. It is one HTML file that asks for nothing from
outside and opens from the disk; --format markdown is for a pull request or a mail,
--format json has all the numbers.

It is made of the state, needs no key and asks nobody: it tells how things stood
when the last apply ended or wrote. With --refresh the service is asked first, as
status does. Prompts and answers are in it with --with-content alone.`,
		Example: `  qaplan report --output report.html
  qaplan report --refresh --output report.html
  qaplan report --format markdown > report.md`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("output") && f.output == "" {
				return errors.New("--output: the name of the file is empty")
			}
			return a.report(cmd.Context(), &f)
		},
	}
	fl := cmd.Flags()
	fl.Var(&f.format, "format", "the form of the report: "+orList(f.format.allowed))
	fl.BoolVar(&f.json, "json", false, "the same as --format json")
	fl.StringVar(&f.output, "output", "", "write to `FILE` in place of stdout")
	fl.BoolVar(&f.content, "with-content", false, "show what was asked and answered in rows without a good answer")
	fl.BoolVar(&f.refresh, "refresh", false, "ask the service first; needs the key")
	must(cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(f.format.allowed, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) report(ctx context.Context, f *reportFlags) error {
	if f.form() == "html" && f.output == "" && a.ui.Width() > 0 {
		return advised(errors.New("the report is an HTML page, which is of no use on a terminal"),
			"Write it to a file, qaplan report --output report.html, or read it here: qaplan report --format markdown.")
	}
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	facts := report.Facts{
		Version: version, Config: a.configName(), Refreshed: f.refresh, Service: plannedFor(cfg), Limits: limits(cfg.Provider.Rate),
		MaxCost: maxCosts(cfg), Files: reportFiles(cfg),
	}
	rows := badRows{all: f.form() == "json", content: f.content, list: []report.BadRow{}}
	p, items, st, err := a.observing(ctx, cfg, f.refresh, func(e *apply.Engine, items []planner.Item) error {
		facts.Spending = e.Spending(items)
		return rows.read(ctx, a, e, items)
	})
	if err != nil {
		return err
	}
	facts.Now, facts.Plan, facts.Items, facts.State = time.Now(), p, items, st
	facts.BadRows, facts.MoreBadRows = rows.list, rows.more
	text, err := render(f.form(), report.New(&facts))
	if err != nil {
		return err
	}
	return a.deliver(f.output, text)
}

func render(form string, r *report.Report) (string, error) {
	switch form {
	case "json":
		return ui.JSON(r)
	case "markdown":
		return report.Markdown(r), nil
	}
	var b strings.Builder
	err := report.HTML(&b, r)
	return b.String(), err
}

// maxCosts are the limits on the cost of the blocks.
func maxCosts(cfg *config.Config) map[string]budget.USD {
	limits := map[string]budget.USD{}
	for name, c := range costs(cfg) {
		limits[name] = c.Max
	}
	return limits
}

// reportFiles says where the files of a config are.
func reportFiles(cfg *config.Config) report.Files {
	f := report.Files{State: cfg.Backend.Shown, Sources: []string{}, Results: []string{}, Datasets: []string{}}
	add := func(list *[]string, s string) {
		if !slices.Contains(*list, s) {
			*list = append(*list, s)
		}
	}
	for i := range cfg.Blocks {
		add(&f.Sources, cfg.Blocks[i].Source)
		add(&f.Results, cfg.Blocks[i].OutputDir)
	}
	for i := range cfg.Datasets {
		add(&f.Datasets, cfg.Datasets[i].Path)
	}
	return f
}

// How many bad rows a report for people lists, of one batch and in all, and how
// much of a line it shows.
const (
	badRowsOfBatch = 50
	badRowsInAll   = 2000
	contentBytes   = 4000
)

// badRows gathers rows without a good answer.
type badRows struct {
	all     bool // as many as there are
	content bool
	list    []report.BadRow
	more    int
}

// read goes through the batches. Rows that cannot be read are warned about.
func (r *badRows) read(ctx context.Context, a *app, e *apply.Engine, items []planner.Item) error {
	for i := range items {
		it := &items[i]
		if it.Record == nil || it.Record.Judged == nil {
			continue
		}
		bad, before := it.Record.Judged.Classes.Bad(), len(r.list)
		room := min(badRowsOfBatch, badRowsInAll-before)
		if bad == 0 || !r.all && room <= 0 {
			r.more += bad
			continue
		}
		take := func(row batchfile.BadRow, c batchfile.Content) error {
			if !r.all && len(r.list)-before == room {
				return errEnough
			}
			r.list = append(r.list, report.BadRow{BadRow: ui.NewBadRow(it.Address, &row), Request: excerpt(c.Request), Answer: excerpt(c.Answer)})
			return nil
		}
		var err error
		if r.content {
			err = e.BadContent(ctx, it, take)
		} else {
			err = e.BadRows(ctx, it, func(row batchfile.BadRow) error { return take(row, batchfile.Content{}) })
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil, errors.Is(err, errEnough):
		default:
			x := ui.Explain(err)
			x.Warning = true
			a.explain(x)
		}
		r.more += max(0, bad-(len(r.list)-before))
	}
	return nil
}

// excerpt is the beginning of a line.
func excerpt(line []byte) string {
	if len(line) <= contentBytes {
		return string(line)
	}
	cut := contentBytes
	for cut > 0 && !utf8.RuneStart(line[cut]) {
		cut--
	}
	return string(line[:cut]) + "…"
}
