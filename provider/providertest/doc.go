// Package providertest is the conformance suite of batch services and their
// clients: what the rest of the program relies on, written down as tests.
//
// # Terms
//
// A service is one project at one place; a client reaches it. A trouble is a
// transport that breaks one request in a named way, between a client and its
// service, so that the same faults can be had with any service.
//
// # Flow
//
// [Run] starts the service afresh for each test through [Suite.Start], opens
// clients of it, and cleans up what a test left there: uploads are deleted,
// jobs that still run are cancelled.
//
// # Promises
//
//   - A test makes no assumption about what else is in the project, so the suite
//     can run against the real service. It buys a handful of jobs of a few short
//     rows each.
//   - Nothing depends on how fast the service is, up to [Suite.Patience].
package providertest
