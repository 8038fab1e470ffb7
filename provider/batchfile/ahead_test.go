package batchfile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

// largeSource is long enough to be read ahead.
func largeSource() []byte {
	source, _ := files(1500, 3000)
	if len(source) < 4*aheadFrom {
		panic("too short for the test")
	}
	return source
}

// A file that is read ahead has the hash, the rows and the problems that it has when
// it is read in small pieces.
func TestReadAhead(t *testing.T) {
	source := largeSource()
	source = append(source, "oops\n"...)
	sum := sha256.Sum256(source)
	for name, r := range map[string]io.Reader{"at once": bytes.NewReader(source), "in halves": iotest.HalfReader(bytes.NewReader(source)), "with its end": iotest.DataErrReader(bytes.NewReader(source))} {
		got, problems, err := Scan(t.Context(), r, ScanOptions{})
		if err != nil || got.SHA256 != hex.EncodeToString(sum[:]) || got.Rows != 1500 || got.Bytes != int64(len(source)) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if len(problems) != 1 || problems[0].Line != 1501 {
			t.Errorf("%s: problems %v, want one on line 1501", name, problems)
		}
	}
}

// However a scan ends, nobody uses its reader afterwards.
func TestReadAheadEnds(t *testing.T) {
	source := largeSource()
	broken := errors.New("broken disk")
	for name, c := range map[string]struct {
		rest io.Reader
		o    ScanOptions
		stop bool
		want error
	}{
		"failing":  {rest: iotest.ErrReader(broken), want: broken},
		"too long": {rest: strings.NewReader("x"), o: ScanOptions{MaxBytes: 3 * aheadFrom}},
		"stopped":  {rest: bytes.NewReader(source), stop: true, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // fails where a goroutine is left
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.stop {
					c.o.OnKey = func(line int, _ string) {
						if line == 1400 {
							cancel()
						}
					}
				}
				_, _, err := Scan(ctx, io.MultiReader(bytes.NewReader(source), c.rest), c.o)
				if !errors.Is(err, c.want) {
					t.Errorf("error %v, want %v", err, c.want)
				}
			})
		})
	}
}
