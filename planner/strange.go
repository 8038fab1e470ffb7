package planner

import "strings"

// suspects are the live uploads that a job may have been made from which no
// record tells of and no listing shows yet: the state is an older copy, or was
// rebuilt after it was lost.
type suspects struct {
	former  bool // the state took over another one
	files   map[string]*File
	strange map[string]*File // that nothing records, by the first 24 digits of the content
}

// upload gives one of what may be bought next for a batch, the source or the
// rows that are left open: one that nothing records, or the input of one of the
// newest jobs, where those were found. Whoever sent them, a state that was lost or
// a newer copy of this one, may have sent the next attempt as well. As long as the
// newest job is at work, or succeeded, nothing followed.
func (s *suspects) upload(b *Batch, rec *Record) *File {
	var open [2]string
	if rest := rec.rest(b); rest != nil {
		open[0] = rest.SHA256
	}
	open[1] = b.Source.SHA256
	for _, sha := range open {
		if len(sha) != 64 || rec.Last().stands(b, sha) {
			continue
		}
		if f := s.strange[sha[:24]]; f != nil {
			return f
		}
		if f := s.inputOf(rec, sha); f != nil {
			return f
		}
	}
	return nil
}

// inputOf gives the live input, with those bytes, of the newest job that has one,
// as far back as jobs were found: what this state sent itself tells that all
// before it was known.
func (s *suspects) inputOf(rec *Record, sha string) *File {
	if rec == nil {
		return nil
	}
	for i := len(rec.Attempts) - 1; i >= 0; i-- {
		a := &rec.Attempts[i]
		if !a.Adopted || a.Token == "" && !s.former {
			return nil
		}
		if f := s.files[a.File]; f != nil && a.content() == sha {
			return f
		}
	}
	return nil
}

// doubt gives the record with the upload of which it has to be found out first
// what followed, when there is one. The record may be changed.
func (s *suspects) doubt(b *Batch, rec *Record) *Record {
	if f := s.upload(b, rec); f != nil {
		rec.doubt(f)
	}
	return rec
}

// doubt notes an upload of which it is not known what followed, unless it is the
// one that is noted.
func (r *Record) doubt(f *File) {
	if r.Strange != nil && r.Strange.File == f.Name {
		return
	}
	cancelled := r.Strange != nil && r.Strange.CancelAsked
	r.Strange = &StrangeUpload{File: f.Name, CancelAsked: cancelled}
	if _, named := ParseUploadName(f.Name); !named {
		r.Strange.SHA256 = f.SHA256
	}
}

// stands reports whether the attempt's job is at work on those bytes, or has
// answered the source, so that nothing was sent for them after it.
func (a *Attempt) stands(b *Batch, sha string) bool {
	return a != nil && (a.active() && (a.content() == sha || a.SHA256 == sha) || sha == b.Source.SHA256 && a.answers(b))
}

// onlyDoubt reports whether nothing is recorded but, at the most, an upload that
// was seen.
func (r *Record) onlyDoubt() bool {
	return r == nil || len(r.Attempts) == 0 && r.Upload == nil && r.Result == nil && r.Refused == nil && (r.Strange == nil || !r.Strange.CancelAsked)
}

// answers reports whether the attempt's job succeeded for what is wanted now.
func (a *Attempt) answers(b *Batch) bool {
	return a != nil && JobState(a.State) == JobSucceeded && a.SHA256 == b.Source.SHA256 && (a.Model == b.Model || a.Repair)
}

