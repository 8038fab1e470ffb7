package emulator

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// pageRequest is what a listing asks for.
type pageRequest struct {
	number int // of the page, from 1; 0 when the call is no listing
	size   int
	after  *position // the last item of the page before; nil for the first page
	err    error     // what is wrong with the request
}

// readPage reads pageSize and pageToken.
func (c *call) readPage() pageRequest {
	q := c.r.URL.Query()
	get := func(camel, snake string) string {
		if v := q.Get(camel); v != "" {
			return v
		}
		return q.Get(snake)
	}
	p := pageRequest{number: 1, size: c.cfg.PageSize}
	if v := get("pageSize", "page_size"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			p.err = fmt.Errorf("page_size: %q is no size of a page", v)
			return p
		}
		if n > 0 {
			p.size = n
		}
	}
	p.size = min(p.size, maxPageSize)
	if v := get("pageToken", "page_token"); v != "" {
		raw, err := base64.RawURLEncoding.DecodeString(v)
		var at position
		if err == nil {
			_, err = fmt.Sscanf(string(raw), "%d %d %d", &p.number, &at.create, &at.seq)
		}
		if err != nil {
			p.err = fmt.Errorf("page_token: the token is not valid")
			return p
		}
		p.after = &at
	}
	return p
}

// token names the page after the item at p. It names an item, not a number of
// items, so what comes and goes meanwhile shifts nothing.
func (r pageRequest) token(p position) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d", r.number+1, p.create, p.seq))
}

// listPage gives a page of list, which is sorted by creation, newest first, and
// the token of the next one.
func listPage[T listed](c *call, list []T, now time.Time) (items []T, next string, refusal *reply) {
	if c.hits.takes(FaultListFailPage) {
		return nil, "", failure(503)
	}
	i := len(list) - 1
	if c.page.after != nil {
		at, _ := search(list, *c.page.after)
		i = at - 1
	}
	if c.page.number > 1 {
		if f, ok := c.hits.take(FaultListShift); ok {
			i = min(i-f.number(1), len(list)-1)
		}
	}
	before := i
	for ; i >= 0; i-- {
		if !list[i].visible(now) {
			continue
		}
		if len(items) == c.page.size {
			next = c.page.token(items[len(items)-1].position())
			break
		}
		items = append(items, list[i])
	}
	if len(items) > 0 {
		if f, ok := c.hits.take(FaultListSkip); ok {
			items = slices.Delete(items, 0, min(len(items), max(0, f.number(1))))
		}
	}
	if len(items) > 0 && c.hits.takes(FaultListRepeat) {
		again := items[0]
		if before+1 < len(list) && list[before+1].visible(now) {
			again = list[before+1]
		}
		items = slices.Insert(items, 0, again)
	}
	return items, next, nil
}
