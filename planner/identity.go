package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDisplayName is where the user's part of a display name is cut, in bytes;
// the service takes 512 characters and the token needs some of them.
const maxDisplayName = 400

// Token stands in brackets at the end of a job's display name and tells which
// send of which batch of which state made the job.
type Token struct {
	Lineage string // the first six digits
	Number  int
	Attempt int
	Sum     string // eight digits over address, content and model
}

// String gives the form that stands in the brackets.
func (t Token) String() string {
	return fmt.Sprintf("%s.%d.%d.%s", t.Lineage, t.Number, t.Attempt, t.Sum)
}

// ContentSum binds a token to what was bought: the first eight hex digits of
// sha256(address, newline, content sha256, newline, model).
func ContentSum(a Address, sha256hex, model string) string {
	sum := sha256.Sum256([]byte(a.String() + "\n" + sha256hex + "\n" + model))
	return hex.EncodeToString(sum[:4])
}

// NewToken makes the token of one send.
func NewToken(lineage6 string, a Address, attempt int, sha256hex, model string) Token {
	return Token{Lineage: lineage6, Number: a.Number, Attempt: attempt, Sum: ContentSum(a, sha256hex, model)}
}

// JobDisplayName joins the user's part and the token. Control characters
// become spaces, and the user's part is cut on a rune boundary.
func JobDisplayName(user string, t Token) string {
	user = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(user, "\uFFFD"))
	if len(user) > maxDisplayName {
		cut := maxDisplayName
		for !utf8.RuneStart(user[cut]) {
			cut--
		}
		user = user[:cut]
	}
	return user + " [" + t.String() + "]"
}

// ParseToken reads the token at the end of a display name.
func ParseToken(displayName string) (Token, bool) {
	rest, ok := strings.CutSuffix(displayName, "]")
	if !ok {
		return Token{}, false
	}
	open := strings.LastIndexByte(rest, '[')
	if open < 0 {
		return Token{}, false
	}
	parts := strings.Split(rest[open+1:], ".")
	if len(parts) != 4 || !isHex(parts[0], 6) || !isHex(parts[3], 8) {
		return Token{}, false
	}
	number, err := parseNumber(parts[1])
	if err != nil {
		return Token{}, false
	}
	attempt, err := parseNumber(parts[2])
	if err != nil || attempt < 1 {
		return Token{}, false
	}
	t := Token{Lineage: parts[0], Number: number, Attempt: attempt, Sum: parts[3]}
	if t.String() != rest[open+1:] {
		return Token{}, false // one token has one spelling
	}
	return t, true
}

// MaxUploads is how many uploads of one content a state can name.
const MaxUploads = 99999

// UploadName is the file name that this state gives to its n-th upload of a
// content: files/qp-<24 digits>-<6 of lineage>-<n>, within the service's 40
// characters of [a-z0-9-].
func UploadName(sha256hex, lineage6 string, n int) string {
	return "files/qp-" + sha256hex[:24] + "-" + lineage6 + "-" + strconv.Itoa(n)
}

// ParsedUpload is what a file name made by UploadName tells.
type ParsedUpload struct {
	Content string // the first 24 digits of the content's sha256
	Lineage string
	N       int
}

// ParseUploadName reads a name made by UploadName.
func ParseUploadName(file string) (ParsedUpload, bool) {
	rest, ok := strings.CutPrefix(file, "files/qp-")
	if !ok {
		return ParsedUpload{}, false
	}
	parts := strings.Split(rest, "-")
	if len(parts) != 3 || !isHex(parts[0], 24) || !isHex(parts[1], 6) {
		return ParsedUpload{}, false
	}
	n, err := parseNumber(parts[2])
	if err != nil || n < 1 || n > MaxUploads {
		return ParsedUpload{}, false
	}
	if strconv.Itoa(n) != parts[2] {
		return ParsedUpload{}, false // one upload has one spelling
	}
	return ParsedUpload{Content: parts[0], Lineage: parts[1], N: n}, true
}

// isHex reports whether s is n lower-case hex digits.
func isHex(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
