package planner

import (
	"slices"
	"time"
)

// OnChange says what follows when the source or the model of a batch changes
// after its job was bought.
type OnChange string

const (
	OnChangeHold  OnChange = "hold"
	OnChangeRerun OnChange = "rerun"
	OnChangeKeep  OnChange = "keep"
)

// Desired is what the config and the source files ask for.
type Desired struct {
	Batches []Batch // any order; Diff sorts
	// ConfigDigest is the sha256 of the config's meaning in lower-case hex.
	ConfigDigest string
	// SettleTime is how long a create without an answer may still turn up in
	// the listing.
	SettleTime time.Duration
}

// sorted lists the batches by address.
func (d *Desired) sorted() []*Batch {
	list := make([]*Batch, len(d.Batches))
	for i := range d.Batches {
		list[i] = &d.Batches[i]
	}
	slices.SortFunc(list, func(a, b *Batch) int { return a.Address.Compare(b.Address) })
	return list
}

// Batch is one desired batch.
type Batch struct {
	Address Address
	Model   string // without "models/"
	// ModelVar is the variable that alone gives the model, "" where the config says
	// it in another way.
	ModelVar    string
	DisplayName string // the user's part, evaluated
	Output      string // path of the result file as messages show it
	Source      Source
	OnChange    OnChange
	MaxAttempts int
	// IgnoreUnclaimed lifts the guard against jobs that may be this batch's.
	IgnoreUnclaimed bool
	// Imports are jobs (batches/…) and files (files/…) that a person said are
	// this batch's: at most one of each, jobs first.
	Imports []string
	// Rules is a digest of what counts as a good row, and of what is changed in
	// the requests that are repaired.
	Rules string
	// Repair is nil where bad rows stay as they are.
	Repair *Repair
}

// Repair says how rows that are not good are bought again.
type Repair struct {
	MaxAttempts int
	Model       string // "" for that of the batch
}

// Source is the input file of a batch as it is on disk now.
type Source struct {
	Path   string `json:"path"` // as messages show it
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Rows   int    `json:"rows"`
	Tokens int64  `json:"tokens,omitempty"` // an estimate
	// OutputLimit sums the limits of output tokens over the rows that have one, and
	// Unlimited counts the rows without.
	OutputLimit int64 `json:"output_limit,omitempty"`
	Unlimited   int   `json:"unlimited,omitempty"`
	// Missing says that the file is not there; only a batch for which
	// something was bought may be desired without its source.
	Missing bool `json:"missing,omitempty"`
}
