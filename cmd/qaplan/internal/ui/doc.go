// Package ui holds every sentence, colour, bar and width that qaplan shows.
//
// # Terms
//
// A [Console] is the three standard streams together with what is known of
// them: whether they are terminals, how wide, whether colour is wanted. A view
// is a pure function from data of the layers below to text: [RenderPlan],
// [RenderStatus], [RenderState], [RenderPlanMarkdown]. [Progress] and [JSONStream]
// turn the events of an apply into something to watch: a panel that is drawn again
// at the bottom of a terminal, lines of counts, or one JSON object a line.
//
// # Flow
//
//	plan, items, records ── Render… ──▶ text or JSON ── Console ──▶ stdout
//	apply.Event ── Progress ──▶ panel or lines on stderr
//	apply.Event ── JSONStream ──▶ NDJSON on stdout
//	error ── Explain ──▶ what happened, where, what to do next ──▶ stderr
//
// # Promises
//
//   - Results go to stdout, everything else to stderr.
//   - Colour and cursor movements go to terminals only, and never with
//     --no-color, NO_COLOR or TERM=dumb.
//   - What is written while the panel stands goes above it, whole; on a terminal
//     that is resized meanwhile as well. Whatever ends the process, the terminal
//     is left with its cursor and its modes.
//   - Only the terminal's own 16 colours are used, none as a background, and none
//     says what no sign or word says.
//   - Words that came from outside (file names, display names, the service's
//     messages) cannot steer the terminal: control characters are escaped.
//   - In Markdown they stand in code spans alone: no mention, no link, no HTML, no
//     broken table. A page keeps to its limit, and its totals are always whole.
//   - The same data give the same bytes, but for ages in status and timestamps
//     of events.
//   - The summary lines are an interface: scripts read them.
//   - Nothing that was handed to [Console.Hide] is ever written.
package ui
