// Package batchfile reads and writes the JSONL files of a batch: the requests
// that go to the service and the answers that come back.
//
// # Terms
//
//   - source: the requests, one {"key":"…","request":{…}} a line.
//   - answers: what the service made of them, one
//     {"key":"…","response":{…}} or {"key":"…","error":{…}} a line, in any
//     order: the service promises none (python-genai #1909). A batch may have
//     several files of them: a first attempt, then repairs of some rows.
//   - row: the pair of a request and its answer. The key alone ties them; two
//     keys are the same when they denote the same string, however each is
//     escaped ("a" and "\u0061").
//   - rules: what a good answer is, beyond what every answer must be.
//   - class: what a row is under the rules; see [Class]. Each key of the source
//     is in exactly one.
//   - text: that of the first candidate, its parts joined, thoughts left out.
//   - result: one line for each key of the source, in the order of the source.
//   - subset: an input made of some lines of a source, to be sent again.
//
// # Flow
//
// [Scan] reads a source once: it checks every line, counts, hashes and
// estimates tokens. It runs before anything is uploaded or bought, and knows
// what the service refuses, or ignores to the user's cost, as far as there are
// public reports of it. What nobody reported is left alone.
//
// [NewJoiner] reads the keys of a source, and what its requests ask for;
// [Joiner.Add] reads answers, judges each and remembers where its row stands;
// [Joiner.AddComing] does so while they are still being fetched.
// Both say how the file fits ([FileReport]); [Joiner.Report] says what the rows
// are over all files. [Joiner.Bad] lists those that are not good, each with its
// reason. [Joiner.WriteResult] copies the rows out in the order of the source;
// [Joiner.Verbatim] tells when that would only copy the file that was read.
// [Joiner.WriteSubset] writes the requests of rows that can get better, with
// another generation_config where one is given; [ParseRefusal] and
// [Joiner.SourceLines] lead from a refusal of the service back to the lines of
// the source. [Joiner.Rows] and [Rows] hand out the good answers one by one.
// [Keys] streams the keys of a source or of answers.
//
// # How rows are judged
//
// The first that holds is the row's class: an error or no response (Failed); a
// prompt that was blocked, no candidates, or a stop for the service's policies
// (Blocked); the limit of output tokens (Truncated); no text and no other part
// (Empty); what the rules do not take (Invalid). Members are read in camelCase
// and in snake_case. A finish reason that the rules list is never a fault.
//
// Of the lines for one key the first good one counts, or the first where none is
// good. A bad row gives way to a good one of a later file, never the other way,
// and one that was not reached (code 1) to any.
//
// # Swapped answers
//
// The service has been seen to put an answer under another row's key
// (python-genai #1909). Such answers look right. [Rules].KeyField catches each
// of them, where the prompt makes the model repeat the key. [Rules].AsRequested
// catches those whose requests ask for different forms. Two requests that ask
// for the same form, and do not have the key repeated, can be swapped without
// anybody knowing: nothing here tells.
//
// # Promises
//
//   - Memory does not grow with the length of a file, but for an index of 40
//     to 48 bytes a row (43 for a million rows, with what each request asks
//     for), the schemas in the requests, and the longest line (at most
//     [MaxLine]).
//   - A result has exactly one line for each key of the source, in its order.
//     The line is the service's own, byte for byte, or, where the service left
//     the key out, an error row that says so. Such a row counts as missing when
//     the result is read as answers.
//   - A source that [Scan] finds no problem in is one that [NewJoiner] accepts,
//     and its lines are as good in a subset.
//   - The same source, answers and rules make the same classes, reasons and
//     subsets, to the byte.
//   - No prompt and no answer stands in an error, a problem, a report or a
//     reason, but for the few characters at a mistake in the JSON of a source;
//     keys, member names and roles do, and the service's own messages.
//
// # Costs
//
// Judging takes less than half the time in which encoding/json decodes the same
// lines into any, and with JSON checked about half of it; neither allocates for a
// row. With a schema it takes a fifth more than that decoding, since values have
// to be made of each text.
package batchfile
