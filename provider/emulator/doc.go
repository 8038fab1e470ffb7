// Package emulator is a stand-in for the batch and file parts of the Gemini
// Developer API, for rehearsals and for tests. It speaks the service's HTTP, and
// is written from the service's documentation, from captures of its answers and
// from bug reports, not from a client: it imports none of this project's code
// that calls the service or reads its files, so that a belief shared by client
// and fake cannot hide a mistake.
//
// # Terms
//
//   - The data folder holds everything: a log of what happened
//     (emulator.log), the bytes of uploads (bodies/) and the outputs that were
//     written (results/). Its id is made once.
//   - Virtual time is what the emulated service lives in. It runs Rate times as
//     fast as the real clock, goes on while nobody serves the folder, and never
//     runs backwards. Every time in an answer, the Date header included, and
//     every duration in Config is virtual.
//   - A seed stands in for chance. That of a job comes from its content, its
//     model and the number of jobs that had both before. It decides how long
//     the job takes, which rows fail and the order of the answers. The same
//     calls in two folders differ in ids and times only.
//   - A history is what somebody else did before the data folder began: jobs and
//     uploads, each with its age, in a JSON file ([Config].History). Old uploads
//     have expired, old jobs have ended; the ledger marks them as foreign.
//   - A fault is a named switch that makes the n-th call of a kind go wrong.
//
// # Flow
//
//	request ─▶ route ─▶ fault before? ─▶ key ─▶ handler ─▶ fault after? ─▶ answer
//	                                             │  ▲
//	                             lock the folder │  │ unlock
//	                                             ▼  │
//	                       read the log's new lines, decide, append
//
// Nothing runs in the background. What a job looks like is computed, when
// somebody asks, from the record of its create and from the virtual time. An
// input is read when its job is created; the output is written when it is first
// asked for.
//
// # Promises
//
//   - Several servers, in one process or in many, may serve one folder at once.
//   - What was answered survives the death of the process at any instant. (It is
//     not forced to the disk: a power failure may take the last of it.)
//   - Request and answer bodies stream: memory does not grow with a file, but by
//     16 bytes a row while an output is written, and by the places of swapped
//     rows. The books of rows take none of it.
//   - A history is in the folder from its first instant, whole, or the folder has
//     not begun; it is read once.
//   - The cost of a request does not depend on how much happened before, but for
//     a create, which looks at the active jobs.
//   - ServeHTTP is right in process too, through Transport, and inside bubbles
//     of testing/synctest.
//
// # Books
//
// What tests compare a client's results with. They are computed from the kept
// inputs and the plans of the jobs, so that it does not matter whether an upload
// or an output has expired or was deleted.
//
//   - [Server.Ledger] has every accepted create, and for jobs that have ended the
//     tokens that the answers in the output used and what they cost by the
//     emulator's own dated price list, thoughts billed as output. Errors, missing
//     rows and jobs without an output use nothing; of a row that is answered
//     twice, both answers count.
//   - [Server.RowPurchases] has every row of those jobs: its fate, the text that
//     stands under its key, and whose answer that is.
//
// # Fates of rows
//
// The shares of [RowFaults] decide for each row alone; the others get a good
// answer, which fits the response schema where there is one. A row that is bought
// again, in another job, meets another fate, with one exception.
//
// A long answer, which the truncated share makes, takes 2,048 to 8,191 output
// tokens, thoughts included, evenly on a logarithmic scale. Which rows these are
// and what each takes depends on the row's key and prompt alone (the first 2 KiB
// of its last text). So it is cut again unless maxOutputTokens is raised far
// enough, and is whole from 8,192 on. Without maxOutputTokens it gets 1,024; rows
// whose own limit lies above 2,048 are cut less often than the share says. A cut
// answer uses its limit up. Other rows are cut when their text alone does not fit:
// they think less where little is left.
//
// A request that names a cachedContent is given 1,024 to 4,095 more tokens of
// input, by that name, and usage says that they were cached.
//
// # What it does where the service is not documented
//
// Answers of file jobs come in an order that has nothing to do with the input's
// (python-genai #1909); those of inline jobs keep it. A key that stands twice is
// answered twice. Blank lines are skipped. A name in use is refused with 409,
// when the upload starts and when it ends; a name that was deleted or has
// expired is free. A cancel of a job that has ended changes nothing and says
// {}. Deleting a job stops it, as a cancel does, and leaves the output of one
// that has ended. Outputs are in no listing; they count as storage from the
// first time they are asked for. Uploads cannot be downloaded: 400. A part of a
// chunk that broke off is kept, down to a multiple of the granularity; a whole
// chunk that is no multiple and not the last is refused. Tokens are estimated
// by an own rule; creates count the input alone, cached contents left out. A
// refusal of an input names its first 20 bad lines. The day of a limit ends at
// 08:00 UTC. An URL in an answer leads back to the emulator.
//
// # Quotas
//
// A create over a limit of [Quota] is refused at once with 429, and an answer
// that holds a link to a page about quotas and nothing else (help_only, below):
// active jobs, enqueued tokens of its model, creates per minute, the pause after a
// burst of creates. Creates per day and calls per minute name themselves in the
// quotaId (per_day, per_minute); creates per minute do where NamedRefusals says so.
//
// # Faults of the wire
//
// They hit any call unless Op says which. "Before" means that the call has no
// effect, "after" that it had its effect and only the answer is damaged.
//
//	name            what the client sees (Value, its default)                 precedent
//	reset_before    connection cut, no answer                                 any network
//	reset_after     the same, after                                           lost answer to create, api guide: create is not idempotent
//	timeout_before  no answer until the client gives up                       discuss.ai.google.dev 174261
//	timeout_after   the same, after                                           same
//	status_before   an error with Google's JSON (HTTP code, 503)              python-genai #2489: 503, empty message
//	status_after    the same, after                                           same
//	empty_200       200 without a body, after                                 Go SDK: a zero job and no error
//	html_200        a page of a captive portal, before                        proxies
//	html_503        a page of a proxy, before                                 proxies
//	redirect        307 to the host in Value (required), before               Go SDK follows with the key
//	cut_body        half of the body, then the connection is cut, after       any network
//	wrong_length    Content-Length too large by 17, after                     any network
//	malformed_json  an error whose JSON is cut, before (HTTP code, 500)       proxies
//	quota_429       429, before (kind, help_only)                             see below
//	slow            the answer comes late, in real time (duration, 10s)       discuss.ai.google.dev 174261
//	no_date         no Date header, after                                     proxies
//	date_back       a Date of the past, after (duration, 1h)                  caches
//
// The kinds of quota_429: help_only (details with a google.rpc.Help alone:
// langchain4j PR #3942, what a create over quota gets), bare (no details:
// discuss.ai.google.dev 107091), per_minute (gemini-cli #4656), per_day (with a
// short retryDelay that does not fit: stremio-ai-search #170), storage
// (python-genai #1172), huge_delay (a retryDelay of 2^63-1 s, same),
// retry_after (a Retry-After header; none was ever seen on a batch call),
// huge_retry_after (the same with 2^63-1 s).
//
// # Faults of listings
//
// They hit list_jobs and list_files unless Op names one.
//
//	name            what happens (Value, its default)                         precedent
//	list_repeat     the page begins with the last item of the page before,    paging by position
//	                the first page with its first item twice
//	list_skip       the first items of the page are left out (number, 1)      paging by position
//	list_shift      a later page begins further on, or with a negative        paging by position
//	                number further back (number, 1)
//	list_fail_page  503 on one page (its number, 1); other pages do not       python-genai #1250
//	                count as calls
//	list_lag        Op create or upload_finalize: what is made comes up in    none known, assume it
//	                listings later (duration, 1m)
//
// # Faults of jobs
//
// Those that hit create stay with the job that it makes.
//
//	name            op      what happens (Value, its default)                 precedent
//	delayed_create  create  no answer; the job exists later (duration, 1m)    discuss.ai.google.dev 174261
//	unknown_state   create, the word in Value (required) stands for RUNNING;  SDKs pass unknown words on
//	                get_job, with ":output" behind it, for the final state;
//	                list_jobs with ":bare", the same without output; on get
//	                        and list, for whatever the state is
//	succeeded_without_output create  SUCCEEDED names its output later         tidyverse/ellmer, May 2026
//	                        (duration, 1m)
//	job_stuck       create  it never ends (PENDING or RUNNING, PENDING)       python-genai #1482, #2221, #2974
//	job_failed      create  it ends FAILED                                    python-genai #1307
//	job_expired     create  it ends EXPIRED (age, 48h)                        python-genai #2439
//	partial_output  create  when it ends without success, half of the rows    open question of the guide
//	                        are there, the others with code 1
//	cancel_delayed  cancel  the cancel takes effect later (duration, 1m)      reference: asynchronous
//	cancel_code     cancel  the code of the error (number, 1) is not 13       reference: code 1
//
// # Faults of files
//
//	name                   op               what happens (Value, its default) precedent
//	chunk_without_status   upload_chunk,    503 without the status header,    Go SDK sends again
//	                       upload_finalize  not stored; "after": stored
//	cut_upload             the same         cut after some bytes (number,     any network
//	                                        half of the chunk)
//	finalize_without_file  upload_finalize  200 {}, no file; "made": the file python-genai #1590
//	                                        is there
//	unsupported_mime_200   upload_finalize, an error under status 200         python-genai #1248
//	                       upload_start
//	file_expired_early     upload_finalize  gone before its time (duration,   403 is all one ever sees
//	                                        0s)
//	long_name_get          get_file         400 for the names of outputs      python-genai #1613
//
// # Faults of answers
//
// With Op create, the default, the job's output has the damage for good; with Op
// download, that one download has it.
//
//	name                  what happens (Value, its default)                   precedent
//	all_rows_failed       every row has an error (google.rpc code, 3)         python-genai #2693
//	missing_row           the first rows of the input are missing (number, 1) python-genai #1909
//	duplicated_key        the first rows are answered twice (number, 1)       phenschke/gemini-batch
//	swapped_keys          the first two answers have each other's key         python-genai #1909
//	wrong_key_line        lines under keys nobody sent (number, 1)            python-genai #1909
//	malformed_last_line   the last line is cut in the middle                  discuss.ai.google.dev 140889
//	inline_error_details  the first row has an error with details, which the  Go SDK cannot decode them
//	                      Go SDK cannot decode inline (create only)
//	truncated_download    200, whole by its length, but short (bytes, half)   Go SDK checks nothing
//	                      (download only)
//	ignore_range          Range is ignored (download only)                    not documented
package emulator
