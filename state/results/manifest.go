package results

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ManifestName is the name of the manifest in an output folder. No result has
// it.
const ManifestName = "manifest.json"

// ManifestVersion is the version of the manifest's JSON: a new minor version
// only adds keys, a new major version may do anything.
const ManifestVersion = "1.0"

// Manifest says what was run with what for the results of one output folder.
type Manifest struct {
	QaplanVersion string
	Lineage       string // of the state that it was made from
	Provider      ManifestProvider
	Totals        ManifestTotals
	// Batches gives the batches in the order of their addresses. It may be gone
	// through more than once, and gives the same each time.
	Batches iter.Seq[*ManifestBatch]
}

// ManifestProvider is the service that the jobs were bought from.
type ManifestProvider struct {
	Kind    string `json:"kind"`
	BaseURL string `json:"base_url,omitzero"`
	ID      string `json:"id,omitzero"`
}

// ManifestTotals counts what the batches hold.
type ManifestTotals struct {
	Batches   int            `json:"batches"`
	Delivered int            `json:"delivered"` // batches with a result
	Attempts  int            `json:"attempts"`
	Jobs      int            `json:"jobs"`
	Rows      ManifestRows   `json:"rows"`
	Tokens    ManifestTokens `json:"tokens"`
}

// ManifestBatch is one batch. What is not known is left out.
type ManifestBatch struct {
	Address string          `json:"address"`
	Model   string          `json:"model"`
	Source  ManifestSource  `json:"source"`
	Result  *ManifestResult `json:"result,omitzero"` // nil as long as nothing is delivered
	// Rules is the digest of what counted as a good row.
	Rules    string            `json:"rules,omitzero"`
	Rows     *ManifestRows     `json:"rows,omitzero"` // nil before any answers are in hand
	Tokens   ManifestTokens    `json:"tokens"`        // of all attempts
	Attempts []ManifestAttempt `json:"attempts"`
}

// ManifestSource is the input of a batch.
type ManifestSource struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int    `json:"rows"`
}

// ManifestResult is a delivered result file.
type ManifestResult struct {
	Path    string    `json:"path"`
	SHA256  string    `json:"sha256"`
	Bytes   int64     `json:"bytes"`
	Written time.Time `json:"written,omitzero"`
	// Attempt is the newest one whose answers are in it, Source the sha256 of the
	// input whose keys it answers.
	Attempt int    `json:"attempt"`
	Source  string `json:"source_sha256"`
}

// ManifestRows counts the rows of a batch by what they were found to be, and
// lines of answers that are in no result.
type ManifestRows struct {
	Good      int `json:"good"`
	Error     int `json:"error"`
	Blocked   int `json:"blocked"`
	Truncated int `json:"truncated"`
	Empty     int `json:"empty"`
	Invalid   int `json:"invalid"`
	Missing   int `json:"missing"`
	// Unjudged are bad rows of which nothing more is recorded.
	Unjudged int `json:"unjudged,omitzero"`
	Doubled  int `json:"doubled"`
	Dropped  int `json:"dropped"`
}

// Add adds other counts.
func (r *ManifestRows) Add(s *ManifestRows) {
	r.Good += s.Good
	r.Error += s.Error
	r.Blocked += s.Blocked
	r.Truncated += s.Truncated
	r.Empty += s.Empty
	r.Invalid += s.Invalid
	r.Missing += s.Missing
	r.Unjudged += s.Unjudged
	r.Doubled += s.Doubled
	r.Dropped += s.Dropped
}

// ManifestTokens are the service's own counts.
type ManifestTokens struct {
	Input    int64 `json:"input"`
	Output   int64 `json:"output"`
	Thoughts int64 `json:"thoughts"`
	Cached   int64 `json:"cached"`
}

// ManifestAttempt is one create sent for a batch, or one job adopted for it.
type ManifestAttempt struct {
	Number  int    `json:"number"`
	Outcome string `json:"outcome"`
	Model   string `json:"model"`
	// Input is the sha256 of the bytes that were sent: the source, or some rows
	// of it.
	Input    string         `json:"input_sha256"`
	Rows     int            `json:"rows"` // that were sent
	Repair   bool           `json:"repair,omitzero"`
	Adopted  bool           `json:"adopted,omitzero"`
	Job      string         `json:"job,omitzero"`
	State    string         `json:"state,omitzero"`
	Created  time.Time      `json:"created,omitzero"`
	Ended    time.Time      `json:"ended,omitzero"`
	Answered int            `json:"answered"`
	Tokens   ManifestTokens `json:"tokens"`
}

