// Package state remembers, from run to run, what was bought for which batch.
// It is the only local memory of that, so it is written for the moment in
// which the power fails.
//
// # Terms
//
// The snapshot (qaplan.state.json) is the state as it was at a serial. The
// journal (….journal) holds the transitions since, one a line; each carries the
// whole new record of every batch, budget, dataset or completion that it changes. The lock (….lock) is held
// by the one run that may write, with the holder's facts inside, which it renews
// every ten seconds. The backup (….backup) is the snapshot from before the last
// run that changed something: the file to fall back on that every damage report
// can name. What the backup lacks is found again in the listing of the service.
// Surgery is what people do to records by hand: forget, move, push; before it
// the state is kept (….backup-12, by its serial) until somebody removes it. The
// lineage is the state's own random identity; former lineages are those of lost
// states that a rebuild took over. The identity is the service that it belongs
// to. A place is a file with its neighbours, or an object in a bucket with its
// own.
//
// # Flow
//
//	Read    journal, then snapshot → replay                          no lock, no byte changed
//	Scan    snapshot, record by record, where the journal is empty    the same, and none is kept
//	Open    lock → journal, snapshot → replay
//	Write   encode → number → append with all who wait → fsync → visible in State
//	Close   backup → snapshot: temp, fsync, rename, fsync folder → empty the journal → unlock
//	Push    fold and empty the journal → the pushed snapshot in place of the former
//
// The journal begins with a header of identity, lineage and the serial that it
// goes on from, so that a first run, which has no snapshot yet, is recovered
// from the journal alone. A killed run leaves its journal; the next one replays
// it and goes on appending to it. A journal that outgrows the snapshot by far
// is folded in the middle of a run, which keeps the cost of a transition
// constant, whatever the number of batches.
//
// # In a bucket
//
// A bucket has no locks that end with a process, and nothing can be appended to
// an object. So the lock is a lease: a record that its holder writes anew every
// ten seconds, each time under the condition that it is the one that it wrote
// last. A hold is dead when another run has watched the record not change for the
// lease, by that run's own monotonic clock. And each write of the journal, with
// all that waited for it, is an object of its own, which is made only if there is
// none; see bucket.go for the names. Who takes over makes the object that would
// be the former holder's next write. So an intent to buy is durable before its
// create goes out, and a run that lost the lease without knowing, on a machine
// that slept, fails to write it, and sends nothing.
//
//	Open    lease → fence those who did not end cleanly → journal, snapshot → replay
//	Write   one object for all that wait, if there is none of that name
//	fold    snapshot, if it is the one read or written last → remove the objects
//
// Before anything rests on it, the first run in a bucket makes sure that the
// server keeps to the conditions of writes.
//
// # Promises
//
//   - What Write has returned nil for is in every later state; what it has not
//     returned for is there whole or not at all.
//   - A journal cut off at any byte is a shorter valid journal. A crash leaves
//     nothing else, so everything else that is wrong is an error that names the
//     file, the line and what to do. Damage never yields an empty state.
//   - A snapshot is whole or the one before it. Entries that it holds already
//     are passed over, so a crash between renaming it and emptying the journal
//     does no harm.
//   - Read may run beside a writer and sees a state between two transitions.
//   - A state of another service, and a file of a newer format, are refused.
//     Keys that are unknown are passed over, so that additions need no new
//     format version; a program that does not know them does not keep them.
//   - The lock of a file ends with its process, and that in a bucket with its
//     lease. Taken by force from a process that lives
//     (ForceUnlock), it leaves a mark: the former holder writes nothing any more,
//     but a call that it made may still be on its way, and the next runs know
//     that (TookOver).
//   - A state is replaced by hand only by itself at a later serial, unless it
//     knows no batch. To go back to an older one, the files are moved away first.
//   - Equal states give equal snapshots, byte for byte, one batch a line.
//   - All files are 0600 and hold ids, hashes, counts, times and paths only.
package state
