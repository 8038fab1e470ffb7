package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"unicode/utf8"
)

// digestOf hashes the JSON of a value, which leaves no doubt where each part of
// it ends.
func digestOf(v any) string {
	sum := sha256.Sum256(jsonOf(v))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func jsonOf(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and integers always encode
	}
	return text
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
	// The JSON of a list of objects, which need not be there in one piece.
	h := sha256.New()
	h.Write([]byte("["))
	var text []byte
	between := ""
	for _, b := range d.sorted() {
		text = append(append(text[:0], between...), `{"Address":`...)
		text = appendJSON(text, b.Address.String())
		text = appendJSON(append(text, `,"Model":`...), b.Model)
		text = appendJSON(append(text, `,"SHA256":`...), b.Source.SHA256)
		text = appendJSON(append(text, `,"Output":`...), b.Output)
		h.Write(append(text, '}'))
		between = ","
	}
	h.Write([]byte("]"))
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// appendJSON adds a text as jsonOf writes it: almost all need no escapes, and
// there are many.
func appendJSON(to []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' || c == 0x7f {
			return append(to, jsonOf(s)...)
		}
	}
	return append(append(append(to, '"'), s...), '"')
}
