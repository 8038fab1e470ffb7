// Package budget holds the arithmetic of limits: when the next call may go
// out, and how long to stay away after a refusal. It is pure: times come in as
// arguments, and nothing here waits.
//
// A declared limit a minute is spent evenly, one call at a time: a burst
// followed by silence would fit the letter of a limit and still be refused.
// A limit that is not declared is met as a refusal; each refusal in a row
// doubles the pause, and a success forgets them.
package budget
