package emulator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func isSorted(keys []string) bool { return slices.IsSorted(keys) }
