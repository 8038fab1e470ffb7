//go:build race

package batchfile

// manyRows is smaller under the race detector, which makes each row many times
// as slow.
const manyRows = 100_000
