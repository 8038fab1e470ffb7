package emulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The headers of the resumable upload protocol.
const (
	headCommand = "X-Goog-Upload-Command"
	headStatus  = "X-Goog-Upload-Status"
	headOffset  = "X-Goog-Upload-Offset"
	headHeld    = "X-Goog-Upload-Size-Received"
	headURL     = "X-Goog-Upload-Url"
	headControl = "X-Goog-Upload-Control-Url"
	headGrain   = "X-Goog-Upload-Chunk-Granularity"
	headLength  = "X-Goog-Upload-Header-Content-Length"
	headType    = "X-Goog-Upload-Header-Content-Type"
)

// The states of an upload, as the status header tells them.
const (
	uploadActive    = "active"
	uploadFinal     = "final"
	uploadCancelled = "cancelled"
)

// routeUpload tells the commands apart. Start and chunks share a path.
func (c *call) routeUpload() func(*call) *reply {
	command := c.r.Header.Get(headCommand)
	switch {
	case strings.Contains(command, "start"):
		c.op = OpUploadStart
		return (*call).startUpload
	case strings.Contains(command, "finalize"):
		c.op = OpUploadFinalize
		return (*call).receive
	case strings.Contains(command, "upload"):
		c.op = OpUploadChunk
		return (*call).receive
	case command == "query":
		c.op = OpUploadQuery
		return (*call).queryUpload
	case command == "cancel":
		c.op = OpUploadCancel
		return (*call).cancelUpload
	}
	c.op = OpOther
	return func(c *call) *reply {
		return refuse(400, "%s: %q: the emulator knows the resumable protocol only", headCommand, command)
	}
}

// startUpload takes the file's metadata and gives the URL for its bytes. The
// length may be unknown.
func (c *call) startUpload() *reply {
	if c.hits.takes(FaultUnsupportedMIME200) {
		return unsupportedMIME()
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, 1<<20))
	if err != nil {
		return refuse(400, "reading the request: %v", err)
	}
	var want struct{ File json.RawMessage }
	if len(strings.TrimSpace(string(body))) > 0 {
		if err := json.Unmarshal(body, &want); err != nil {
			return badPayload(err)
		}
	}
	file, err := looseObject(want.File)
	if err != nil {
		return badPayload(err)
	}
	u := &upload{
		Name:        file.text("name"),
		DisplayName: file.text("displayName", "display_name"),
		MIMEType:    file.text("mimeType", "mime_type"),
	}
	if u.MIMEType == "" {
		u.MIMEType = c.r.Header.Get(headType)
	}
	if u.Name != "" && !strings.HasPrefix(u.Name, "files/") {
		u.Name = "files/" + u.Name
	}
	if refusal := checkNewFile(u); refusal != nil {
		return refusal
	}
	length, err := strconv.ParseInt(c.r.Header.Get(headLength), 10, 64)
	if err != nil {
		length = 0
	}
	if c.tooLarge(length) {
		return tooLargeReply(c.cfg.Quota.FileBytes)
	}
	var answer *reply
	err = c.folder.update(func(tx *transaction) error {
		switch {
		case tx.nameTaken(u.Name):
			answer = nameTaken(u.Name)
			return nil
		case c.storageFull(tx, length):
			answer = overQuota(quotaStorage, "", 0)
			return nil
		}
		u.Seq, u.Start = tx.rep.seq+1, tx.now
		u.ID = idFrom(base62, 115, tx.rep.id, "upload", fmt.Sprint(u.Seq))
		answer = c.uploadStarted(u)
		return tx.add(&record{Upload: u})
	})
	if err != nil {
		return internal(err)
	}
	return answer
}

func (c *call) uploadStarted(u *upload) *reply {
	path := "/upload/v1beta/files?upload_id=" + u.ID + "&upload_protocol=resumable"
	return rawReply(200, "text/plain; charset=utf-8", nil).
		with(headStatus, uploadActive).
		with(headURL, c.base()+path).
		with(headControl, c.base()+path).
		with(headGrain, strconv.FormatInt(c.cfg.Granularity, 10)).
		with("X-GUploader-UploadID", u.ID).
		with("Server", "UploadServer")
}

