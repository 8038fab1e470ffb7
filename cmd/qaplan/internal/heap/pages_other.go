//go:build !linux

package heap

// preferHugePages does nothing: other systems choose by themselves.
func preferHugePages() {}
