//go:build unix && !linux

package main

func smallDisks() []smallDisk { return []smallDisk{fileSizeLimit()} }
