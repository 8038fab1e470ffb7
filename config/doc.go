// Package config turns qaplan.hcl into validated values and diagnostics.
//
// # Terms
//
// A [Config] is what a config file means after every variable, local and
// function has been evaluated: a [Backend], a [Provider] and the batch
// [Block]s. An [Import] says that a job or a file at the service is a batch's, a
// [Dataset] which results are put together into one file.
// A [Diagnostic] is one thing that is wrong or doubtful, with its
// place in a file. [Inputs] are the desired batches: blocks multiplied out over
// the source files that are really there.
//
// # Flow
//
//	Load:   read file → syntax → required_version → variables → locals → blocks → Config
//	Inputs: Config + source files (package source) → planner.Desired and paths
//	Format: bytes → canonical bytes
//
// Variables take the last of: default, environment, qaplan.vars, --var-file,
// --var. Expressions see var.* and local.*; display_name also sees each.number.
// A null is "unset" wherever it turns up, but for generation_config, where it
// could be taken for an order to remove something, and is refused.
//
// What counts as a good answer is compiled here: a block has its rules, with the
// schema that they name, ready to use, and a digest of what they mean. Columns of
// a dataset stand in the order in which fields writes them out, in its place or in
// a local value; those of a map that is computed are sorted by name.
//
// # Promises
//
//   - Nothing is sent anywhere, and no file is written.
//   - One run reports every mistake it can find, sorted by file and position,
//     each once; of a region that does not parse only the first is shown.
//   - What this version does not carry out is refused with a sentence, never
//     accepted and ignored.
//   - Sensitive values and anything that looks like an API key appear in no
//     diagnostic, source snippets included.
//   - The names of source files on disk never pass through the expression
//     language, which would normalise their spelling: a file is opened by the
//     name it has.
//   - The same text and inputs give the same diagnostics and the same digest.
//   - A dataset has the path of no source, result, state or other file that the
//     config names.
package config
