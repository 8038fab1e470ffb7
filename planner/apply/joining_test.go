package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/qaplan/qaplan/provider/batchfile"
)

// kept is a file that grows; reading it may fail.
type kept struct {
	err error

	mu   sync.Mutex
	text []byte
}

func (k *kept) Size() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int64(len(k.text))
}

func (k *kept) ReadAt(p []byte, off int64) (int, error) {
	if k.err != nil {
		return 0, k.err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return bytes.NewReader(k.text).ReadAt(p, off)
}

// fetch makes text come to the file, and ends with an error or without.
func (k *kept) fetch(text string, end error) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		for part := range slices.Chunk([]byte(text), 10_000) {
			k.mu.Lock()
			k.text = append(k.text, part...)
			k.mu.Unlock()
			if _, err := w.Write(part); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return end
	}
}

// Of a download and of judging beside it, the error of the one that failed is told,
// and the other one ends.
func TestJoinTo(t *testing.T) {
	away, broken := errors.New("the line is cut"), errors.New("the disk is broken")
	var source, all strings.Builder
	const rows = 4000
	for i := range rows {
		fmt.Fprintf(&source, `{"key":"r%d","request":{"contents":[{"parts":[{"text":"?"}]}]}}`+"\n", i)
		fmt.Fprintf(&all, `{"key":"r%d","response":{"candidates":[{"content":{"parts":[{"text":"%s"}]},"finishReason":"STOP"}]}}`+"\n", i, strings.Repeat("x", 200))
	}
	for name, tt := range map[string]struct {
		bytes      int   // that come
		away, disk error // with which fetching ends, and reading fails
		want       error
	}{
		"all":                       {all.Len(), nil, nil, nil},
		"few":                       {all.Len() / 10, nil, nil, nil},
		"few, and an error":         {1000, away, nil, away},
		"many, and an error":        {all.Len() / 2, away, nil, away},
		"what was kept is lost":     {all.Len(), nil, broken, broken},
		"both":                      {all.Len(), away, broken, broken},
		"the file is cut meanwhile": {all.Len(), nil, io.EOF, io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which ends when all its goroutines have
				j, err := batchfile.NewJoiner(t.Context(), strings.NewReader(source.String()), batchfile.Rules{})
				if err != nil {
					t.Fatal(err)
				}
				file := &kept{err: tt.disk}
				come := all.String()[:tt.bytes]
				rep, err := (&answers{File: file, fetch: file.fetch(come, tt.away)}).joinTo(t.Context(), j)
				if !errors.Is(err, tt.want) || tt.want == away && err != away {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				if tt.disk != nil && file.Size() == int64(len(come)) {
					t.Error("the download went on")
				}
				if tt.want == nil && rep.Answered != strings.Count(come, "\n") {
					t.Errorf("%d rows answered", rep.Answered)
				}
			})
		})
	}
}
