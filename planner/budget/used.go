package budget

// Use is a limit on what is active, and how much of it is taken.
type Use struct {
	Limit
	Used int64 // jobs or tokens, those of creates on their way counted
}

// Uses are the limits on active jobs and on enqueued tokens, declared or learned,
// in the order of [Creates.Limits]. They count from the last observation.
func (p *Creates) Uses() []Use {
	var list []Use
	for _, l := range p.Limits() {
		switch l.Budget {
		case ActiveJobs:
			list = append(list, Use{l, int64(p.ledger.active(""))})
		case EnqueuedTokens:
			sum := p.ledger.seen[l.Model].plus(p.ledger.held[l.Model])
			list = append(list, Use{l, sum.Tokens})
		}
	}
	return list
}
