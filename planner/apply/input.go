package apply

import (
	"context"
	"io"

	"github.com/qaplan/qaplan/planner"
)

// input is the bytes that a purchase sends.
type input struct {
	io.ReaderAt
	close func()
}

// openInput gives the source, or the rows of it that are bought again.
func (e *Engine) openInput(ctx context.Context, r *round, c *planner.Change) (*input, error) {
	if !c.Detail.Subset {
		src, err := openSource(e.opt.Paths[c.Address].Source, e.want(c.Address).Source.Bytes)
		if err != nil {
			return nil, err
		}
		return &input{src, func() { src.Close() }}, nil
	}
	files, err := e.filesOf(c.Address)
	if err != nil {
		return nil, err
	}
	spool, err := files.restInput(ctx, e.opt.Journal.Record(c.Address), r.observed.Results[c.Address], c.Detail.SHA256)
	if err != nil {
		files.close()
		return nil, err
	}
	return &input{spool, files.close}, nil
}
