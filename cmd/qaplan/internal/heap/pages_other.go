//go:build !linux

package heap

// preferHugePages does nothing: there is nobody to ask.
func preferHugePages() {}
