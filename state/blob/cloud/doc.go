// Package cloud opens buckets of Google Cloud Storage and of Amazon S3, and of
// servers that speak like them, for package blob. It stands on gocloud.dev/blob,
// and goes through it to the service where a condition or a version is asked of
// it.
//
// Buckets are opened by name with explicit options. Credentials come from the
// environment, as each service's own library finds them: for Google the
// application default credentials (GOOGLE_APPLICATION_CREDENTIALS, gcloud's own,
// the machine's), for S3 the AWS_… variables, the shared config files, a web
// identity, the machine's role. They are in no address, and in no error.
//
// Nothing is tried again here: package blob does that, and knows after which
// failures a write may have been carried out.
package cloud
