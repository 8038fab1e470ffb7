package provider

// What a call does. The names stand in [Error.Op] and are what an admission is
// asked for, once for each HTTP request.
const (
	OpListJobs      = "list jobs"
	OpGetJob        = "get job"
	OpCreateJob     = "create job"
	OpCancelJob     = "cancel job"
	OpInlineAnswers = "read inline answers of job"
	OpListFiles     = "list files"
	OpGetFile       = "get file"
	OpDeleteFile    = "delete file"
	OpUpload        = "upload"
	OpDownload      = "download"
	OpGetModel      = "get model"
	OpCountTokens   = "count tokens"
)

// What a refusal is about, see [Error.About].
const (
	AboutFile    = "file"    // the file that the call names
	AboutModel   = "model"   // the model
	AboutKey     = "key"     // the API key
	AboutProject = "project" // billing, country, a service that is not enabled
	AboutInput   = "input"   // lines, size or type of the input
	// AboutCertificate is no refusal: the host does not prove who it is.
	AboutCertificate = "certificate"
)
