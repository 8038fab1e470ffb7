package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/qaplan/qaplan/cmd/qaplan/internal/ui"
	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/provider/emulator"
)

// emulatorFlags mirror the attributes of provider "emulator".
type emulatorFlags struct {
	listen, dataDir    string
	history            string
	queueTime, runTime string
	clockRate          float64
	apiKey             string
	models             []string
	quota              emulator.Quota
	rows               emulator.RowFaults
	faults             []string
}

func emulatorCommand(a *app) *cobra.Command {
	var f emulatorFlags
	cmd := &cobra.Command{
		Use:   "emulator",
		Short: "Serve a Gemini-compatible batch service for rehearsals",
		Long: `Serve the part of the Gemini API that batch jobs use, from a data folder: uploads,
jobs, listings, downloads, quotas, expiry. Any SDK works with it. Jobs go on over
restarts. It serves until it is interrupted, which is its normal end.

A config rehearses with an emulator of its own, with the same settings:

  provider "emulator" {
    queue_time = "1s"
    run_time   = ["2s", "1m"]   # a time, or the shortest and the longest
    clock_rate = 60             # seconds that pass in it for each real one
    quota {
      max_active_jobs    = 20
      creates_per_minute = 5
    }
    rows {
      error_share   = 0.03      # of the rows, 0 to 1
      missing_share = 0.01
    }
    fault "reset_after" {
      op    = "create"
      first = 2
      count = 1
    }
  }

A fault makes certain calls go wrong: NAME, or NAME:OP:FIRST:COUNT:VALUE where every
part but the name may be left empty. --fault reset_after:create:2 answers the second
create with a broken connection after it was carried out; a count of -1 is all
calls. Names:
` + ui.Paragraph(strings.Join(emulator.FaultNames(), ", ")),
		Example: `  qaplan emulator --data-dir /tmp/rehearsal
  qaplan emulator --listen 127.0.0.1:9000 --run-time 5s --clock-rate 60
  qaplan emulator --fault status_before:create:1:3:503`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.emulate(cmd.Context(), &f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.listen, "listen", "127.0.0.1:8765", "the `ADDRESS` to listen on; port 0 takes a free one")
	fl.StringVar(&f.dataDir, "data-dir", ".qaplan/emulator-data", "the `DIR` where jobs and files are kept")
	fl.StringVar(&f.history, "history", "", "a `FILE` with jobs and files that exist from the start; read when the data folder is new")
	fl.StringVar(&f.queueTime, "queue-time", "1s", "how long jobs are pending: a `TIME`, or two with a comma between for the shortest and the longest")
	fl.StringVar(&f.runTime, "run-time", "2s", "how long jobs run, `TIME` as in --queue-time")
	fl.Float64Var(&f.clockRate, "clock-rate", 1, "how many seconds pass in it for each real one, a `NUMBER`")
	fl.StringVar(&f.apiKey, "api-key", "", "let only this `KEY` in; any when empty")
	fl.StringArrayVar(&f.models, "model", nil, "a `MODEL` that exists; may be repeated; without it, those with batch support")
	fl.IntVar(&f.quota.ActiveJobs, "max-active-jobs", 100, "the quota of jobs pending or running, a `NUMBER`")
	fl.IntVar(&f.quota.CreatesPerMinute, "creates-per-minute", 0, "the quota of creates a minute, a `NUMBER`; 0 is none")
	fl.IntVar(&f.quota.RequestsPerMinute, "requests-per-minute", 0, "the quota of calls a minute, a `NUMBER`; 0 is none")
	fl.Float64Var(&f.rows.ErrorShare, "error-rows", 0, "the `SHARE` of rows, 0 to 1, that are answered with an error")
	fl.Float64Var(&f.rows.MissingShare, "missing-rows", 0, "the `SHARE` of rows, 0 to 1, that are not answered at all")
	fl.StringArrayVar(&f.faults, "fault", nil, "a `FAULT` that is on, see above; may be repeated")
	return cmd
}

func (a *app) emulate(ctx context.Context, f *emulatorFlags) error {
	cfg, err := f.config(a)
	if err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(f.listen); err != nil {
		return fmt.Errorf("--listen %s: write an address and a port, such as 127.0.0.1:8765", f.listen)
	}
	s, err := serve(cfg, f.listen)
	if err != nil {
		return err
	}
	key := f.apiKey
	if key == "" {
		key = "rehearsal"
	}
	a.ui.Print(ui.Serving(s.url(), cfg.Dir, key))
	select {
	case <-ctx.Done():
		if err := s.close(); err != nil {
			return err
		}
		a.ui.Note("The emulator has stopped; its jobs go on when it is started again with the same folder.")
		return nil
	case err := <-s.ended:
		return errors.Join(fmt.Errorf("serve the emulator: %w", err), s.emulator.Close())
	}
}

func (f *emulatorFlags) config(a *app) (emulator.Config, error) {
	cfg := emulator.Config{
		Dir: a.path(f.dataDir), History: a.path(f.history), Rate: f.clockRate, APIKey: f.apiKey, Models: f.models, Quota: f.quota, Rows: f.rows,
	}
	if f.dataDir == "" {
		return cfg, errors.New("--data-dir: name a folder")
	}
	if !(f.clockRate > 0) || math.IsInf(f.clockRate, 0) {
		return cfg, fmt.Errorf("--clock-rate %v: it must be a number above 0", f.clockRate)
	}
	for name, share := range map[string]float64{"error-rows": f.rows.ErrorShare, "missing-rows": f.rows.MissingShare} {
		if !(share >= 0 && share <= 1) {
			return cfg, fmt.Errorf("--%s %v: it must be a share from 0 to 1", name, share)
		}
	}
	var err error
	if cfg.QueueTime, err = parseSpan("queue-time", f.queueTime); err != nil {
		return cfg, err
	}
	if cfg.RunTime, err = parseSpan("run-time", f.runTime); err != nil {
		return cfg, err
	}
	for _, text := range f.faults {
		fault, err := parseFault(text)
		if err != nil {
			return cfg, err
		}
		if err := checkFault(config.Fault(fault)); err != nil {
			return cfg, fmt.Errorf("--fault %s: %w", text, err)
		}
		cfg.Faults = append(cfg.Faults, fault)
	}
	if err := cfg.CheckHistory(); err != nil {
		return cfg, fmt.Errorf("--history %w", err)
	}
	return cfg, nil
}

// parseSpan reads 2s, or 1s,5s.
func parseSpan(flag, text string) (emulator.Span, error) {
	low, high, two := strings.Cut(text, ",")
	if !two {
		high = low
	}
	var s emulator.Span
	var err error
	if s.Min, err = time.ParseDuration(strings.TrimSpace(low)); err == nil {
		s.Max, err = time.ParseDuration(strings.TrimSpace(high))
	}
	if err != nil || s.Min < 0 || s.Max < s.Min {
		return s, fmt.Errorf("--%s %s: write a length of time such as 2s, or the shortest and the longest such as 1s,5s", flag, text)
	}
	if s == (emulator.Span{}) {
		s = emulator.Span{Min: 1, Max: 1} // the zero value would be the default
	}
	return s, nil
}

// parseFault reads NAME:OP:FIRST:COUNT:VALUE.
func parseFault(text string) (emulator.Fault, error) {
	parts := strings.SplitN(text, ":", 5)
	for len(parts) < 5 {
		parts = append(parts, "")
	}
	f := emulator.Fault{Name: parts[0], Op: parts[1], Value: parts[4]}
	for i, into := range map[int]*int{2: &f.First, 3: &f.Count} {
		if parts[i] == "" {
			continue
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return f, fmt.Errorf("--fault %s: %q is not a number; write NAME:OP:FIRST:COUNT:VALUE", text, parts[i])
		}
		*into = n
	}
	return f, nil
}
