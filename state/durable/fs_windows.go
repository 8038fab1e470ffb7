package durable

import (
	"errors"

	"golang.org/x/sys/windows"
)

func syncDir(string) error { return nil }

// contended recognises that another program has the file open. Replacing an
// open file is answered with ERROR_ACCESS_DENIED, which may also be a lasting
// refusal: then the retries only delay the report.
func contended(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}
