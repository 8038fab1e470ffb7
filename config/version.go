package config

import (
	"fmt"

	version "github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkVersion compares required_version before anything else is looked at: a
// config for another version may hold what this one does not know.
func (l *loader) checkVersion(body *hclsyntax.Body) bool {
	ok := true
	for _, b := range body.Blocks {
		if b.Type != "qaplan" {
			continue
		}
		r := &reader{l: l, body: b.Body, where: "qaplan"}
		text, expr, given := r.text("required_version")
		if !given {
			continue
		}
		constraints, err := version.NewConstraint(text)
		if err != nil {
			l.errorIn(expr, nil, "Invalid required_version", "%q is no version constraint: write for example \">= 0.1\", \"~> 0.2\" or \">= 0.1, < 1.0\".", text)
			ok = false
			continue
		}
		have, err := version.NewVersion(l.opts.Version)
		if err != nil {
			continue // a build without a version is not compared
		}
		// A pre-release of 0.2.0 can what 0.2.0 can.
		if !constraints.Check(have.Core()) {
			l.errorIn(expr, nil, "Another version of qaplan is needed",
				"This config asks for a version %s; this is %s. Install one that fits, or change required_version.", text, fmt.Sprint(have))
			ok = false
		}
	}
	return ok
}
