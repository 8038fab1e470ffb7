package durable

import "io/fs"

// Facts are what one look tells of a file.
type Facts struct {
	Size    int64
	ModTime int64  // unix nanoseconds
	Inode   uint64 // 0 where the system does not tell
}

// FactsOf gives those of a file that was looked at. They are the ones of [Plain].
func FactsOf(info fs.FileInfo) Facts {
	return Facts{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Inode: inode(info)}
}
