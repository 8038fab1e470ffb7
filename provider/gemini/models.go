package gemini

import (
	"context"

	"github.com/qaplan/qaplan/provider"
)

// CheckModel asks whether a model exists; its class is gone when the service
// says in its own words that it does not. That it exists does not promise that
// it takes batches: retired models were accepted and failed row by row (kaibo
// 845479c, 2026-06-22).
func (c *Client) CheckModel(ctx context.Context, model string) error {
	k := call{op: provider.OpGetModel, target: "models/" + model, timeout: c.opt.CallTimeout}
	if err := resource(k.target, "models"); err != nil {
		return invalid(k, err)
	}
	return c.read(ctx, k, &exchange{}, func(ctx context.Context) error {
		_, err := c.sdk.Models.Get(ctx, k.target, nil)
		return err
	})
}
