// Package report makes the report of a run: one model of facts, rendered as one
// HTML file, as Markdown and as JSON.
//
// # Flow
//
//	items of a diff, state, spending ── New ──▶ Report ─┬▶ HTML
//	              (Facts)             (pure)            ├▶ Markdown
//	                                                    └▶ JSON, examples/json
//
// # Time
//
// Nothing is recorded for the report's sake. What happened when is read from what
// the state keeps of each batch: an upload was made [FileLife] before it expires,
// a job was created and has ended at the service's times, a result was written at
// this machine's. What is not known any more, such as refused creates that a later
// one replaced, is not shown. Where the two clocks disagree, as in a rehearsal
// whose clock runs fast, the later time counts.
//
// # Promises
//
//   - The HTML asks for nothing: no request leaves the page, its policy allows
//     none, and it opens from a disk. Its charts are drawn by [Observable Plot],
//     which is bundled (page/plot.js, made by .ci/report); each is also there as a
//     table, for those who do not see it and where scripts do not run.
//   - Whatever comes from outside is escaped.
//   - No prompt and no answer is in a report whose [Facts] hold none.
//   - Charts have a bounded number of points and long lists are cut in HTML and
//     Markdown, with a sentence; JSON has all of them.
//
// [Observable Plot]: https://observablehq.com/plot/
package report
