package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// digestOf hashes the JSON of a value, which leaves no doubt where each part of
// it ends.
func digestOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and integers always encode
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// digest covers what a plan's buyer has to agree to: config, inputs and
// purchases. Progress that costs nothing is left out, so that a reviewed plan
// survives it.
func (p *Plan) digest() string {
	type purchase struct {
		Address, Model, SHA256 string
		Attempt                int
	}
	var body struct {
		Config, Inputs string
		Purchases      []purchase
	}
	body.Config, body.Inputs = p.ConfigDigest, p.InputsDigest
	for i := range p.Changes {
		c := &p.Changes[i]
		if c.Has(ActionCreate) {
			body.Purchases = append(body.Purchases, purchase{c.Address.String(), c.Detail.Model, c.Detail.SHA256, c.Attempt})
		}
	}
	return digestOf(body)
}

// inputsDigest covers the batches as they are wanted.
func (d *Desired) inputsDigest() string {
	type input struct {
		Address, Model, SHA256, Output string
	}
	inputs := make([]input, 0, len(d.Batches))
	for _, b := range d.sorted() {
		inputs = append(inputs, input{b.Address.String(), b.Model, b.Source.SHA256, b.Output})
	}
	return digestOf(inputs)
}
