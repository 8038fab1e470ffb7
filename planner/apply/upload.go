package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/qaplan/qaplan/planner"
	"github.com/qaplan/qaplan/planner/budget"
	"github.com/qaplan/qaplan/provider"
	"github.com/qaplan/qaplan/provider/finish"
	"github.com/qaplan/qaplan/state"
)

// takenNames is how many names in a row may be taken before an upload is left
// for the next run.
const takenNames = 5

// sessionFrom is the size in bytes from which the session of an upload is
// recorded, so that another process can go on with it. Smaller files are one
// chunk: there is nothing to go on with.
const sessionFrom = 8 << 20

// upload sends the source and reports whether the service has it. The name is
// durable before the first byte goes out: an upload whose answer is lost is
// found by it.
func (e *Engine) upload(ctx context.Context, r *round, c *planner.Change) (ok bool, err error) {
	in, err := e.openInput(ctx, r, c)
	if err != nil {
		if ctx.Err() == nil {
			e.failed(c.Address, fmt.Errorf("%w; nothing was sent", err), !passing(err))
		}
		return false, nil
	}
	defer in.close()
	for range takenNames {
		up, err := e.uploadIntent(c)
		if err != nil {
			return false, err
		}
		e.emit(Event{Type: EventUploadStart, Address: &c.Address, Attempt: c.Attempt, File: up.File, Path: c.Detail.Source, Total: up.Bytes})
		file, err := e.opt.Files.Upload(finish.Context(ctx), in, e.uploadRequest(c, up))
		if err == nil && (file.SHA256 != up.SHA256 || file.Bytes != up.Bytes) {
			err = fmt.Errorf("upload %s: %w", up.File, provider.ErrDamaged)
		}
		if err == nil {
			return true, e.uploaded(c, &file)
		}
		taken, werr := e.uploadFailed(ctx, c, up, err)
		if werr != nil || !taken {
			return false, werr
		}
		if done, next, err := e.uploadThere(ctx, c, up); !next {
			return done, err
		}
	}
	e.failed(c.Address, fmt.Errorf("the service says that %d names for the upload are taken; it is tried again in the next run", takenNames), true)
	return false, nil
}

// uploadIntent records which name the bytes go to: that of an upload that was
// begun for the same bytes, else a new one.
func (e *Engine) uploadIntent(c *planner.Change) (*planner.Upload, error) {
	rec := e.opt.Journal.Record(c.Address).Clone()
	if rec == nil {
		rec = &planner.Record{}
	}
	if up := rec.Upload; up != nil && !up.Done && up.SHA256 == c.Detail.SHA256 && up.Bytes == c.Detail.Bytes {
		return up, nil
	}
	content := c.Detail.SHA256[:24]
	e.mu.Lock()
	e.uploads[content]++
	n := e.uploads[content]
	e.mu.Unlock()
	if n > planner.MaxUploads {
		return nil, fmt.Errorf("%s: this state has uploaded the same content %d times and has no name left for it", c.Address, planner.MaxUploads)
	}
	if rec.Source = e.want(c.Address).Source.Record(); !c.Detail.Subset {
		rec.UploadN = n
	}
	rec.Upload = &planner.Upload{File: planner.UploadName(c.Detail.SHA256, e.lineage6, n), SHA256: c.Detail.SHA256, Bytes: c.Detail.Bytes}
	if err := e.opt.Journal.Write("upload_intent", state.Change{Address: c.Address, Record: rec}); err != nil {
		return nil, fmt.Errorf("%s: record the upload: %w", c.Address, err)
	}
	return rec.Upload, nil
}

func (e *Engine) uploadRequest(c *planner.Change, up *planner.Upload) provider.UploadRequest {
	last := time.Now()
	name := c.Detail.Source
	if c.Detail.Subset {
		name = fmt.Sprintf("%s (%d rows)", name, c.Detail.Rows)
	}
	return provider.UploadRequest{
		Name: up.File, DisplayName: name, Bytes: up.Bytes, SHA256: up.SHA256, Session: up.Session,
		Started: func(session string) error {
			if up.Bytes < sessionFrom {
				return nil
			}
			return e.changeUpload("upload_session", c.Address, func(u *planner.Upload) { u.Session = session })
		},
		Progress: func(sent int64) {
			if sent < up.Bytes && time.Since(last) < time.Second {
				return
			}
			last = time.Now()
			e.emit(Event{Type: EventUploadProgress, Address: &c.Address, Attempt: c.Attempt, File: up.File, Bytes: sent, Total: up.Bytes})
		},
	}
}

