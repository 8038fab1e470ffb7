//go:build !race

package apply_test

const every = 1
