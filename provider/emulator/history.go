package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// HistoryError is what is wrong with a history, at its place.
type HistoryError struct {
	Path string // of the history
	Line int    // from 1; 0 is the file as a whole
	Err  error
}

func (e *HistoryError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
}

func (e *HistoryError) Unwrap() error { return e.Err }

// CheckHistory says what is wrong with the history, but for the lines of the
// inputs that it names. Once the data folder has begun there is nothing to say:
// the history is not read again. The error is a *HistoryError.
func (c Config) CheckHistory() error {
	if info, err := os.Stat(filepath.Join(c.Dir, logName)); err == nil && info.Size() > 0 {
		return nil
	}
	_, err := c.withDefaults().readHistory()
	return err
}

// pastThing is one entry of a history: a job or an upload.
type pastThing struct {
	line        int
	name        string // batches/… or files/…
	source      string // path of the input
	age         time.Duration
	model       string // of a job
	displayName string
}

const (
	jobPrefix  = "batches/"
	filePrefix = "files/"
)

func (p *pastThing) isJob() bool { return strings.HasPrefix(p.name, jobPrefix) }

// readHistory reads and checks the list; it is empty when the config names none.
func (c Config) readHistory() ([]pastThing, error) {
	if c.History == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.History)
	if err != nil {
		return nil, &HistoryError{Path: c.History, Err: reason(err)}
	}
	r := &historyReader{cfg: &c, text: text, dec: jsontext.NewDecoder(bytes.NewReader(text)), line: 1, seen: map[string]int{}}
	things, err := r.list()
	if err != nil {
		return nil, &HistoryError{Path: c.History, Line: r.line, Err: err}
	}
	return things, nil
}

// reason leaves out the operation and the path, which stand around it.
func reason(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("the file does not exist")
	}
	return err
}

// historyReader goes through the list value by value, so that it knows on which
// line it stands when something is wrong.
type historyReader struct {
	cfg  *Config
	text []byte
	dec  *jsontext.Decoder
	at   int            // line belongs to this offset
	line int            // of the value that is looked at
	seen map[string]int // the line of each name
}

// move goes to the line of an offset.
func (r *historyReader) move(offset int) {
	offset = min(offset, len(r.text))
	if offset > r.at {
		r.line += bytes.Count(r.text[r.at:offset], []byte("\n"))
		r.at = offset
	}
}

// take reads the next token, which has to be of a kind; 0 is any.
func (r *historyReader) take(kind jsontext.Kind, want string) (jsontext.Token, error) {
	found := r.dec.PeekKind()
	next := int(r.dec.InputOffset())
	r.move(next + len(r.text[next:]) - len(bytes.TrimLeft(r.text[next:], " \t\r\n,:")))
	if kind != 0 && found != kind && found != 0 {
		return jsontext.Token{}, fmt.Errorf("expected %s", want)
	}
	token, err := r.dec.ReadToken()
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		r.move(int(syntax.ByteOffset))
		err = fmt.Errorf("it is no JSON: %w", syntax.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it is no JSON: it ends too early")
	}
	return token, err
}

