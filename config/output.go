package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/durable"
)

// outputFolder reports a file in the place of output_dir, or of a folder that it
// is in.
func (g *gathering) outputFolder(b *Block) {
	if blob.IsURL(b.OutputDirAbs) {
		return
	}
	switch file := inTheWay(b.OutputDirAbs, b.OutputDir); file {
	case "":
	case b.OutputDir:
		g.at(SeverityError, b.outputAt, b.Name, "output_dir is a file",
			fmt.Sprintf("%s is no folder. Name another folder, or move the file away.", b.OutputDir))
	default:
		g.at(SeverityError, b.outputAt, b.Name, "output_dir is below a file",
			fmt.Sprintf("%s is no folder, so %s cannot be made. Name another folder, or move the file away.", file, b.OutputDir))
	}
}

// inTheWay gives the file that stands where a folder, or one that it is in, has
// to be; "" when none does.
func inTheWay(abs, shown string) string {
	for ; ; abs, shown = filepath.Dir(abs), path.Dir(shown) {
		info, err := os.Stat(abs)
		switch {
		case err == nil && info.IsDir(), filepath.Dir(abs) == abs:
			return ""
		case err == nil:
			return shown
		} // else it is not there, or below a file
	}
}

// Unwritable reports, for the blocks that are meant and the datasets from them,
// folders in which this process may make no file. It makes none. The severity is
// the caller's business: a plan may be made where nothing is to be written, by
// another user.
func (c *Config) Unwritable(severity Severity, meant func(block string) bool) Diagnostics {
	g := &gathering{cfg: c}
	for i := range c.Blocks {
		b := &c.Blocks[i]
		dir, onDisk := b.outputOnDisk()
		if !onDisk {
			continue
		}
		if err := durable.MayWriteIn(dir); err != nil && meant(b.Name) {
			g.at(severity, b.outputAt, b.Name, "output_dir may not be written to",
				fmt.Sprintf("%s. Answers that are bought would have no place. Let this user write there, or name another folder.", refusal(err)))
		}
	}
	for i := range c.Datasets {
		d := &c.Datasets[i]
		at, _ := d.Place()
		dir, onDisk := onDisk(at)
		if !onDisk || !slices.ContainsFunc(d.From, meant) {
			continue
		}
		if err := durable.MayWriteIn(dir); err != nil {
			g.at(severity, d.pathAt, "dataset."+d.Name, "The path of a dataset may not be written to",
				fmt.Sprintf("%s. %s would not be made from the answers that are bought. Let this user write there, or name another path.", refusal(err), d.Path))
		}
	}
	return g.diags.sorted()
}

// refusal is what the system says, behind the folder that it says it of.
func refusal(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprintf("%s: %s", filepath.ToSlash(e.Path), e.Err)
	}
	return err.Error()
}

// outputOnDisk is the folder of the results, where it is on a disk.
func (b *Block) outputOnDisk() (dir string, ok bool) { return onDisk(b.OutputDirAbs) }

// onDisk gives the path of a folder on a disk of this machine, or one that it
// mounts, that is named by its path or its address; ok is false for a bucket, and
// for "".
func onDisk(place string) (dir string, ok bool) {
	if !blob.IsURL(place) {
		return place, place != ""
	}
	at, err := blob.ParseFolder(place)
	return at.Bucket, err == nil && at.Scheme == blob.SchemeFile
}
