// Package blob reads and writes objects under conditions: in a bucket of Google
// Cloud Storage or of Amazon S3, or in a folder on a disk that machines share. It
// is what a state that several machines use rests on, and knows nothing of it.
//
// # Terms
//
//   - location: the address of an object, or of the objects whose keys begin
//     alike. Parameters say how the server is reached; credentials are in none.
//   - version: names one content of an object: the generation in Cloud Storage,
//     the ETag in S3, the sha256 in a folder.
//   - condition: when a write may take place: if there is no such object, if it is
//     of one version, or always.
//   - driver: a kind of store. That of folders is here; package cloud has the
//     others, on gocloud.dev/blob, so that whoever only reads addresses does not
//     carry them along.
//
// # Promises
//
//   - An object is there whole or not at all, and a write whose condition does not
//     hold changes nothing, however many write at the same time.
//   - What fails in passing (5xx, 429, a connection that ends, a time-out) is tried
//     again, here and nowhere below, with pauses that grow and are spread.
//   - A write whose answer was lost is no conflict with itself: after a conflict
//     [Bucket.Write] looks whether its own content is there.
//   - Every other failure says what to do: no bucket, no credentials, no right, no
//     conditional writes.
//
// # Why a driver of our own for folders
//
// fileblob of gocloud.dev takes a condition under a lock of its own process alone,
// and syncs nothing. Two processes, or machines on a network disk, could both
// succeed. Here a lock on a file of the folder guards compare and rename.
//
// # What the drivers cost
//
// Measured on two cores of linux/amd64 that were busy, with Go 1.26 and
// gocloud.dev v0.49; the best of 40 starts:
//
//	a program with net/http alone           8.5 MB    17 ms
//	+ fileblob                             18.9 MB    31 ms
//	+ fileblob, s3blob                     31.2 MB    31 ms
//	+ fileblob, gcsblob                    52.3 MB    55 ms
//	+ fileblob, gcsblob, s3blob            64.1 MB    57 ms
//	qaplan version, without and with both  37.1 → 82.2 MB   83 → 101 ms
//
// Most of it is gRPC and its protocol buffers, which Google's storage library
// links even where it speaks JSON over HTTP. That is taken for its credentials
// (application default, workload identity, impersonation), which are worth more
// than 33 MB; a start of 18 ms more is not felt beside the first call.
package blob
