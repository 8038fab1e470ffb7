// Package cloud opens buckets of Google Cloud Storage and of Amazon S3, and of
// servers that speak like them, for package blob: the one through the JSON form of
// its interface with Google's library for credentials, the other through Amazon's
// SDK.
//
// Buckets are opened by name with explicit options. Credentials come from the
// environment, as each service's own library finds them: for Google the
// application default credentials (GOOGLE_APPLICATION_CREDENTIALS, gcloud's own,
// the machine's), for S3 the AWS_… variables, the shared config files, a web
// identity, the machine's role. They are in no address, and in no error. An
// emulator named by STORAGE_EMULATOR_HOST is used without any.
//
// Each object of Cloud Storage goes out and comes back with its checksum, CRC32C:
// what was damaged on the way is refused, or read again.
//
// Nothing is tried again here: package blob does that, and knows after which
// failures a write may have been carried out.
package cloud