// isFileID: lower-case letters, digits and dashes, no dash first or last.
func isFileID(id string) bool {
	return id != "" && id[0] != '-' && id[len(id)-1] != '-' && madeOf(id, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

func madeOf(s, chars string) bool { return strings.Trim(s, chars) == "" }

func checkNewFile(u *upload) *reply {
	id := strings.TrimPrefix(u.Name, "files/")
	switch {
	case u.Name == "":
	case len(id) > maxIDLength:
		return refuse(400, "* CreateFileRequest.file.name: File ID (name %s) cannot be more than %d characters\n", id, maxIDLength)
	case !isFileID(id):
		return refuse(400, "* CreateFileRequest.file.name: File ID (name %s) may only contain lowercase alphanumeric characters or dashes (-), and cannot begin or end with a dash\n", id)
	}
	if utf8.RuneCountInString(u.DisplayName) > maxDisplayName {
		return refuse(400, "* CreateFileRequest.file.display_name: display name cannot be more than %d characters\n", maxDisplayName)
	}
	return nil
}

func nameTaken(name string) *reply {
	return refuse(409, "The file %s already exists.", name)
}

func unsupportedMIME() *reply {
	return jsonReply(200, errorBody{apiError{Code: 400, Message: "Unsupported MIME type: jsonl", Status: statusName(400)}})
}

func tooLargeReply(limit int64) *reply {
	return refuse(400, "File size exceeds the limit of %d bytes.", limit)
}

func (c *call) tooLarge(n int64) bool {
	limit := c.cfg.Quota.FileBytes
	return limit > 0 && n > limit
}

func (c *call) storageFull(tx *transaction, more int64) bool {
	limit := c.cfg.Quota.StorageBytes
	return limit > 0 && tx.rep.storage.usedAt(tx.now)+more > limit
}

func (tx *transaction) nameTaken(name string) bool {
	f := tx.rep.files[name]
	return f != nil && f.alive(tx.now)
}

// uploadView is what a call needs to know of an upload.
type uploadView struct {
	held  int64
	hash  []byte
	file  *file
	ended bool
}

// lookUp finds the upload that the call's URL names. The refusal carries the
// status header: without it the Go SDK tries again for seven seconds.
func (c *call) lookUp(tx *transaction) (*uploadView, *reply) {
	u := tx.rep.uploads[c.r.URL.Query().Get("upload_id")]
	if u == nil || tx.now.Sub(u.Start) > uploadLife {
		return nil, refuse(404, "no such upload, or it has expired").with(headStatus, uploadFinal)
	}
	return &uploadView{u.body.size(), u.hash, u.file, u.ended}, nil
}

// receive takes a chunk, and finishes the upload where the command says so. The
// bytes stream to disk while nobody waits for them.
func (c *call) receive() *reply {
	offset, err := strconv.ParseInt(c.r.Header.Get(headOffset), 10, 64)
	if err != nil || offset < 0 {
		return refuse(400, "%s: %q is no number of bytes", headOffset, c.r.Header.Get(headOffset)).with(headStatus, uploadActive)
	}
	if f := c.hits[FaultChunkWithoutStatus]; f != nil && f.Value != "after" {
		c.hits.take(FaultChunkWithoutStatus)
		return rawReply(503, "text/plain", nil)
	}
	var seen *uploadView
	var refusal *reply
	err = c.folder.update(func(tx *transaction) error {
		if seen, refusal = c.lookUp(tx); refusal == nil {
			refusal = c.checkOffset(seen, offset)
		}
		return nil
	})
	switch {
	case err != nil:
		return internal(err)
	case refusal != nil:
		return refusal
	case seen.file != nil:
		return c.receiveAgain(seen.file, offset)
	}
	limit := maxChunk
	if c.cfg.Quota.FileBytes > 0 {
		limit = max(0, c.cfg.Quota.FileBytes-seen.held)
	}
	chunk, hash, err := c.folder.storePart(c.uploadBody(), seen.hash, limit, c.cfg.Granularity)
	switch {
	case errors.Is(err, errTooLarge):
		return c.giveUp()
	case errors.Is(err, errCut):
		c.cut = true
	case err != nil:
		return internal(err)
	}
	answer := c.keep(chunk, hash, offset)
	if c.hits.takes(FaultChunkWithoutStatus) {
		answer.header.Del(headStatus)
	}
	return answer
}

// giveUp ends an upload that has become too large.
func (c *call) giveUp() *reply {
	err := c.folder.update(func(tx *transaction) error {
		return tx.add(&record{EndUpload: c.r.URL.Query().Get("upload_id")})
	})
	if err != nil {
		return internal(err)
	}
	return tooLargeReply(c.cfg.Quota.FileBytes).with(headStatus, uploadFinal)
}

const maxChunk = int64(1) << 40

// uploadBody gives the chunk, cut short where the fault says so.
func (c *call) uploadBody() io.Reader {
	f, ok := c.hits.take(FaultCutUpload)
	if !ok {
		return c.r.Body
	}
	n := int64(f.number(int(max(0, c.r.ContentLength) / 2)))
	return io.MultiReader(io.LimitReader(c.r.Body, n), cutReader{})
}

type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// checkOffset refuses a chunk that does not continue what is held.
func (c *call) checkOffset(u *uploadView, offset int64) *reply {
	switch {
	case u.ended:
		return refuse(400, "the upload was cancelled").with(headStatus, uploadCancelled)
	case u.file != nil && c.op == OpUploadChunk:
		return refuse(400, "the upload is final").with(headStatus, uploadFinal)
	case u.file == nil && offset != u.held:
		return refuse(400, "upload offset is %d, but %d bytes are held", offset, u.held).
			with(headStatus, uploadActive).with(headHeld, strconv.FormatInt(u.held, 10))
	}
	return nil
}

// receiveAgain answers a finalize that was answered before, and got lost.
func (c *call) receiveAgain(f *file, offset int64) *reply {
	n, err := io.Copy(io.Discard, c.r.Body)
	if err != nil || offset+n != f.Body.size() {
		return refuse(400, "the upload is final").with(headStatus, uploadFinal)
	}
	return c.finished(f)
}

func (c *call) finished(f *file) *reply {
	return ok(struct {
		File fileWire `json:"file"`
	}{c.wireFile(f)}).with(headStatus, uploadFinal).with("Server", "UploadServer")
}

// keep records a chunk that is on disk, and the file when it was the last.
func (c *call) keep(chunk part, hash []byte, offset int64) *reply {
	last := c.op == OpUploadFinalize && !c.cut
	if !last && !c.cut && chunk.Size%c.cfg.Granularity != 0 {
		c.folder.discard(body{chunk})
		return refuse(400, "a chunk of %d bytes: every chunk but the last must be a multiple of %d", chunk.Size, c.cfg.Granularity).
			with(headStatus, uploadActive)
	}
	var answer *reply
	kept := false
	err := c.folder.update(func(tx *transaction) error {
		now, refusal := c.lookUp(tx)
		if refusal == nil {
			refusal = c.checkOffset(now, offset)
		}
		if refusal == nil && now.file != nil { // finished by a twin of this call
			refusal = c.finished(now.file)
		}
		if answer = refusal; refusal != nil {
			return nil
		}
		id := c.r.URL.Query().Get("upload_id")
		if last {
			end, err := c.finalize(tx, tx.rep.uploads[id], chunk, hash, &answer)
			if err != nil {
				return err
			}
			kept = end.File != nil
			return tx.add(end)
		}
		answer = rawReply(200, "text/plain; charset=utf-8", nil).with(headStatus, uploadActive).
			with(headHeld, strconv.FormatInt(offset+chunk.Size, 10)).with("Server", "UploadServer")
		if chunk.Size == 0 {
			return nil
		}
		kept = true
		return tx.add(&record{Chunk: &chunkRecord{Upload: id, Part: chunk, Hash: hash}})
	})
	if !kept {
		c.folder.discard(body{chunk})
	}
	if err != nil {
		return internal(err)
	}
	return answer
}

// finalize gives the record that ends an upload, and the answer.
func (c *call) finalize(tx *transaction, u *upload, chunk part, hash []byte, answer **reply) (*record, error) {
	parts := append(body(nil), u.body...)
	if chunk.Size > 0 {
		parts = append(parts, chunk)
	}
	ended := &record{EndUpload: u.ID}
	switch {
	case tx.nameTaken(u.Name):
		*answer = nameTaken(u.Name).with(headStatus, uploadFinal)
		return ended, nil
	case c.storageFull(tx, parts.size()):
		*answer = overQuota(quotaStorage, "", 0).with(headStatus, uploadFinal)
		return ended, nil
	case c.hits.takes(FaultUnsupportedMIME200):
		*answer = unsupportedMIME().with(headStatus, uploadFinal)
		return ended, nil
	case c.hits.takes(FaultFinalizeWithoutFile):
		*answer = ok(struct{}{}).with(headStatus, uploadFinal)
		if c.hits[FaultFinalizeWithoutFile].Value != "made" {
			return ended, nil
		}
	}
	digest, err := hexDigest(hash)
	if err != nil {
		return nil, err
	}
	seq := tx.rep.seq + 1
	f := &file{
		Name: u.Name, DisplayName: u.DisplayName, MIMEType: u.MIMEType, Body: parts, SHA256: digest,
		Create: tx.now, Listed: tx.now, Expire: u.Start.Add(uploadLife), Gone: u.Start.Add(uploadLife),
		Seq: seq, Upload: u.ID,
	}
	if f.Name == "" {
		f.Name = "files/" + idFrom(base36, 12, tx.rep.id, "file", fmt.Sprint(seq))
	}
	if hit, ok := c.hits.take(FaultFileExpiredEarly); ok {
		f.Gone = tx.now.Add(hit.duration(0))
	}
	if hit, ok := c.hits.take(FaultListLag); ok {
		f.Listed = tx.now.Add(hit.duration(minute))
	}
	if *answer == nil {
		*answer = c.finished(f)
	}
	return &record{File: f}, nil
}

// queryUpload tells how many bytes are held.
func (c *call) queryUpload() *reply {
	var answer *reply
	err := c.folder.update(func(tx *transaction) error {
		u, refusal := c.lookUp(tx)
		if answer = refusal; refusal != nil {
			return nil
		}
		status, held := uploadActive, u.held
		switch {
		case u.ended:
			status = uploadCancelled
		case u.file != nil:
			status, held = uploadFinal, u.file.Body.size()
		}
		answer = rawReply(200, "text/plain; charset=utf-8", nil).with(headStatus, status).
			with(headHeld, strconv.FormatInt(held, 10)).with("Server", "UploadServer")
		return nil
	})
	if err != nil {
		return internal(err)
	}
	return answer
}

func (c *call) cancelUpload() *reply {
	var answer *reply
	err := c.folder.update(func(tx *transaction) error {
		u, refusal := c.lookUp(tx)
		if refusal == nil && u.file != nil {
			refusal = refuse(400, "the upload is final").with(headStatus, uploadFinal)
		}
		if answer = refusal; refusal != nil {
			return nil
		}
		answer = rawReply(200, "text/plain; charset=utf-8", nil).with(headStatus, uploadCancelled)
		return tx.add(&record{EndUpload: c.r.URL.Query().Get("upload_id")})
	})
	if err != nil {
		return internal(err)
	}
	return answer
}

// sha256Field gives the hash as the service writes it: base64 of the hex text,
// not of the bytes.
func sha256Field(hexDigest string) string {
	return base64.StdEncoding.EncodeToString([]byte(hexDigest))
}

func badPayload(err error) *reply {
	return refuse(http.StatusBadRequest, "Invalid JSON payload received. %v", err)
}
