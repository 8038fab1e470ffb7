// Package apply brings the live side to what is desired: it observes, plans
// and carries out, and records every step so that a run may die anywhere.
//
// # Terms
//
//   - round: one observation, the plan that follows from it, and its execution.
//     A run is one round, or with Options.Wait as many as it takes. Nothing is
//     carried over from a round but the state: each begins by looking again.
//   - intent: the record of a send, durable before the call; outcome: the record
//     of its answer, durable after it.
//   - in hand: answers that are on this machine: a result, or parts that are kept
//     until others are bought or a person has decided. The answers of a series of
//     attempts are joined by key and judged row by row; rest: the input made of the
//     rows that another attempt would buy.
//   - deferred: left for a later run because a limit or a pause stands against
//     it. A deferral is no failure.
//   - manifest: the file in an output folder that says what was run with what, a
//     projection of the state; dataset: one file made of the good answers of
//     blocks.
//   - completion: a batch that is done, or a block for which nothing is left to do;
//     a [Completer] is told of each.
//
// # Flow
//
//	observe ─▶ planner.Diff ─▶ for each change: admit ─▶ intent ─▶ call ─▶ outcome ─▶ event
//	at the end: state ─▶ manifests; results ─▶ datasets
//	beside it:  what is complete and was not told ─▶ Completer ─▶ told
//
// Before the first upload for a model the service is asked, once a run, whether
// the model exists.
//
// Observing costs one walk of the job listing; further ones are made, until two
// agree, only where something could be bought or an unknown create settled on
// its strength, and the files are listed only then. Where everything is settled,
// none is made (see below). A waiting run reads the listing
// on from the last whole walk: until all jobs that were at work have been seen and
// no newer one can follow. Rows in hand that were not judged by the rules as they
// are now are judged before the diff.
//
// Large answers are judged while they come, from the file that they come to, and no
// call waits for that. Downloads and purchases run side by side, but for answers
// of a job without a label: they come first, since they may turn out to be another
// batch's. Where a successful job that nothing explains may be one of the batches
// that are to be bought, the first keys of its answers are read and compared with
// those of the sources. A purchase takes its place among what is active first (see
// package budget, which decides by what is declared and by what was learned), then
// uploads if it has to, then waits for its minute, and only then writes the intent:
// nothing stands between the durable intent and the call. What a create taught goes
// into the state with the record of its outcome.
//
// # Calls
//
// A batch takes two calls for its upload and one more for every 8 MiB beyond the
// first, one for its create and one for its download; where rows are missing, another
// download tells whether that is so. Jobs are followed by the listing alone: one look
// a poll interval at most, of as many pages as it takes to see those at work, however
// many batches there are. Four records are made durable to buy and one to deliver;
// those of workers that come together share a sync.
//
// # Why a settled state needs no listing
//
// The run that finds nothing to do is the most frequent one. It asks the service
// nothing when every batch of config and state is delivered as it is wanted, its
// result in place, every send answered, every job ended, no import open and
// nothing to warn of ([planner.Plan.Settled]). That is safe:
//
//   - Nothing is paid twice, since nothing is bought: a plan with a purchase is not
//     settled, and so the same run walks the listing until two walks agree before
//     its first create, as ever. A rerun, a source or a model that changed, a repair,
//     a result that is gone are all changes of the plan, found on this machine.
//   - Nothing that was paid for is lost, since nothing is on its way: what a send may
//     have bought is an intent in the journal until a listing has told, and an
//     intent, a job that has not ended, answers that were not read, a hold and a
//     failure each make the run ask. A send that was found to have bought nothing
//     keeps it asking for 48 hours, as long as a job of it could be at work, and a
//     second job with a label of ours for as long as it is listed.
//
// An older copy of the state that was put back lacks what was bought since. If
// that was for a batch that the copy does not have as delivered, it is not settled.
// If it was another job for a delivered one (apply --rerun), nothing local tells of
// it; the next run that asks finds it by its label: one that buys or waits for
// anything, the same --rerun, which takes it in place of buying, and state rebuild.
//
// A plan that finds everything settled is made in one pass over the state, with
// [PlanSettled]: records are decided one by one as they are read, and not kept.
// [planner.Settler] says why each can be decided alone.
//
// A key that is wrong, or of another project, is noticed by a run that asks, and
// so not by one that has nothing to ask: it needs what the key opens as little.
//
// # Promises
//
//   - A create is sent once. Only the service's own refusal proves that nothing
//     was bought; everything else stays unknown until a listing shows the job or
//     two complete listings, a settle time apart by the service's clock, do not.
//   - A run that does not wait buys what it showed and nothing else; one that
//     waits was asked to go on until all is done, and buys failed jobs again up
//     to the batch's limit. A rerun is one job, however many rounds a run has.
//   - A wish to cancel is durable before its call, and what it concerns is not
//     bought again by itself. An upload is deleted only when every batch with its
//     bytes is delivered and no job that may still do work reads it.
//   - Interrupting lets calls in flight finish and be recorded, and delivers the
//     answers that they bring; listings, former outputs and what else is only looked
//     up are broken off. Nothing new begins. What could not be recorded stops the run at once.
//   - What was paid for is given up on no single word: an output is gone when the
//     service says so twice, a settle time apart, and answers without a single row
//     are no result.
//   - One batch that fails stops no other; it is tried again in this run where
//     waiting may help, else in the next, and the report names it. A refusal that concerns the key, the
//     project or a model stops the purchases that it concerns, and no download.
//   - Declared limits, on calls (see [Gate]), jobs, tokens and money, hold over all
//     runs of a state.
//   - A row that is answered well in hand is not bought again, and rows are judged
//     before their batch is delivered. The input of a repair is made anew from
//     source and answers, and sent only when it has the bytes that were planned.
//   - Manifests follow every round that delivered something, and every run that
//     ends with all that it did recorded, an interrupted one as well; datasets
//     follow a run that was let come to its end. One that is right is not written
//     again: a manifest is compared, a dataset costs a stat. What this state did
//     not write, or somebody changed, is left alone.
//   - A completion is told at least once, and never again once that is recorded. A
//     Completer that is slow or fails holds up nothing but the end of the run, and
//     the next run tells again what failed.
//   - A result file is published only after the answers were joined to the keys
//     of the source as it was planned, whether it is a new file or, where they came
//     in its order and whole, the one that they came to. A source is the planned one
//     if it has the size, time and inode that it had when it was read for the plan,
//     and was not being written then, else if it has its hash. Damage is believed only when two downloads
//     are alike, and fewer answers than the service counted only when they are as
//     few a settle time later.
package apply
