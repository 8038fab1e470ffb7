// Package batchfile reads and writes the JSONL files of a batch: the requests
// that go to the service and the answers that come back.
//
// # Terms
//
//   - source: the requests, one {"key":"…","request":{…}} a line.
//   - answers: what the service made of them, one
//     {"key":"…","response":{…}} or {"key":"…","error":{…}} a line, in any
//     order: the service promises none (python-genai #1909).
//   - row: the pair of a request and its answer. The key alone ties them; two
//     keys are the same when they denote the same string, however each is
//     escaped ("a" and "\u0061").
//   - good row: an answer with a response and without an error. A blocked
//     prompt is good in this sense: the service answered it.
//   - result: one line for each key of the source, in the order of the source.
//
// # Flow
//
// [Scan] reads a source once: it checks every line, counts, hashes and
// estimates tokens. It runs before anything is uploaded or bought.
//
// [NewJoiner] reads the keys of a source; [Joiner.Add] reads answers and
// remembers where each row stands; [Joiner.Report] says how well they fit;
// [Joiner.WriteResult] copies the rows out in the order of the source. [Join]
// does all four. [Keys] streams the keys of a source or of answers.
//
// # Promises
//
//   - Memory does not grow with the length of a file, but for an index of
//     about 40 bytes a row and the longest line (at most [MaxLine]).
//   - A result has exactly one line for each key of the source, in its order.
//     The line is the service's own, byte for byte, or, where the service left
//     the key out, an error row that says so.
//   - A source that [Scan] finds no problem in is one that [NewJoiner] accepts.
//   - No prompt and no answer stands in an error, a problem or a report, but for
//     the few characters at a mistake in the JSON; keys and member names do.
package batchfile
