// Command qaplan declares paid, asynchronous LLM batch jobs in a file, plans
// what is missing, and carries it out without ever paying twice.
//
// # Terms
//
// A command is one verb of the command line, in a file of its own. The exit
// code table in exit.go is what scripts rely on.
//
// # Flow
//
//	main: signals, process exit
//	run:  arguments → cobra → one command → error or nothing → exit code
//	a command: config → state → service → engine → ui
//
// # Promises
//
//   - This package only wires: decisions are the planner's, words are the ui's.
//   - run touches no global of the process, so that tests may run it beside
//     others. main alone handles signals and exits.
//   - The first interrupt lets calls in flight finish and records them, the second
//     ends the process at once. Both leave a state that the next run puts right.
package main
