package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/state"
)

// generate N DIR writes a project of N finished batches. The benchmark script runs
// it as a program.
func generate(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: generate N DIR")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return writeFinished(args[1], n, nowhere)
}

// benchTools are the programs of the benchmark script.
func benchTools() map[string]func() {
	return map[string]func(){
		"generate":         func() { os.Exit(tool(generate)) },
		"generate-sources": func() { os.Exit(tool(generateSources)) },
		"read-raw":         func() { os.Exit(tool(readRaw)) },
	}
}

// tool runs a program that only tests and benchmarks need.
func tool(run func(args []string) error) int {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

const finishedConfig = `provider "gemini" {}

batch "qa" {
  range      = [1, %d]
  model      = "gemini-2.5-flash"
  source     = "in/batch_*_proper.jsonl"
  output_dir = "out"
}
`

// writeFinished makes a project all of whose batches were bought and delivered,
// as the state of a long-lived one stands: sources, results and their records.
// service is where the jobs were bought.
func writeFinished(dir string, batches int, service string) error {
	for _, sub := range []string{"in", "out"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "qaplan.hcl"), fmt.Appendf(nil, finishedConfig, batches), 0o600); err != nil {
		return err
	}
	cfg, diags := config.Load(context.Background(), config.Options{Path: filepath.Join(dir, "qaplan.hcl"), Version: version})
	if diags.HasErrors() {
		return fmt.Errorf("%v", diags)
	}
	rules := cfg.Blocks[0].RulesDigest
	store, err := state.Open(filepath.Join(dir, "qaplan.state.json"), state.Identity{Kind: "gemini", BaseURL: service}, state.Holder{})
	if err != nil {
		return err
	}
	lineage, err := store.Lineage()
	if err != nil {
		return err
	}
	var changes []state.Change
	for n := 1; n <= batches; n++ {
		a := planner.Address{Block: "qa", Number: n}
		rec, err := writeFinishedBatch(dir, a, lineage[:6], rules)
		if err != nil {
			return err
		}
		changes = append(changes, state.Change{Address: a, Record: rec})
		if len(changes) == 1000 || n == batches {
			if err := store.Write("generate", changes...); err != nil {
				return err
			}
			changes = changes[:0]
		}
	}
	return store.Close()
}

// nowhere is where nobody listens.
const nowhere = "http://127.0.0.1:9"

// writeFinishedBatch writes source and result, and gives the record that an
// apply would have left.
func writeFinishedBatch(dir string, a planner.Address, lineage6, rules string) (*planner.Record, error) {
	name := fmt.Sprintf("batch_%06d_proper.jsonl", a.Number)
	source := fmt.Appendf(nil, `{"key":"row-%d","request":{"contents":[{"role":"user","parts":[{"text":"What does an RSI of %d say?"}]}]}}`+"\n", a.Number, a.Number)
	answer := fmt.Appendf(nil, `{"key":"row-%d","response":{"candidates":[{"content":{"parts":[{"text":"It says %d."}],"role":"model"},"finishReason":"STOP"}]}}`+"\n", a.Number, a.Number)
	then := time.Date(2026, 11, 1, 12, 0, 0, 123456789, time.UTC).Add(time.Duration(a.Number) * time.Second)
	for path, text := range map[string][]byte{filepath.Join(dir, "in", name): source, filepath.Join(dir, "out", name): answer} {
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.Chtimes(path, then, then)); err != nil {
			return nil, err
		}
	}
	sha := hexOf(source)
	tokens := int64(len(source)/4 + 1)
	return &planner.Record{
		Source:  planner.SourceRecord{Path: "in/" + name, SHA256: sha, Bytes: int64(len(source)), Rows: 1, Tokens: tokens},
		UploadN: 1,
		Upload:  &planner.Upload{File: planner.UploadName(sha, lineage6, 1), SHA256: sha, Bytes: int64(len(source)), Done: true, Expires: then.Add(48 * time.Hour)},
		Attempts: []planner.Attempt{{
			Number: 1, Outcome: planner.OutcomeBought, Model: "gemini-2.5-flash", SHA256: sha, Rows: 1, Estimate: tokens, OutputLimit: 2048,
			Token: planner.NewToken(lineage6, a, 1, sha, "gemini-2.5-flash").String(), File: planner.UploadName(sha, lineage6, 1),
			Sent: then, ServiceTime: then, Job: fmt.Sprintf("batches/%036x", a.Number), State: "SUCCEEDED",
			Created: then, Ended: then.Add(time.Hour), Output: fmt.Sprintf("files/batch-%036x", a.Number), OutputRead: true,
			Stats: planner.Stats{Requests: 1, Succeeded: 1}, Answered: 1, Tokens: planner.Tokens{Input: tokens, Output: 4},
		}},
		Result: &planner.Result{
			Path: "out/" + name, SHA256: hexOf(answer), Bytes: int64(len(answer)), ModTime: then.UnixNano(), Attempt: 1, Source: sha,
			Rows: 1, Succeeded: 1, Tokens: planner.Tokens{Input: tokens, Output: 4}, Written: then.Add(2 * time.Hour),
		},
		Judged: &planner.Judgement{Source: sha, Rules: rules, Attempt: 1, Classes: planner.Classes{Good: 1}},
	}, nil
}

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
