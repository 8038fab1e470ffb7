package planner

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ownedBy tells whose a job's answers are, by their keys.
func ownedBy(job string, batches ...Address) fact {
	return func(s *scene) {
		if s.o.Live.Owners == nil {
			s.o.Live.Owners = map[string]Owner{}
		}
		s.o.Live.Owners["batches/"+job] = Owner{Fits: batches}
	}
}

func manyOwners(job string) fact {
	return func(s *scene) { s.o.Live.Owners = map[string]Owner{"batches/" + job: {More: true}} }
}

// formerly makes another lineage a former one of this state.
func formerly(lineage6 string) fact {
	return func(s *scene) { s.o.Recorded.Former = append(s.o.Recorded.Former, lineage6) }
}

// adopted makes an attempt one that a person imported: a job without a label,
// whose input is gone.
func adopted(at *Attempt, j *Job) {
	at.Adopted, at.Token, at.File = true, "", "files/gone"
	j.DisplayName, j.InputFile, j.Stats.Requests = "", "files/gone", goodRows
}

// foundOf makes an attempt one whose job was found by the label of a state.
func foundOf(lineage6 string) trait {
	return func(at *Attempt, j *Job) {
		tok := NewToken(lineage6, subject, at.Number, at.content(), at.Model)
		at.Adopted, at.Token, at.File = true, tok.String(), UploadName(at.content(), lineage6, 1)
		j.DisplayName, j.InputFile = JobDisplayName("any", tok), at.File
	}
}

// theirUpload is alive; theirsSettled: what followed it is known.
func theirUpload(s *scene) { liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour)(s) }
func theirsSettled(s *scene) {
	s.rec().Strange = &StrangeUpload{File: UploadName(contentA, theirs6, 1), SettleFrom: now.Add(-time.Hour), Settled: true}
}

// handSince: it is being settled, for that long, what followed an upload that has
// no label.
func handSince(sha string, ago time.Duration) fact {
	return func(s *scene) {
		s.rec().Strange = &StrangeUpload{File: "files/hand", SHA256: sha, SettleFrom: now.Add(-ago)}
	}
}

// fileOf gives the newest attempt an input.
func fileOf(file string) fact { return func(s *scene) { s.rec().Last().File = file } }

// strangeCancelled: a person wants nothing bought in the place of what may have
// followed the strange upload.
func strangeCancelled(s *scene) { s.rec().Strange.CancelAsked = true }

var neighbour, third = Address{Block: "r", Number: 2}, Address{Block: "r", Number: 3}

// boughtFor is a job of another batch's own.
func boughtFor(a Address) fact {
	return func(s *scene) {
		s.recOf(a).Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, Job: "batches/of" + a.String(), Model: "m1", SHA256: contentB, State: string(JobSucceeded), Created: now, Ended: now}}
	}
}

// neighbourWanted is another batch of the block, with other bytes.
func neighbourWanted(s *scene) { s.d.Batches = append(s.d.Batches, wanted(neighbour, contentB)) }

