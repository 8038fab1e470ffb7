package planner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ReadPlan reads a plan from its JSON. It checks that the plan is one and that
// its purchases are those that its digest was made of; whether it fits what is
// there now is another matter, see [Plan.Fits].
func ReadPlan(text []byte) (*Plan, error) {
	var kind struct {
		FormatVersion string          `json:"format_version"`
		Digest        string          `json:"digest"`
		Changes       json.RawMessage `json:"changes"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, notJSON(text, err)
	}
	major, _, _ := strings.Cut(kind.FormatVersion, ".")
	ours, _, _ := strings.Cut(FormatVersion, ".")
	switch {
	case kind.FormatVersion == "", kind.Digest == "", kind.Changes == nil:
		return nil, errors.New("it is not a plan: format_version, digest or changes are missing")
	case major != ours:
		return nil, fmt.Errorf("the plan has format %s, and this version reads format %s", kind.FormatVersion, FormatVersion)
	}
	p := &Plan{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("the plan is damaged: %w", err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("the plan is damaged: %w", err)
	}
	return p, nil
}

// notJSON says where a text stops being JSON.
func notJSON(text []byte, err error) error {
	if len(bytes.TrimSpace(text)) == 0 {
		return errors.New("it is not a plan: the file is empty")
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + bytes.Count(text[:min(int(e.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("it is not a plan, or a damaged one: line %d is not JSON: %w", line, err)
	}
	return fmt.Errorf("it is not a plan: %w", err)
}

// check finds what no plan of this program would say.
func (p *Plan) check() error {
	var sum Summary
	for i := range p.Changes {
		c := &p.Changes[i]
		switch {
		case c.Address.Block != c.Block || c.Address.Number != c.Number:
			return fmt.Errorf("the change of %s names block %q and number %d", c.Address, c.Block, c.Number)
		case i > 0 && p.Changes[i-1].Address.Compare(c.Address) >= 0:
			return fmt.Errorf("the change of %s is out of order, or there twice", c.Address)
		case len(c.Actions) == 0:
			return fmt.Errorf("the change of %s has no action", c.Address)
		case c.Has(ActionCreate) && (c.Attempt < 1 || !isHex(c.Detail.SHA256, 64) || c.Detail.Model == ""):
			return fmt.Errorf("the purchase of %s lacks its attempt, content or model", c.Address)
		}
		for _, act := range c.Actions {
			before := sum
			if sum.count(act); sum == before {
				return fmt.Errorf("the change of %s has the action %q, which is none", c.Address, act)
			}
		}
	}
	has := p.Summary
	has.InProgress, has.Done, has.Failed, has.Held = 0, 0, 0, 0
	if sum != has || p.Applyable != (len(p.Changes) > 0) {
		return errors.New("its summary is not that of its changes")
	}
	if made := p.digest(); made != p.Digest {
		return fmt.Errorf("its digest is %s, and what it holds has %s", p.Digest, made)
	}
	return nil
}

// Basis is what a plan as a whole rests on.
type Basis struct {
	Version      string // of qaplan
	Service      Service
	Lineage      string
	ConfigDigest string // as Desired has it
}

// Misfit names what of its basis a plan does not fit.
type Misfit string

const (
	MisfitVersion Misfit = "version"
	MisfitService Misfit = "provider"
	MisfitLineage Misfit = "lineage"
	MisfitConfig  Misfit = "config"
	MisfitDigest  Misfit = "digest" // it is not the one that was expected
)

// MisfitError tells that a plan as a whole cannot be carried out.
type MisfitError struct {
	What      Misfit
	Plan, Now string // what the plan has, and what is there or was expected
}

func (e *MisfitError) Error() string {
	return fmt.Sprintf("the plan has the %s %q, not %q", e.What, e.Plan, e.Now)
}

// Stale reports whether the plan was right once, and what it is about has changed
// since.
func (e *MisfitError) Stale() bool { return e.What == MisfitConfig || e.What == MisfitDigest }

// Fits reports, with a *MisfitError, what keeps a plan from being carried out at
// all. A plan from before the first apply fits any state. What happened since to
// single batches is judged for each, see [Saved.Items].
func (p *Plan) Fits(b Basis) error {
	config := "sha256:" + b.ConfigDigest
	switch {
	case p.QaplanVersion != b.Version:
		return &MisfitError{MisfitVersion, p.QaplanVersion, b.Version}
	case p.Service != b.Service:
		return &MisfitError{MisfitService, p.Service.String(), b.Service.String()}
	case p.Lineage != "" && p.Lineage != b.Lineage:
		return &MisfitError{MisfitLineage, p.Lineage, b.Lineage}
	case p.ConfigDigest != config:
		return &MisfitError{MisfitConfig, p.ConfigDigest, config}
	}
	return nil
}

// Expect compares the plan's digest with the one that somebody saw.
func (p *Plan) Expect(digest string) error {
	if p.Digest != digest {
		return &MisfitError{MisfitDigest, p.Digest, digest}
	}
	return nil
}

// IsDigest reports whether a word is a digest as plans have them.
func IsDigest(word string) bool {
	hex, ok := strings.CutPrefix(word, "sha256:")
	return ok && isHex(hex, 64)
}
