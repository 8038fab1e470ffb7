package planner

import (
	"strings"
	"time"
)

// The rows that a series leaves open: what the first attempt did not answer, or
// not well, and what is left of those after another.
var (
	rest1 = strings.Repeat("1", 64)
	rest2 = strings.Repeat("2", 64)
)

const restRows = 3

// repairs declares that rows are bought again, so many times.
func repairs(n int) fact { return func(s *scene) { s.batch().Repair = &Repair{MaxAttempts: n} } }

func repairsWith(n int, model string) fact {
	return func(s *scene) { s.batch().Repair = &Repair{MaxAttempts: n, Model: model} }
}

func wantRules(rules string) fact { return func(s *scene) { s.batch().Rules = rules } }

func judgement(attempt int, rest *Rest) *Judgement {
	j := &Judgement{Source: contentA, Attempt: attempt, Classes: Classes{Good: goodRows}, Rest: rest}
	if rest != nil {
		j.Classes.Good -= restRows
		if j.Classes.Missing = restRows; rest.Repair {
			j.Classes.Missing, j.Classes.Error = 0, restRows
		}
	}
	return j
}

// judged records what the rows in hand were found to be, up to the answers of
// that attempt.
func judged(attempt int, rest *Rest, change ...func(*Judgement)) fact {
	return func(s *scene) {
		j := judgement(attempt, rest)
		for _, f := range change {
			f(j)
		}
		s.rec().Judged = j
	}
}

// judgedNow is what this run found out about them.
func judgedNow(attempt int, rest *Rest, change ...func(*Judgement)) fact {
	return func(s *scene) {
		j := judgement(attempt, rest)
		for _, f := range change {
			f(j)
		}
		s.o.Judged = map[Address]*Judgement{subject: j}
	}
}

func byRules(rules string) func(*Judgement)  { return func(j *Judgement) { j.Rules = rules } }
func forContent(sha string) func(*Judgement) { return func(j *Judgement) { j.Source = sha } }

func bad(sha string) *Rest {
	return &Rest{Repair: true, SHA256: sha, Bytes: 300, Rows: restRows, Tokens: 150}
}

func notReached(sha string) *Rest { return &Rest{SHA256: sha, Bytes: 300, Rows: restRows, Tokens: 150} }

// ofRows makes an attempt one that was sent some rows only, those that were not
// reached; repairing makes it one that bought rows again.
func ofRows(sha string) trait {
	return func(at *Attempt, j *Job) {
		at.Input, at.Rows = sha, restRows
		at.File, j.InputFile = uploadOfOurs(sha, 1), uploadOfOurs(sha, 1)
		relabel(at, j)
	}
}

func repairing(sha string) trait {
	return func(at *Attempt, j *Job) {
		at.Repair = true
		ofRows(sha)(at, j)
	}
}

func rowsCancelled(at *Attempt, _ *Job) { at.RowsCancelled = true }

// ofOthers makes a send one of the rows that were not reached.
func ofOthers(at *Attempt) {
	at.Input, at.Rows, at.File = rest1, restRows, uploadOfOurs(rest1, 1)
	at.Token = NewToken(ours6, subject, at.Number, rest1, at.Model).String()
}

// sentRepair is a send of the rows that were not good.
func sentRepair(outcome Outcome, sha string, change ...func(*Attempt)) fact {
	return sent(outcome, append([]func(*Attempt){func(at *Attempt) {
		at.Input, at.Repair, at.Rows, at.File = sha, true, restRows, uploadOfOurs(sha, 1)
		at.Token = NewToken(ours6, subject, at.Number, sha, at.Model).String()
	}}, change...)...)
}

func modelOf(m string) func(*Attempt) {
	return func(at *Attempt) {
		at.Model = m
		at.Token = NewToken(ours6, subject, at.Number, at.content(), m).String()
	}
}

// restLabelled is a job with a state's label for some rows of the subject, that
// nothing records.
func restLabelled(name, lineage6, sha, model string, attempt int, state JobState, traits ...trait) fact {
	return labelled(name, lineage6, attempt, state, append([]trait{func(_ *Attempt, j *Job) {
		j.DisplayName, j.Model, j.InputFile = JobDisplayName("any", NewToken(lineage6, subject, attempt, sha, model)), model, UploadName(sha, lineage6, 1)
	}}, traits...)...)
}

// restUploaded is the subject's recorded upload of some rows, alive.
func restUploaded(sha string) fact {
	return both(liveFile(uploadOfOurs(sha, 1), sha, 40*time.Hour), func(s *scene) {
		s.o.Live.Files[len(s.o.Live.Files)-1].Bytes = 300
		s.rec().Upload = &Upload{File: uploadOfOurs(sha, 1), SHA256: sha, Bytes: 300, Done: true, Expires: now.Add(40 * time.Hour)}
	})
}

func restStrange(sha string, settled, cancelled bool) fact {
	return func(s *scene) {
		s.rec().Strange = &StrangeUpload{File: uploadOfOurs(sha, 1), SettleFrom: now.Add(-time.Minute), Settled: settled, CancelAsked: cancelled}
	}
}

