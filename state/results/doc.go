// Package results keeps the files that a run delivers: the results, the parts
// of answers that are not yet whole, and the manifest, in one output folder each
// block.
//
// # Terms
//
//   - result: the answers to one source, under the source's base name. It is
//     there whole or not at all.
//   - part: rows of an attempt that are not the whole answer, kept in .parts/
//     under the name of their job until the result is verified.
//   - spool: what a download goes to before it is verified: memory as long as it is
//     small (256 KiB), else a temporary file. That lies in the output folder so that
//     the disk that must hold the result is the one that fills up.
//   - manifest: manifest.json, which says what was run with what for the batches
//     of the folder. It is a projection of the state, made anew from it at any
//     time, and holds ids, hashes, counts, times and paths only.
//   - temporary file: .qaplan-<16 hex digits>.tmp. The process that uses it
//     holds a lock on it.
//
// # Flow
//
// [Open] names a folder and makes nothing. [Dir.Stat], [Dir.Hash] and [Dir.Same]
// look at what is there. [Dir.Spool] takes a download, [Dir.Publish] writes a result:
// temporary file → fsync → link or rename → fsync of the folder. [Spool.Publish] does
// that with the file that a spool has already. [Dir.Part]
// does the same below .parts/. [Dir.WriteManifest] compares the manifest with
// what it should be, and replaces it where they differ. [Dir.Sweep] removes the temporary files of runs
// that were killed.
//
// [OpenBucket] names a folder in a bucket instead. A file then goes from a
// temporary file on this machine to its object in one step, one that is read
// comes to such a file first, and one listing serves the stats of a while.
//
// # Promises
//
//   - Nothing is written, read or removed outside the folder, whatever a name
//     or a symbolic link in it says: all access goes through [os.Root], and
//     names that could mean anything but a file right here are refused.
//   - A result that Publish returned survives a power cut. When Publish fails,
//     the name stands for what it stood for before, save when only the last
//     fsync of the folder failed while a former file was replaced.
//   - A folder that was renamed, or whose place another one took, while a file was
//     written to it is an error: the file is not said to be at the path.
//   - A file that the caller did not name as its own is never replaced, nor a
//     manifest that another state, or somebody else, has written.
//   - Equal manifests give equal bytes, and are not written twice.
//   - Files are readable by their owner only (0600, new folders 0700).
package results
