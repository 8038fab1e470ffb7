// Package config turns qaplan.hcl into validated values and diagnostics.
//
// # Terms
//
// A [Config] is what a config file means after every variable, local and
// function has been evaluated: a [Backend], a [Provider] and the batch
// [Block]s. An [Import] says that a job or a file at the service is a batch's.
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
// A null is "unset" wherever it turns up.
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
package config
