package planner

import (
	"slices"
	"strings"
)

// Unneeded lists the live uploads, sorted by name, that this state made and
// that provably nothing needs any more: every batch of the config with their
// bytes is delivered and wants no other job, no job that may still do work reads
// them, and no send whose outcome is unknown names them. It lists none where
// the listing is not to be trusted.
func Unneeded(d *Desired, o *Observed, opts Options) []File {
	p, items := Diff(d, o, opts)
	x, _ := survey(d, o)
	if !o.Live.Refreshed || !o.Live.Complete || !o.Live.FilesListed || x.otherProject {
		return nil
	}
	needed, contents := map[string]bool{}, map[string]bool{}
	for i := range o.Live.Jobs {
		if j := &o.Live.Jobs[i]; !j.Final() {
			needed[j.InputFile] = true
		}
	}
	buying := map[Address]bool{}
	for i := range p.Changes {
		buying[p.Changes[i].Address] = p.Changes[i].Has(ActionCreate)
	}
	for i := range items {
		it := &items[i]
		done := it.Phase == PhaseDone && !buying[it.Address] && !it.Record.sendOpen()
		if it.Want != nil && (!done || it.Record.Result.Source != it.Want.Source.SHA256) {
			contents[it.Want.Source.SHA256] = true // another attempt may be wanted, and be held
		}
		if done {
			if it.Want != nil {
				if rest := it.Record.Repairable(it.Want); rest != nil {
					contents[rest.SHA256] = true // a repair is wanted, and is held
				}
			}
			continue
		}
		it.Record.inputs(needed, contents)
	}
	var list []File
	for _, f := range o.Live.Files {
		// The hash decides, and the name only tells whose it is: an upload that is
		// still being taken in has no hash yet.
		if p, ok := ParseUploadName(f.Name); ok && x.r.Owns(p.Lineage) && f.Active && f.SHA256 != "" && !needed[f.Name] && !contents[f.SHA256] {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// sendOpen reports whether the outcome of a send is not known.
func (r *Record) sendOpen() bool {
	return r != nil && (r.Strange != nil && !r.Strange.Settled ||
		slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Outcome == OutcomeIntent }))
}

// inputs notes the uploads and the contents that the record names.
func (r *Record) inputs(files, contents map[string]bool) {
	if r == nil {
		return
	}
	contents[r.Source.SHA256] = true
	if r.Judged != nil && r.Judged.Rest != nil {
		contents[r.Judged.Rest.SHA256] = true
	}
	if r.Upload != nil {
		files[r.Upload.File] = true
	}
	if r.Strange != nil {
		files[r.Strange.File] = true
	}
	for i := range r.Attempts {
		files[r.Attempts[i].File] = true
		contents[r.Attempts[i].SHA256] = true
		contents[r.Attempts[i].content()] = true
	}
}