func (e *Engine) changeUpload(op string, a planner.Address, f func(*planner.Upload)) error {
	rec := e.opt.Journal.Record(a).Clone()
	f(rec.Upload)
	return e.opt.Journal.Write(op, state.Change{Address: a, Record: rec}) // its error names both
}

func (e *Engine) uploaded(c *planner.Change, file *provider.File) error {
	if err := e.changeUpload("upload_complete", c.Address, func(u *planner.Upload) {
		u.Done, u.Session, u.Expires = true, "", file.ExpireTime.UTC()
	}); err != nil {
		return err
	}
	e.mended(c.Address)
	e.count(func(s *Summary) { s.Uploaded++ })
	e.emit(Event{Type: EventUploadComplete, Address: &c.Address, Attempt: c.Attempt, File: file.Name, Bytes: file.Bytes, SHA256: file.SHA256})
	e.outcome(func(p *budget.Creates, now time.Time) { p.Uploaded(now) })
	return nil
}

// uploadFailed sorts an upload's error. taken says that the name is taken, by
// this state's own lost upload or by somebody else's file.
func (e *Engine) uploadFailed(ctx context.Context, c *planner.Change, up *planner.Upload, err error) (taken bool, _ error) {
	pe, ok := errors.AsType[*provider.Error](err)
	switch {
	case endedBy(ctx, err):
		return false, nil // it goes on in the next run
	case errors.Is(err, provider.ErrDamaged):
		e.warn(&c.Address, "%v; it is uploaded again under another name", err)
		return false, e.dropUpload(c, up)
	case ok && pe.Status == "ALREADY_EXISTS":
		return ctx.Err() == nil, nil
	case ok && pe.Class == provider.ClassQuota:
		e.storageFull(c, pe)
		return false, nil
	case ok && pe.Class == provider.ClassRefused && (pe.HTTPStatus == 401 || pe.HTTPStatus == 403 || pe.About == provider.AboutKey || pe.About == provider.AboutProject):
		e.stop(pe)
		return false, nil
	case ok && pe.Class == provider.ClassRefused:
		return false, e.uploadRefused(c, pe)
	}
	e.failed(c.Address, fmt.Errorf("%w; it is uploaded again", err), false)
	return false, nil
}

// uploadRefused keeps the service's no: an input that it does not take is
// refused for good, anything else after the same answer in several runs.
func (e *Engine) uploadRefused(c *planner.Change, pe *provider.Error) error {
	rec := e.opt.Journal.Record(c.Address).Clone()
	why := refusalOther
	if pe.About == provider.AboutInput {
		why = refusalInput
	}
	rec.Upload = nil
	why.note(rec, c.Detail.SHA256, c.Detail.Model, words(pe))
	if err := e.opt.Journal.Write("upload_refused", state.Change{Address: c.Address, Record: rec}); err != nil {
		return fmt.Errorf("%s: record the refusal: %w", c.Address, err)
	}
	if why == refusalOther {
		e.refusedOnce(c.Address, pe)
	}
	return nil
}

// uploadThere looks at a name that is taken. Bytes that are the planned ones
// are this state's own upload, whose answer was lost; any others are left
// alone, and the next name is taken.
func (e *Engine) uploadThere(ctx context.Context, c *planner.Change, up *planner.Upload) (done, next bool, err error) {
	file, err := e.opt.Files.GetFile(ctx, up.File)
	switch {
	case err == nil && file.SHA256 == up.SHA256 && file.Bytes == up.Bytes && (file.State == "" || file.State == "ACTIVE"):
		return true, false, e.uploaded(c, &file)
	case err == nil, provider.ClassOf(err) == provider.ClassGone:
		err = e.dropUpload(c, up)
		return false, err == nil, err
	}
	if ctx.Err() == nil {
		e.failed(c.Address, fmt.Errorf("%w; it is looked at again", err), false)
	}
	return false, false, nil
}

func (e *Engine) dropUpload(c *planner.Change, up *planner.Upload) error {
	rec := e.opt.Journal.Record(c.Address).Clone()
	if rec.Upload != nil && rec.Upload.File == up.File {
		rec.Upload = nil
	}
	if err := e.opt.Journal.Write("upload_dropped", state.Change{Address: c.Address, Record: rec}); err != nil {
		return fmt.Errorf("%s: record the lost upload: %w", c.Address, err)
	}
	return nil
}
