package emulator

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// record is one line of the log: one thing that happened. Exactly one of the
// fields after At is set.
type record struct {
	At     time.Time     `json:"at"` // virtual
	Init   *initRecord   `json:"init,omitempty"`
	Clock  *clockRecord  `json:"clock,omitempty"`
	Call   string        `json:"call,omitempty"` // op of a call that arrived
	Upload *upload       `json:"upload,omitempty"`
	Chunk  *chunkRecord  `json:"chunk,omitempty"`
	File   *file         `json:"file,omitempty"`
	Job    *job          `json:"job,omitempty"`
	Cancel *cancelRecord `json:"cancel,omitempty"`
	Result *resultRecord `json:"result,omitempty"`
	// EndUpload, DeleteFile and DeleteJob name what is gone from now on.
	EndUpload  string `json:"end_upload,omitempty"`
	DeleteFile string `json:"delete_file,omitempty"`
	DeleteJob  string `json:"delete_job,omitempty"`
}

// initRecord is the first line of every log. A history stands in it and in no
// line of its own: what a killed process left is a folder that has not begun.
type initRecord struct {
	Version int     `json:"version"`
	ID      string  `json:"id"`
	Files   []*file `json:"files,omitempty"`
	Jobs    []*job  `json:"jobs,omitempty"`
}

// clockRecord ties virtual time to real time from here on.
type clockRecord struct {
	Real    time.Time `json:"real"`
	Virtual time.Time `json:"virtual"`
	Rate    float64   `json:"rate"`
}

// upload is a resumable upload that was started.
type upload struct {
	ID          string    `json:"id"` // the upload_id of the URL
	Seq         int64     `json:"seq"`
	Name        string    `json:"name,omitempty"` // files/… as asked for
	DisplayName string    `json:"display_name,omitempty"`
	MIMEType    string    `json:"mime_type,omitempty"`
	Start       time.Time `json:"start"`

	body  body
	hash  []byte // the state of the sha256 so far
	file  *file  // once finalized
	ended bool   // cancelled
}

// chunkRecord tells that an upload has one more part.
type chunkRecord struct {
	Upload string `json:"upload"`
	Part   part   `json:"part"`
	Hash   []byte `json:"hash"`
}

// file is an uploaded file. Outputs of jobs are no files here: they follow from
// their jobs.
type file struct {
	Name        string    `json:"name"` // files/…
	DisplayName string    `json:"display_name,omitempty"`
	MIMEType    string    `json:"mime_type,omitempty"`
	Body        body      `json:"body"`
	SHA256      string    `json:"sha256"` // lower-case hex
	Create      time.Time `json:"create"`
	Expire      time.Time `json:"expire"`           // as shown
	Gone        time.Time `json:"gone"`             // as it is
	Listed      time.Time `json:"listed"`           // not in listings before
	Seq         int64     `json:"seq"`              //
	Upload      string    `json:"upload,omitempty"` // upload id that made it

	deleted bool
}

func (f *file) alive(now time.Time) bool { return !f.deleted && now.Before(f.Gone) }

type cancelRecord struct {
	Job       string    `json:"job"`
	Effective time.Time `json:"effective"`
	Code      int       `json:"code"`
}

// resultRecord tells the size of an output that was written.
type resultRecord struct {
	Job   string `json:"job"`
	Bytes int64  `json:"bytes"`
	// SHA256 is of the content, in lower-case hex.
	SHA256 string `json:"sha256"`
}

// replica is what the log says, held in memory.
type replica struct {
	id    string
	clock clockRecord
	last  time.Time // the latest virtual time seen
	seq   int64     // things made so far; names derive from it

	uploads map[string]*upload
	files   map[string]*file // by name: the latest that had it
	jobs    map[string]*job  // by id
	// fileList and jobList are sorted by creation time, then seq.
	fileList []*file
	jobList  []*job
	bought   []*job // in the order of the accepted creates

	calls    map[string]int64
	requests []time.Time // calls of the last minute
	creates  []time.Time // accepted creates of the last minute
	// accepted counts all accepted creates, of which lastCreate was the last;
	// dayCreates counts those of a day by model.
	accepted   int
	lastCreate time.Time
	day        time.Time
	dayCreates map[string]int
	copies     map[string]int  // jobs made so far for each content and model
	open       []*job          // jobs that may still hold quota
	inUse      map[string]bool // first parts of bodies that jobs read
	storage    storage
}

func newReplica() *replica {
	return &replica{
		uploads: map[string]*upload{}, files: map[string]*file{}, jobs: map[string]*job{},
		calls: map[string]int64{}, copies: map[string]int{}, inUse: map[string]bool{},
	}
}

