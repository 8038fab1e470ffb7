package config

import (
	"fmt"
	"path"
	"path/filepath"
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

// folder takes a path, or the address of a folder in a bucket, and gives where
// it is and where a rehearsal puts it, which needs no bucket.
func (r *reader) folder(name string) (real, moved location, ok bool) {
	return r.pathOrAddress(name, blob.ParseFolder)
}

func (r *reader) pathOrAddress(name string, parse func(string) (blob.Location, error)) (real, moved location, ok bool) {
	address, expr, ok := r.text(name)
	if !ok {
		return real, moved, false
	}
	if !blob.IsURL(address) {
		p, ok := r.path(name)
		if !ok {
			return real, moved, false
		}
		return r.l.locate(p), r.l.rehearse(p), true
	}
	at, err := parse(address)
	if err != nil {
		r.badAddress(name, address, expr, err)
		return real, moved, false
	}
	shown := at.String()
	return location{abs: at.Address(), shown: shown}, r.l.rehearse(path.Join("bucket", strings.Replace(shown, "://", "/", 1))), true
}

// Place is the folder of a dataset, or its address in a bucket, and the name of
// the file in it.
func (d *Dataset) Place() (dir, file string) {
	if !blob.IsURL(d.PathAbs) {
		return filepath.Dir(d.PathAbs), filepath.Base(d.PathAbs)
	}
	at, err := blob.ParseObject(d.PathAbs)
	if err != nil { // it was parsed before
		return d.PathAbs, ""
	}
	if at.Scheme == blob.SchemeFile {
		file, at.Key = at.Key, ""
		return at.Address(), file
	}
	dir, file = path.Split(at.Key)
	at.Key = strings.TrimSuffix(dir, "/")
	return at.Address(), file
}

// join names what is in a folder, as messages show it.
func join(folder, name string) string {
	if blob.IsURL(folder) {
		return strings.TrimSuffix(folder, "/") + "/" + name
	}
	return path.Join(folder, name)
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
