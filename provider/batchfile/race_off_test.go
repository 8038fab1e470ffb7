//go:build !race

package batchfile

// manyRows is how many rows the tests of memory have.
const manyRows = 1_000_000
