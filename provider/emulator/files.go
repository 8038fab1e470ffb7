package emulator

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// fileWire is a File on the wire.
type fileWire struct {
	Name           string `json:"name"`
	DisplayName    string `json:"displayName,omitempty"`
	MIMEType       string `json:"mimeType"`
	SizeBytes      int64  `json:"sizeBytes,string"`
	CreateTime     string `json:"createTime"`
	UpdateTime     string `json:"updateTime"`
	ExpirationTime string `json:"expirationTime"`
	SHA256Hash     string `json:"sha256Hash"`
	URI            string `json:"uri"`
	DownloadURI    string `json:"downloadUri,omitempty"`
	State          string `json:"state"`
	Source         string `json:"source"`
}

func (c *call) wireFile(f *file) fileWire {
	return fileWire{
		Name: f.Name, DisplayName: f.DisplayName, MIMEType: f.MIMEType, SizeBytes: f.Body.size(),
		CreateTime: timestamp(f.Create), UpdateTime: timestamp(f.Create), ExpirationTime: timestamp(f.Expire),
		SHA256Hash: sha256Field(f.SHA256), URI: c.base() + "/v1beta/" + f.Name, State: "ACTIVE", Source: "UPLOADED",
	}
}

func (c *call) wireOutput(j *job, out *output) fileWire {
	uri := c.base() + "/v1beta/" + j.outputName()
	end := timestamp(j.end())
	return fileWire{
		Name: j.outputName(), MIMEType: "application/jsonl", SizeBytes: out.Bytes,
		CreateTime: end, UpdateTime: end, ExpirationTime: timestamp(j.end().Add(outputLife)),
		SHA256Hash: sha256Field(out.SHA256), URI: uri, DownloadURI: uri + ":download?alt=media",
		State: "ACTIVE", Source: "GENERATED",
	}
}

// getFile answers for uploads and for outputs. What is not there, has expired or
// is somebody else's is answered alike, with 403.
func (c *call) getFile() *reply {
	name := "files/" + c.id
	if len(c.id) > maxIDLength && c.hits.takes(FaultLongNameGet) {
		return refuse(400, "* GetFileRequest.name: File ID (name %s) cannot be more than %d characters\n", c.id, maxIDLength)
	}
	var answer *reply
	var j *job
	err := c.folder.update(func(tx *transaction) error {
		if f := tx.rep.files[name]; f != nil && f.alive(tx.now) {
			answer = ok(c.wireFile(f))
			return nil
		}
		j = tx.output(name)
		return nil
	})
	switch {
	case err != nil:
		return internal(err)
	case answer != nil:
		return answer
	case j == nil:
		return noSuchFile(name)
	}
	out, err := c.output(j, rowPlan{})
	if err != nil {
		return internal(err)
	}
	return ok(c.wireOutput(j, out))
}

// output gives a copy of the job whose output has the name and is there now.
func (tx *transaction) output(name string) *job {
	id, ok := outputFileID(name)
	if !ok {
		return nil
	}
	j := tx.rep.jobs[id]
	if j == nil || j.inline() || tx.now.Before(j.Create) || !j.hasOutput(tx.now) || !tx.now.Before(j.end().Add(outputLife)) {
		return nil
	}
	copied := *j
	copied.Plan = j.rowPlan(tx.now)
	return &copied
}

// listFiles lists uploads. Outputs are not in it: they count as storage all the
// same.
func (c *call) listFiles() *reply {
	if c.page.err != nil {
		return refuse(400, "%v", c.page.err)
	}
	answer := struct {
		Files []fileWire `json:"files,omitempty"`
		Next  string     `json:"nextPageToken,omitempty"`
	}{}
	var refusal *reply
	err := c.folder.update(func(tx *transaction) error {
		var files []*file
		files, answer.Next, refusal = listPage(c, tx.rep.fileList, tx.now)
		for _, f := range files {
			answer.Files = append(answer.Files, c.wireFile(f))
		}
		return nil
	})
	switch {
	case err != nil:
		return internal(err)
	case refusal != nil:
		return refusal
	}
	return ok(answer)
}

// deleteFile deletes an upload. Outputs cannot be deleted: their names are too
// long for the call (python-genai #1759).
func (c *call) deleteFile() *reply {
	name := "files/" + c.id
	if len(c.id) > maxIDLength {
		return refuse(400, "* DeleteFileRequest.name: File ID (name %s) cannot be more than %d characters\n", c.id, maxIDLength)
	}
	var answer *reply
	var unused body
	err := c.folder.update(func(tx *transaction) error {
		if !tx.nameTaken(name) {
			answer = noSuchFile(name)
			return nil
		}
		answer = ok(struct{}{})
		if f := tx.rep.files[name]; len(f.Body) > 0 && !tx.rep.inUse[f.Body[0].Name] {
			unused = f.Body
		}
		return tx.add(&record{DeleteFile: name})
	})
	if err == nil {
		c.folder.discard(unused)
	}
	if err != nil {
		return internal(err)
	}
	return answer
}

