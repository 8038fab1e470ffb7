// Package provider holds the values that every client of a batch service
// speaks in: jobs and files as the service describes them, requests, and
// errors with a class that says what a caller may conclude.
//
// It holds no interface: those stand with their consumers, above all in
// planner/apply. It interprets nothing: that a state is final or that a file is
// usable is the planner's business.
package provider
