package planner

import (
	"slices"
	"strings"
	"testing"
	"time"
)

type transition struct {
	name  string
	facts []fact
	want  string
}

func when(facts ...fact) []fact { return facts }

// transitions is the whole table: what is wanted, recorded and live, and what
// follows. The subject is batch.r[1] with content A and model m1, held on a
// change, with three attempts; each row says only what differs.
var transitions = []transition{
	// Nothing bought.
	{"nothing, source there", when(),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"nothing, before the first apply", when(noLineage),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"nothing, not refreshed", when(notRefreshed),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"nothing, source not there", when(sourceGone),
		"phase=absent actions=- reason=- held=- attempt=0 warn=-"},
	{"nothing, listing incomplete", when(incomplete),
		"phase=absent actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"nothing, rerun asked", when(rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=1 warn=-"},
	{"nothing, not targeted", when(only("batch.r[2-9]")),
		"phase=absent actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"nothing, targeted", when(only("batch.r[1-9]")),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"nothing, excluded", when(except("batch.r")),
		"phase=absent actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"nothing, targeted and excluded", when(only("batch.r"), except("batch.r[1]")),
		"phase=absent actions=- reason=- held=- attempt=0 warn=- complete=false"},

	// Uploads.
	{"upload alive", when(uploaded(40 * time.Hour)),
		"phase=uploaded actions=create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"upload alive, files not listed", when(uploadRecorded(40*time.Hour), filesNotListed),
		"phase=uploaded actions=create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"upload alive, not refreshed", when(uploadRecorded(40*time.Hour), notRefreshed),
		"phase=uploaded actions=create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"upload lives just longer than the margin", when(uploaded(30*time.Minute + time.Second)),
		"phase=uploaded actions=create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"upload expires at the margin", when(uploaded(30 * time.Minute)),
		"phase=absent actions=upload+create reason=upload_expired held=- attempt=1 warn=-"},
	{"upload expires within an hour more, local clock", when(uploaded(90*time.Minute), localClock),
		"phase=absent actions=upload+create reason=upload_expired held=- attempt=1 warn=-"},
	{"upload outlives the hour more, local clock", when(uploaded(91*time.Minute), localClock),
		"phase=uploaded actions=create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"upload gone", when(uploadRecorded(40 * time.Hour)),
		"phase=absent actions=upload+create reason=upload_expired held=- attempt=1 warn=-"},
	{"upload expired, files not listed", when(uploadRecorded(-time.Hour), filesNotListed),
		"phase=absent actions=upload+create reason=upload_expired held=- attempt=1 warn=-"},
	{"upload has another hash", when(uploadRecorded(40*time.Hour), liveFile(uploadOfOurs(contentA, 1), contentB, 40*time.Hour)),
		"phase=absent actions=upload+create reason=upload_expired held=- attempt=1 warn=-"},
	{"upload begun", when(uploadBegun),
		"phase=absent actions=upload+create reason=upload_unfinished held=- attempt=1 warn=-"},
	{"upload begun, its answer lost", when(uploadBegun, liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour)),
		"phase=uploaded actions=create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"upload begun, another file there", when(uploadBegun, liveFile(uploadOfOurs(contentA, 1), contentB, 40*time.Hour)),
		"phase=absent actions=upload+create reason=upload_expired held=- attempt=1 warn=-"},
	{"upload alive, source changed", when(uploaded(40*time.Hour), wantSource(contentB)),
		"phase=absent actions=upload+create reason=source_changed held=- attempt=1 warn=-"},
	{"upload alive, source gone", when(uploaded(40*time.Hour), sourceGone),
		"phase=absent actions=- reason=- held=- attempt=0 warn=-"},
	{"upload expires, a longer one of ours is alive", when(uploaded(10*time.Minute), liveFile(uploadOfOurs(contentA, 2), contentA, 40*time.Hour), settledStrange(2)),
		"phase=uploaded actions=adopt+create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-2"},
	{"foreign upload, recognised by its hash", when(liveFile("files/abc", contentA, 40*time.Hour)),
		"phase=uploaded actions=adopt+create reason=not_submitted held=- attempt=1 warn=- file=abc"},
	{"foreign upload, other bytes", when(liveFile("files/abc", contentB, 40*time.Hour)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"foreign upload, same hash, other size", when(liveFile("files/abc", contentA, 40*time.Hour), filesShorter),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"foreign upload, about to expire", when(liveFile("files/abc", contentA, 29*time.Minute)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"foreign upload, not usable yet", when(liveFile("files/abc", contentA, 40*time.Hour), filesProcessing),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"foreign uploads, the longest lived is taken", when(liveFile("files/abc", contentA, 30*time.Hour), liveFile("files/abd", contentA, 40*time.Hour)),
		"phase=uploaded actions=adopt+create reason=not_submitted held=- attempt=1 warn=- file=abd"},
	{"foreign upload, one for two batches of the same bytes", when(liveFile("files/abc", contentA, 40*time.Hour), alsoWanted(wanted(Address{"r", 0}, contentA))),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"foreign upload, already another batch's", when(liveFile("files/abc", contentA, 40*time.Hour), twinHolds("files/abc")),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"upload of another lineage", when(liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=-"},
	{"upload of another lineage, no lineage of our own", when(noLineage, liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=-"},
	{"upload of another lineage, other content", when(liveFile(UploadName(contentB, theirs6, 1), contentB, 40*time.Hour)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"upload of another lineage, rerun asked", when(rerun, liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour)),
		"phase=absent actions=upload+create reason=rerun held=- attempt=1 warn=-"},
	{"upload of another lineage, job running", when(bought(JobRunning), liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},

	// A state from before the upload was restored.
	{"strange upload, first seen", when(liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"strange upload, seen by an incomplete listing", when(incomplete, liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"strange upload, before the settle time", when(liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour), strangeSince(now.Add(-settleTime+time.Second))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"strange upload, settled", when(liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour), strangeSince(now.Add(-settleTime))),
		"phase=uploaded actions=adopt+create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"strange upload, settled by a listing that is incomplete", when(incomplete, liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour), strangeSince(now.Add(-settleTime))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"strange upload, its job turns up", when(liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour), strangeSince(now.Add(-time.Minute)), labelled("lost", ours6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=lost"},
	{"strange upload, gone before it settled", when(strangeSince(now.Add(-time.Minute))),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"strange upload, rerun asked", when(rerun, liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=rerun_refused"},
	{"upload of ours below the highest number is no stranger", when(uploadReplaced, liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour)),
		"phase=uploaded actions=adopt+create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},

	// The job runs.
	{"pending", when(bought(JobPending)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"running", when(bought(JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"running, not refreshed", when(bought(JobRunning), notRefreshed),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"running, not targeted", when(bought(JobRunning), only("batch.r[2]")),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"running, source changed, hold", when(bought(JobRunning), wantSource(contentB)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"running, source changed, rerun", when(bought(JobRunning), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"running, source changed, keep", when(bought(JobRunning), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"running, source gone", when(bought(JobRunning), sourceGone),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_gone"},
	{"running, model changed, rerun", when(bought(JobRunning), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=model_changed"},
	{"running, rerun asked", when(bought(JobRunning), rerun),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=rerun_refused"},
	{"running, a foreign file in its place", when(bought(JobRunning), seen(ResultForeign)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"running, another state bought it too", when(bought(JobRunning), labelled("x", theirs6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=claimed_elsewhere"},
	{"running, a second job of the same attempt", when(bought(JobRunning), labelled("twin", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=extra_job"},
	{"running, out of the config", when(bought(JobRunning), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},
	{"a word unknown to us, not over", when(bought(JobUnknown)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"a word unknown to us, over with output", when(bought(JobUnknown, doneState, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"a word unknown to us, over without output", when(bought(JobUnknown, doneState)),
		"phase=held actions=- reason=- held=state_unknown attempt=0 warn=- heldjob=j1"},

	// The job is not in the listing.
	{"not listed, not asked for", when(bought(JobRunning, unlisted), otherJobOfOurs),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"not listed, gone", when(bought(JobRunning, unlisted), missing("batches/j1"), otherJobOfOurs),
		"phase=held actions=- reason=- held=job_gone attempt=0 warn=- heldjob=j1"},
	{"not listed, gone, not one of ours is visible", when(bought(JobRunning, unlisted), missing("batches/j1")),
		"phase=held actions=- reason=- held=other_project attempt=0 warn=- heldjob=j1"},
	{"not one of ours is visible, nothing bought for this one", when(otherIsMissing),
		"phase=held actions=- reason=- held=other_project attempt=0 warn=-"},
	{"not one of ours is visible, a send of this one unknown", when(otherIsMissing, sent(OutcomeIntent, settlingSince(now.Add(-time.Hour)))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"not one of ours is visible, this one done", when(finished(unlisted, lastSeen(JobSucceeded)), otherIsMissing),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"not one of ours is visible, this one done, its file gone", when(finished(unlisted, lastSeen(JobSucceeded)), otherIsMissing, seen(ResultNone)),
		"phase=held actions=- reason=- held=other_project attempt=0 warn=- heldjob=j1"},
	{"not one of ours is visible, this one done, source changed, rerun", when(finished(unlisted, lastSeen(JobSucceeded)), otherIsMissing, wantSource(contentB), onChange(OnChangeRerun)),
		"phase=done actions=- reason=- held=- attempt=0 warn=other_project"},
	{"not one of ours is visible, a foreign job has the same bytes", when(otherIsMissing, liveFile("files/abc", contentA, 40*time.Hour), unlabelledJob("x", "files/abc", "m1", 10, JobRunning)),
		"phase=held actions=- reason=- held=other_project attempt=0 warn=-"},
	{"not one of ours is visible, rerun asked", when(bought(JobRunning, unlisted), missing("batches/j1"), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},

	// The job ended with answers.
	{"succeeded", when(bought(JobSucceeded, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded, listing incomplete", when(bought(JobSucceeded, output), incomplete),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded, answers inline", when(bought(JobSucceeded, inline)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded, excluded", when(bought(JobSucceeded, output), except("batch.r[1]")),
		"phase=succeeded actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"succeeded, output not named yet", when(bought(JobSucceeded)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"succeeded, output not named for a day", when(bought(JobSucceeded, endedAgo(24*time.Hour))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"succeeded, output not named for more than a day", when(bought(JobSucceeded, endedAgo(24*time.Hour+time.Second))),
		"phase=held actions=- reason=- held=no_output attempt=0 warn=- heldjob=j1"},
	{"succeeded, output named after more than a day", when(bought(JobSucceeded, output, endedAgo(25*time.Hour))),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded, output gone", when(bought(JobSucceeded, output, outputGone)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"succeeded, rerun asked", when(bought(JobSucceeded, output), rerun),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded, a foreign file in its place: it may be equal", when(bought(JobSucceeded, output), seen(ResultForeign)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded, kept since a foreign file is in its place", when(bought(JobSucceeded, output, part), seen(ResultForeign)),
		"phase=held actions=- reason=- held=result_exists attempt=0 warn=- heldjob=j1"},
	{"succeeded, kept, the foreign file was moved away", when(bought(JobSucceeded, output, part)),
		"phase=succeeded actions=download reason=source_back held=- attempt=1 warn=- job=j1"},
	{"succeeded after our cancel", when(bought(JobSucceeded, output, cancelAsked)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"succeeded after our cancel, kept", when(bought(JobSucceeded, output, cancelAsked, part)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"two downloads alike fit no key", when(bought(JobSucceeded, output, part, wrongJob)),
		"phase=held actions=- reason=- held=wrong_job attempt=0 warn=- heldjob=j1"},
	{"succeeded, source changed, not fetched", when(bought(JobSucceeded, output), wantSource(contentB)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=source_changed job=j1"},
	{"succeeded, source changed, kept, hold", when(bought(JobSucceeded, output, part), wantSource(contentB)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j1"},
	{"succeeded, source changed, kept, rerun", when(bought(JobSucceeded, output, part), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=source_changed held=- attempt=2 warn=-"},
	{"succeeded, source changed, kept, rerun, refused before", when(bought(JobSucceeded, output, part), wantSource(contentB), onChange(OnChangeRerun), refused(contentB, "m1", true)),
		"phase=failed actions=- reason=- held=refused attempt=0 warn=-"},
	{"succeeded, source changed, kept, keep", when(bought(JobSucceeded, output, part), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=succeeded actions=download reason=source_changed held=- attempt=1 warn=- job=j1"},
	{"succeeded, source changed and back", when(bought(JobSucceeded, output, part)),
		"phase=succeeded actions=download reason=source_back held=- attempt=1 warn=- job=j1"},
	{"succeeded, source gone, not fetched", when(bought(JobSucceeded, output), sourceGone),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=source_gone job=j1"},
	{"succeeded, source gone, kept", when(bought(JobSucceeded, output, part), sourceGone),
		"phase=held actions=- reason=- held=source_gone attempt=0 warn=- heldjob=j1"},
	{"succeeded, model changed", when(bought(JobSucceeded, output), wantModel("m2")),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=model_changed job=j1"},
	{"succeeded, model changed, rerun", when(bought(JobSucceeded, output), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=model_changed job=j1"},
	{"succeeded, out of the config", when(bought(JobSucceeded, output), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},

	// The job ended without success.
	{"failed", when(bought(JobFailed)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=-"},
	{"failed, upload alive", when(bought(JobFailed), uploaded(40*time.Hour)),
		"phase=uploaded actions=create reason=job_failed held=- attempt=2 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"expired", when(bought(JobExpired)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=-"},
	{"failed, listing incomplete", when(bought(JobFailed), incomplete),
		"phase=absent actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"failed with some output", when(bought(JobFailed, output)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=1 warn=- job=j1"},
	{"expired with some output", when(bought(JobExpired, output)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=1 warn=- job=j1"},
	{"expired with some output, source changed", when(bought(JobExpired, output), wantSource(contentB)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=1 warn=- job=j1"},
	{"expired, its output in hand", when(bought(JobExpired, output, part)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=-"},
	{"failed, its output gone", when(bought(JobFailed, output, outputGone)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=-"},
	{"failed twice", when(bought(JobFailed), bought(JobFailed)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=3 warn=-"},
	{"failed, attempts used up", when(bought(JobFailed), bought(JobExpired), bought(JobFailed)),
		"phase=failed actions=- reason=- held=attempts_used_up attempt=0 warn=-"},
	{"failed, attempts used up, one allowed", when(bought(JobFailed), maxAttempts(1)),
		"phase=failed actions=- reason=- held=attempts_used_up attempt=0 warn=-"},
	{"failed, attempts used up, rerun asked", when(bought(JobFailed), maxAttempts(1), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"failed, attempts used up for another content", when(bought(JobFailed), maxAttempts(1), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=-"},
	{"failed, sends that were refused or absent do not count", when(maxAttempts(2), bought(JobFailed), sent(OutcomeRefused), sent(OutcomeAbsent), sent(OutcomeNotSent)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=5 warn=-"},
	{"failed, source changed, hold", when(bought(JobFailed), wantSource(contentB)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j1"},
	{"failed, source changed, keep", when(bought(JobFailed), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=-"},
	{"failed, source gone", when(bought(JobFailed), sourceGone),
		"phase=held actions=- reason=- held=source_gone attempt=0 warn=- heldjob=j1"},
	{"failed, model changed, hold", when(bought(JobFailed), wantModel("m2")),
		"phase=held actions=- reason=- held=model_changed attempt=0 warn=- heldjob=j1"},
	{"failed, model changed, keep", when(bought(JobFailed), wantModel("m2"), onChange(OnChangeKeep)),
		"phase=held actions=- reason=- held=model_changed attempt=0 warn=- heldjob=j1"},
	{"failed, model changed, rerun", when(bought(JobFailed), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=-"},
	{"failed, a foreign file in its place", when(bought(JobFailed), seen(ResultForeign)),
		"phase=held actions=- reason=- held=result_exists attempt=0 warn=-"},
	{"failed, out of the config", when(bought(JobFailed), outOfConfig),
		"phase=absent actions=forget reason=left_config held=- attempt=0 warn=-"},
	{"failed with some output, out of the config", when(bought(JobFailed, output), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},
	{"failed with rows in hand, out of the config", when(bought(JobFailed, output, part), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},
	{"cancelled", when(bought(JobCancelled)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"cancelled with some output", when(bought(JobCancelled, output)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=1 warn=- job=j1"},
	{"cancelled, its output in hand", when(bought(JobCancelled, output, part)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"cancelled, rerun asked", when(bought(JobCancelled), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"cancelled with some output, rerun asked: first what was paid for", when(bought(JobCancelled, output), rerun),
		"phase=succeeded actions=download reason=partial_output held=- attempt=1 warn=- job=j1"},
	{"cancelled, out of the config", when(bought(JobCancelled), outOfConfig),
		"phase=absent actions=forget reason=left_config held=- attempt=0 warn=-"},

	// Done.
	{"done", when(finished()),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, job no longer listed", when(finished(unlisted, lastSeen(JobSucceeded))),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, not refreshed", when(finished(), notRefreshed),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, source changed, hold", when(finished(), wantSource(contentB)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"done, source changed, rerun", when(finished(), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=done actions=upload+create reason=source_changed held=- attempt=2 warn=-"},
	{"done, source changed, keep", when(finished(), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, model changed, hold", when(finished(), wantModel("m2")),
		"phase=done actions=- reason=- held=- attempt=0 warn=model_changed"},
	{"done, model changed, rerun", when(finished(), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=done actions=upload+create reason=model_changed held=- attempt=2 warn=-"},
	{"done, model changed, keep", when(finished(), wantModel("m2"), onChange(OnChangeKeep)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, source gone", when(finished(), sourceGone),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_gone"},
	{"done, source gone, rerun asked", when(finished(), sourceGone, rerun),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_gone"},
	{"done, rerun asked", when(finished(), rerun),
		"phase=done actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"done, rerun asked and sent before", when(finished(), rerunFixedAt(1)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, rerun asked and not sent before", when(finished(), rerunFixedAt(2)),
		"phase=done actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"done, rerun asked, its send was refused", when(finished(), sent(OutcomeRefused), rerunFixedAt(2)),
		"phase=done actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"done, source changed, rerun, refused for good", when(finished(), wantSource(contentB), onChange(OnChangeRerun), refused(contentB, "m1", true)),
		"phase=done actions=- reason=- held=- attempt=0 warn=refused"},
	{"done, source changed, rerun, claimed by another state", when(finished(), wantSource(contentB), onChange(OnChangeRerun), liveFile(UploadName(contentB, theirs6, 1), contentB, 40*time.Hour)),
		"phase=done actions=- reason=- held=- attempt=0 warn=claimed_elsewhere"},
	{"done, source changed, rerun, an unclaimed job about", when(finished(), wantSource(contentB), onChange(OnChangeRerun), alsoWanted(wanted(Address{"r", 3}, contentC)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=done actions=- reason=- held=- attempt=0 warn=maybe_bought"},
	{"done, rerun, source back to a content that was answered", when(finished(), bought(JobSucceeded, output, read, forSource(contentB)), deliveredBy(2, contentB), onChange(OnChangeRerun)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"done, file gone", when(finished(), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=1 warn=- job=j1"},
	{"done, file changed", when(finished(), seen(ResultChanged)),
		"phase=succeeded actions=download reason=result_changed held=- attempt=1 warn=- job=j1"},
	{"done, file gone, output gone", when(finished(outputGone), seen(ResultNone)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"done, file changed, output gone", when(finished(outputGone), seen(ResultChanged)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"done, file gone, output gone, rerun asked", when(finished(outputGone), seen(ResultNone), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"done, file gone, source gone", when(finished(), seen(ResultNone), sourceGone),
		"phase=held actions=- reason=- held=source_gone attempt=0 warn=- heldjob=j1"},
	{"done, file gone, source changed, hold", when(finished(), seen(ResultNone), wantSource(contentB)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j1"},
	{"done, file gone, source changed, rerun", when(finished(), seen(ResultNone), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=source_changed held=- attempt=2 warn=-"},
	{"done, file gone, source changed, keep", when(finished(), seen(ResultNone), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=1 warn=- job=j1"},
	{"done, out of the config", when(finished(), outOfConfig),
		"phase=done actions=forget reason=left_config held=- attempt=0 warn=-"},
	{"done, out of the config, not targeted", when(finished(), outOfConfig, only("batch.q")),
		"phase=done actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"only an upload, out of the config", when(uploaded(40*time.Hour), outOfConfig),
		"phase=absent actions=forget reason=left_config held=- attempt=0 warn=-"},
	{"job gone, out of the config", when(bought(JobRunning, unlisted), missing("batches/j1"), otherJobOfOurs, outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},

	// Another attempt after a result.
	{"another attempt runs", when(finished(), bought(JobRunning, askedFor)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"another attempt succeeded", when(finished(), bought(JobSucceeded, askedFor, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2"},
	{"another attempt failed", when(finished(), bought(JobFailed, askedFor)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"another attempt expired", when(finished(), bought(JobExpired, askedFor)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_expired"},
	{"another attempt was cancelled", when(finished(), bought(JobCancelled, askedFor)),
		"phase=done actions=- reason=- held=- attempt=0 warn=cancelled"},
	{"another attempt is gone", when(finished(), bought(JobRunning, askedFor, unlisted), missing("batches/j2")),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_gone"},
	{"another attempt at new content failed: one was asked for", when(finished(), bought(JobFailed, askedFor, forSource(contentB)), wantSource(contentB)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"another attempt's answers are kept, the former content is back", when(finished(), bought(JobSucceeded, askedFor, forSource(contentB), output, part)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"kept answers to a former content, and to another: the wanted ones are delivered", when(bought(JobSucceeded, output, part), bought(JobSucceeded, output, part, forSource(contentB))),
		"phase=succeeded actions=download reason=source_back held=- attempt=1 warn=- job=j1"},
	{"not one of ours is visible but a lost one", when(bought(JobRunning, unlisted), missing("batches/j1"), otherLost),
		"phase=held actions=- reason=- held=job_gone attempt=0 warn=- heldjob=j1"},
	{"another attempt failed, rerun asked again", when(finished(), bought(JobFailed, askedFor), rerun),
		"phase=done actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"another attempt failed, rerun asked for just this one", when(finished(), bought(JobFailed, askedFor), rerunFixedAt(2)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"another attempt failed, the former file gone", when(finished(), bought(JobFailed, askedFor), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=1 warn=- job=j1"},
	{"another attempt failed, the former file and output gone", when(finished(outputGone), bought(JobFailed, askedFor), seen(ResultNone)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"new content, its attempt failed", when(finished(), bought(JobFailed, forSource(contentB)), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=done actions=upload+create reason=job_failed held=- attempt=3 warn=-"},
	{"new content, its attempts used up", when(finished(), bought(JobFailed, forSource(contentB)), wantSource(contentB), onChange(OnChangeRerun), maxAttempts(1)),
		"phase=done actions=- reason=- held=- attempt=0 warn=attempts_used_up"},
	{"new content, its attempt failed, the old content is back", when(finished(), bought(JobFailed, forSource(contentB)), onChange(OnChangeRerun)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"new content, its attempt failed, changes are kept now", when(finished(), bought(JobFailed, forSource(contentB)), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"new model, its attempt failed, the config went back", when(finished(), bought(JobFailed, forModel("m2")), onChange(OnChangeRerun)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"kept answers, another content failed, the first is back", when(bought(JobSucceeded, output, part), bought(JobFailed, forSource(contentB)), onChange(OnChangeRerun)),
		"phase=succeeded actions=download reason=source_back held=- attempt=1 warn=- job=j1"},

	// Creates without an answer.
	{"sent, no answer", when(sent(OutcomeIntent)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, no answer, not refreshed", when(sent(OutcomeIntent), notRefreshed),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, no answer, source changed", when(sent(OutcomeIntent), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, no answer, source gone", when(sent(OutcomeIntent), sourceGone),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, no answer, out of the config", when(sent(OutcomeIntent), outOfConfig),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, no answer, rerun asked", when(sent(OutcomeIntent), rerun),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=rerun_refused"},
	{"sent, no answer, a former result", when(finished(), sent(OutcomeIntent)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, before the settle time", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime+time.Second)))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, after the settle time", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime)))),
		"phase=absent actions=upload+create reason=create_absent held=- attempt=2 warn=-"},
	{"sent, after the settle time, upload alive", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime))), uploaded(40*time.Hour)),
		"phase=uploaded actions=create reason=create_absent held=- attempt=2 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-012345-1"},
	{"sent, after the settle time, a listing that does not show its input", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime)), lately)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, after the settle time, incomplete listing", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime))), incomplete),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, after the settle time, out of the config", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime))), outOfConfig),
		"phase=absent actions=forget reason=left_config held=- attempt=0 warn=-"},
	{"sent, settled by the service's time, local clock since", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime))), localClock),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, local clock, marked too short ago", when(sent(OutcomeIntent), localClock, marked(now.Add(-settleTime+time.Second))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, local clock, marked long enough ago", when(sent(OutcomeIntent), localClock, marked(now.Add(-settleTime))),
		"phase=absent actions=upload+create reason=create_absent held=- attempt=2 warn=-"},
	{"sent, a mark without the local clock means nothing", when(sent(OutcomeIntent), marked(now.Add(-settleTime))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, found", when(sent(OutcomeIntent), labelled("j", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, found by an incomplete listing", when(sent(OutcomeIntent), labelled("j", ours6, 1, JobRunning), incomplete),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, found, input not told", when(sent(OutcomeIntent), labelled("j", ours6, 1, JobRunning, input(""))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, found when it is over", when(sent(OutcomeIntent), labelled("j", ours6, 1, JobSucceeded, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j"},
	{"sent, found twice: the older counts", when(sent(OutcomeIntent), labelled("b", ours6, 1, JobRunning), labelled("a", ours6, 1, JobRunning, createdAgo(3*time.Hour))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=extra_job"},
	{"sent, the label with another input", when(sent(OutcomeIntent), labelled("j", ours6, 1, JobRunning, input(uploadOfOurs(contentB, 1)))),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"sent, the label of another attempt", when(sent(OutcomeIntent), labelled("j", ours6, 2, JobRunning, input(uploadOfOurs(contentA, 2)))),
		"phase=unknown actions=adopt reason=job_found held=- attempt=2 warn=- job=j"},
	{"sent, cancel asked, absent", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime)), cancelledMeanwhile)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=-"},
	{"sent, cancel asked, found", when(sent(OutcomeIntent, cancelledMeanwhile), labelled("j", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=cancel_pending"},
	{"sent, cancel asked, absent, rerun asked", when(sent(OutcomeIntent, settlingSince(now.Add(-settleTime)), cancelledMeanwhile), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"another attempt asked for, absent: the wish still stands", when(finished(), sent(OutcomeIntent, settlingSince(now.Add(-settleTime)), askedBy)),
		"phase=done actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"another attempt asked for, absent, cancelled meanwhile", when(finished(), sent(OutcomeIntent, settlingSince(now.Add(-settleTime)), askedBy, cancelledMeanwhile)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"a second send without an answer after a failure", when(bought(JobFailed), sent(OutcomeIntent)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"held for absent, turns up late", when(sent(OutcomeAbsent), labelled("j", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"held for absent, turns up while the next runs", when(sent(OutcomeAbsent), bought(JobRunning), labelled("late", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=extra_job"},
	{"held for absent, turns up when the next failed: wait for it", when(sent(OutcomeAbsent), bought(JobFailed), labelled("late", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"held for absent, succeeded when the next failed: take it", when(sent(OutcomeAbsent), bought(JobFailed), labelled("late", ours6, 1, JobSucceeded, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=late"},
	{"held for absent, taken when the next failed", when(sent(OutcomeAbsent), bought(JobFailed), labelled("late", ours6, 1, JobSucceeded, output), deliveredBy(1, contentA)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"held for absent, turns up when the next is done", when(sent(OutcomeAbsent), bought(JobSucceeded, output, read), deliveredBy(2, contentA), labelled("late", ours6, 1, JobRunning)),
		"phase=done actions=- reason=- held=- attempt=0 warn=extra_job"},

	// Refused.
	{"refused for good", when(sent(OutcomeRefused), refused(contentA, "m1", true)),
		"phase=failed actions=- reason=- held=refused attempt=0 warn=-"},
	{"refused, not for good", when(sent(OutcomeRefused), refused(contentA, "m1", false)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=2 warn=-"},
	{"refused for good, source changed", when(sent(OutcomeRefused), refused(contentA, "m1", true), wantSource(contentB)),
		"phase=absent actions=upload+create reason=source_changed held=- attempt=2 warn=-"},
	{"refused for good, model changed", when(sent(OutcomeRefused), refused(contentA, "m1", true), wantModel("m2")),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=2 warn=-"},
	{"refused for good, rerun asked", when(sent(OutcomeRefused), refused(contentA, "m1", true), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"refused for good after a failure", when(bought(JobFailed), sent(OutcomeRefused), refused(contentA, "m1", true)),
		"phase=failed actions=- reason=- held=refused attempt=0 warn=-"},
	{"withdrawn before its call", when(sent(OutcomeNotSent)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=2 warn=-"},
	{"a foreign file at the result path, nothing bought", when(seen(ResultForeign)),
		"phase=held actions=- reason=- held=result_exists attempt=0 warn=-"},
	{"a foreign file at the result path, rerun asked", when(seen(ResultForeign), rerun),
		"phase=held actions=- reason=- held=result_exists attempt=0 warn=-"},

	// Adoption.
	{"record lost, one job", when(labelled("j", ours6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=j"},
	{"record lost, one job, input recognised by its bytes", when(labelled("j", ours6, 1, JobRunning, input("files/abc")), liveFile("files/abc", contentA, time.Hour)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=j"},
	{"record lost, one job, not targeted", when(labelled("j", ours6, 1, JobRunning), only("batch.r[2]")),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"record lost, a job that succeeded", when(labelled("j", ours6, 1, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=j"},
	{"record lost, a job that failed", when(labelled("j", ours6, 1, JobFailed)),
		"phase=absent actions=adopt+upload+create reason=job_failed held=- attempt=2 warn=- job=j"},
	{"record lost, a job that was cancelled", when(labelled("j", ours6, 1, JobCancelled)),
		"phase=held actions=adopt reason=job_found held=cancelled attempt=1 warn=- job=j heldjob=j"},
	{"record lost, several attempts", when(labelled("b", ours6, 2, JobRunning, input(uploadOfOurs(contentA, 2))), labelled("a", ours6, 1, JobFailed)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=a+b"},
	{"record lost, attempts used up", when(labelled("a", ours6, 1, JobFailed), labelled("b", ours6, 2, JobFailed), labelled("c", ours6, 3, JobFailed)),
		"phase=failed actions=adopt reason=job_found held=attempts_used_up attempt=3 warn=- job=a+b+c"},
	{"record lost, one attempt doubled: the older counts", when(labelled("b", ours6, 1, JobRunning), labelled("a", ours6, 1, JobRunning, createdAgo(3*time.Hour))),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=extra_job job=a"},
	{"record lost, listing incomplete", when(labelled("j", ours6, 1, JobRunning), incomplete),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=j"},
	{"record lost, the label of another address", when(labelledFor(Address{"q", 1}, "j", ours6, 1, JobRunning)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"record lost, a foreign input that is gone", when(labelled("j", ours6, 1, JobRunning, input("files/abc"))),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=j"},
	{"record lost, input not told", when(labelled("j", ours6, 1, JobSucceeded, input(""))),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=j"},
	{"record lost, input gone, ignored", when(ignoreUnclaimed, labelled("j", ours6, 1, JobRunning, input("files/abc"))),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"record lost, input gone, the job failed", when(labelled("j", ours6, 1, JobFailed, input("files/abc"))),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"record lost, input has other bytes", when(labelled("j", ours6, 1, JobRunning, input("files/abc")), liveFile("files/abc", contentB, time.Hour)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"older state restored, a lost job answers what is wanted again", when(bought(JobFailed, forSource(contentB)), onChange(OnChangeRerun), labelled("lost", ours6, 1, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=2 warn=- job=lost"},
	{"older state restored, a lost job of an earlier number answers what is wanted again", when(sent(OutcomeRefused), bought(JobExpired, forModel("m2")), onChange(OnChangeRerun), labelled("lost", ours6, 1, JobSucceeded, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=lost"},
	{"older state restored, a lost job is of a content that was given up", when(bought(JobRunning, forSource(contentB)), wantSource(contentB), otherJobOfOurs, sent(OutcomeNotSent), labelled("lost", ours6, 1, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=extra_job"},
	{"another state's job", when(labelled("j", theirs6, 1, JobRunning)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=- heldjob=j"},
	{"another state's job, succeeded", when(labelled("j", theirs6, 1, JobSucceeded)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=- heldjob=j"},
	{"another state's job, failed", when(labelled("j", theirs6, 1, JobFailed)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"another state's job, before the first apply", when(noLineage, labelled("j", theirs6, 1, JobRunning)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=- heldjob=j"},
	{"another state's job, other content", when(wantSource(contentB), labelled("j", theirs6, 1, JobRunning)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"another state's job, ours failed", when(bought(JobFailed), labelled("j", theirs6, 1, JobRunning)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=- heldjob=j"},
	{"another state's job, rerun asked", when(rerun, labelled("j", theirs6, 1, JobRunning)),
		"phase=absent actions=upload+create reason=rerun held=- attempt=1 warn=-"},
	{"unlabelled job, its input is ours", when(unlabelledJob("x", uploadOfOurs(contentA, 1), "m1", 10, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=x"},
	{"unlabelled job, its input has our bytes", when(unlabelledJob("x", "files/abc", "m1", 10, JobRunning), liveFile("files/abc", contentA, time.Hour)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=x"},
	{"unlabelled job, our bytes, other model", when(unlabelledJob("x", "files/abc", "m2", 10, JobRunning), liveFile("files/abc", contentA, 10*time.Minute)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, our bytes, failed", when(unlabelledJob("x", "files/abc", "m1", 10, JobFailed), liveFile("files/abc", contentA, 10*time.Minute)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, other bytes", when(unlabelledJob("x", "files/abc", "m1", 10, JobRunning), liveFile("files/abc", contentB, time.Hour)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, content that is not wanted here", when(unlabelledJob("x", UploadName(contentB, theirs6, 1), "m1", 10, JobRunning)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, our bytes, ours is bought", when(bought(JobRunning), unlabelledJob("x", uploadOfOurs(contentA, 1), "m1", 10, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"unclaimed job, rows fit", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unclaimed job, rows not told", when(unlabelledJob("x", "", "m1", 0, JobRunning)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unclaimed job, rows do not fit", when(unlabelledJob("x", "files/gone", "m1", 11, JobRunning)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unclaimed job, other model", when(unlabelledJob("x", "files/gone", "m2", 10, JobRunning)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unclaimed job, failed", when(unlabelledJob("x", "files/gone", "m1", 10, JobFailed)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unclaimed job, ignored", when(ignoreUnclaimed, unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unclaimed job, fits another batch of the block", when(bought(JobFailed), alsoWanted(wanted(Address{"r", 2}, contentB)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unclaimed job, fits a batch of another block", when(bought(JobFailed), alsoWanted(wanted(Address{"q", 2}, contentB)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=-"},
	{"unclaimed job, this one bought", when(bought(JobRunning), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"unclaimed job, rerun asked", when(rerun, unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"block renamed, running", when(bought(JobRunning), blockRenamed("q")),
		"phase=submitted actions=adopt reason=renamed held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"block renamed, done", when(finished(), blockRenamed("q"), seenAt("q", ResultOurs)),
		"phase=done actions=adopt reason=renamed held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"block renamed, succeeded", when(bought(JobSucceeded, output), blockRenamed("q")),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"block renamed, send unknown", when(sent(OutcomeIntent), blockRenamed("q")),
		"phase=unknown actions=adopt reason=renamed held=- attempt=1 warn=- from=batch.r[1]"},
	{"block renamed, an unlabelled job with the same bytes", when(bought(JobRunning), blockRenamed("q"), unlabelledJob("x", uploadOfOurs(contentA, 2), "m1", 10, JobRunning)),
		"phase=submitted actions=adopt reason=renamed held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"block renamed, another block that left had the same bytes", when(bought(JobRunning), leftWithSameBytes, blockRenamed("q")),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"block renamed, source changed too", when(bought(JobRunning), blockRenamed("q"), wantSource(contentB)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
}

func TestTransitions(t *testing.T) {
	names := map[string]bool{}
	for _, row := range slices.Concat(transitions, ownerTransitions) {
		t.Run(row.name, func(t *testing.T) {
			if names[row.name] {
				t.Fatalf("two rows have this name")
			}
			names[row.name] = true
			s := newScene(row.facts...)
			p, items := s.diff()
			if got := outcome(p, items, addressOf(s)); got != row.want {
				t.Errorf("\n got %s\nwant %s", got, row.want)
			}
			checkSound(t, s, p, items)
		})
	}
}

// addressOf is the batch that a row is about: the subject, under its new name
// when its block was renamed.
func addressOf(s *scene) Address {
	if i := slices.IndexFunc(s.d.Batches, func(b Batch) bool { return b.Address.Number == subject.Number }); i >= 0 {
		return s.d.Batches[i].Address
	}
	return subject
}

// exits says, for each reason, how a person follows the way out that Exit names.
var exits = map[Reason]fact{
	HoldMaybeBought:      ignoreUnclaimed,
	HoldClaimedElsewhere: imported,
	HoldCancelled:        rerun,
	HoldJobGone:          rerun,
	HoldResultGone:       rerun,
	HoldNoOutput:         rerun,
	HoldStateUnknown:     rerun,
	HoldModelChanged:     rerun,
	HoldSourceChanged:    rerun,
	HoldSourceGone:       sourceRestored,
	HoldResultExists:     seen(ResultNone),
	HoldLeftConfig:       backInConfig,
	HoldOtherProject:     rerun,
	HoldWrongJob:         rerun,
	FailAttemptsUsedUp:   rerun,
	FailRefused:          rerun,
}

func sourceRestored(s *scene) { s.batch().Source = wanted(subject, contentA).Source }

func backInConfig(s *scene) {
	s.d.Batches = append([]Batch{wanted(subject, contentA)}, s.d.Batches...)
}

// imported takes the first job of another state, or one that an import found
// for its upload, as the subject's own.
func imported(s *scene) {
	j := Job{Name: "batches/theirs", Model: "m1", State: JobRunning}
	if n := len(s.o.Live.Jobs); n > 0 {
		j = s.o.Live.Jobs[n-1]
	}
	s.o.Recorded.Batches[subject] = AdoptJobs(s.o.Recorded.Batches[subject], s.batch(), []*Job{&j})
}

// TestExits: every reason is met by some row, its way out names a command or an
// edit, and following it ends the hold or the failure.
func TestExits(t *testing.T) {
	met := map[Reason]int{}
	for _, row := range slices.Concat(transitions, ownerTransitions) {
		s := newScene(row.facts...)
		_, items := s.diff()
		before := reasonOf(items, addressOf(s))
		if before == "" {
			continue
		}
		met[before]++
		follow := exits[before]
		if follow == nil {
			t.Errorf("%s: nothing says how to follow the way out of %s", row.name, before)
			continue
		}
		after := newScene(append(slices.Clone(row.facts), follow)...)
		p, items := after.diff()
		if got := reasonOf(items, addressOf(after)); got == before && !slices.Contains(stillHeld, row.name) {
			t.Errorf("%s: still held for %s after its way out: %s", row.name, got, outcome(p, items, addressOf(after)))
		}
		checkSound(t, after, p, items)
	}
	for _, why := range append(HoldReasons(), FailAttemptsUsedUp, FailRefused) {
		if met[why] == 0 {
			t.Errorf("no row of the table is held or fails for %s", why)
		}
		text := Exit(why, subject, "batches/x", "out/r_1.jsonl")
		if !slices.ContainsFunc([]string{"qaplan apply --rerun 'batch.r[1]'", "qaplan import 'batch.r[1]' ", "move out/r_1.jsonl away", "restore the source file"},
			func(way string) bool { return strings.Contains(text, way) }) && why != HoldLeftConfig {
			t.Errorf("%s: the way out names no command and no edit: %q", why, text)
		}
	}
	if got, want := Exit(HoldLeftConfig, subject, "", ""), "put the batch back into the config, or qaplan state rm 'batch.r[1]'"; got != want {
		t.Errorf("left_config: got %q, want %q", got, want)
	}
	if got, want := Exit(HoldMaybeBought, subject, "", ""), "qaplan import 'batch.r[1]' JOB, qaplan import --from FILE, or set unclaimed = \"ignore\" in batch \"r\""; got != want {
		t.Errorf("maybe_bought: got %q, want %q", got, want)
	}
}

// stillHeld are rows in which a second fact holds the batch for the same reason.
var stillHeld = []string{}

func reasonOf(items []Item, a Address) Reason {
	for _, it := range items {
		if it.Address == a {
			return it.Reason
		}
	}
	return ""
}