// answeredBadly is a batch whose job ended with rows that are not good, kept for
// a repair.
func answeredBadly(traits ...trait) fact {
	return both(bought(JobSucceeded, append([]trait{output, part}, traits...)...), judged(1, bad(rest1)))
}

// deliveredBadly is the same, delivered.
func deliveredBadly(facts ...fact) fact {
	return both(finished(), judged(1, bad(rest1)), both(facts...))
}

// cutShort is a batch whose job ended early, with some rows in hand.
func cutShort(state JobState, traits ...trait) fact {
	return both(bought(state, append([]trait{output, part}, traits...)...), judged(1, notReached(rest1)))
}

// renumbered gives the subject's newest attempt another number.
func renumbered(n int) fact { return func(s *scene) { s.rec().Last().Number = n } }

func settledAgo(at *Attempt) { at.SettleFrom = now.Add(-settleTime) }

// rowTransitions go on with the table: what follows from rows that a job did
// not answer, or not well.
var rowTransitions = []transition{
	// Rows that are not good, in hand.
	{"bad rows, a repair is declared", when(repairs(2), answeredBadly()),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"bad rows, their upload is alive", when(repairs(2), answeredBadly(), restUploaded(rest1)),
		"phase=succeeded actions=create reason=repair held=- attempt=2 warn=- file=qp-111111111111111111111111-012345-1 subset=1111"},
	{"bad rows, no repair is declared any more", when(answeredBadly()),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"bad rows that cannot get better", when(repairs(2), bought(JobSucceeded, output, part), judged(1, nil)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"bad rows, not fetched yet", when(repairs(2), bought(JobSucceeded, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"bad rows, judged by other rules since", when(repairs(2), wantRules("new"), answeredBadly()),
		"phase=succeeded actions=download reason=source_back held=- attempt=1 warn=- job=j1"},
	{"bad rows, found out in this run", when(repairs(2), wantRules("new"), answeredBadly(), judgedNow(1, bad(rest2), byRules("new"))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=2222"},
	{"bad rows, good by the rules as they are now", when(repairs(2), wantRules("new"), answeredBadly(), judgedNow(1, nil, byRules("new"))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"bad rows, listing incomplete", when(repairs(2), answeredBadly(), incomplete),
		"phase=succeeded actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"bad rows, not refreshed", when(repairs(2), answeredBadly(lastSeen(JobSucceeded)), notRefreshed),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"bad rows, not targeted", when(repairs(2), answeredBadly(), only("batch.r[2]")),
		"phase=succeeded actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"bad rows, excluded", when(repairs(2), answeredBadly(), except("batch.r[1]")),
		"phase=succeeded actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"bad rows, out of the config", when(answeredBadly(), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},
	{"bad rows, rerun asked: the whole source", when(repairs(2), answeredBadly(), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"bad rows, source changed, hold", when(repairs(2), answeredBadly(), wantSource(contentB)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j1"},
	{"bad rows, source changed, rerun", when(repairs(2), answeredBadly(), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=source_changed held=- attempt=2 warn=-"},
	{"bad rows, source changed, keep", when(repairs(2), answeredBadly(), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=succeeded actions=download reason=source_changed held=- attempt=1 warn=- job=j1"},
	{"bad rows, source gone", when(repairs(2), answeredBadly(), sourceGone),
		"phase=held actions=- reason=- held=source_gone attempt=0 warn=- heldjob=j1"},
	{"bad rows, a foreign file in the result's place", when(repairs(2), answeredBadly(), seen(ResultForeign)),
		"phase=held actions=- reason=- held=result_exists attempt=0 warn=- heldjob=j1"},
	{"bad rows, the job was cancelled", when(repairs(2), answeredBadly(cancelAsked)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"bad rows, refused before", when(repairs(2), answeredBadly(), refused(rest1, "m1", true)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"bad rows, refused before, not for good", when(repairs(2), answeredBadly(), sentRepair(OutcomeRefused, rest1), refused(rest1, "m1", false)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"bad rows, refused for another model", when(repairsWith(2, "m2"), answeredBadly(), refused(rest1, "m1", true)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111 model=m2"},
	{"bad rows, the repair names no model and the config another", when(repairs(2), answeredBadly(), wantModel("m2")),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=model_changed job=j1"},
	{"bad rows, the repair names a model and the config another", when(repairsWith(2, "m3"), answeredBadly(), wantModel("m2")),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111 model=m3"},
	{"bad rows, the repair names a model, and another is to answer anew", when(repairsWith(2, "m3"), answeredBadly(), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=model_changed job=j1"},
	{"bad rows, an unclaimed job about: what is in hand is delivered first", when(repairs(2), answeredBadly(), alsoWanted(wanted(Address{"r", 3}, contentC)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=maybe_bought job=j1"},
	{"bad rows, another state bought the whole source too", when(repairs(2), answeredBadly(), labelled("x", theirs6, 1, JobRunning)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=claimed_elsewhere subset=1111"},
	{"bad rows, another state bought them", when(repairs(2), answeredBadly(), restLabelled("x", theirs6, rest1, "m1", 2, JobRunning)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=claimed_elsewhere job=j1"},
	{"bad rows, another state uploaded them", when(repairs(2), answeredBadly(), liveFile(UploadName(rest1, theirs6, 1), rest1, 40*time.Hour)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=claimed_elsewhere job=j1"},
	{"bad rows, another state's job for them failed", when(repairs(2), answeredBadly(), restLabelled("x", theirs6, rest1, "m1", 2, JobFailed)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"bad rows, a lost job bought others of them", when(repairs(2), answeredBadly(), restLabelled("lost", ours6, rest2, "m1", 2, JobRunning)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=source_changed job=j1"},
	{"bad rows, block renamed", when(answeredBadly(), blockRenamed("q")),
		"phase=succeeded actions=adopt+download reason=rows_in_hand held=- attempt=1 warn=- job=j1 from=batch.r[1]"},

	// The repair's job.
	{"repair runs", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair runs with a model of its own", when(repairsWith(2, "m2"), answeredBadly(), bought(JobRunning, forModel("m2"), repairing(rest1))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair runs, rerun asked", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), rerun),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=rerun_refused"},
	{"repair runs, a cancel was asked", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1), cancelAsked)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=cancel_pending"},
	{"repair runs, a second job of the same attempt", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), restLabelled("twin", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=extra_job"},
	{"repair runs, source changed, rerun", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"repair runs, source changed, keep", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"repair runs, source gone", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), sourceGone),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=source_gone"},
	{"repair runs, model changed", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), wantModel("m2")),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=model_changed"},
	{"repair runs, no repair is declared any more", when(answeredBadly(), bought(JobRunning, repairing(rest1))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair runs, out of the config", when(answeredBadly(), bought(JobRunning, repairing(rest1)), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j2"},
	{"repair runs, block renamed", when(repairsWith(2, "m2"), answeredBadly(), bought(JobRunning, forModel("m2"), repairing(rest1)), blockRenamed("q")),
		"phase=submitted actions=adopt reason=renamed held=- attempt=2 warn=- job=j2 subset=1111 from=batch.r[1]"},
	{"repair runs, a foreign file in the result's place", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1)), seen(ResultForeign)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair succeeded", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair succeeded, answers inline", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), inline)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair succeeded, rerun asked: first what was paid for", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output), rerun),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair succeeded, output not named yet", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair succeeded, no output for a day: another", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), endedAgo(25*time.Hour))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair succeeded, no output for a day, repairs used up", when(repairs(1), answeredBadly(), bought(JobSucceeded, repairing(rest1), endedAgo(25*time.Hour))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair succeeded, its output is gone", when(repairs(1), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, outputGone)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair answered, some rows are still bad", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=2222"},
	{"repair answered, some rows are still bad, repairs used up", when(repairs(1), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair answered, not judged yet", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair answered, all is good, kept since the source was gone", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, nil)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair answered, delivered", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, read), judged(2, nil), deliveredBy(2, contentA)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"repair answered with a model of its own, delivered", when(repairsWith(2, "m2"), bought(JobSucceeded, output, read), bought(JobSucceeded, forModel("m2"), repairing(rest1), output, read), judged(2, nil), deliveredBy(2, contentA)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"repair answered, source changed, hold", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), wantSource(contentB)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j2"},
	{"repair answered, source changed, rerun", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=source_changed held=- attempt=3 warn=-"},
	{"repair answered, source changed, keep", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), wantSource(contentB), onChange(OnChangeKeep)),
		"phase=succeeded actions=download reason=source_changed held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair answered, another content failed since, the source is back", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2)), bought(JobFailed, forSource(contentB)), onChange(OnChangeRerun)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=4 warn=- subset=2222"},
	{"repair answered, another content answered since, the source is back: all that is in hand", when(answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2)), bought(JobSucceeded, forSource(contentB), output, part)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair answered, the first answers are not to be had any more", when(repairs(2), bought(JobSucceeded, output, read, outputGone), bought(JobSucceeded, repairing(rest1), output, part)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j2"},
	{"repair answered, the first answers are not to be had any more, a former result", when(repairs(2), finished(), bought(JobSucceeded, output, read, outputGone, askedFor), bought(JobSucceeded, repairing(rest1), output, part)),
		"phase=done actions=- reason=- held=- attempt=0 warn=result_gone"},
	{"repair of another content succeeded, no output for a day, the source is back", when(bought(JobSucceeded, output, part), bought(JobSucceeded, forSource(contentB), output, part), bought(JobSucceeded, forSource(contentB), repairing(rest1), endedAgo(25*time.Hour)), judged(1, nil), onChange(OnChangeRerun)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"repair succeeded, the file changed, and the first answers are not to be had any more", when(repairs(2), bought(JobSucceeded, output, read, outputGone), deliveredBy(1, contentA), seen(ResultChanged), bought(JobSucceeded, repairing(rest1), output)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"repair failed: another", when(repairs(2), answeredBadly(), bought(JobFailed, repairing(rest1))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair failed, repairs used up", when(repairs(1), answeredBadly(), bought(JobFailed, repairing(rest1))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair failed, repairs used up, out of the config: rows are in hand", when(answeredBadly(), bought(JobFailed, repairing(rest1)), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j2"},
	{"repair failed, max_attempts is another count", when(repairs(2), maxAttempts(1), answeredBadly(), bought(JobFailed, repairing(rest1))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair failed, delivered with what is in hand", when(repairs(1), bought(JobSucceeded, output, read), bought(JobFailed, repairing(rest1)), judged(1, bad(rest1)), deliveredBy(2, contentA)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"repair failed, delivered with what is in hand, the file gone", when(repairs(1), bought(JobSucceeded, output, read), bought(JobFailed, repairing(rest1)), judged(1, bad(rest1)), deliveredBy(2, contentA), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair failed, delivered with what is in hand, the file and the first output gone", when(repairs(1), bought(JobSucceeded, output, read, outputGone), bought(JobFailed, repairing(rest1)), judged(1, bad(rest1)), deliveredBy(2, contentA), seen(ResultNone)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"repair failed with some output", when(repairs(2), answeredBadly(), bought(JobFailed, repairing(rest1), output)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair failed, its output in hand: another for the others", when(repairs(2), answeredBadly(), bought(JobFailed, repairing(rest1), output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=2222"},
	{"repair expired: another", when(repairs(2), answeredBadly(), bought(JobExpired, repairing(rest1))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair expired with some output", when(repairs(2), answeredBadly(), bought(JobExpired, repairing(rest1), output)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair was cancelled: no other", when(repairs(2), answeredBadly(), bought(JobCancelled, repairing(rest1))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair was cancelled, some output", when(repairs(2), answeredBadly(), bought(JobCancelled, repairing(rest1), output)),
		"phase=succeeded actions=download reason=partial_output held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair was cancelled, its output in hand", when(repairs(2), answeredBadly(), bought(JobCancelled, repairing(rest1), output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair succeeded after our cancel, kept", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part, cancelAsked), judged(2, bad(rest2))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair succeeded, a cancel cut rows off", when(repairs(2), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part, rowsCancelled), judged(2, bad(rest2))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair was cancelled, rerun asked: the whole source", when(repairs(2), answeredBadly(), bought(JobCancelled, repairing(rest1)), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"repair is gone: another", when(repairs(2), answeredBadly(), bought(JobRunning, repairing(rest1), unlisted), missing("batches/j2")),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair is gone, repairs used up", when(repairs(1), answeredBadly(), bought(JobRunning, repairing(rest1), unlisted), missing("batches/j2")),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair fits no key", when(repairs(1), answeredBadly(), bought(JobSucceeded, repairing(rest1), output, part, wrongJob)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair in a state unknown to us, over without output", when(repairs(1), answeredBadly(), bought(JobUnknown, repairing(rest1), doneState)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair in a state unknown to us, over with output", when(repairs(1), answeredBadly(), bought(JobUnknown, repairing(rest1), doneState, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2 subset=1111"},
	{"repair refused for good", when(repairs(2), answeredBadly(), sentRepair(OutcomeRefused, rest1), refused(rest1, "m1", true)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"repair withdrawn before its call", when(repairs(1), answeredBadly(), sentRepair(OutcomeNotSent, rest1)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair sent, no answer", when(repairs(2), answeredBadly(), sentRepair(OutcomeIntent, rest1)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"repair sent, no answer, rerun asked", when(repairs(2), answeredBadly(), sentRepair(OutcomeIntent, rest1), rerun),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=rerun_refused"},
	{"repair sent, no answer, block renamed", when(repairsWith(2, "m2"), answeredBadly(), sentRepair(OutcomeIntent, rest1, modelOf("m2")), blockRenamed("q")),
		"phase=unknown actions=adopt reason=renamed held=- attempt=2 warn=- subset=1111 from=batch.r[1]"},
	{"repair sent, found", when(repairs(2), answeredBadly(), sentRepair(OutcomeIntent, rest1), restLabelled("j", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair sent, absent", when(repairs(1), answeredBadly(), sentRepair(OutcomeIntent, rest1, settledAgo)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"repair sent, a cancel was asked, absent", when(repairs(2), answeredBadly(), sentRepair(OutcomeIntent, rest1, settledAgo, cancelledMeanwhile)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"repair held for absent, turns up while the next runs", when(repairs(2), answeredBadly(), sentRepair(OutcomeAbsent, rest1), bought(JobRunning, repairing(rest1)), restLabelled("late", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=extra_job"},

	{"repair held for absent, turns up when the next failed: wait for it", when(repairs(2), answeredBadly(), sentRepair(OutcomeAbsent, rest1), bought(JobFailed, repairing(rest1)), restLabelled("late", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair held for absent, turns up when the next is in hand: fetch it too", when(repairs(2), answeredBadly(), sentRepair(OutcomeAbsent, rest1), bought(JobSucceeded, repairing(rest1), output, part), restLabelled("late", ours6, rest1, "m1", 2, JobSucceeded, output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=late subset=1111"},

	{"repair held for absent, succeeded when the next failed, its output not named yet", when(repairs(2), answeredBadly(), sentRepair(OutcomeAbsent, rest1), bought(JobFailed, repairing(rest1)), restLabelled("late", ours6, rest1, "m1", 2, JobSucceeded)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"repair held for absent, succeeded when the next failed, no output for a day", when(repairs(2), answeredBadly(), sentRepair(OutcomeAbsent, rest1), bought(JobFailed, repairing(rest1)), restLabelled("late", ours6, rest1, "m1", 2, JobSucceeded, endedAgo(25*time.Hour))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=3 warn=- job=j3 subset=1111"},
	{"the others held for absent, succeeded when the next failed, no output for a day", when(cutShort(JobExpired), sent(OutcomeAbsent, ofOthers), bought(JobFailed, ofRows(rest1)), restLabelled("late", ours6, rest1, "m1", 2, JobSucceeded, endedAgo(25*time.Hour))),
		"phase=held actions=- reason=- held=no_output attempt=0 warn=- heldjob=late"},
	{"the others named no output for a day, and were asked for again in vain", when(maxAttempts(4), cutShort(JobExpired), bought(JobSucceeded, ofRows(rest1), endedAgo(25*time.Hour)), bought(JobFailed, ofRows(rest1), askedFor)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=4 warn=- subset=1111"},

	// Jobs that ended early.
	{"expired, rows in hand: the others", when(cutShort(JobExpired)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=- subset=1111"},
	{"failed, rows in hand: the others", when(cutShort(JobFailed)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=2 warn=- subset=1111"},
	{"expired, rows in hand, the others' upload is alive", when(cutShort(JobExpired), restUploaded(rest1)),
		"phase=uploaded actions=create reason=job_expired held=- attempt=2 warn=- file=qp-111111111111111111111111-012345-1 subset=1111"},
	{"expired, rows in hand, only the source's upload is alive", when(cutShort(JobExpired), uploaded(40*time.Hour)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=- subset=1111"},
	{"expired, rows in hand, attempts used up", when(cutShort(JobExpired), maxAttempts(1)),
		"phase=failed actions=- reason=- held=attempts_used_up attempt=0 warn=-"},
	{"expired, rows in hand, attempts used up, rerun asked", when(cutShort(JobExpired), maxAttempts(1), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=- subset=1111"},
	{"expired, rows in hand, source changed, hold", when(cutShort(JobExpired), wantSource(contentB)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j1"},
	{"expired, rows in hand, source changed, rerun", when(cutShort(JobExpired), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=-"},
	{"expired, rows in hand, model changed, rerun", when(cutShort(JobExpired), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=-"},
	{"expired, rows in hand, model changed, rerun asked", when(cutShort(JobExpired), wantModel("m2"), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"expired, rows in hand, judged by other rules: the same are left", when(cutShort(JobExpired), wantRules("new")),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=- subset=1111"},
	{"expired, rows in hand, the others were refused", when(cutShort(JobExpired), sent(OutcomeRefused), refused(rest1, "m1", true)),
		"phase=failed actions=- reason=- held=refused attempt=0 warn=-"},
	{"expired, rows in hand, the whole source was refused", when(cutShort(JobExpired), refused(contentA, "m1", true)),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=- subset=1111"},
	{"expired, rows in hand, another content failed since, the source is back", when(cutShort(JobExpired), bought(JobFailed, forSource(contentB)), onChange(OnChangeRerun)),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=3 warn=- subset=1111"},
	{"expired, all rows are in hand", when(bought(JobExpired, output, part), judged(1, nil)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"expired, all rows are in hand, some are bad", when(repairs(1), bought(JobExpired, output, part), judged(1, bad(rest1))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"expired, all rows are in hand, another content answered since, the source is back", when(bought(JobExpired, output, part), judged(1, nil), bought(JobSucceeded, forSource(contentB), output, part), onChange(OnChangeRerun)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"expired, all rows were in hand and are delivered, another content failed since, the source is back", when(bought(JobExpired, output, read), judged(1, nil), deliveredBy(1, contentA), bought(JobFailed, forSource(contentB)), onChange(OnChangeRerun)),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_failed"},
	{"cancelled, all rows are in hand, another content answered since, the source is back", when(bought(JobCancelled, output, part), judged(1, nil), bought(JobSucceeded, forSource(contentB), output, part)),
		"phase=held actions=- reason=- held=source_changed attempt=0 warn=- heldjob=j2"},
	{"expired, rows are missing that are in no rest", when(bought(JobExpired, output, part), judged(1, nil, func(j *Judgement) { j.Classes.Missing = 1 })),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=2 warn=-"},
	{"expired, rows in hand, out of the config", when(cutShort(JobExpired), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j1"},
	{"cancelled, rows in hand", when(cutShort(JobCancelled)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"cancelled, rows in hand, rerun asked: the others", when(cutShort(JobCancelled), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=- subset=1111"},
	{"succeeded after our cancel, rows cut off, rerun asked: the others", when(cutShort(JobSucceeded, cancelAsked, rowsCancelled), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=- subset=1111"},
	{"cancelled, the others run", when(cutShort(JobCancelled, endedAgo(3*time.Hour)), bought(JobRunning, ofRows(rest1), askedFor)),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"cancelled, the others were asked for and answered badly: a repair", when(repairs(1), cutShort(JobCancelled, endedAgo(3*time.Hour)), bought(JobSucceeded, ofRows(rest1), askedFor, output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=2222"},
	{"the others run", when(cutShort(JobExpired), bought(JobRunning, ofRows(rest1))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"the others were answered", when(cutShort(JobExpired), bought(JobSucceeded, ofRows(rest1), output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2 subset=1111"},
	{"the others were answered, badly", when(repairs(1), cutShort(JobExpired), bought(JobSucceeded, ofRows(rest1), output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=3 warn=- subset=2222"},
	{"the others failed: again", when(cutShort(JobExpired), bought(JobFailed, ofRows(rest1))),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=3 warn=- subset=1111"},
	{"the others expired, some in hand: what is left", when(cutShort(JobExpired), bought(JobExpired, ofRows(rest1), output, part), judged(2, notReached(rest2))),
		"phase=absent actions=upload+create reason=job_expired held=- attempt=3 warn=- subset=2222"},
	{"the others failed, attempts used up", when(cutShort(JobExpired), bought(JobFailed, ofRows(rest1)), maxAttempts(2)),
		"phase=failed actions=- reason=- held=attempts_used_up attempt=0 warn=-"},
	{"the others failed, out of the config: rows are in hand", when(cutShort(JobExpired), bought(JobFailed, ofRows(rest1)), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j2"},
	{"the others were cancelled", when(cutShort(JobExpired), bought(JobCancelled, ofRows(rest1))),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j2"},
	{"the others failed, the first answers are not to be had any more: all anew", when(bought(JobExpired, output, read, outputGone), bought(JobFailed, ofRows(rest1)), judged(1, notReached(rest1))),
		"phase=absent actions=upload+create reason=job_failed held=- attempt=3 warn=-"},
	{"the others are gone", when(cutShort(JobExpired), bought(JobRunning, ofRows(rest1), unlisted), missing("batches/j2")),
		"phase=held actions=- reason=- held=job_gone attempt=0 warn=- heldjob=j2"},
	{"the others were answered, delivered", when(bought(JobExpired, output, read), bought(JobSucceeded, ofRows(rest1), output, read), judged(2, nil), deliveredBy(2, contentA)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"the others were answered, delivered, the file gone", when(bought(JobExpired, output, read), bought(JobSucceeded, ofRows(rest1), output, read), judged(2, nil), deliveredBy(2, contentA), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=2 warn=- job=j2 subset=1111"},
	{"the others were answered, delivered, the file and the first output gone", when(bought(JobExpired, output, read, outputGone), bought(JobSucceeded, ofRows(rest1), output, read), judged(2, nil), deliveredBy(2, contentA), seen(ResultNone)),
		"phase=held actions=- reason=- held=result_gone attempt=0 warn=- heldjob=j1"},
	{"the others were answered, delivered, rerun asked: the whole source", when(bought(JobExpired, output, read), bought(JobSucceeded, ofRows(rest1), output, read), judged(2, nil), deliveredBy(2, contentA), rerun),
		"phase=done actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"a series delivered, another content kept, the source is back", when(bought(JobSucceeded, output, read), bought(JobSucceeded, repairing(rest1), output, read), deliveredBy(2, contentA), bought(JobSucceeded, forSource(contentB), output, part, askedFor)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed"},

	// A result with bad rows in it.
	{"done with bad rows, a repair is declared", when(repairs(2), deliveredBadly()),
		"phase=done actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"done with bad rows, no repair is declared", when(deliveredBadly()),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done with bad rows, repairs used up", when(repairs(1), bought(JobSucceeded, output, read), bought(JobSucceeded, repairing(rest1), output, read), judged(2, bad(rest2)), deliveredBy(2, contentA)),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, bad by the rules as they are now", when(repairs(2), finished(), wantRules("new"), judged(1, nil, byRules("old")), judgedNow(1, bad(rest1), byRules("new"))),
		"phase=done actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"done, bad by the rules as they were", when(repairs(2), finished(), wantRules("new"), judged(1, bad(rest1), byRules("old"))),
		"phase=done actions=- reason=- held=- attempt=0 warn=-"},
	{"done, bad by the rules as they are now, not refreshed", when(repairs(2), finished(lastSeen(JobSucceeded)), wantRules("new"), judgedNow(1, bad(rest1), byRules("new")), notRefreshed),
		"phase=done actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"done with bad rows, rerun asked: the whole source", when(repairs(2), deliveredBadly(), rerun),
		"phase=done actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"done with bad rows, source changed", when(repairs(2), deliveredBadly(), wantSource(contentB)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"done with bad rows, source gone", when(repairs(2), deliveredBadly(), sourceGone),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_gone"},
	{"done with bad rows, model changed", when(repairs(2), deliveredBadly(), wantModel("m2")),
		"phase=done actions=- reason=- held=- attempt=0 warn=model_changed"},
	{"done with bad rows, model changed, keep, the repair names one", when(repairsWith(2, "m3"), deliveredBadly(), wantModel("m2"), onChange(OnChangeKeep)),
		"phase=done actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111 model=m3"},
	{"done with bad rows, model changed, rerun, the repair names one: all anew", when(repairsWith(2, "m3"), deliveredBadly(), wantModel("m2"), onChange(OnChangeRerun)),
		"phase=done actions=upload+create reason=model_changed held=- attempt=2 warn=-"},
	{"done with bad rows, the file gone: first the file", when(repairs(2), deliveredBadly(), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=1 warn=- job=j1"},
	{"done with bad rows, an unclaimed job about", when(repairs(2), deliveredBadly(), alsoWanted(wanted(Address{"r", 3}, contentC)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=done actions=- reason=- held=- attempt=0 warn=maybe_bought"},
	{"done with bad rows, another project", when(repairs(2), finished(unlisted, lastSeen(JobSucceeded)), judged(1, bad(rest1)), otherIsMissing),
		"phase=done actions=- reason=- held=- attempt=0 warn=other_project"},
	{"done with bad rows, not targeted", when(repairs(2), deliveredBadly(), only("batch.q")),
		"phase=done actions=- reason=- held=- attempt=0 warn=- complete=false"},
	{"done with bad rows, out of the config", when(deliveredBadly(), outOfConfig),
		"phase=done actions=forget reason=left_config held=- attempt=0 warn=-"},
	{"done, its repair runs", when(repairs(2), deliveredBadly(), bought(JobRunning, repairing(rest1))),
		"phase=submitted actions=- reason=- held=- attempt=0 warn=-"},
	{"done, its repair succeeded", when(repairs(2), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=2 warn=- job=j2 subset=1111"},
	{"done, its repair failed: another", when(repairs(2), deliveredBadly(), bought(JobFailed, repairing(rest1))),
		"phase=done actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"done, its repair failed, repairs used up", when(repairs(1), deliveredBadly(), bought(JobFailed, repairing(rest1))),
		"phase=done actions=- reason=- held=- attempt=0 warn=repair_ended"},
	{"done, its repair was cancelled", when(repairs(2), deliveredBadly(), bought(JobCancelled, repairing(rest1))),
		"phase=done actions=- reason=- held=- attempt=0 warn=repair_ended"},
	{"done, its repair failed, source gone", when(repairs(1), deliveredBadly(), bought(JobFailed, repairing(rest1)), sourceGone),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_gone+repair_ended"},
	{"done, its repair failed, source changed", when(repairs(2), deliveredBadly(), bought(JobFailed, repairing(rest1)), wantSource(contentB)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed+repair_ended"},
	{"done, its repair failed, source changed, rerun", when(repairs(2), deliveredBadly(), bought(JobFailed, repairing(rest1)), wantSource(contentB), onChange(OnChangeRerun)),
		"phase=done actions=upload+create reason=source_changed held=- attempt=3 warn=-"},
	{"done, its repair failed, the file gone", when(repairs(2), deliveredBadly(), bought(JobFailed, repairing(rest1)), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=2 warn=- job=j2 subset=1111"},
	{"done, its repair failed, rerun asked", when(repairs(2), deliveredBadly(), bought(JobFailed, repairing(rest1)), rerun),
		"phase=done actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"done, its repair failed, another job was asked for before: still wanted", when(repairs(2), deliveredBadly(), bought(JobFailed, repairing(rest1)), rerunFixedAt(2)),
		"phase=done actions=upload+create reason=rerun held=- attempt=3 warn=-"},
	{"done, its repair failed, out of the config", when(deliveredBadly(), bought(JobFailed, repairing(rest1)), outOfConfig),
		"phase=done actions=forget reason=left_config held=- attempt=0 warn=-"},
	{"done, its repair is in hand, some rows are still bad", when(repairs(2), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2))),
		"phase=done actions=upload+create reason=repair held=- attempt=3 warn=- subset=2222"},
	{"done, its repair is in hand, an unclaimed job about: delivered first", when(repairs(2), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2)), alsoWanted(wanted(Address{"r", 3}, contentC)), unlabelledJob("x", "files/gone", "m1", 10, JobRunning)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=maybe_bought job=j2 subset=1111"},
	{"done, its repair is in hand, repairs used up", when(repairs(1), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2))),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=2 warn=- job=j2 subset=1111"},
	{"done, its repair is in hand, the file gone", when(repairs(2), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), judged(2, bad(rest2)), seen(ResultNone)),
		"phase=succeeded actions=download reason=result_missing held=- attempt=2 warn=- job=j2 subset=1111"},
	{"done, its repair is in hand, source gone", when(repairs(1), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), sourceGone),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_gone"},
	{"done, its repair is in hand, source changed", when(repairs(1), deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), wantSource(contentB)),
		"phase=done actions=- reason=- held=- attempt=0 warn=source_changed"},
	{"done, its repair is in hand, out of the config", when(deliveredBadly(), bought(JobSucceeded, repairing(rest1), output, part), outOfConfig),
		"phase=held actions=- reason=- held=left_config attempt=0 warn=- heldjob=j2"},
	{"done, another attempt was asked for, and its bad rows are repaired", when(repairs(1), finished(), bought(JobSucceeded, askedFor, output, part), judged(2, bad(rest1))),
		"phase=done actions=upload+create reason=repair held=- attempt=3 warn=- subset=1111"},
	{"done, another attempt was asked for, and cut short", when(finished(), bought(JobExpired, askedFor, output, part), judged(2, notReached(rest1))),
		"phase=done actions=- reason=- held=- attempt=0 warn=job_expired"},

	// An older state was restored.
	{"older state restored, two repairs of the same rows: first the answers of the older", when(repairs(2), answeredBadly(), restLabelled("b", ours6, rest1, "m1", 3, JobFailed), restLabelled("a", ours6, rest1, "m1", 2, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=2 warn=- job=a+b subset=1111"},
	{"older state restored, a repair runs", when(repairs(2), answeredBadly(), restLabelled("lost", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, a repair with a model of its own succeeded", when(repairsWith(2, "m2"), answeredBadly(), restLabelled("lost", ours6, rest1, "m2", 2, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, a repair failed", when(repairs(1), answeredBadly(), restLabelled("lost", ours6, rest1, "m1", 2, JobFailed)),
		"phase=succeeded actions=adopt+download reason=rows_in_hand held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, a repair of the rows that are bad still was lost before another", when(repairs(3), answeredBadly(), bought(JobSucceeded, repairing(rest2), output, part), renumbered(3), judged(3, bad(rest1)), restLabelled("lost", ours6, rest1, "m1", 2, JobSucceeded, output)),
		"phase=succeeded actions=adopt+download reason=job_succeeded held=- attempt=4 warn=- job=lost subset=1111"},
	{"older state restored, a repair runs, the answers are not fetched yet", when(repairs(2), bought(JobSucceeded, output), restLabelled("lost", ours6, rest1, "m1", 2, JobRunning)),
		"phase=succeeded actions=download reason=job_succeeded held=- attempt=1 warn=- job=j1"},
	{"older state restored, a repair runs, the result is done", when(repairs(2), deliveredBadly(), restLabelled("lost", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, a repair runs, none is declared any more", when(answeredBadly(), restLabelled("lost", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, the others of a job that expired run", when(cutShort(JobExpired), restLabelled("lost", ours6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, the others of a job that expired run, model changed since", when(cutShort(JobExpired), restLabelled("lost", ours6, rest1, "m1", 2, JobRunning), wantModel("m2")),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=model_changed job=lost subset=1111"},
	{"older state restored, a former lineage's repair runs", when(repairs(2), formerly(theirs6), answeredBadly(), restLabelled("lost", theirs6, rest1, "m1", 2, JobRunning)),
		"phase=submitted actions=adopt reason=job_found held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, an upload of the bad rows, first seen", when(repairs(2), answeredBadly(), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"older state restored, an upload of the bad rows, the result is done", when(repairs(2), deliveredBadly(), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"older state restored, an upload of the bad rows, rerun asked: of other bytes", when(repairs(2), answeredBadly(), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour), rerun),
		"phase=absent actions=upload+create reason=rerun held=- attempt=2 warn=-"},
	{"older state restored, an upload of the bad rows, settled", when(repairs(2), answeredBadly(), restStrange(rest1, true, false), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
	{"older state restored, an upload of the bad rows, cancelled while it settled", when(repairs(2), answeredBadly(), restStrange(rest1, true, true), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"older state restored, an upload of the bad rows, no repair is declared any more", when(answeredBadly(), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=succeeded actions=download reason=rows_in_hand held=- attempt=1 warn=- job=j1"},
	{"older state restored, an upload of the bad rows, its job turns up", when(repairs(2), answeredBadly(), restStrange(rest1, false, false), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour), restLabelled("lost", ours6, rest1, "m1", 2, JobFailed)),
		"phase=unknown actions=adopt reason=job_found held=- attempt=2 warn=- job=lost subset=1111"},
	{"older state restored, an upload of the rows not reached, first seen", when(cutShort(JobExpired), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=unknown actions=- reason=- held=- attempt=0 warn=-"},
	{"older state restored, an upload of the rows not reached, cancelled while it settled", when(cutShort(JobExpired), restStrange(rest1, true, true), liveFile(uploadOfOurs(rest1, 1), rest1, 40*time.Hour)),
		"phase=held actions=- reason=- held=cancelled attempt=0 warn=- heldjob=j1"},
	{"older state restored, an upload of the source, its job turned up and a repair is wanted", when(repairs(2), bought(JobSucceeded, output, part), judged(1, bad(rest1)), strangeSince(now.Add(-time.Minute)), liveFile(uploadOfOurs(contentA, 1), contentA, 40*time.Hour)),
		"phase=succeeded actions=upload+create reason=repair held=- attempt=2 warn=- subset=1111"},
}