func (r *historyReader) list() ([]pastThing, error) {
	if _, err := r.take('[', "a list of jobs and files"); err != nil {
		return nil, err
	}
	var things []pastThing
	for r.dec.PeekKind() != ']' {
		t, err := r.thing()
		if err != nil {
			return nil, err
		}
		things = append(things, t)
	}
	if _, err := r.take(']', "the end of the list"); err != nil {
		return nil, err
	}
	if rest := bytes.TrimLeft(r.text[r.dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		r.move(len(r.text) - len(rest))
		return nil, errors.New("something stands behind the list")
	}
	return things, nil
}

// thing reads one entry, and leaves the reader's line at what is wrong with it.
func (r *historyReader) thing() (t pastThing, err error) {
	if _, err = r.take('{', "an object with the name of a job or a file"); err != nil {
		return t, err
	}
	t.line = r.line
	age := "0s"
	fields := map[string]*string{
		"name": &t.name, "source": &t.source, "age": &age, "model": &t.model, "display_name": &t.displayName,
	}
	for r.dec.PeekKind() != '}' {
		key, err := r.take(0, "")
		if err != nil {
			return t, err
		}
		name := key.String()
		if fields[name] == nil {
			return t, fmt.Errorf("there is no %q here; known are age, display_name, model, name and source", name)
		}
		value, err := r.take('"', fmt.Sprintf("%s to be a string", name))
		if err != nil {
			return t, err
		}
		*fields[name] = value.String()
	}
	if _, err = r.take('}', "the end of the object"); err != nil {
		return t, err
	}
	if t.age, err = time.ParseDuration(age); err != nil || t.age < 0 {
		return t, fmt.Errorf("age %q is no length of time such as \"52h\" or \"3h20m\"", age)
	}
	return t, r.check(&t)
}

func isJobID(id string) bool {
	return len(id) == 36 && madeOf(id, "abcdefghijklmnopqrstuvwxyz0123456789")
}

// check says what is wrong with an entry as a whole.
func (r *historyReader) check(t *pastThing) error {
	id := t.name[strings.Index(t.name, "/")+1:]
	switch earlier := r.seen[t.name]; {
	case t.name == "":
		return errors.New(`the name is missing: "batches/…" of a job or "files/…" of an upload`)
	case earlier > 0:
		return fmt.Errorf("%s stands on line %d already", t.name, earlier)
	case t.isJob() && !isJobID(id):
		return fmt.Errorf("%q is no name of a job: batches/ and 36 of a to z and 0 to 9", t.name)
	case t.isJob():
	case !strings.HasPrefix(t.name, filePrefix), len(id) > maxIDLength, !isFileID(id):
		return fmt.Errorf("%q is neither the name of a job, batches/…, nor that of an upload: files/ and up to %d of a to z, 0 to 9 and dashes", t.name, maxIDLength)
	}
	r.seen[t.name] = t.line
	switch {
	case t.isJob() && t.model == "":
		return fmt.Errorf("the model of %s is missing", t.name)
	case t.isJob() && !r.cfg.knows(t.model):
		return fmt.Errorf("there is no model %q; it must be one of %s", t.model, strings.Join(r.cfg.Models, ", "))
	case !t.isJob() && t.model != "":
		return fmt.Errorf("%s is an upload, which has no model", t.name)
	case !t.isJob() && utf8.RuneCountInString(t.displayName) > maxDisplayName:
		return fmt.Errorf("the display name of %s is longer than %d characters", t.name, maxDisplayName)
	case t.source == "":
		return fmt.Errorf("the source of %s is missing: the path of its input", t.name)
	}
	path := filepath.FromSlash(t.source)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(r.cfg.History), path)
	}
	switch info, err := os.Stat(path); {
	case err != nil:
		return fmt.Errorf("source %s: %w", t.source, reason(err))
	case !info.Mode().IsRegular():
		return fmt.Errorf("source %s: it is no regular file", t.source)
	}
	t.source = path
	return nil
}

// begin makes the first line of a new folder: the history is in it, so that it
// is there whole or not at all. The inputs are stored before; as long as no line
// names them they count for nothing.
func (c Config) begin(tx *transaction, init *initRecord) (err error) {
	things, err := c.readHistory()
	if err != nil {
		return err
	}
	var stored body
	defer func() {
		if err != nil {
			tx.discard(stored)
		}
	}()
	seq := int64(0)
	for i := range things {
		t := &things[i]
		f, err := c.pastFile(tx, t)
		if err != nil {
			return &HistoryError{Path: c.History, Line: t.line, Err: err}
		}
		stored = append(stored, f.Body...)
		seq++
		f.Seq = seq
		init.Files = append(init.Files, f)
		if !t.isJob() {
			f.Name, f.DisplayName = t.name, t.displayName
			continue
		}
		f.Name = filePrefix + idFrom(base36, 12, init.ID, "file", fmt.Sprint(f.Seq))
		j, err := c.pastJob(tx, t, f)
		if err != nil {
			return &HistoryError{Path: c.History, Line: t.line, Err: err}
		}
		seq++
		j.Seq = seq
		init.Jobs = append(init.Jobs, j)
	}
	return nil
}

// pastFile is the upload of an entry, that of a job's input included.
func (c Config) pastFile(tx *transaction, t *pastThing) (*file, error) {
	in, err := os.Open(t.source)
	if err != nil {
		return nil, fmt.Errorf("read the source: %w", err)
	}
	defer in.Close()
	limit := c.Quota.FileBytes
	if limit < 0 {
		limit = maxChunk
	}
	stored, hash, err := tx.storePart(in, nil, limit, 1)
	if err != nil {
		return nil, fmt.Errorf("store source %s: %w", t.source, err)
	}
	f := &file{MIMEType: "application/jsonl", Create: tx.now.Add(-t.age)}
	if stored.Size > 0 {
		f.Body = body{stored}
	}
	f.Listed, f.Expire = f.Create, f.Create.Add(uploadLife)
	f.Gone = f.Expire
	f.SHA256, err = hexDigest(hash)
	return f, err
}

// pastJob is the job of an entry. Its course is that of any job of its age: old
// ones have ended, young ones are pending or run.
func (c Config) pastJob(tx *transaction, t *pastThing, input *file) (*job, error) {
	j := &job{
		ID: strings.TrimPrefix(t.name, jobPrefix), DisplayName: t.displayName, Model: t.model,
		Input: input.Name, Body: input.Body, SHA256: input.SHA256, Create: input.Create, Foreign: true,
	}
	if err := tx.plantRows(j, c.Rows); err != nil {
		return nil, fmt.Errorf("source %s: %w", t.source, err)
	}
	if j.Rows == 0 {
		return nil, fmt.Errorf("source %s: it holds no requests", t.source)
	}
	c.course(j)
	return j, nil
}
