package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// writeBatches writes sources in which every question names its own key.
func writeBatches(dir string, first, last, rows int) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for number := first; number <= last; number++ {
		var b bytes.Buffer
		for row := 1; row <= rows; row++ {
			key := fmt.Sprintf("b%03d-r%03d", number, row)
			fmt.Fprintf(&b, `{"key":%q,"request":{"contents":[{"role":"user","parts":[{"text":"What does indicator %s measure?"}]}]}}`+"\n", key, key)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("batch_%03d_proper.jsonl", number)), b.Bytes(), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// answerLine is a line of a source or of a result.
type answerLine struct {
	Key     string
	Request struct {
		Contents []struct{ Parts []struct{ Text string } }
	}
	Response struct {
		Candidates []struct {
			Content struct{ Parts []struct{ Text string } }
		}
	}
}

func (l *answerLine) text() string {
	text := ""
	for _, c := range l.Response.Candidates {
		for _, p := range c.Content.Parts {
			text += p.Text
		}
	}
	return text
}

// question is what a line of a source asks, on one line.
func (l *answerLine) question() string {
	text := ""
	for _, c := range l.Request.Contents {
		for _, p := range c.Parts {
			text += " " + p.Text
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

// checkAnswers says what is wrong with the results in a folder: there must be n
// of them, each with the keys of its source in the same order and every answer
// under the key of the question that it repeats.
func checkAnswers(sourceDir, resultDir string, n int) error {
	sources, err := filepath.Glob(filepath.Join(sourceDir, "*.jsonl"))
	if err != nil {
		return err
	}
	results, err := filepath.Glob(filepath.Join(resultDir, "*.jsonl"))
	if err != nil {
		return err
	}
	if len(results) != n {
		return fmt.Errorf("%d results, want %d", len(results), n)
	}
	for _, src := range sources {
		result := filepath.Join(resultDir, filepath.Base(src))
		if !slices.Contains(results, result) {
			continue
		}
		asked, err := readLines(src)
		if err != nil {
			return err
		}
		answers, err := readLines(result)
		if err != nil {
			return err
		}
		var want, got []string
		questions := map[string]string{}
		for _, line := range asked {
			want = append(want, line.Key)
			questions[line.Key] = line.question()
		}
		for _, line := range answers {
			got = append(got, line.Key)
			if text, question := line.text(), questions[line.Key]; question == "" || !strings.Contains(text, question) {
				return fmt.Errorf("%s: the answer under %s to %q is %q", result, line.Key, question, text)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("%s: keys differ from the source (-want +got):\n%s", result, diff)
		}
	}
	return nil
}

func readLines(path string) ([]answerLine, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []answerLine
	for line := range strings.Lines(string(text)) {
		var v answerLine
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			return nil, fmt.Errorf("%s: %w: %s", path, err, line)
		}
		out = append(out, v)
	}
	return out, nil
}
