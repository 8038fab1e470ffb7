// Package blobtest runs servers of object storage inside of a test: one that
// speaks like Amazon S3 and one that speaks like Google Cloud Storage, which both
// keep to the conditions of writes. Their faults have names.
package blobtest
