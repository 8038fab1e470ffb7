package ui

// Style paints text; the zero value leaves it as it is.
type Style struct{ on bool }

// Painted gives a style that paints with ANSI sequences.
func Painted(on bool) Style { return Style{on} }

func (s Style) paint(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) bold(t string) string    { return s.paint("1", t) }
func (s Style) faint(t string) string   { return s.paint("2", t) }
func (s Style) red(t string) string     { return s.paint("31", t) }
func (s Style) green(t string) string   { return s.paint("32", t) }
func (s Style) yellow(t string) string  { return s.paint("33", t) }
func (s Style) cyan(t string) string    { return s.paint("36", t) }
func (s Style) magenta(t string) string { return s.paint("35", t) }
func (s Style) plain(t string) string   { return t }
func (s Style) alarm(t string) string   { return s.paint("1;31", t) }
