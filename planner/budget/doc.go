// Package budget holds the arithmetic of limits: which create may go now and
// which waits for what, how many tokens and dollars something comes to, when to
// look at the service again, and how the rest is expected to go. It is pure: times
// come in as arguments, and nothing here waits.
//
// # Terms
//
//   - budget: something that the service or a person limits: active jobs of the
//     project, enqueued tokens of a model, creates in a minute, storage of files.
//     "creates" is the budget of refusals that no number explains.
//   - declared: a limit that the config names. It is never exceeded.
//   - ceiling: a limit on what is active that nobody names. It lies between the
//     most that was accepted and the least that was refused ([Ceiling]).
//   - rhythm: a limit on creates themselves: so many are accepted in a row, and
//     then none for a while, whatever is active ([Rhythm]).
//   - trial: a create that goes alone, since it may be refused: the first one
//     after a pause, one beyond a ceiling, one that ends a pause of the rhythm.
//   - knowledge: what refusals and successes have taught ([Knowledge]). It is
//     small, is kept in the state and outlives processes and machines.
//   - basis: where a number of tokens comes from ([Basis]): measured on finished
//     batches of the block, counted by the service for a sample of its requests
//     ([Sample]), a quarter of the characters, or, for foreign jobs, their rows.
//   - margin: what is added to an estimate before it is compared with a declared
//     limit: 15 % of characters/4, 8 % and what single batches scatter by once a
//     sample was counted, and less with each batch that was measured.
//
// # Flow
//
//	Mark ─▶ look at the service ─▶ Observe ─▶ Book ─▶ upload ─▶ Send ─▶ the call ─▶ Accepted │ Refused │ Unknown
//	  ▲                                                                               │
//	  └── NextLook ◀──────────────────────────────────────────────────────────────────┘
//
// [Creates] decides. A refusal names nothing on most days, so what was active then
// is compared with what was accepted before. One with more jobs or more tokens
// than ever is counted for that ceiling, and for both as long as it cannot be told
// which it was; a create that only one of them would explain puts it to the test.
// One that neither explains is a matter of time: creates pause, longer after each
// refusal in a row, and a job that finishes ends the pause early. When such
// refusals keep coming after the same number of creates, that is the rhythm, and
// the pause is kept before it is refused. Ceilings are tried again, later and
// later, since limits are raised; they begin anew when less is accepted than
// before, since limits are lowered and what finished jobs held may be released
// hours later (python-genai #2495). A quota that the service does name is obeyed
// as such, and pauses what it concerns.
//
// Creates go in the order of the plan, and one that does not fit is passed over.
// Largest first packs better, but few jobs run at once to begin with, and the long
// ones among the others begin late; smallest first leaves the large ones to the
// end, where they leave gaps.
//
// [NextLook] makes looks follow what is expected to end, not the clock. One every
// 30 s for 110 hours would be 13 calls for each of 1,000 batches, more than three
// times as many as everything else together. [Creates.Limits] says what creates are
// held to and how sure that is, and [Creates.Forecast] plays the rest through under
// it. [Measures] makes estimates, [Lookup] finds prices.
//
// # Promises
//
//   - Declared limits are never exceeded, whatever happens in whatever order:
//     creates on their way, and those whose outcome is unknown, count. Tokens are
//     estimates: with their margin they stay below the limit, but for a job that
//     is alone, which goes by its estimate.
//   - Whatever the rule of the service, creates are refused a dozen times at most,
//     and then once in 20 minutes. What was on its way together counts as once.
//   - The same calls give the same answers. What looks like chance in a pause
//     comes from a seed that the caller gives.
//   - Knowledge that is written as JSON and read elsewhere an hour later decides
//     as before. Knowledge that is damaged, or written by a clock that is ahead,
//     holds nothing up for longer than its rule allows. Clocks that run backwards
//     cost time and exceed nothing.
//   - A model that the table of prices does not have has no price.
//
// # What it is worth
//
// The package's tests drive the policy through a service on a clock of their own:
//
//   - (a) 3 M enqueued tokens for gemini-2.5-flash, declared
//   - (b) the same limit, not declared
//   - (c) 20 active jobs, not declared
//   - (d) after every second accepted create, all are refused for 15 to 20
//     minutes, whatever their size; not declared
//
// Tokens of a batch are log-normal around 270 k, jobs take log-normal times around
// 40 minutes, the 99th percentile 5.4 h, at most 24 h. A quarter of the characters
// misses the tokens by up to 12 % in all and by another 2 % (one standard
// deviation) for each batch. A listing takes 1 s, a create with its upload 2 s.
// Rows are averages over 20 seeds of 154 batches and 3 of 1,000:
//
//	                        hours   ÷ clairvoyant   ÷ bound   minutes a   calls     by hand
//	                                all    worst              refusal     a batch   sent
//	(a)   154 batches         19.0    1.08    1.17       1.23      none        6.00        12
//	(a)  1000 batches        111.4    1.08    1.09       1.10      none        5.67        10
//	(b)   154 batches         18.8    1.07    1.18       1.22       102        6.07        12
//	(b)  1000 batches        111.0    1.07    1.08       1.10       363        5.69        10
//	(c)   154 batches         11.4    1.01    1.03       1.34        86        6.19        21
//	(c)  1000 batches         54.5    1.02    1.02       1.11       288        5.72        21
//	(d)   154 batches         27.8    1.09    1.12       1.25        33        5.80         2
//	(d)  1000 batches        161.6    1.09    1.09       1.11        37        5.55         2
//
// The clairvoyant scheduler knows the rule, the tokens as the service counts them
// and the end of every pause; it sees at once when a job ends and sends in no time.
// Like the policy it does not know how long jobs take, so it is greedy: whatever
// fits goes, in the same order. It is no lower bound. The bound is one that nobody
// can beat, not even with durations known: what has to be held divided by what may
// be held at once, the longest job, or the pauses. 154 batches are far from it,
// since one long job that begins late decides how long they take; for the same
// reason single runs ("worst") differ from the clairvoyant's by luck.
//
// Calls are one for each listing, two for an upload, one for each create, refused
// ones too, and one for a download. By hand means the rule that people help
// themselves with: ten at a time, 30 to 60 s between groups, stop at the first
// refusal; the column says how many batches the luckiest run got sent by it.
package budget
