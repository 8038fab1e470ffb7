package durable

// Facts are what one look tells of a file.
type Facts struct {
	Size    int64
	ModTime int64 // unix nanoseconds
	Inode   uint64
}
