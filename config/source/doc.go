// Package source finds the input files of batches on disk and knows what is in
// them.
//
// # Terms
//
// A glob names the files of one block: a folder, and a file name with one *
// that stands for the batch's number in decimal digits, leading zeros allowed.
// All else in it is literal. A [Fingerprint] is what a plan has to know of a
// file: hash, size, rows and an estimate of its tokens. The [Cache] remembers
// fingerprints between runs.
//
// # Flow
//
//	CheckGlob → Discover: folder + glob + range → files by number, what is missing, what is in the way
//	OpenCache → Cache.Scan: files → fingerprints and problems (package batchfile reads them) → Cache.Save
//
// # Promises
//
//   - A file is opened by the very bytes of its name on disk. Names are compared
//     in Unicode's composed form, since editors and systems spell accents in
//     different ways.
//   - A number is what the name says, never a position; two files with one
//     number are a problem.
//   - A folder is listed once, and each file in the range looked at once.
//   - A file whose size, modification time and inode are those remembered is not
//     read. Files modified within two seconds of their scan are not remembered:
//     a later change might leave no trace in the time.
//   - A file with a problem is not remembered.
//   - Losing the cache costs time only. A damaged or unreadable one counts as
//     lost, and one that cannot be written is no error of a scan.
//   - Every file that is read is read once, as a stream, in constant memory; as
//     many at a time as there are processors. A large one keeps two of them busy: its
//     next part is hashed while the one before it is checked.
package source
