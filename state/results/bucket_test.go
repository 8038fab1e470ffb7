package results

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/qaplan/qaplan/state/blob"
)

// newBucketDir is an output folder in a bucket, and a second view of it, as
// another machine has it.
func newBucketDir(t *testing.T) (one, two *Dir, bucket string) {
	t.Helper()
	bucket = t.TempDir()
	at := blob.Location{Scheme: blob.SchemeFile, Bucket: bucket}
	b, err := blob.OpenFolder(at)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Dir {
		d := OpenBucket(b, at.Join("out"), filepath.Join(t.TempDir(), "transit"))
		t.Cleanup(func() { d.Close() })
		return d
	}
	return open(), open(), bucket
}

func writeText(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// The file of a spool becomes an object, and leaves nothing on the way; somebody
// else's object stays, and so does the spool then.
func TestBucketTakesASpool(t *testing.T) {
	one, two, bucket := newBucketDir(t)
	one.inMemory = 0
	s, sum := filled(t, one, "answers\n")
	if !s.InFile() {
		t.Fatal("what was written stands in no file")
	}
	w, err := s.Publish(t.Context(), PublishOptions{}, sum, always)
	if err != nil || w.SHA256 != sum || w.Size != int64(len("answers\n")) {
		t.Fatalf("%+v, %v", w, err)
	}
	if info, ok, err := two.Stat("a.jsonl"); !ok || err != nil || !info.same(w.Info) {
		t.Errorf("%+v, %v, %v; want %+v", info, ok, err, w.Info)
	}
	wantTree(t, filepath.Join(bucket, "out"), map[string]string{"a.jsonl": "answers\n"})
	wantTree(t, one.path, map[string]string{})

	again, sum := filled(t, one, "others\n")
	if _, err := again.Publish(t.Context(), PublishOptions{}, sum, always); !errors.Is(err, ErrExists) {
		t.Errorf("%v, want that a result is there", err)
	}
	if got, err := io.ReadAll(io.NewSectionReader(again, 0, again.Size())); err != nil || string(got) != "others\n" {
		t.Errorf("the spool holds %q, %v", got, err)
	}
	wantTree(t, filepath.Join(bucket, "out"), map[string]string{"a.jsonl": "answers\n"})
}

func TestBucketResults(t *testing.T) {
	one, two, bucket := newBucketDir(t)
	ctx := t.Context()
	if _, ok, err := one.Stat("a.jsonl"); ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
	w, err := one.Publish(ctx, "a.jsonl", PublishOptions{}, writeText("first\n"))
	if err != nil {
		t.Fatal(err)
	}
	if info, ok, err := one.Stat("a.jsonl"); !ok || err != nil || !info.same(w.Info) {
		t.Errorf("%+v, %v, %v; want %+v", info, ok, err, w.Info)
	}
	if sum, size, err := two.Hash(ctx, "a.jsonl"); err != nil || sum != w.SHA256 || size != w.Size {
		t.Errorf("%s, %d, %v; want %s", sum, size, err, w.SHA256)
	}
	if got, err := os.ReadFile(filepath.Join(bucket, "out", "a.jsonl")); err != nil || string(got) != "first\n" {
		t.Errorf("%q, %v", got, err)
	}

	// What the caller does not name as its own is never replaced.
	if _, err := two.Publish(ctx, "a.jsonl", PublishOptions{}, writeText("other\n")); !errors.Is(err, ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	if _, err := two.Publish(ctx, "a.jsonl", PublishOptions{Old: &Info{Size: 6, ModTime: time.Unix(1, 0)}}, writeText("other\n")); !errors.Is(err, ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	if _, err := two.Publish(ctx, "a.jsonl", PublishOptions{Old: &w.Info}, writeText("second\n")); err != nil {
		t.Error(err)
	}
	if _, err := two.Publish(ctx, "a.jsonl", PublishOptions{Replace: true}, writeText("third\n")); err != nil {
		t.Error(err)
	}
	f, err := two.Open("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "third\n" {
		t.Errorf("%q, %v", got, err)
	}
	f.Close()
	if _, err := two.Open("b.jsonl"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want fs.ErrNotExist", err)
	}

	part, err := one.Part("batches/abc")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Publish(ctx, PublishOptions{Replace: true}, writeText("row\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bucket, "out", ".parts", "abc.jsonl")); err != nil {
		t.Error(err)
	}
	for range 2 { // the second does nothing
		if err := part.Remove(); err != nil {
			t.Error(err)
		}
	}
	if _, ok, err := part.Stat(); ok || err != nil {
		t.Errorf("the part is still there: %v", err)
	}
	for _, d := range []*Dir{one, two} { // nothing stays on the machine
		if left, err := filepath.Glob(filepath.Join(d.path, "*")); err != nil || len(left) > 0 {
			t.Errorf("%q are left, %v", left, err)
		}
	}
}

// racing is a bucket in which somebody else is a moment faster, or in which the
// answer of an upload is lost.
type racing struct {
	*blob.Bucket
	before func()
	lose   bool
	refuse error
}

func (r *racing) Upload(ctx context.Context, key string, content io.ReaderAt, size int64, c blob.Condition) (blob.Version, error) {
	if r.before != nil {
		r.before()
		r.before = nil
	}
	if r.refuse != nil {
		return "", r.refuse
	}
	v, err := r.Bucket.Upload(ctx, key, content, size, c)
	if r.lose && err == nil { // the library tries again, and meets itself
		return r.Bucket.Upload(ctx, key, content, size, c)
	}
	return v, err
}

func TestBucketResultRaces(t *testing.T) {
	bucket := t.TempDir()
	at := blob.Location{Scheme: blob.SchemeFile, Bucket: bucket}
	b, err := blob.OpenFolder(at)
	if err != nil {
		t.Fatal(err)
	}
	r := &racing{Bucket: b, before: func() {
		if _, err := b.Upload(t.Context(), "a.jsonl", bytes.NewReader([]byte("theirs")), 6, blob.Always()); err != nil {
			t.Error(err)
		}
	}}
	d := OpenBucket(r, at, filepath.Join(t.TempDir(), "transit"))
	defer d.Close()
	if _, err := d.Publish(t.Context(), "a.jsonl", PublishOptions{}, writeText("ours\n")); !errors.Is(err, ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	if got, err := os.ReadFile(filepath.Join(bucket, "a.jsonl")); err != nil || string(got) != "theirs" {
		t.Errorf("%q, %v", got, err)
	}
	r.lose = true
	if _, err := d.Publish(t.Context(), "b.jsonl", PublishOptions{}, writeText("ours\n")); err != nil {
		t.Errorf("an upload is in conflict with itself: %v", err)
	}
}

// An error that names the object already is not wrapped in its name again.
func TestBucketErrorNamesOnce(t *testing.T) {
	at := blob.Location{Scheme: blob.SchemeFile, Bucket: t.TempDir()}
	b, err := blob.OpenFolder(at)
	if err != nil {
		t.Fatal(err)
	}
	d := OpenBucket(&racing{Bucket: b, refuse: b.Fail("write", "out/a.jsonl", blob.KindDenied, fs.ErrPermission)}, at.Join("out"), filepath.Join(t.TempDir(), "transit"))
	defer d.Close()
	_, err = d.Publish(t.Context(), "a.jsonl", PublishOptions{}, writeText("ours\n"))
	want := "write " + at.Join("out/a.jsonl").String() + ": the folder refuses it: permission denied; give yourself the right to read and write there"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
