package planner

import (
	"slices"
	"time"
)

// ExpiryMargin is how long an upload must still live, at the least, to be worth a
// create.
const ExpiryMargin = 30 * time.Minute

// files finds a live upload for each batch, its own first, then the one that
// lives longest.
func (m *matcher) files() {
	if !m.live.FilesListed {
		return
	}
	best := map[string]*File{}
	foreign := map[string]*File{} // uploads under another lineage, by content
	for i := range m.live.Files {
		f := &m.live.Files[i]
		if !f.Active || f.SHA256 == "" {
			continue
		}
		if p, ok := ParseUploadName(f.Name); ok && !m.r.Owns(p.Lineage) {
			if have := foreign[f.SHA256]; have == nil || f.Name < have.Name {
				foreign[f.SHA256] = f
			}
			continue
		}
		if !m.live.outlives(f.Expires, m.d.SettleTime) {
			continue
		}
		if have := best[f.SHA256]; have == nil || f.Expires.After(have.Expires) || f.Expires.Equal(have.Expires) && f.Name < have.Name {
			best[f.SHA256] = f
		}
	}
	for i := range m.d.Batches {
		b := &m.d.Batches[i]
		if f := best[b.Source.SHA256]; f != nil && f.Bytes == b.Source.Bytes {
			m.out.uploads[b.Address] = f
		}
		if f := foreign[b.Source.SHA256]; f != nil {
			m.out.claimedUp[b.Address] = f
		}
		if rest := m.record(b.Address).rest(b); rest != nil && foreign[rest.SHA256] != nil {
			m.out.restUp[b.Address] = foreign[rest.SHA256]
		}
	}
	m.shareUploads()
}

// shareUploads gives each upload to one batch only: two batches with the same
// bytes have an upload each, so that a job's input tells whose it is.
func (m *matcher) shareUploads() {
	owner := map[string]Address{}
	for a, rec := range m.r.Batches {
		if rec.Upload == nil {
			continue
		}
		if have, taken := owner[rec.Upload.File]; !taken || a.Compare(have) < 0 {
			owner[rec.Upload.File] = a
		}
	}
	for a, from := range m.renamed {
		if rec := m.r.Batches[from]; rec.Upload != nil {
			owner[rec.Upload.File] = a
		}
	}
	order := make([]Address, 0, len(m.out.uploads))
	for a := range m.out.uploads {
		order = append(order, a)
	}
	slices.SortFunc(order, Address.Compare)
	for _, a := range order {
		file := m.out.uploads[a].Name
		if own, taken := owner[file]; taken && own != a {
			delete(m.out.uploads, a)
			continue
		}
		owner[file] = a
	}
}

// outlives reports whether an upload that expires then is still worth using,
// judged by the service's clock. It has to be alive for as long as a job made
// from it may be unlisted: a state that was lost is told of that job by it. Where
// only the local clock is to be had, an hour more is kept.
func (l *Live) outlives(expires time.Time, settle time.Duration) bool {
	margin := max(ExpiryMargin, min(settle, uploadLife/2))
	if l.LocalClock {
		margin += time.Hour
	}
	return expires.After(l.Last.Add(margin))
}
