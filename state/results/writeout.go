package results

import "os"

// writeOutEvery is how many bytes of a file gather before they are sent on their
// way to the disk. Much smaller steps make more work of it; larger ones leave more
// to wait for at the end.
const writeOutEvery = 8 << 20

// outgoing is a file whose bytes begin to go to the disk while more of them come.
// The disk then works all the while, where the system would leave all of it to the
// sync at the end. Nothing is promised before that sync.
type outgoing struct {
	*os.File
	end  int64 // of what was written one after the other
	sent int64
}

func (o *outgoing) Write(p []byte) (int, error) {
	n, err := o.File.Write(p)
	o.wrote(o.end + int64(n))
	return n, err
}

func (o *outgoing) WriteAt(p []byte, off int64) (int, error) {
	n, err := o.File.WriteAt(p, off)
	o.wrote(off + int64(n))
	return n, err
}

func (o *outgoing) wrote(end int64) {
	o.end = max(o.end, end)
	if size := o.end - o.sent; size >= writeOutEvery {
		writeOut(o.File, o.sent, size)
		o.sent = o.end
	}
}

// Truncate is that of the file; what is written next may lie before its former
// end.
func (o *outgoing) Truncate(size int64) error {
	o.end, o.sent = min(o.end, size), min(o.sent, size)
	return o.File.Truncate(size)
}
