package batchfile

import "context"

// BadRow is a row that is not good.
type BadRow struct {
	Key   string
	Line  int // of the source
	Class Class
	Code  int // google.rpc code where the class is Failed, else 0
	// Reason is one short sentence without its full stop. It holds no text of
	// prompts or answers, but for names of members; of an error it is the
	// service's own message, on one line and cut at 300 bytes.
	Reason string
}

// Content is what was asked and answered in a row: the line of the source, and
// that of the answers, empty where there is none. Both are valid until yield
// returns.
type Content struct{ Request, Answer []byte }

// Bad calls yield for each row that is not good, in the order of the source. An
// error of yield ends it and is returned.
func (j *Joiner) Bad(ctx context.Context, yield func(BadRow) error) error {
	return j.bad(ctx, func(row BadRow, _ line, _ place) error { return yield(row) })
}

// BadContent is Bad for those who may see prompts and answers.
func (j *Joiner) BadContent(ctx context.Context, yield func(BadRow, Content) error) error {
	return j.bad(ctx, func(row BadRow, l line, at place) error {
		c := Content{Request: l.bytes}
		if at.class != Missing {
			text, err := j.lineAt(at)
			if err != nil {
				return err
			}
			c.Answer = text
		}
		return yield(row, c)
	})
}

func (j *Joiner) bad(ctx context.Context, yield func(BadRow, line, place) error) error {
	return j.eachRow(ctx, func(i int, l line, at place) error {
		if at.class == Good {
			return nil
		}
		q, err := j.sourceRow(i, l)
		if err != nil {
			return err
		}
		row := BadRow{Key: string(q.key), Line: l.number, Class: at.class, Code: int(at.code)}
		if row.Reason, err = j.reason(i, at); err != nil {
			return err
		}
		return yield(row, l, at)
	})
}

// reason says why a row is not good. Only the place and class of each row are
// kept, so that it is judged once more.
func (j *Joiner) reason(i int, at place) (string, error) {
	if at.class == Missing {
		return j.judge.reason(nil, finding{fault: noLine}), nil
	}
	a, err := j.answerAt(at)
	if err != nil {
		return "", err
	}
	class, why := j.judge.judge(a, j.form(i))
	if class != at.class {
		return "", errAnswersChanged
	}
	return j.judge.reason(a, why), nil
}

// eachRow reads the source again and calls fn for each of its rows.
func (j *Joiner) eachRow(ctx context.Context, fn func(i int, l line, at place) error) error {
	i := 0
	err := eachLine(ctx, j.source, "the source", func(l line) error {
		if i == j.keys.rows {
			return errChanged
		}
		i++
		return fn(i-1, l, j.keys.at(i-1).value)
	})
	if err == nil && i < j.keys.rows {
		err = errChanged
	}
	return err
}

// sourceRow reads a line of the source and makes sure that it is the one that
// was read first.
func (j *Joiner) sourceRow(i int, l line) (*sourceRow, error) {
	q, ok := j.requests.read(l)
	if !ok || j.keys.hash(q.key) != j.keys.at(i).hash {
		return nil, errChanged
	}
	return q, nil
}
