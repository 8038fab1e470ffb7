package cloud

import (
	"context"
	"fmt"

	"github.com/qaplan/qaplan/state/blob"
)

// Open opens the bucket of a location.
func Open(ctx context.Context, at blob.Location) (*blob.Bucket, error) {
	switch at.Scheme {
	case blob.SchemeGCS:
		return OpenGCS(ctx, at)
	case blob.SchemeS3:
		return OpenS3(ctx, at)
	case blob.SchemeFile:
		return blob.OpenFolder(at)
	}
	return nil, fmt.Errorf("open %s: no such kind of bucket", at)
}