// indexStrange finds live uploads under this state's names that it has no
// record of. Only a number above all that were used tells that the record is
// missing: a lower one is an upload that was replaced since. Of a former
// lineage, which counts no further, each is such that no record names; and so is
// an upload of somebody else's making, which that state may have used. A listed job
// that failed explains neither: it may be of a model that the config named before.
func (l *learner) indexStrange(r *Recorded) {
	if !l.live.FilesListed {
		return
	}
	highest, used := HighestUploads(r, nil), map[string]bool{}
	for _, rec := range r.Batches {
		if rec.Upload != nil {
			used[rec.Upload.File] = true
		}
		for i := range rec.Attempts {
			used[rec.Attempts[i].File] = true
		}
	}
	for i := range l.live.Jobs {
		j := &l.live.Jobs[i]
		if tok, ok := ParseToken(j.DisplayName); ok && r.Owns(tok.Lineage) && j.promising() {
			used[j.InputFile] = true // it is adopted, or holds what would be bought
		}
	}
	for i := range l.live.Files {
		f := &l.live.Files[i]
		p, ok := ParseUploadName(f.Name)
		switch {
		case !ok && (len(r.Former) == 0 || len(f.SHA256) != 64):
			continue
		case !ok:
			p.Content = f.SHA256[:24]
		case !r.Owns(p.Lineage), f.SHA256 != "" && !strings.HasPrefix(f.SHA256, p.Content):
			continue // on other bytes than its name says nothing was bought
		}
		if own := ok && p.Lineage == r.Lineage6(); own && p.N > highest[p.Content] || !own && !used[f.Name] {
			if have := l.strange[p.Content]; have == nil || f.Name < have.Name {
				l.strange[p.Content] = f
			}
		}
	}
}

// HighestUploads gives, for the first 24 digits of each content that this state
// uploaded, the highest number in use, by the records and by live files.
func HighestUploads(r *Recorded, files []File) map[string]int {
	highest := map[string]int{}
	note := func(file string) {
		if p, ok := ParseUploadName(file); ok && p.Lineage == r.Lineage6() {
			highest[p.Content] = max(highest[p.Content], p.N)
		}
	}
	for _, rec := range r.Batches {
		if len(rec.Source.SHA256) == 64 {
			highest[rec.Source.SHA256[:24]] = max(highest[rec.Source.SHA256[:24]], rec.UploadN)
		}
		if rec.Upload != nil {
			note(rec.Upload.File)
		}
		for i := range rec.Attempts {
			note(rec.Attempts[i].File)
		}
	}
	for i := range files {
		note(files[i].Name)
	}
	return highest
}

// learnStrange settles uploads of which a restored older state, or a rebuilt
// one, does not know all that followed.
func (l *learner) learnStrange(b *Batch) {
	if len(b.Source.SHA256) != 64 || l.out.OtherProject {
		return
	}
	old := l.out.Recorded.Batches[b.Address]
	f := l.upload(b, old)
	if f == nil && old != nil && old.Strange != nil && !old.Strange.Settled {
		f = l.files[old.Strange.File] // of what is not wanted any more: it is settled all the same
	}
	if f == nil {
		if old != nil && old.Strange != nil && l.live.FilesListed && l.files[old.Strange.File] == nil {
			rec := old.Clone()
			if rec.Strange.Settled = true; !rec.Strange.CancelAsked {
				rec.Strange = nil
			}
			if rec.Strange != nil && *rec.Strange == *old.Strange {
				return
			}
			l.put("refresh", b.Address, rec, nil)
		}
		return
	}
	rec := old.Clone()
	if rec == nil {
		rec = &Record{}
	}
	rec.doubt(f)
	s := rec.Strange
	if s.Settled || !l.live.Complete {
		if old == nil || old.Strange == nil || *old.Strange != *s {
			l.put("strange_upload", b.Address, rec, nil)
		}
		return
	}
	from := s.SettleFrom
	if l.live.LocalClock {
		from = l.marks[s.File]
	}
	switch {
	case from.IsZero() && l.live.LocalClock:
		l.out.Marks[s.File] = l.live.Last
	case from.IsZero():
		s.SettleFrom = l.live.Last.UTC()
	case !l.live.First.Before(from.Add(l.d.SettleTime)):
		s.Settled = true
	case l.live.LocalClock:
		l.out.Marks[s.File] = from
	}
	if old == nil || old.Strange == nil || *old.Strange != *s {
		l.put("strange_upload", b.Address, rec, nil)
	}
}
