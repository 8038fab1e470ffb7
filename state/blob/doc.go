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
//     others, so that whoever only reads addresses does not carry them along.
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
// Measured on two idle cores of a linux/amd64 virtual machine on which touching
// memory is dear, with Go 1.26: user and system time, the least of 40 starts in
// turns, and the least memory. Read the ratios.
//
//	a program with net/http alone            8.5 MB   21 ms   10 MB
//	+ gs                                    11.6 MB   24 ms   10 MB
//	+ s3                                    14.7 MB   27 ms   10 MB
//	+ gs, s3                                16.5 MB   28 ms   10 MB
//	qaplan version, without and with both   40.9 → 52.3 MB   55 → 65 ms   21 → 24 MB
//	the same with cloud.google.com/go/storage and gocloud.dev
//	                                        83.1 MB   81 ms   37 MB
//
// Google's storage library links gRPC with its protocol buffers, its service
// configuration (xds, envoy) and OpenTelemetry, even where it speaks JSON over
// HTTP. Its four calls are made here by hand; what is not easily made, the
// credentials (application default, workload identity, impersonation), is
// cloud.google.com/go/auth, which the Gemini SDK links already. The SDK of Amazon
// stays: its credentials and signatures are most of it.
package blob
