package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
)

// Completion is a batch whose result is delivered, or a block for which nothing
// is left to do: what on_complete is told.
type Completion struct {
	Event string `json:"event"` // "batch" or "block"
	// ID is the same each time that the same completion is told, and another one
	// once a result is.
	ID      string   `json:"id"`
	Block   string   `json:"block"`
	Address *Address `json:"address,omitempty"` // of a batch
	Number  *int     `json:"number,omitempty"`  // of a batch
	Model   string   `json:"model,omitempty"`   // of the newest attempt of a batch
	Job     string   `json:"job,omitempty"`
	Attempt int      `json:"attempt,omitempty"` // whose answers are in the result
	Source  string   `json:"source,omitempty"`  // path, as messages show it
	Result  string   `json:"result,omitempty"`  // path, as messages show it
	SHA256  string   `json:"sha256,omitempty"`  // of the result
	Batches int      `json:"batches"`           // 1 for a batch
	Done    int      `json:"done"`              // batches with a result
	Failed  int      `json:"failed"`            // batches that nothing automatic will change
	Rows    int      `json:"rows"`              // of the results
	Good    int      `json:"good"`              // rows with a good answer
	Bad     int      `json:"bad"`               // rows without one
	// Input and Output are the tokens of the results' rows; thoughts are output.
	Input  int64 `json:"input_tokens"`
	Output int64 `json:"output_tokens"`
}

// The events of completions.
const (
	CompletionBatch = "batch"
	CompletionBlock = "block"
)

// Subject names what is complete, as the state keeps it: an address, or a block.
func (c *Completion) Subject() string {
	if c.Address != nil {
		return c.Address.String()
	}
	return Selector{Block: c.Block, Whole: true}.String()
}

// Completions lists what is complete in the blocks and was not told yet: batches
// in the order of the items, each block behind its batches. told has the ids by
// subject. A batch is complete when it is done; a block when each batch that the
// config has of it is done or failed, and none is left out by a selection. Items
// are in the order of their addresses.
func Completions(items []Item, blocks map[string]bool, told map[string]string) []Completion {
	var out []Completion
	for i := 0; i < len(items); {
		j := i
		for j < len(items) && items[j].Address.Block == items[i].Address.Block {
			j++
		}
		if blocks[items[i].Address.Block] {
			out = append(out, blockCompletions(items[i:j], told)...)
		}
		i = j
	}
	return out
}

func blockCompletions(items []Item, told map[string]string) (out []Completion) {
	whole := Completion{Event: CompletionBlock, Block: items[0].Address.Block}
	sum := sha256.New()
	open := false
	for i := range items {
		it := &items[i]
		switch {
		case it.Want == nil: // it left the config
			continue
		case it.Left:
			open = true
			continue
		case it.Phase == PhaseFailed:
			whole.Failed++
			fmt.Fprintf(sum, "%s failed %s\n", it.Address, it.Reason)
		case it.Phase == PhaseDone && it.Record != nil && it.Record.Result != nil:
			c := it.completion()
			whole.add(&c)
			fmt.Fprintf(sum, "%s %s\n", it.Address, c.ID)
			if told[c.Subject()] != c.ID {
				out = append(out, c)
			}
		default:
			open = true
		}
		whole.Batches++
	}
	if whole.ID = completionID(sum); !open && whole.Batches > 0 && told[whole.Subject()] != whole.ID {
		out = append(out, whole)
	}
	return out
}

// completion is that of a batch that is done.
func (it *Item) completion() Completion {
	r := it.Record.Result
	number := it.Address.Number
	c := Completion{
		Event: CompletionBatch, Block: it.Address.Block, Address: &it.Address, Number: &number, Attempt: r.Attempt,
		Source: it.Record.Source.Path, Result: r.Path, SHA256: r.SHA256, Batches: 1, Done: 1,
		Rows: r.Rows, Good: r.Succeeded, Bad: r.Failed + r.Missing, Input: r.Tokens.Input, Output: r.Tokens.Output + r.Tokens.Thoughts,
	}
	for i := range it.Record.Attempts {
		if a := &it.Record.Attempts[i]; a.Number == r.Attempt {
			c.Model, c.Job = a.Model, a.Job
		}
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %d %s\n", r.SHA256, r.Attempt, c.Job)
	c.ID = completionID(sum)
	return c
}

// add counts a batch of the block.
func (c *Completion) add(b *Completion) {
	c.Done++
	c.Rows += b.Rows
	c.Good += b.Good
	c.Bad += b.Bad
	c.Input += b.Input
	c.Output += b.Output
}

// completionID is long enough to tell completions apart, and short enough to be
// one for each batch of a state.
func completionID(sum hash.Hash) string {
	return hex.EncodeToString(sum.Sum(nil)[:12])
}
