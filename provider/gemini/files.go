package gemini

import (
	"context"
	"errors"

	"google.golang.org/genai"

	"github.com/qaplan/qaplan/provider"
)

// ListFiles gives one page of the project's files, as [Client.ListJobs] does of
// its jobs. Whether it shows the files of answers is not established.
func (c *Client) ListFiles(ctx context.Context, token string) (provider.FilePage, error) {
	k := call{op: provider.OpListFiles, timeout: c.opt.ListTimeout}
	var page provider.FilePage
	err := c.read(ctx, k, &exchange{}, c.decoded(func(ctx context.Context) error {
		_, err := c.sdk.Files.List(ctx, &genai.ListFilesConfig{
			PageSize: int32(c.opt.PageSize), PageToken: token,
		})
		return err
	}, func(x *exchange) (err error) {
		page.Date = x.date()
		page.Files, page.Next, err = decodePage(x, "files", decodeFile)
		return err
	}))
	if err != nil {
		return provider.FilePage{}, err
	}
	return page, nil
}

// GetFile gives one file. Its class is gone when the service does not know it,
// which it says with 403 as well as with 404. It is not to be asked for a file
// of answers: their names are longer than it takes (python-genai #1613).
func (c *Client) GetFile(ctx context.Context, name string) (provider.File, error) {
	k := call{op: provider.OpGetFile, target: name, timeout: c.opt.CallTimeout}
	if err := resource(name, "files"); err != nil {
		return provider.File{}, invalid(k, err)
	}
	var file provider.File
	err := c.read(ctx, k, &exchange{}, c.decoded(func(ctx context.Context) error {
		_, err := c.sdk.Files.Get(ctx, name, nil)
		return err
	}, func(x *exchange) (err error) {
		file, err = decodeOne(x.body, decodeFile)
		return err
	}))
	if err != nil {
		return provider.File{}, err
	}
	return file, nil
}

// DeleteFile removes an upload. Files of answers cannot be removed: the service
// refuses their names (python-genai #1759).
func (c *Client) DeleteFile(ctx context.Context, name string) error {
	k := call{op: provider.OpDeleteFile, target: name, kind: kindChange, timeout: c.opt.CallTimeout}
	if err := resource(name, "files"); err != nil {
		return invalid(k, err)
	}
	return c.send(ctx, k, &exchange{}, func(ctx context.Context) error {
		_, err := c.sdk.Files.Delete(ctx, name, nil)
		return err
	})
}

func decodeOne[T any](body []byte, decode func(object) (T, error)) (T, error) {
	o, ok := parseObject(body)
	if !ok {
		var zero T
		return zero, errors.New("the answer is no JSON object")
	}
	return decode(o)
}

// decoded makes a call of the SDK and reads its answer from the exchange. The
// SDK's own result and error are worth nothing beside it.
func (c *Client) decoded(do func(context.Context) error, decode func(*exchange) error) func(context.Context) error {
	return func(ctx context.Context) error {
		x := ctx.Value(exchangeKey{}).(*exchange)
		err := guard(func() error { return do(ctx) })
		if !x.ok() {
			return err
		}
		if x.err = decode(x); x.err != nil {
			return x.err
		}
		return nil
	}
}
