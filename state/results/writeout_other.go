//go:build !linux

package results

import "os"

// writeOut does nothing where the system has no such hint.
func writeOut(*os.File, int64, int64) {}
