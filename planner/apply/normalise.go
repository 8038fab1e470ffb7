package apply

import (
	"strings"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/provider"
)

// normaliseJob turns the service's spelling into the planner's: two spellings
// of one thing would be a false difference, here a false purchase.
func normaliseJob(j *provider.Job) planner.Job {
	out := planner.Job{
		Name: j.Name, DisplayName: j.DisplayName, Model: strings.TrimPrefix(j.Model, "models/"),
		InputFile: j.InputFile, State: normaliseState(j.State), RawState: j.State, Done: j.Done,
		Created: j.CreateTime.UTC(), Ended: j.EndTime.UTC(), Output: j.ResponsesFile, Inline: j.Inline,
		Stats: planner.Stats{Requests: j.Stats.Requests, Succeeded: j.Stats.Succeeded, Failed: j.Stats.Failed},
	}
	if j.EndTime.IsZero() && out.Final() {
		out.Ended = j.UpdateTime.UTC()
	}
	if j.Error != nil {
		out.Error = j.Error.Message
	}
	return out
}

// normaliseState takes both families of words: BATCH_STATE_ on the wire,
// JOB_STATE_ in the guide and in the SDKs (python-genai #1323).
func normaliseState(raw string) planner.JobState {
	word := strings.TrimPrefix(strings.TrimPrefix(raw, "BATCH_STATE_"), "JOB_STATE_")
	switch s := planner.JobState(word); s {
	case planner.JobPending, planner.JobRunning, planner.JobSucceeded, planner.JobFailed, planner.JobCancelled, planner.JobExpired:
		return s
	}
	return planner.JobUnknown
}
