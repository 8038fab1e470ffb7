package ui

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/state"
)

// RenderState shows what the state remembers, as text.
func RenderState(st *state.State, items []planner.Item, v StatusView) string {
	if st.Lineage == "" && len(st.Batches) == 0 {
		return "The state is empty: nothing was bought or uploaded yet.\n"
	}
	head := table([][]string{
		{"lineage", st.Lineage}, {"serial", fmt.Sprint(st.Serial)}, {"provider", Printable(strings.TrimPrefix(st.Provider.String(), "provider "))},
	})
	return indent("  ", head) + "\n" + RenderStatus(NewStatus(items), v)
}

// StateJSON is the state with the keys of its file.
func StateJSON(st *state.State) any {
	batches := st.Batches
	if batches == nil {
		batches = map[planner.Address]*planner.Record{}
	}
	return struct {
		Version  int                                 `json:"version"`
		Lineage  string                              `json:"lineage"`
		Serial   int64                               `json:"serial"`
		Provider state.Identity                      `json:"provider"`
		Learned  budget.Knowledge                    `json:"learned,omitzero"`
		Datasets map[string]state.Dataset            `json:"datasets,omitempty"`
		Told     map[string]string                   `json:"told,omitempty"`
		Batches  map[planner.Address]*planner.Record `json:"batches"`
	}{st.Version, st.Lineage, st.Serial, st.Provider, st.Learned, st.Datasets, st.Told, batches}
}

// RenderStateList shows one line a batch: address, phase, job. It is made for
// grep and cut, so nothing is folded.
func RenderStateList(items []planner.Item) string {
	var rows [][]string
	for i := range items {
		b := statusOf(&items[i])
		rows = append(rows, []string{b.Address.String(), string(b.Phase), Printable(b.Job)})
	}
	return indent("", table(rows))
}

// RenderRecord shows one record as text.
func RenderRecord(it *planner.Item) string {
	b, rec := statusOf(it), it.Record
	rows := [][]string{{"address", b.Address.String()}, {"phase", string(b.Phase)}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, Printable(value)})
		}
	}
	if b.Reason != "" {
		add("reason", fmt.Sprintf("%s (%s)", b.Reason, trouble(b.Reason)))
	}
	add("source", rec.Source.Path)
	add("sha256", rec.Source.SHA256)
	add("rows", nonzero(int64(rec.Source.Rows)))
	if up := rec.Upload; up != nil {
		add("upload", strings.TrimSpace(up.File+" "+until(up.Expires)))
	}
	for i := range rec.Attempts {
		a := &rec.Attempts[i]
		words := []string{string(a.Outcome), a.Model, a.Job, a.State, a.Error}
		if a.Adopted {
			words = append(words, "(adopted)")
		}
		add(fmt.Sprintf("attempt %d", a.Number), strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	if r := rec.Result; r != nil {
		add("result", r.Path)
		add("good rows", fmt.Sprintf("%d of %d", r.Succeeded, r.Rows))
		add("tokens", fmt.Sprintf("%s in, %s out", amount(r.Tokens.Input), amount(r.Tokens.Output+r.Tokens.Thoughts)))
	}
	return indent("", table(rows))
}

// JSON gives v as indented JSON that ends with a line feed.
func JSON(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("encode JSON: %w", err)
	}
	return b.String(), nil
}