// Encode writes the manifest: one JSON object, laid out in lines so that a
// difference between two of them can be read, one batch a line. Equal manifests
// give equal bytes.
func (m *Manifest) Encode(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	out.WriteString("{\n")
	for _, f := range []struct {
		name  string
		value any
	}{
		{"format_version", ManifestVersion}, {"qaplan_version", m.QaplanVersion}, {"lineage", m.Lineage},
		{"provider", m.Provider}, {"totals", m.Totals},
	} {
		text, err := encodeLine(f.value)
		if err != nil {
			return fmt.Errorf("encode %s: %w", f.name, err)
		}
		fmt.Fprintf(out, "  %q: %s,\n", f.name, text)
	}
	out.WriteString(`  "batches": [`)
	end := "\n"
	for b := range m.Batches {
		text, err := encodeLine(b)
		if err != nil {
			return fmt.Errorf("encode %s: %w", b.Address, err)
		}
		out.WriteString(end)
		out.WriteString("    ")
		if _, err := out.Write(text); err != nil {
			return err // what it is worth to stop early for
		}
		end = ",\n"
	}
	if end != "\n" {
		out.WriteString("\n  ")
	}
	out.WriteString("]\n}\n")
	return out.Flush()
}

// encodeLine gives the JSON of v on one line. What is no UTF-8, as the name of a
// file may be, becomes U+FFFD.
func encodeLine(v any) ([]byte, error) { return json.Marshal(v, jsontext.AllowInvalidUTF8(true)) }

// WriteManifest brings the manifest in the folder up to m, and leaves every byte
// alone where nothing differs. ours tells whether a lineage is that of the state
// that m was made from, or a former one of it. A file that such a state did not
// write stays as it is; the error is ErrExists then.
func (d *Dir) WriteManifest(ctx context.Context, m *Manifest, ours func(lineage string) bool) (written bool, err error) {
	written, err = d.writeManifest(ctx, m, ours)
	if err != nil {
		return false, d.fail("write", ManifestName, err)
	}
	return written, nil
}

func (d *Dir) writeManifest(ctx context.Context, m *Manifest, ours func(lineage string) bool) (bool, error) {
	info, there, err := d.look(ManifestName)
	if err != nil {
		return false, err
	}
	var o PublishOptions
	if there {
		o.Old = &info
		same, err := d.sameManifest(ctx, m, ours)
		if same || err != nil {
			return false, err
		}
	}
	_, err = d.tryPublish(ctx, ManifestName, o, m.Encode)
	return err == nil, err
}

// HasManifest tells whether something stands at the manifest's name.
func (d *Dir) HasManifest() bool {
	_, there, err := d.look(ManifestName)
	return there || errors.Is(err, ErrExists)
}

// sameManifest reports whether the file there holds m already. The error is
// ErrExists where it is none of ours.
func (d *Dir) sameManifest(ctx context.Context, m *Manifest, ours func(lineage string) bool) (bool, error) {
	f, err := d.tryOpen(ManifestName)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if err := checkManifest(f, ours); err != nil {
		return false, err
	}
	return holds(ctx, f, m.Encode)
}

// manifestHead is more than the lines before the batches take.
const manifestHead = 64 << 10

// checkManifest makes sure that a file is a manifest of the state at hand.
func checkManifest(r io.Reader, ours func(lineage string) bool) error {
	head := readHead(jsontext.NewDecoder(io.LimitReader(r, manifestHead)))
	format, hasFormat := head["format_version"]
	version, hasVersion := head["qaplan_version"]
	lineage, hasLineage := head["lineage"]
	major, _, _ := strings.Cut(format, ".")
	ourMajor, _, _ := strings.Cut(ManifestVersion, ".")
	switch {
	case !hasFormat || !hasVersion || !hasLineage:
		return fmt.Errorf("the file is no manifest of qaplan: %w", ErrExists)
	case !ours(lineage):
		return fmt.Errorf("the file is the manifest of another state, of lineage %.32q: %w", lineage, ErrExists)
	case major != ourMajor:
		return fmt.Errorf("the file has the format of another version of qaplan, %.16q: %w", version, ErrExists)
	}
	return nil
}

// readHead gives the texts that an object begins with.
func readHead(dec *jsontext.Decoder) map[string]string {
	head := map[string]string{}
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		key := name.String()
		if dec.PeekKind() != '"' {
			break
		}
		text, err := dec.ReadToken()
		if err != nil {
			break
		}
		head[key] = text.String()
	}
	return head
}
