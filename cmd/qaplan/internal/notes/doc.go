// Package notes finds, in a text that a person or a program left behind, which
// jobs and files were made for which batches. It only reads: whether what the
// text says is true is for the service to tell.
//
// # Terms
//
// An id is the name of a job (batches/…) or of a file (files/…) at the service,
// alone or at the end of a URL. A number is a batch number. It is labelled when
// the text calls it one ("batch 051", "batch_051", a column "Batch", a key
// "batch_number"), when it stands in the name of a source file, or in an address
// (batch.refinement[51]). A bare number stands in the place of one without being
// called so. A pair is an id with the number that belongs to it; what a text
// says of an id, or of a number, may conflict.
//
// # Flow
//
//	bytes ── decode ──▶ text: UTF-8, no byte order mark, no colours
//	text ── findIDs, findNumbers ──▶ mentions of ids, labelled numbers
//	values     JSON, JSON lines, Python and HCL values      the same object
//	tables     Markdown, CSV, TSV, aligned columns          the same row
//	lines      prose, logs                                  the same line
//	vicinity   YAML records, headings, neighbouring lines   the same record
//	settle     one pair for each id, or the reason why not
//
// Each stage looks only at ids that the one before left open, and may close one
// without a pair: an object that names two batches is not asked again as a line.
// A string inside a value that holds more than an id is read as a text of its
// own, so that a log of JSON lines, or a reply quoted in one, is read too.
//
// # Promises
//
//   - A wrong pair costs money or trust, a missing one a glance: where two
//     numbers stand equally near, there is no pair, and the reason is told.
//   - Ranges (batches 51-71), positions (51 of 154, list items), sizes, dates and
//     counts are no batch numbers.
//   - A bare number counts only where every bare number of the text is one that
//     the config knows; otherwise the text may count jobs rather than name them.
//   - Files that hold the answers of jobs (files/batch-…) are never paired.
//   - Every id of a pair stands in the text, every number satisfies
//     Options.Numbers, and the same text gives the same result.
//   - Any bytes can be read, in time that grows as they do.
package notes
