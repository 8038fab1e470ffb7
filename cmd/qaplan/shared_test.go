package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/qaplan/qaplan/state/blob"
	"github.com/qaplan/qaplan/state/blob/blobtest"
	"github.com/qaplan/qaplan/state/blob/cloud"
)

// TestShared runs scripts with a state in each kind of bucket: a folder, and
// servers that speak like Amazon's and Google's.
func TestShared(t *testing.T) {
	// For fetch and put, which look into the server of this process.
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTEST")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	s3, gcs := blobtest.S3(t), blobtest.GCS(t)
	for kind, address := range map[string]string{"file": "", "s3": s3.URL(""), "gs": gcs.URL("")} {
		t.Run(kind, func(t *testing.T) {
			p := scriptParams()
			p.Dir = "testdata/shared"
			setup := p.Setup
			p.Setup = func(env *testscript.Env) error {
				if err := setup(env); err != nil {
					return err
				}
				bucket, query, _ := strings.Cut(address, "/?")
				if kind == "file" {
					dir := filepath.Join(env.WorkDir, "bucket")
					for _, name := range []string{"team", "elsewhere", "results"} { // on a disk, folders are made by hand
						if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
							return err
						}
					}
					bucket = "file:///" + strings.TrimPrefix(filepath.ToSlash(dir), "/")
				} else {
					// Each script has its own part of the server.
					bucket += "/" + filepath.Base(env.WorkDir)
					query = "?" + query
				}
				env.Setenv("BUCKET", bucket)
				env.Setenv("BUCKET_SHOWN", regexp.QuoteMeta(bucket))
				env.Setenv("QAPLAN_VAR_bucket", bucket)
				env.Setenv("QAPLAN_VAR_query", query)
				env.Setenv("AWS_ACCESS_KEY_ID", "AKIATESTTESTTEST")
				env.Setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
				env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
				return nil
			}
			testscript.Run(t, p)
		})
	}
}

// withObject opens the bucket of a script.
func withObject(ts *testscript.TestScript, name string, do func(*blob.Bucket, string) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	at, err := blob.ParseObject(ts.Getenv("BUCKET") + "/" + name + ts.Getenv("QAPLAN_VAR_query"))
	ts.Check(err)
	key := at.Key
	at.Key = ""
	b, err := cloud.Open(ctx, at)
	ts.Check(err)
	defer b.Close()
	ts.Check(do(b, key))
}

// fetchObject is fetch OBJECT FILE: it copies an object of the script's bucket.
func fetchObject(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch OBJECT FILE")
	}
	withObject(ts, args[0], func(b *blob.Bucket, key string) error {
		data, _, err := b.Read(context.Background(), key)
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs(args[1]), data, 0o666)
	})
}

// putObject is put OBJECT FILE: it copies a file into the script's bucket.
func putObject(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: put OBJECT FILE")
	}
	withObject(ts, args[0], func(b *blob.Bucket, key string) error {
		_, err := b.Write(context.Background(), key, []byte(ts.ReadFile(args[1])), blob.Always())
		return err
	})
}

// dropObject is drop OBJECT: it removes an object of the script's bucket.
func dropObject(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: drop OBJECT")
	}
	withObject(ts, args[0], func(b *blob.Bucket, key string) error { return b.Remove(context.Background(), key) })
}

// heldBy DIR NAME waits until somebody holds the state of a folder's config, and
// sets a variable to the name of the lock.
func heldBy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: held-by DIR NAME")
	}
	lock := regexp.MustCompile(`is of the lock ([0-9a-f]+), not`)
	var said string
	for range patience / glance {
		_ = ts.Exec("qaplan", "-C", args[0], "force-unlock", "nobody")
		said = ts.ReadFile("stderr")
		if m := lock.FindStringSubmatch(strings.Join(strings.Fields(said), " ")); m != nil {
			ts.Setenv(args[1], m[1])
			return
		}
		time.Sleep(glance)
	}
	ts.Fatalf("nobody holds the state: %s", said)
}
