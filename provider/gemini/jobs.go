package gemini

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genai"

	"github.com/qaplan/qaplan/provider"
)

// ListJobs gives one page of all jobs of the project, newest first as far as
// the service keeps to that; token is "" for the first page and
// [provider.JobPage.Next] for another. Inline answers are not in it.
//
// The SDK's own paging is not used: Page.Next, begun with a token, fetches the
// same page for ever (go-genai 1.77.0, pages.go).
func (c *Client) ListJobs(ctx context.Context, token string) (provider.JobPage, error) {
	k := call{op: provider.OpListJobs, timeout: c.opt.ListTimeout}
	var page provider.JobPage
	err := c.read(ctx, k, &exchange{}, c.decoded(func(ctx context.Context) error {
		_, err := c.sdk.Batches.List(ctx, &genai.ListBatchJobsConfig{
			PageSize: int32(c.opt.PageSize), PageToken: token,
		})
		return err
	}, func(x *exchange) (err error) {
		page.Date = x.date()
		page.Jobs, page.Next, err = decodePage(x, "operations", decodeJob)
		return err
	}))
	if err != nil {
		return provider.JobPage{}, err
	}
	return page, nil
}

// GetJob gives one job. Its class is gone when the service does not know it.
func (c *Client) GetJob(ctx context.Context, name string) (provider.Job, error) {
	k := call{op: provider.OpGetJob, target: name, timeout: c.opt.CallTimeout}
	if err := resource(name, "batches"); err != nil {
		return provider.Job{}, invalid(k, err)
	}
	var job provider.Job
	err := c.read(ctx, k, &exchange{}, c.decoded(func(ctx context.Context) error {
		_, err := c.sdk.Batches.Get(ctx, name, nil)
		return err
	}, func(x *exchange) (err error) {
		job, err = decodeOne(x.body, decodeJob)
		return err
	}))
	if err != nil {
		return provider.Job{}, err
	}
	return job, nil
}

// CreateJob sends one create, once, and never again: it is not idempotent, and
// two sends are two jobs that are both billed. Only a refusal in the service's
// own words has the class refused or quota; whatever else goes wrong leaves it
// unknown whether a job was made, and the caller has to find out by listing.
//
// Beneath it net/http may repeat only what no server has seen: a request of
// which nothing was written, or an HTTP/2 stream that the peer refused.
func (c *Client) CreateJob(ctx context.Context, r provider.CreateRequest) (provider.Job, error) {
	k := call{op: provider.OpCreateJob, target: "models/" + r.Model, kind: kindCreate, timeout: c.opt.CallTimeout}
	if err := checkCreate(r); err != nil {
		return provider.Job{}, invalid(k, err)
	}
	var job provider.Job
	err := c.send(ctx, k, &exchange{}, c.decoded(func(ctx context.Context) error {
		_, err := c.sdk.Batches.Create(ctx, r.Model,
			&genai.BatchJobSource{FileName: r.InputFile},
			&genai.CreateBatchJobConfig{DisplayName: r.DisplayName})
		return err
	}, func(x *exchange) (err error) {
		job, err = decodeOne(x.body, decodeJob)
		return err
	}))
	if err != nil {
		return provider.Job{}, err
	}
	return job, nil
}

func checkCreate(r provider.CreateRequest) error {
	if strings.HasPrefix(r.Model, "models/") {
		return errors.New(`the model is to be given without "models/"`)
	}
	if err := resource("models/"+r.Model, "models"); err != nil {
		return err
	}
	return resource(r.InputFile, "files")
}

// CancelJob asks for a job's end, which comes later or not at all; one that has
// ended already may be answered with a refusal or not.
func (c *Client) CancelJob(ctx context.Context, name string) error {
	k := call{op: provider.OpCancelJob, target: name, kind: kindChange, timeout: c.opt.CallTimeout}
	if err := resource(name, "batches"); err != nil {
		return invalid(k, err)
	}
	return c.send(ctx, k, &exchange{}, func(ctx context.Context) error {
		return c.sdk.Batches.Cancel(ctx, name, nil)
	})
}

// invalid is the failure of a call that this client does not send.
func invalid(k call, err error) *provider.Error {
	return &provider.Error{Op: k.op, Target: k.target, Class: provider.ClassRefused, NotSent: true, Err: err}
}