// apply takes one record in. It is the only place where the replica changes, so
// that every server of the folder comes to the same one.
func (rep *replica) apply(r *record) {
	if r.At.After(rep.last) {
		rep.last = r.At
	}
	switch {
	case r.Init != nil:
		rep.id = r.Init.ID
		for _, f := range r.Init.Files {
			rep.addFile(f)
		}
		for _, j := range r.Init.Jobs {
			rep.addJob(j, r.At)
		}
	case r.Clock != nil:
		rep.clock = *r.Clock
	case r.Call != "":
		rep.calls[r.Call]++
		rep.requests = append(prune(rep.requests, r.At.Add(-minute)), r.At)
	case r.Upload != nil:
		rep.seq++
		rep.uploads[r.Upload.ID] = r.Upload
	case r.Chunk != nil:
		if u := rep.uploads[r.Chunk.Upload]; u != nil {
			u.body = append(u.body, r.Chunk.Part)
			u.hash = r.Chunk.Hash
		}
	case r.File != nil:
		rep.addFile(r.File)
	case r.Job != nil:
		rep.addJob(r.Job, r.At)
	case r.Cancel != nil:
		if j := rep.jobs[r.Cancel.Job]; j != nil {
			j.cancelled, j.cancelCode = r.Cancel.Effective, r.Cancel.Code
		}
	case r.Result != nil:
		if j := rep.jobs[r.Result.Job]; j != nil && j.result == nil {
			j.result = r.Result
			rep.storage.add(r.Result.Bytes, j.end().Add(outputLife), nil)
		}
	case r.EndUpload != "":
		if u := rep.uploads[r.EndUpload]; u != nil {
			u.ended = true
		}
	case r.DeleteFile != "":
		if f := rep.files[r.DeleteFile]; f != nil {
			f.deleted = true
			rep.storage.drop(f)
			rep.fileList = remove(rep.fileList, f)
		}
	case r.DeleteJob != "":
		if j := rep.jobs[r.DeleteJob]; j != nil {
			j.deleted = r.At
			rep.jobList = remove(rep.jobList, j)
		}
	}
}

func (rep *replica) addFile(f *file) {
	rep.seq++
	rep.files[f.Name] = f
	rep.fileList = insert(rep.fileList, f)
	rep.storage.add(f.Body.size(), f.Gone, f)
	if u := rep.uploads[f.Upload]; u != nil {
		u.file = f
	}
}

func (rep *replica) addJob(j *job, at time.Time) {
	rep.seq++
	rep.jobs[j.ID] = j
	rep.jobList = insert(rep.jobList, j)
	rep.bought = append(rep.bought, j)
	rep.open = append(rep.open, j)
	if len(j.Body) > 0 {
		rep.inUse[j.Body[0].Name] = true
	}
	if !j.Foreign {
		rep.copies[j.copyKey()]++
		rep.creates = append(prune(rep.creates, at.Add(-minute)), at)
		rep.accepted++
		rep.lastCreate = at
		rep.today(at)[j.Model]++
	}
}

// prune drops the times before since; the times ascend.
func prune(times []time.Time, since time.Time) []time.Time {
	i := 0
	for i < len(times) && !times[i].After(since) {
		i++
	}
	return times[i:]
}

// listed is what stands in a listing.
type listed interface {
	position() position
	visible(now time.Time) bool
}

// position is a place in a listing; it stays while others come and go.
type position struct {
	create int64 // ns since 1970
	seq    int64
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.create, q.create), cmp.Compare(p.seq, q.seq))
}

func (f *file) position() position { return position{f.Create.UnixNano(), f.Seq} }
func (f *file) visible(now time.Time) bool {
	return f.alive(now) && !now.Before(f.Listed)
}

func search[T listed](list []T, p position) (int, bool) {
	return slices.BinarySearchFunc(list, p, func(x T, p position) int { return x.position().compare(p) })
}

func insert[T listed](list []T, x T) []T {
	i, _ := search(list, x.position())
	return slices.Insert(list, i, x)
}

func remove[T listed](list []T, x T) []T {
	if i, found := search(list, x.position()); found {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// storage sums up the bytes that are held, each until its own time.
type storage struct {
	used int64
	held heldHeap
}

type heldBytes struct {
	bytes int64
	until time.Time
	file  *file // nil for an output
}

func (s *storage) add(n int64, until time.Time, f *file) {
	s.used += n
	heap.Push(&s.held, heldBytes{n, until, f})
}

// drop counts a deleted file no longer.
func (s *storage) drop(f *file) {
	for i, h := range s.held {
		if h.file == f {
			s.used -= h.bytes
			heap.Remove(&s.held, i)
			return
		}
	}
}

// usedAt gives the bytes that are held at now.
func (s *storage) usedAt(now time.Time) int64 {
	for len(s.held) > 0 && !now.Before(s.held[0].until) {
		s.used -= heap.Pop(&s.held).(heldBytes).bytes
	}
	return s.used
}

type heldHeap []heldBytes

func (h heldHeap) Len() int           { return len(h) }
func (h heldHeap) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h heldHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heldHeap) Push(x any)        { *h = append(*h, x.(heldBytes)) }
func (h *heldHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
