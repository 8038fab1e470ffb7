package apply

import (
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
)

// EventType names what happened; the names are those of apply --json.
type EventType string

const (
	EventPlannedChange    EventType = "planned_change"
	EventUploadStart      EventType = "upload_start"
	EventUploadProgress   EventType = "upload_progress"
	EventUploadComplete   EventType = "upload_complete"
	EventCreateIntent     EventType = "create_intent"
	EventCreateComplete   EventType = "create_complete"
	EventCreateRefused    EventType = "create_refused"
	EventCreateUnknown    EventType = "create_unknown"
	EventAdopted          EventType = "adopted"
	EventJobState         EventType = "job_state"
	EventDownloadProgress EventType = "download_progress"
	EventDownloadComplete EventType = "download_complete"
	EventRateWait         EventType = "rate_wait"
	EventDeferred         EventType = "deferred"
	EventRepairPlanned    EventType = "repair_planned"
	EventDatasetWritten   EventType = "dataset_written"
	EventHookComplete     EventType = "hook_complete"
	EventHookFailed       EventType = "hook_failed"
	EventDiagnostic       EventType = "diagnostic"
	EventApplySummary     EventType = "apply_summary"
)

// Event is one thing that an apply did, saw or waits for. It is data: the
// sentence is made by whoever shows it. Zero fields do not apply.
type Event struct {
	Time     time.Time
	Type     EventType
	Severity planner.Severity // "" for information
	Address  *planner.Address
	Attempt  int
	Change   *planner.Change // planned_change
	Job      string
	JobState string
	OldState string
	File     string
	Path     string // of a result file, or a dataset
	SHA256   string
	Bytes    int64 // so far, or in all
	Total    int64
	Rows     int
	BadRows  int
	Dataset  string // name of it
	Block    string // of a hook
	// Batches are those with rows in the dataset, Of all that it is made from.
	Batches, Of int
	// Budget, Reason and Until explain a wait or a deferral: which limit, why,
	// and when it is looked at again.
	Budget  string
	Reason  string
	Until   time.Time
	Early   bool         // a job that ends may end the wait before Until
	Cause   budget.Cause // of a wait of creates
	Message string       // a diagnostic's words, or the service's
	Summary *Summary
}

// Summary is what an apply did and where its batches stand now.
type Summary struct {
	Uploaded   int `json:"uploaded"`
	Created    int `json:"created"`
	Adopted    int `json:"adopted"`
	Downloaded int `json:"downloaded"`
	Forgotten  int `json:"forgotten"`
	InProgress int `json:"in_progress"`
	Done       int `json:"done"`
	Failed     int `json:"failed"`
	Held       int `json:"held"`
	Deferred   int `json:"deferred"`
}
