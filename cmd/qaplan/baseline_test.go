package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// readRaw DIR hashes each source and reads it as JSON, one after the other, as many
// files at a time as there are processors: the least work for a plan that has seen
// none of them.
func readRaw(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: read-raw DIR")
	}
	files, err := filepath.Glob(filepath.Join(args[0], "in", "*.jsonl"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no sources: %w", err)
	}
	next := make(chan string)
	errs := make([]error, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for name := range next {
				errs[i] = errors.Join(errs[i], readOne(name))
			}
		})
	}
	for _, name := range files {
		next <- name
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

func readOne(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 64<<10)); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	dec := jsontext.NewDecoder(f)
	for {
		if _, err := dec.ReadValue(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// generateSources N MB DIR writes a project of N batches of so many megabytes, none
// of which was bought.
func generateSources(args []string) error {
	var batches, size int
	if len(args) != 3 {
		return errors.New("usage: generate-sources N MB DIR")
	}
	if _, err := fmt.Sscan(strings.Join(args[:2], " "), &batches, &size); err != nil {
		return err
	}
	return writeSources(args[2], batches, size<<20)
}

func writeSources(dir string, batches, size int) error {
	if err := os.MkdirAll(filepath.Join(dir, "in"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "qaplan.hcl"), fmt.Appendf(nil, finishedConfig, batches), 0o600); err != nil {
		return err
	}
	// Words as people send them, some of them not ASCII, and escapes.
	text := strings.Repeat(`The RSI of \"Bitcoin\" stands below 30 since Tuesday, „überverkauft“ as they say;\nwhat follows for 日足? `, 14)
	for n := 1; n <= batches; n++ {
		f, err := os.Create(filepath.Join(dir, "in", fmt.Sprintf("batch_%06d_proper.jsonl", n)))
		if err != nil {
			return err
		}
		out := bufio.NewWriterSize(f, 1<<20)
		for row, written := 0, 0; written < size; row++ {
			k, _ := fmt.Fprintf(out, `{"key":"row-%07d","request":{"contents":[{"role":"user","parts":[{"text":"%s"}]}],"generation_config":{"temperature":0.2,"max_output_tokens":2048}}}`+"\n", row, text)
			written += k
		}
		if err := errors.Join(out.Flush(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