// ownerTransitions go on with the table: what answers, wrong imports, former
// lineages and cancels make of it.
var ownerTransitions = []transition{
	// Whose answers they are.
	{"unlabelled job, its answers are this batch's", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", subject)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=x"},
	{"unlabelled job, its answers are nobody's", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x")),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, its answers are a neighbour's", when(neighbourWanted, unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", neighbour)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, its answers are two batches'", when(neighbourWanted, unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", subject, neighbour)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unlabelled job, its answers are two other batches'", when(alsoWanted(wanted(neighbour, contentB), wanted(third, contentB)), unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", neighbour, third)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unlabelled job, its answers are two other batches', one of which is bought", when(alsoWanted(wanted(neighbour, contentB), wanted(third, contentB)), boughtFor(neighbour), unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", neighbour, third)),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unlabelled job, its answers are two other batches', which are bought", when(alsoWanted(wanted(neighbour, contentB), wanted(third, contentB)), boughtFor(neighbour), boughtFor(third), unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", neighbour, third)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"unlabelled job, its answers are too many batches'", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), manyOwners("x")),
		"phase=held actions=- reason=- held=maybe_bought attempt=0 warn=- heldjob=x"},
	{"unlabelled job, its answers are this batch's, rows not told", when(unlabelledJob("x", "files/gone", "m1", 0, JobSucceeded, output), ownedBy("x", subject)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=x"},
	{"unlabelled job, its answers are this batch's, which is bought", when(bought(JobRunning), unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", subject)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"our own failed, and an unlabelled job has this batch's bytes", when(bought(JobFailed), unlabelledJob("x", "files/abc", "m1", 10, JobRunning), liveFile("files/abc", contentA, 40*time.Hour)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=x"},
	{"our own was cancelled, and an unlabelled job has this batch's bytes", when(bought(JobCancelled), unlabelledJob("x", "files/abc", "m1", 10, JobRunning), liveFile("files/abc", contentA, 40*time.Hour)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"two unlabelled jobs with this batch's answers: the older counts", when(unlabelledJob("y", "files/gone", "m1", 10, JobSucceeded, output),
		unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output, createdAgo(3*time.Hour)), ownedBy("x", subject), ownedBy("y", subject)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=x"},
	{"record lost, a foreign input that is gone, the answers are this batch's", when(labelled("j", ours6, 1, JobSucceeded, output, input("files/abc")), ownedBy("j", subject)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=j"},
	{"record lost, a foreign input that is gone, the answers are another's: a copied name", when(labelled("j", ours6, 1, JobSucceeded, output, input("files/abc")), ownedBy("j", neighbour)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},

	// What was imported turns out to be another batch's.
	{"imported, answers are another's", when(bought(JobSucceeded, output, adopted, wrongJob, part)),
		"phase=held actions=- reason=- held=wrong_job attempt=0 warn=- heldjob=j1"},
	{"imported, answers are another's, the right one is there", when(bought(JobSucceeded, output, adopted, wrongJob, part),
		unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", subject)),
		"phase=held actions=- reason=- held=wrong_job attempt=0 warn=- heldjob=j1"},
	{"imported, answers are another's, rerun asked", when(bought(JobSucceeded, output, adopted, wrongJob, part), ownedBy("j1", neighbour), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},

	// Former lineages.
	{"former lineage, running", when(formerly(theirs6), labelled("j", theirs6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=j"},
	{"former lineage, succeeded", when(formerly(theirs6), labelled("j", theirs6, 2, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=2 warn=- job=j"},
	{"former lineage and our own, one attempt each: the older counts", when(formerly(theirs6), labelled("b", ours6, 1, JobRunning), labelled("a", theirs6, 1, JobRunning, createdAgo(3*time.Hour))),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=extra_job job=a"},
	{"former lineage, a live upload", when(formerly(theirs6), liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, a live upload that a job reads", when(formerly(theirs6), liveFile(UploadName(contentA, theirs6, 1), contentA, 40*time.Hour), labelled("j", theirs6, 1, JobFailed)),
		"phase=unknown actions=adopt reason=job_found held=- attempt=1 warn=- job=j"},
	{"former lineage, a job that failed, and its upload is gone", when(formerly(theirs6), labelled("j", theirs6, 1, JobFailed)),
		"phase=absent actions=adopt+upload+create reason=job_failed held=- attempt=2 warn=- job=j"},
	{"former lineage, a job that failed was found, its upload lives", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), theirUpload),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, a job that failed was found, what followed it is settled", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), theirUpload, theirsSettled),
		"phase=uploaded actions=adopt+create reason=job_failed held=- attempt=2 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-fedcba-1"},
	{"former lineage, a job that failed was found, another job is asked for", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), theirUpload, rerun),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=rerun_refused"},
	{"former lineage, a job that failed was found and another was sent since", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), bought(JobFailed), theirUpload, theirsSettled),
		"phase=uploaded actions=adopt+create reason=job_failed held=- attempt=3 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-fedcba-1"},
	{"former lineage, a job that failed was found, and a newer upload lives", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), liveFile(UploadName(contentA, theirs6, 2), contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, a job without a label that failed, its upload lives", when(formerly(theirs6), bought(JobFailed, adopted, input("files/hand")), fileOf("files/hand"), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"a job without a label that failed, its upload lives", when(bought(JobFailed, adopted, input("files/hand")), fileOf("files/hand"), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=uploaded actions=adopt+create reason=job_failed held=- attempt=2 warn=- file=hand"},
	{"former lineage, an upload without a label", when(formerly(theirs6), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, an upload without a label that a job reads", when(formerly(theirs6), liveFile("files/hand", contentA, 40*time.Hour), labelled("j", theirs6, 1, JobRunning, input("files/hand"))),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=j"},
	// A listed job explains no upload: another may have been made from it since,
	// for another model, or by the state that found it there.
	{"former lineage, a job for the model before that failed, its upload lives", when(formerly(theirs6), wantModel("m2"), labelled("j", theirs6, 1, JobFailed), theirUpload),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, a job for the model before that failed, what followed it is settled", when(formerly(theirs6), wantModel("m2"), labelled("j", theirs6, 1, JobFailed), theirUpload, theirsSettled),
		"phase=uploaded actions=adopt+create reason=not_submitted held=- attempt=1 warn=- file=qp-aaaaaaaaaaaaaaaaaaaaaaaa-fedcba-1"},
	{"former lineage, a job for another model by hand, and its upload lives", when(formerly(theirs6), unlabelledJob("x", "files/hand", "m2", 10, JobFailed), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, a job that failed was found, and an upload without a label lives", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, a job that failed was found, what followed an upload without a label is settled", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), liveFile("files/hand", contentA, 40*time.Hour), handSince(contentA, settleTime)),
		"phase=uploaded actions=adopt+create reason=job_failed held=- attempt=2 warn=- file=hand"},
	{"former lineage, two jobs that failed were found, the upload of the first lives", when(formerly(theirs6), bought(JobFailed, foundOf(theirs6)), bought(JobFailed, adopted), theirUpload),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, the source changed while it settled what followed an upload", when(formerly(theirs6), wantSource(contentB), liveFile("files/hand", contentA, 40*time.Hour), handSince(contentA, time.Minute)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"former lineage, the source changed, and what followed an upload of the former one is settled", when(formerly(theirs6), wantSource(contentB), liveFile("files/hand", contentA, 40*time.Hour), handSince(contentA, settleTime)),
		"phase=absent actions=upload+create reason=not_submitted held=- attempt=1 warn=-"},
	{"former lineage, an upload was in doubt, and another job was imported", when(formerly(theirs6), handSince(contentA, time.Minute), liveFile("files/hand", contentA, 40*time.Hour), unlabelledJob("x", "files/other", "m1", 10, JobRunning), liveFile("files/other", contentA, 40*time.Hour)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=1 warn=- job=x"},
	{"block renamed, running, and an upload without a label lives", when(formerly(theirs6), bought(JobRunning), blockRenamed("q"), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=submitted actions=adopt reason=renamed held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"block renamed, failed, and an upload without a label lives", when(formerly(theirs6), bought(JobFailed), blockRenamed("q"), liveFile("files/hand", contentA, 40*time.Hour)),
		"phase=unknown actions=adopt reason=renamed held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"block renamed, failed, and an upload of ours lives that nothing records", when(bought(JobFailed), blockRenamed("q"), liveFile(uploadOfOurs(contentA, 2), contentA, 40*time.Hour)),
		"phase=unknown actions=adopt reason=renamed held=- attempt=1 warn=- job=j1 from=batch.r[1]"},
	{"former lineage failed, and our own of the same attempt runs", when(formerly(theirs6), labelled("a", theirs6, 1, JobFailed, createdAgo(3*time.Hour)), labelled("b", ours6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=a+b"},
	{"our own failed, and that of a former lineage runs", when(formerly(theirs6), bought(JobFailed), labelled("b", theirs6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=b"},
	{"our own failed, and that of a former lineage succeeded", when(formerly(theirs6), bought(JobFailed), labelled("b", theirs6, 1, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=2 warn=- job=b"},
	{"our own failed, and so did that of a former lineage", when(formerly(theirs6), bought(JobFailed), labelled("b", theirs6, 1, JobFailed)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=extra_job"},
	{"a create was doubled on its way: one failed, the other runs", when(bought(JobFailed), labelled("b", ours6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=b"},
	{"a create was doubled on its way, and nothing is recorded: the older failed, the other runs", when(labelled("a", ours6, 1, JobFailed, createdAgo(3*time.Hour)), labelled("b", ours6, 1, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=a+b"},
	{"another lineage than the former one", when(formerly("abcdef"), labelled("j", theirs6, 1, JobRunning)),
		"phase=held actions=- reason=- held=claimed_elsewhere attempt=0 warn=- heldjob=j"},

	// Cancels.
	{"cancel asked, still running", when(bought(JobRunning, cancelAsked)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=cancel_pending"},
	{"cancel asked, failed instead", when(bought(JobFailed, cancelAsked)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"cancel asked, expired instead", when(bought(JobExpired, cancelAsked)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"a job that turned up late was cancelled, and the newest failed", when(bought(JobCancelled, cancelAsked, endedAgo(30*time.Minute)), bought(JobFailed)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"another attempt was asked for after a cancel, and failed", when(bought(JobCancelled, cancelAsked, endedAgo(3*time.Hour)), bought(JobFailed, askedFor)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=3 warn=-"},
	{"a live upload that nothing records, cancel asked, settling", when(uploadReplaced, strangeSince(now.Add(-time.Minute)), strangeCancelled, liveFile(uploadOfOurs(contentA, 3), contentA, time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=cancel_pending"},
	{"a live upload that nothing records, cancel asked, settled", when(settledStrange(1), strangeCancelled, liveFile(uploadOfOurs(contentA, 1), contentA, time.Hour)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=-"},
	{"an upload that nothing recorded, cancel asked, gone since", when(settledStrange(1), strangeCancelled),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=-"},
	{"an upload that nothing recorded, cancel asked, rerun asked", when(settledStrange(1), strangeCancelled, rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=1 warn=-"},
	{"cancel asked, failed with some output", when(bought(JobFailed, output, cancelAsked)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=1 warn=- job=j1"},
}

// The right job is offered to a batch that a wrong one was imported for.
func TestTheRightJobIsOffered(t *testing.T) {
	s := newScene(bought(JobSucceeded, output, adopted, wrongJob, part),
		unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded, output), ownedBy("x", subject))
	p, _ := s.diff()
	if want := "qaplan import 'batch.r[1]' batches/x, or qaplan apply --rerun 'batch.r[1]'"; len(p.Held) != 1 || p.Held[0].Exit != want {
		t.Errorf("held: %+v, want one with the way out %q", p.Held, want)
	}
}

// A job that was imported for the wrong batch goes to the one whose answers it
// has.
func TestTheWrongJobGoesWhereItBelongs(t *testing.T) {
	s := newScene(neighbourWanted, bought(JobSucceeded, output, adopted, wrongJob, part), ownedBy("j1", neighbour))
	p, items := s.diff()
	if got, want := outcome(p, items, neighbour), "phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=1 warn=- job=j1"; got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestUnexplained(t *testing.T) {
	for _, row := range []struct {
		name  string
		facts []fact
		want  string
	}{
		{"it may be this batch's", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded)), "batches/x"},
		{"it has no answers yet", when(unlabelledJob("x", "files/gone", "m1", 10, JobRunning)), ""},
		{"another model", when(unlabelledJob("x", "files/gone", "m2", 10, JobSucceeded)), ""},
		{"another number of rows", when(unlabelledJob("x", "files/gone", "m1", 11, JobSucceeded)), ""},
		{"its input tells", when(unlabelledJob("x", "files/abc", "m1", 10, JobSucceeded), liveFile("files/abc", contentB, time.Hour)), ""},
		{"nothing is to be bought", when(bought(JobRunning), unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded)), ""},
		{"nobody cares", when(ignoreUnclaimed, unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded)), ""},
		{"a label of ours, its input is gone", when(labelled("j", ours6, 1, JobSucceeded, input("files/abc"))), "batches/j"},
		{"a wrong job was imported", when(bought(JobSucceeded, output, adopted, wrongJob, part), unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded)), "batches/j1 batches/x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(row.facts...)
			if got := strings.Join(Unexplained(&s.d, &s.o), " "); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	for _, row := range []struct {
		name    string
		facts   []fact
		id      string
		verdict ClaimVerdict
		why     string
	}{
		{"not there", when(), "batches/x", ClaimGone, "does not have this job"},
		{"another model", when(unlabelledJob("x", "files/gone", "m2", 10, JobRunning)), "batches/x", ClaimContradicted, "m2"},
		{"another number of rows", when(unlabelledJob("x", "files/gone", "m1", 11, JobRunning)), "batches/x", ClaimContradicted, "11 rows"},
		{"other bytes", when(unlabelledJob("x", "files/abc", "m1", 10, JobRunning), liveFile("files/abc", contentB, time.Hour)), "batches/x", ClaimContradicted, "other bytes"},
		{"other keys", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded), ownedBy("x")), "batches/x", ClaimContradicted, "other keys"},
		{"a neighbour's keys", when(neighbourWanted, unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded), ownedBy("x", neighbour)), "batches/x", ClaimContradicted, "batch.r[2]"},
		{"a job of its own", when(bought(JobRunning), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)), "batches/x", ClaimContradicted, "attempt 1"},
		{"recorded", when(bought(JobRunning)), "batches/j1", ClaimRecorded, "for this batch"},
		{"recorded for another", when(otherJobOfOurs), "batches/other", ClaimContradicted, "another batch"},
		{"found out to be wrong", when(bought(JobSucceeded, output, adopted, wrongJob, part)), "batches/j1", ClaimContradicted, "adopted before"},
		{"its own job is gone", when(otherJobOfOurs, bought(JobRunning, unlisted), missing("batches/j1"), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)), "batches/x", ClaimUnverified, "no answers yet"},
		{"its bytes", when(unlabelledJob("x", "files/abc", "m1", 10, JobRunning), liveFile("files/abc", contentA, time.Hour)), "batches/x", ClaimVerified, "the source's bytes"},
		{"its input's name", when(unlabelledJob("x", UploadName(contentA, theirs6, 1), "m1", 10, JobRunning)), "batches/x", ClaimVerified, "named after"},
		{"a label of another state", when(labelled("x", theirs6, 1, JobRunning, input("files/gone"))), "batches/x", ClaimVerified, "label"},
		{"its keys alone", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded), ownedBy("x", subject)), "batches/x", ClaimVerified, "of no other"},
		{"its keys and a neighbour's", when(neighbourWanted, unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded), ownedBy("x", subject, neighbour)), "batches/x", ClaimUnverified, "of others"},
		{"rows not told", when(unlabelledJob("x", "", "m1", 0, JobRunning)), "batches/x", ClaimUnverified, "not told"},
		{"running, its input gone", when(unlabelledJob("x", "files/gone", "m1", 10, JobRunning)), "batches/x", ClaimUnverified, "no answers yet"},
		{"ended, its answers not read", when(unlabelledJob("x", "files/gone", "m1", 10, JobSucceeded)), "batches/x", ClaimUnverified, "its input is gone"},
		{"a file that is not there", when(), "files/abc", ClaimGone, "48 h"},
		{"a file with other bytes", when(liveFile("files/abc", contentB, time.Hour)), "files/abc", ClaimContradicted, "other bytes"},
		{"a file with its bytes", when(liveFile("files/abc", contentA, time.Hour)), "files/abc", ClaimVerified, "the source's bytes"},
		{"a file that nothing needs", when(bought(JobRunning), liveFile("files/abc", contentA, time.Hour)), "files/abc", ClaimRecorded, "no upload is needed"},
		{"a file on record", when(uploaded(40 * time.Hour)), uploadOfOurs(contentA, 1), ClaimRecorded, "for this batch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(row.facts...)
			got := Judge(&s.d, &s.o, []Claim{{subject, row.id}})[0]
			if got.Verdict != row.verdict || !strings.Contains(got.Why, row.why) {
				t.Errorf("got %s: %s, want %s: …%s…", got.Verdict, got.Why, row.verdict, row.why)
			}
		})
	}
	s := newScene()
	if got := Judge(&s.d, &s.o, []Claim{{Address{"q", 9}, "batches/x"}})[0]; got.Verdict != ClaimContradicted || !strings.Contains(got.Why, "batch.q[9]") {
		t.Errorf("a batch that is not there: %+v", got)
	}
}

// TestUnneeded: an upload is listed only when nothing can need it any more.
func TestUnneeded(t *testing.T) {
	own := uploadOfOurs(contentA, 1)
	alive := liveFile(own, contentA, 40*time.Hour)
	twin := func(phase ...fact) fact {
		return both(alsoWanted(wanted(neighbour, contentA)), both(phase...))
	}
	twinDone := func(s *scene) {
		s.recOf(neighbour).Attempts = []Attempt{{Number: 1, Outcome: OutcomeBought, Model: "m1", SHA256: contentA, Rows: goodRows, Job: "batches/t", State: "SUCCEEDED", Created: now, Ended: now, OutputRead: true}}
		s.recOf(neighbour).Result = &Result{Attempt: 1, Source: contentA, Rows: goodRows, Succeeded: goodRows}
		s.o.Results[neighbour] = ResultOurs
	}
	uploadOf := func(sha string) fact {
		return func(s *scene) {
			s.rec().Upload = &Upload{File: uploadOfOurs(sha, 1), SHA256: sha, Bytes: 1000, Done: true, Expires: now.Add(time.Hour)}
		}
	}
	for _, row := range []struct {
		name  string
		facts []fact
		want  string
	}{
		{"its batch is done", when(finished(), alive), own},
		{"its batch is done, a former lineage's", when(finished(), formerly(theirs6), liveFile(UploadName(contentA, theirs6, 1), contentA, time.Hour)), UploadName(contentA, theirs6, 1)},
		{"left from a content that no batch has", when(finished(), liveFile(uploadOfOurs(contentC, 1), contentC, time.Hour)), uploadOfOurs(contentC, 1)},
		{"its job runs", when(bought(JobRunning), alive), ""},
		{"its batch waits to be bought", when(uploaded(40 * time.Hour)), ""},
		{"its job failed and is bought again", when(bought(JobFailed), alive), ""},
		{"its job was cancelled", when(bought(JobCancelled), alive), ""},
		{"another attempt is wanted", when(finished(), alive, rerun), ""},
		{"another attempt is wanted, and is held", when(finished(), onChange(OnChangeRerun), wantSource(contentB), uploadOf(contentB), liveFile(uploadOfOurs(contentB, 1), contentB, time.Hour), liveFile(UploadName(contentB, theirs6, 1), contentB, time.Hour)), ""},
		{"a send is not known", when(finished(), alive, sent(OutcomeIntent, lately)), ""},
		{"a job of somebody reads it", when(finished(), alive, unlabelledJob("x", own, "m2", 3, JobRunning)), ""},
		{"a job of a state unknown to us reads it", when(finished(), alive, unlabelledJob("x", own, "m2", 3, JobUnknown)), ""},
		{"made by somebody else", when(finished(), liveFile("files/abc", contentA, time.Hour)), ""},
		{"made by another state", when(finished(), liveFile(UploadName(contentA, theirs6, 1), contentA, time.Hour)), ""},
		{"a twin waits", when(finished(), alive, twin()), ""},
		{"a twin is done too", when(finished(), alive, twin(twinDone)), own},
		{"the listing is incomplete", when(finished(), alive, incomplete), ""},
		{"another project", when(bought(JobRunning, unlisted), missing("batches/j1"), liveFile(uploadOfOurs(contentC, 1), contentC, time.Hour)), ""},
		{"rows that are repaired now", when(repairs(2), deliveredBadly(), restUploaded(rest1)), ""},
		{"rows whose repair is held", when(repairs(2), deliveredBadly(), restUploaded(rest1), alsoWanted(wanted(Address{"r", 3}, contentC)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)), ""},
		{"rows that nobody repairs", when(deliveredBadly(), restUploaded(rest1)), uploadOfOurs(rest1, 1)},
		{"rows whose repair failed, kept for another", when(repairs(2), answeredBadly(), bought(JobFailed, repairing(rest1)), restUploaded(rest1)), ""},
		{"rows that were not reached, no attempt left", when(cutShort(JobExpired), maxAttempts(1), restUploaded(rest1)), ""},
		{"still being taken in", when(finished(), alive, filesProcessing), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene(row.facts...)
			var names []string
			for _, f := range Unneeded(&s.d, &s.o, s.opts) {
				names = append(names, f.Name)
			}
			if got := strings.Join(names, " "); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	s := newScene(neighbourWanted,
		labelled("a", theirs6, 1, JobRunning, createdAgo(5*time.Hour)), labelled("b", theirs6, 2, JobSucceeded),
		labelled("own", ours6, 1, JobRunning), labelledFor(Address{"r", 77}, "elsewhere", "abcabc", 1, JobRunning),
		liveFile(UploadName(contentB, theirs6, 1), contentB, time.Hour), liveFile(UploadName(contentA, theirs6, 1), contentA, time.Hour))
	got := Strangers(&s.d, &s.o)
	if len(got) != 1 || got[0].Lineage != theirs6 || got[0].Jobs != 2 || got[0].Uploads != 1 || !slices.Equal(got[0].Batches, []Address{subject, neighbour}) ||
		!got[0].First.Equal(now.Add(-5*time.Hour)) || !got[0].Last.Equal(now.Add(-2*time.Hour)) {
		t.Errorf("got %+v, want one stranger with two jobs and one upload for two batches", got)
	}
	s = newScene(repairs(1), answeredBadly(), restLabelled("a", theirs6, rest1, "m1", 2, JobRunning))
	if got := Strangers(&s.d, &s.o); len(got) != 1 || got[0].Jobs != 1 {
		t.Errorf("got %+v, want one stranger with a job for some rows", got)
	}
	s = newScene(repairs(1), answeredBadly(), liveFile(UploadName(rest1, theirs6, 1), rest1, 40*time.Hour))
	if got := Strangers(&s.d, &s.o); len(got) != 1 || got[0].Uploads != 1 || !slices.Equal(got[0].Batches, []Address{subject}) {
		t.Errorf("got %+v, want one stranger with an upload of some rows", got)
	}
	s = newScene(formerly(theirs6), labelled("a", theirs6, 1, JobRunning))
	if got := Strangers(&s.d, &s.o); len(got) != 0 {
		t.Errorf("a former lineage is no stranger: %+v", got)
	}
}

// A command is named only where it does something: a job that has ended cannot
// be cancelled.
func TestSecondJobNamesTheCancel(t *testing.T) {
	for state, named := range map[JobState]bool{JobRunning: true, JobSucceeded: false} {
		s := newScene(bought(JobRunning), labelled("b", ours6, 1, state))
		p, _ := s.diff()
		if len(p.Problems) != 1 || strings.Contains(p.Problems[0].Summary, "qaplan cancel batches/b") != named {
			t.Errorf("%s: %+v, want one problem that names the command: %t", state, p.Problems, named)
		}
	}
}
