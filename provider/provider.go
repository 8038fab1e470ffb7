package provider

import "time"

// Job is a batch job as the service describes it, with nothing interpreted.
type Job struct {
	Name        string // batches/…
	DisplayName string
	Model       string // models/…
	InputFile   string // files/…, "" for inline input
	State       string // such as BATCH_STATE_RUNNING; unknown words are passed on
	Done        bool
	CreateTime  time.Time
	UpdateTime  time.Time
	EndTime     time.Time // zero until the job ends
	// ResponsesFile is files/batch-…, "" until the service names it, which can
	// be after the state says SUCCEEDED.
	ResponsesFile string
	// Inline tells that the answers stand in the job itself; listings leave
	// them out.
	Inline bool
	Stats  Stats
	Error  *Status
}

// Stats are the service's counts of rows; what it leaves out is zero.
type Stats struct {
	Requests, Succeeded, Failed, Pending int64
}

// Status is a google.rpc.Status: Code is a google.rpc code, not an HTTP one.
type Status struct {
	Code    int
	Message string
}

// File is a file at the service.
type File struct {
	Name        string // files/…
	DisplayName string
	MIMEType    string
	Bytes       int64
	SHA256      string // lower-case hex of the content, "" when not told
	State       string // ACTIVE, PROCESSING, FAILED
	Source      string // UPLOADED, GENERATED, REGISTERED
	CreateTime  time.Time
	ExpireTime  time.Time
}

// JobPage is one page of the job listing.
type JobPage struct {
	Jobs []Job
	Next string    // token of the next page, "" on the last
	Date time.Time // the service's time, zero when it sent none
}

// FilePage is one page of the file listing.
type FilePage struct {
	Files []File
	Next  string
	Date  time.Time
}

// CreateRequest asks for one job.
type CreateRequest struct {
	Model       string // without "models/"
	DisplayName string
	InputFile   string // files/…
}

// UploadRequest sends one input file.
type UploadRequest struct {
	Name        string // files/…, chosen by the caller
	DisplayName string
	Bytes       int64
	SHA256      string // lower-case hex; a different answer is an error
	// Session goes on with an interrupted upload when it is not "".
	Session string
	// Started is called once with the session of a new upload, before its
	// first byte is sent.
	Started func(session string) error
	// Progress is called with the number of bytes that the service has.
	Progress func(sent int64)
}

// Downloaded tells how a download went.
type Downloaded struct {
	Bytes int64 // written by this call
	Total int64 // of the whole output, -1 when the service did not tell
	Date  time.Time
}
