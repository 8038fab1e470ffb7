//go:build race

package apply_test

// every is which cells of the matrices are run: the race detector makes them
// many times slower, and sees the same code in one of five. All are run without
// it.
const every = 5
