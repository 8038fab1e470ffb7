//go:build ci

package main

import (
	"fmt"
	"strings"

	"github.com/rhysd/actionlint"
)

// scope is what an expression of a workflow can name, and how the job stands.
type scope struct {
	values            map[string]any // contexts: maps of maps and strings
	failed, cancelled bool
}

// fill puts values in the place of the ${{ }} in a text.
func (s *scope) fill(text string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${{")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		source, rest, found := strings.Cut(after, "}}")
		if !found {
			return "", fmt.Errorf("an expression has no end: %s", after)
		}
		v, _, err := s.eval(source)
		if err != nil {
			return "", err
		}
		fmt.Fprint(&b, v)
		text = rest
	}
}

// holds decides an if; without a word on success, failure or cancel it means
// success.
func (s *scope) holds(condition string) (bool, error) {
	source := strings.TrimSpace(condition)
	if inner, found := strings.CutPrefix(source, "${{"); found {
		source = strings.TrimSuffix(strings.TrimSpace(inner), "}}")
	}
	if source == "" {
		return !s.failed && !s.cancelled, nil
	}
	v, status, err := s.eval(source)
	return truth(v) && (status || !s.failed && !s.cancelled), err
}

// eval gives the value of an expression, and whether it asks how the job stands.
func (s *scope) eval(source string) (v any, status bool, err error) {
	node, perr := actionlint.NewExprParser().Parse(actionlint.NewExprLexer(source + "}}"))
	if perr != nil {
		return nil, false, fmt.Errorf("%s: %s", source, perr.Message)
	}
	v, err = s.value(node, &status)
	return v, status, err
}

func (s *scope) value(node actionlint.ExprNode, status *bool) (any, error) {
	switch n := node.(type) {
	case *actionlint.StringNode:
		return n.Value, nil
	case *actionlint.BoolNode:
		return n.Value, nil
	case *actionlint.VariableNode:
		v, ok := s.values[n.Name]
		if !ok {
			return nil, fmt.Errorf("there is no context %s", n.Name)
		}
		return v, nil
	case *actionlint.ObjectDerefNode:
		v, err := s.value(n.Receiver, status)
		if err != nil {
			return nil, err
		}
		of, _ := v.(map[string]any)
		for name, v := range of {
			if strings.EqualFold(name, n.Property) {
				return v, nil
			}
		}
		return "", nil // as GitHub has it
	case *actionlint.NotOpNode:
		v, err := s.value(n.Operand, status)
		return !truth(v), err
	case *actionlint.CompareOpNode:
		l, err := s.value(n.Left, status)
		if err != nil {
			return nil, err
		}
		r, err := s.value(n.Right, status)
		if err != nil || !n.Kind.IsEqualityOp() {
			return nil, fmt.Errorf("cannot compare: %v", err)
		}
		return strings.EqualFold(fmt.Sprint(l), fmt.Sprint(r)) == (n.Kind == actionlint.CompareOpNodeKindEq), nil
	case *actionlint.LogicalOpNode:
		l, err := s.value(n.Left, status)
		if err != nil {
			return nil, err
		}
		r, err := s.value(n.Right, status) // also where it does not matter: it must be right
		if (n.Kind == actionlint.LogicalOpNodeKindAnd) == truth(l) {
			return r, err
		}
		return l, err
	case *actionlint.FuncCallNode:
		*status = true
		switch n.Callee {
		case "always":
			return true, nil
		case "cancelled":
			return s.cancelled, nil
		case "success":
			return !s.failed && !s.cancelled, nil
		case "failure":
			return s.failed && !s.cancelled, nil
		}
		return nil, fmt.Errorf("unknown function %s", n.Callee)
	}
	return nil, fmt.Errorf("unknown kind of expression: %T", node)
}

func truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v != ""
	}
	return v != nil
}
