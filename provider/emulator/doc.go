// Package emulator is a stand-in for the batch and file parts of the Gemini
// Developer API, for rehearsals and for tests. It speaks the service's HTTP and
// is written from its documentation, captures and bug reports, not from a
// client.
package emulator
