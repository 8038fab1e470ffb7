// Package gemini is the client of the Gemini Developer API's batches and files.
//
// # Terms
//
// A call is one method of [Client]; a request is one HTTP request, of which a
// call makes one or, where that is safe, several. An exchange is one request
// with its answer. A failure is in the service's own words when it is the error
// JSON of Google's APIs whose code is the HTTP status of the answer.
//
// # Flow
//
// Each request is admitted, bounded in time and sent. Jobs and files are asked
// for through the official SDK, with backend, key and base URL set explicitly
// and its retries off; uploads, downloads and inline answers are our own
// requests on the same HTTP client. Beneath both lies one transport, which
// keeps status, headers and the raw body of each answer for its caller. The
// answer is decoded from there and the SDK sees none of it, because it drops
// what matters (a job's error, counts and input) and fails or panics on answers
// that are fine.
//
// # Promises
//
//   - A create is sent once. It counts as refused only for 400, 401, 403, 404
//     and 429 in the service's own words; everything else leaves it unknown.
//   - Reads are repeated a few times when that may help, and nowhere else above;
//     cancels and deletes are sent once. Every wait hears the context.
//   - Nothing is taken for an empty listing that does not say so, and no page of
//     a proxy for a refusal or for a thing that is gone.
//   - The key goes to the host of the base URL alone and stands in no error and
//     no log. Redirects to another host are not followed.
//   - Memory does not grow with the files that go up or down, nor with the
//     inline answers of a job.
//   - Every error is a [provider.Error], those of [New] excepted.
package gemini