// output is the written output of a job.
type output struct {
	path string
	resultRecord
}

// download sends an output, whole or in part.
func (c *call) download() *reply {
	name := "files/" + c.id
	var j *job
	var uploaded bool
	err := c.folder.update(func(tx *transaction) error {
		j = tx.output(name)
		uploaded = tx.nameTaken(name)
		return nil
	})
	switch {
	case err != nil:
		return internal(err)
	case uploaded:
		return refuse(400, "File %s is not a generated file: only those can be downloaded.", c.id)
	case j == nil:
		return noSuchFile(name)
	case c.r.URL.Query().Get("alt") != "media":
		return refuse(400, "a download needs alt=media")
	}
	out, err := c.output(j, c.damage())
	if err != nil {
		return internal(err)
	}
	size := out.Bytes
	if f, ok := c.hits.take(FaultTruncatedDownload); ok {
		size = min(size, int64(f.number(int(size/2))))
	}
	from, to, partial, err := byteRange(c.r.Header.Get("Range"), size)
	if err != nil {
		return refuse(416, "%v", err).with("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	}
	if partial && c.hits.takes(FaultIgnoreRange) {
		from, to, partial = 0, size, false
	}
	answer := rawReply(200, "application/octet-stream", nil).with("Accept-Ranges", "bytes")
	answer.size = to - from
	answer.open = func() (io.ReadCloser, error) {
		f, err := os.Open(out.path)
		if err == nil {
			_, err = f.Seek(from, io.SeekStart)
		}
		return f, err
	}
	if partial {
		answer.status = 206
		answer.with("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, size))
	}
	return answer
}

// damage gives what the faults of this one download do to the rows.
func (c *call) damage() rowPlan {
	if c.op != OpDownload {
		return rowPlan{}
	}
	c.hits.takeRows()
	return c.hits.rows()
}

// byteRange reads a Range header with one range; others are ignored, as HTTP
// allows. to is the first byte that is not sent.
func byteRange(header string, size int64) (from, to int64, partial bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, size, false, nil
	}
	if first == "" {
		n, err := parseInt64(last)
		if err != nil || n <= 0 || size == 0 {
			return 0, size, false, nil
		}
		return max(0, size-n), size, true, nil
	}
	from, err = parseInt64(first)
	to = size
	if err == nil && last != "" {
		to, err = parseInt64(last)
		to = min(to+1, size)
	}
	if err != nil || last != "" && to <= from && from < size {
		return 0, size, false, nil
	}
	if from >= size {
		return 0, 0, false, fmt.Errorf("range %s of %d bytes", header, size)
	}
	return from, to, true, nil
}

// output gives the output of a job, which it writes the first time. damage is
// what one download alone gets; such an output is a file of its own.
func (s *Server) output(j *job, damage rowPlan) (*output, error) {
	plan, base := j.Plan.damaged(damage), j.ID
	if damage != (rowPlan{}) {
		base += "." + idFrom(base36, 8, encode(damage))
	} else if j.result != nil {
		return &output{s.folder.resultPath(base), *j.result}, nil
	}
	s.outputs.Lock()
	defer s.outputs.Unlock()
	path := s.folder.resultPath(base)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := s.folder.writeOutput(path, j, &plan); err != nil {
			return nil, fmt.Errorf("write the output of %s: %w", j.name(), err)
		}
	}
	out, err := hashOutput(path, j.ID)
	if err != nil || damage != (rowPlan{}) {
		return out, err
	}
	return out, s.folder.update(func(tx *transaction) error {
		if tx.rep.jobs[j.ID].result != nil {
			return nil
		}
		return tx.add(&record{Result: &out.resultRecord})
	})
}

func (f *folder) resultPath(base string) string {
	return filepath.Join(f.dir, resultsDir, base+".jsonl")
}

// writeOutput makes the output under a name of its own and moves it into place,
// so that it is there whole or not at all; two servers may do so at once.
func (f *folder) writeOutput(path string, j *job, plan *rowPlan) (err error) {
	temp := filepath.Join(f.dir, resultsDir, newName("new-"))
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(temp) //nolint:errcheck // gone when all went well
	in := f.readerAt(j.Body)
	defer in.Close()
	w := &resultWriter{plan: plan, model: j.Model, inline: j.inline()}
	buffered := bufio.NewWriterSize(file, 256<<10)
	err = errors.Join(w.write(buffered, in, j.Body.size()), buffered.Flush(), file.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		if _, there := os.Stat(path); there == nil {
			return nil // another server was faster, and Windows keeps its file
		}
		return err
	}
	return nil
}

func hashOutput(path, job string) (*output, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return nil, err
	}
	return &output{path, resultRecord{Job: job, Bytes: n, SHA256: hex.EncodeToString(h.Sum(nil))}}, nil
}
