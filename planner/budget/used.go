package budget

// Use is a limit on what is active, and how much of it is taken.
type Use struct {
	Limit
	Used int64 // jobs or tokens, those of creates on their way counted
}

// Uses are the limits on active jobs and on enqueued tokens, declared or learned,
// in the order of [Creates.Limits]. They count from the last observation. What was
// accepted since then teaches nothing yet, but no learned limit is told to be less.
func (p *Creates) Uses() []Use {
	var jobs int64
	for _, m := range p.know.Models {
		jobs = max(jobs, m.Fresh.Jobs)
	}
	var list []Use
	for _, l := range p.Limits() {
		switch l.Budget {
		case ActiveJobs:
			l.atLeast(jobs, p.know.Jobs.Bad)
			list = append(list, Use{l, int64(p.ledger.active(""))})
		case EnqueuedTokens:
			m := p.know.Models[l.Model]
			l.atLeast(m.Fresh.Tokens, m.Tokens.Bad)
			sum := p.ledger.seen[l.Model].plus(p.ledger.held[l.Model])
			list = append(list, Use{l, sum.Tokens})
		}
	}
	return list
}

// atLeast raises a learned limit to what was accepted, below what was refused.
func (l *Limit) atLeast(accepted, refused int64) {
	if l.Learned {
		l.Most = max(l.Most, min(accepted, refused-1))
	}
}
