// Package ui holds every sentence, colour, bar and width that qaplan shows.
//
// # Terms
//
// A [Console] is the three standard streams together with what is known of
// them: whether they are terminals, how wide, whether colour is wanted. A view
// is a pure function from data of the layers below to text: [RenderPlan],
// [RenderStatus], [RenderState], [RenderPlanMarkdown]. A [Reporter] turns the events of an apply into
// something to watch: bars, lines of counts, or one JSON object a line.
//
// # Flow
//
//	plan, items, records ── Render… ──▶ text or JSON ── Console ──▶ stdout
//	apply.Event ── Reporter ──▶ bars or lines on stderr, or NDJSON on stdout
//	error ── Explain ──▶ what happened, where, what to do next ──▶ stderr
//
// # Promises
//
//   - Results go to stdout, everything else to stderr.
//   - Colour and cursor movements go to terminals only, and never with
//     --no-color, NO_COLOR or TERM=dumb.
//   - Words that came from outside (file names, display names, the service's
//     messages) cannot steer the terminal: control characters are escaped.
//   - In Markdown they stand in code spans alone: no mention, no link, no HTML, no
//     broken table. A page keeps to its limit, and its totals are always whole.
//   - The same data give the same bytes, but for ages in status and timestamps
//     of events.
//   - The summary lines are an interface: scripts read them.
//   - Nothing that was handed to [Console.Hide] is ever written.
package ui
