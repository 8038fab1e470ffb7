// Package starter guesses a first config from the files of a folder.
//
// # Terms
//
// A family is what one batch block can declare: the files of one folder whose
// names differ in one number alone. The kind of a file is what its first line
// looks like; only [Requests] can be bought. What is left out is every other
// JSONL file, counted by folder and kind.
//
// # Flow
//
//	Look: folder → files with their kinds → Guess → families, what is left out
//	Text: Guess → qaplan.hcl with comments
//
// # How the number is told
//
// Names that are alike but for their digits are compared. Of their numbers the
// one that makes the fewest families is the batch's; where several do, the one
// behind a word such as batch or part, else the last. A number that no file has,
// one that two files have, and one whose file holds no requests are excluded by
// name; where more than a few have no file, allow_missing is set.
//
// # Promises
//
//   - A config made here loads, and its blocks find exactly the files that the
//     guess counts.
//   - Of each file the first line is read, and nothing is changed.
//   - Nothing is declared that buys a second time what another block buys: the
//     families of a guess share no file. A file that stands alone beside a large
//     family, a copy or a test, is left out and named.
package starter
