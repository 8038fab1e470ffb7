package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/qaplan/qaplan/state/blob"
)

// badAddress reports an address of a bucket. One with parameters or a user may
// hold a key that somebody put there: it is not shown.
func (r *reader) badAddress(name, address string, expr hclsyntax.Expression, err error) {
	if strings.ContainsAny(address, "@?") {
		r.l.keepSecret(expr.Range())
	}
	r.l.errorIn(expr, r.scope, fmt.Sprintf("Invalid value for %q", name), "The address cannot be used: %s.", err)
}

// InBucket reports whether the state is in a bucket, where other machines reach
// it.
func (b *Backend) InBucket() bool { return b.Type == backendBlob }

// Unshared warns of results that stay on this machine while the state is shared:
// another machine would find them missing, and download them again.
func (c *Config) Unshared() Diagnostics {
	if !c.Backend.InBucket() {
		return nil
	}
	g := &gathering{cfg: c}
	for i := range c.Blocks {
		b := &c.Blocks[i]
		if b.OutputDir != "" && !blob.IsURL(b.OutputDirAbs) {
			g.at(SeverityWarning, b.outputAt, b.Name, "The state is shared, and the results are not",
				fmt.Sprintf("The state is in %s, and the results are in the folder %s. A run on another machine does not find them there: it downloads what the service still has, and holds the rest. Let output_dir be in a bucket too, such as %q, unless the folder is on a disk that all machines share.",
					c.Backend.Shown, b.OutputDir, exampleOutput(c)))
		}
	}
	return g.diags
}

func exampleOutput(c *Config) string {
	at := c.Backend.Bucket
	at.Key = ""
	return at.Join("results").String()
}
