package batchfile

// outputLimits sums what requests allow as output.
type outputLimits struct {
	tokens  int64
	without int // requests that allow as much as the model has
}

func (l *outputLimits) add(q *request) {
	if q.maxOutput <= 0 {
		l.without++
		return
	}
	l.tokens += q.maxOutput * max(q.candidates, 1)
}

// readLimit reads what bounds the output, and skips every other member of
// generation_config. A limit that is no number is the service's to refuse.
func (q *request) readLimit(p *parser, name []byte) error {
	var into *int64
	most := int64(1 << 31)
	switch string(name) {
	case "max_output_tokens", "maxOutputTokens":
		into = &q.maxOutput
	case "candidate_count", "candidateCount":
		into, most = &q.candidates, 1<<8
	default:
		return p.skip()
	}
	raw, err := p.read()
	if err == nil {
		*into = min(count(raw), most)
	}
	return err
}
