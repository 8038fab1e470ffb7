// Package planner decides what an apply would do. It compares what is wanted
// with what the state records and what the service shows, and gives back a
// [Plan], which is plain data.
//
// # Terms
//
//   - batch: one input file, its jobs at the service and its one result file.
//     An [Address] names it by the label of its block and its number; a
//     [Selector] names several on a command line.
//   - desired: the config and the sources ([Desired]); recorded: the state
//     ([Recorded], one [Record] a batch); live: what the service lists ([Live]).
//     With a look at the result paths they make up what is [Observed].
//   - attempt: one create sent for a batch, or one job adopted for it, numbered
//     from 1 ([Attempt]). Its [Outcome] says how the send ended: bought, refused,
//     absent, withdrawn before its call, or not known yet.
//   - series: an attempt for the whole source, and those after it for some rows
//     of it; their answers are joined by key ([Record.Series]). What is found out
//     about the rows in hand is a [Judgement]; the [Rest] are the rows that another
//     attempt would buy: those that a job which ended early did not reach, or, of
//     a complete answer, those that are not good. An attempt for the latter is a
//     repair.
//   - lineage: the identity of a state. Its first six digits stand in every name
//     that this state gives to something at the service: the [Token] at the end
//     of a job's display name, and the name of an upload ([UploadName]). Former
//     lineages are those of lost states whose labels count as this state's own.
//   - owner: whose the answers of a job are, by the keys in them ([Owner]).
//   - claim: what a person or a text says of a job or an upload, judged by what
//     the service says of it ([Judge]).
//   - phase: where a batch stands ([Phase]); each is in exactly one.
//   - saved plan: one that was kept in a file ([ReadPlan]) and restricts a run
//     ([Saved]). Each of its changes stands for itself ([Standing]): it is as it
//     was planned, done already, or stale.
//   - completion: a batch that is done, or a block for which nothing is left to do
//     ([Completions]); its id changes with its results, so that each is told once.
//   - action: a step of a [Change]. Its [Reason] is a stable code, as is that of
//     a batch which is held for a person or failed; [Exit] gives the way out.
//
// # Flow
//
//	Observed ─▶ Learn ─▶ match ─▶ one decision for each batch ─▶ Plan, Items
//
// [Learn] folds what is live into what is recorded: states of jobs, creates and
// uploads whose answers were lost, things that are gone. Its updates are facts,
// and an apply makes them durable before it acts on them. [Diff] learns for
// itself, so that a plan needs no write.
//
// Matching finds out whose the jobs and files are that nothing records. A label
// of this state and the input together make a job the batch's own, and so does
// an input with the batch's bytes where there is no label, or, where the input
// is gone, answers with keys that only this batch has. A label of another state,
// or a job that may be the batch's, holds the purchase. [Unexplained] says whose
// answers would have to be looked at.
//
// The decision for a batch goes through the phases in the order unknown, done,
// bought, to be bought. What stands against a purchase is looked at last, so
// that it stops no waiting and no download of what was bought.
//
// A saved plan decides nothing. Diff decides anew, and only then is left out what
// the plan does not hold, or what is not as it was: a [Change] names in its
// [Prior] what had been bought when it was planned. Uploads, and the numbers of
// attempts that bought nothing, may differ.
//
// [AdoptJobs] and [AdoptUpload] give the record as it stands after an adoption;
// an apply and Diff use the same ones. [Item.Cancellations], [Unneeded] and
// [Strangers] say what a cancel, a clean and a rebuild concern.
//
// # Promises
//
//   - Pure: no clock, no file, no network. The same arguments give the same plan
//     to the byte, in whatever order batches, jobs and files come; no argument
//     is changed. Diff takes memory and time in proportion to batches, jobs and
//     files.
//   - No create is planned while a job of the batch is active or a send of it
//     unknown, on a listing that is not complete, or for a content and model
//     that an attempt has answered, unless a person asks for another. A wish for
//     another is one job: see [Options.FixReruns].
//   - A create without an answer is found by its token and its input, or held
//     for absent when two complete listings, a settle time apart by the
//     service's clock, do not show it. Found late, it is still found.
//   - An upload of which it is not known what followed, since the state is an
//     older copy or was rebuilt, is not bought on before the same two listings
//     have shown what did: one that nothing records, the input of failed jobs
//     that were found by their label, and, after a state was taken over, one of
//     somebody else's making.
//   - A listing that shows not one recorded job, and none with a label of this
//     state, teaches nothing: the key is another project's.
//   - A job that was adopted and turns out to be another batch's is unbound: its
//     batch is held, the right job is offered to it, and the job goes where its
//     answers belong.
//   - A run of a saved plan does nothing that a run without it would not do, buys
//     nothing that the plan does not hold, and each purchase of it once, however
//     often it is run.
//   - No row is bought again that is good in hand, unless a person or on_change
//     asks for the whole source anew. Repairs are as many in a series as the
//     config allows; one model answers a batch, unless the repair names another.
//   - A repair holds no batch: whatever becomes of it, what is in hand is
//     delivered, with the rows that stay bad. What a person cancelled is not
//     repaired, until that person asks for another job.
//   - What was bought is followed to its end. A batch leaves the state only when
//     nothing that was bought for it is undelivered.
//   - A batch whose result is on disk and verified stays done while another
//     attempt is held, refused or has failed; the plan warns of it.
//   - The digest of a plan covers config, inputs and purchases. Progress that
//     costs nothing leaves it as it is.
package planner
