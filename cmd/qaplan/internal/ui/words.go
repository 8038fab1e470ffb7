package ui

import (
	"fmt"

	"github.com/qaplan/qaplan/planner"
)

// symbol stands for an action in plans; ASCII, so that it survives every
// terminal, log and diff.
func symbol(a planner.Action) string {
	switch a {
	case planner.ActionAdopt:
		return "&"
	case planner.ActionUpload:
		return "^"
	case planner.ActionCreate:
		return "+"
	case planner.ActionDownload:
		return "v"
	case planner.ActionForget:
		return "."
	}
	return "?"
}

// actionsInOrder lists the actions as the legend does.
func actionsInOrder() []planner.Action {
	return []planner.Action{planner.ActionAdopt, planner.ActionUpload, planner.ActionCreate, planner.ActionDownload, planner.ActionForget}
}

func meaning(a planner.Action) string {
	switch a {
	case planner.ActionAdopt:
		return "adopt what is there"
	case planner.ActionUpload:
		return "upload"
	case planner.ActionCreate:
		return "create a paid job"
	case planner.ActionDownload:
		return "download"
	case planner.ActionForget:
		return "forget"
	}
	return string(a)
}

// Symbols explains every symbol of a plan, for help texts.
func Symbols() string {
	var rows [][]string
	for _, a := range actionsInOrder() {
		rows = append(rows, []string{symbol(a), meaning(a)})
	}
	return indent("  ", table(rows))
}

// because puts the reason of a change into words.
func because(r planner.Reason) string {
	switch r {
	case planner.ReasonNotSubmitted:
		return "nothing was bought yet"
	case planner.ReasonUploadUnfinished:
		return "an upload was begun, nothing was bought yet"
	case planner.ReasonUploadExpired:
		return "the upload is gone or about to expire"
	case planner.ReasonSourceChanged:
		return "the source changed"
	case planner.ReasonModelChanged:
		return "the model changed"
	case planner.ReasonJobFailed:
		return "the job failed"
	case planner.ReasonJobExpired:
		return "the job expired"
	case planner.ReasonRerun:
		return "asked for with --rerun"
	case planner.ReasonCreateAbsent:
		return "an earlier send bought nothing"
	case planner.ReasonJobFound:
		return "its job was found at the service"
	case planner.ReasonJobSucceeded:
		return "the job succeeded"
	case planner.ReasonPartialOutput:
		return "the job ended early and left some answers"
	case planner.ReasonResultMissing:
		return "the result file is gone"
	case planner.ReasonResultChanged:
		return "the result file was changed by hand and will be replaced"
	case planner.ReasonSourceBack:
		return "the answers are here, and so is the source again"
	case planner.ReasonLeftConfig:
		return "it left the config and nothing of it is outstanding"
	case planner.ReasonRenamed:
		return "its block was renamed"
	case planner.ReasonRepair:
		return "rows without a good answer are bought again"
	case planner.ReasonRowsInHand:
		return "what is in hand makes the result"
	}
	return string(r)
}

// trouble puts the reason of a hold or a failure into words.
func trouble(r planner.Reason) string {
	switch r {
	case planner.HoldMaybeBought:
		return "a job that may be this batch's is at the service"
	case planner.HoldClaimedElsewhere:
		return "another state made a job for this batch"
	case planner.HoldCancelled:
		return "its job was cancelled"
	case planner.HoldJobGone:
		return "its job is no longer at the service"
	case planner.HoldResultGone:
		return "the answers are no longer at the service"
	case planner.HoldNoOutput:
		return "the job succeeded a day ago and names no answers"
	case planner.HoldStateUnknown:
		return "the job ended in a state that this version does not know"
	case planner.HoldModelChanged:
		return "the model changed after the job was bought"
	case planner.HoldSourceChanged:
		return "the source changed after the job was bought"
	case planner.HoldSourceGone:
		return "the source file is gone"
	case planner.HoldResultExists:
		return "a folder, a link or a file of somebody else stands where the result belongs"
	case planner.HoldLeftConfig:
		return "it left the config while something bought is outstanding"
	case planner.HoldOtherProject:
		return "this key sees none of the jobs that were bought"
	case planner.HoldWrongJob:
		return "the answers of its job belong to another batch"
	case planner.FailAttemptsUsedUp:
		return "all attempts are used up"
	case planner.FailRefused:
		return "the service refuses its content"
	}
	return string(r)
}

// PlanLine is the summary of a plan. Scripts read it; it never changes.
func PlanLine(s planner.Summary, applyable bool) string {
	phases := fmt.Sprintf("%d in progress, %d done, %d failed, %d held.", s.InProgress, s.Done, s.Failed, s.Held)
	if !applyable {
		return "No changes. " + phases
	}
	return fmt.Sprintf("Plan: %d to upload, %d to create, %d to adopt, %d to download, %d to forget. ",
		s.Upload, s.Create, s.Adopt, s.Download, s.Forget) + phases
}
