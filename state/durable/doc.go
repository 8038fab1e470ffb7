// Package durable writes files so that they survive a crash of the program or
// of the machine, and locks files against other processes. Everything in
// qaplan that writes something worth keeping goes through it.
//
// # Terms
//
// A file is replaced when its new content is written beside it and renamed over
// it: readers see the old content or the new, never a mixture. A name is
// durable when its folder was synced after the name was made. Facts are a few
// bytes about the holder of a lock, kept in the locked file itself.
//
// # Flow
//
//	WriteFile   temporary file in the same folder → write → fsync → close → rename → fsync folder
//	TryLock     open or create → lock without waiting → check that the path still names this file
//
// [FS] is the part of the operating system that this takes. [OS] is the real
// one; tests hand in others that count, fail or forget what was not synced.
//
// # Promises
//
//   - When WriteFile returns nil, the content and the name survive a power cut.
//   - When it fails, the former file is untouched and nothing is left behind,
//     save when only the last step failed (see [WriteFile]).
//   - A killed WriteFile leaves at most a temporary file, which [RemoveTemps]
//     finds.
//   - A lock ends with its process, however that ends. The locked file is never
//     renamed and never removed, because a lock belongs to the file and not to
//     its name; [Seize] makes use of just that.
//   - Facts stay readable while the lock is held, on Windows too, where locks
//     bar others from the bytes that they cover.
package durable
