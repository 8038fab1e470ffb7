package config

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
)

// Names below the folder of a config.
const (
	cacheDir = ".qaplan"
	// rehearsalDir holds everything that a rehearsal makes: the state, the
	// results and the emulator's own data.
	rehearsalDir = cacheDir + "/emulator"
	// emulatorData starts with a dot, so that no output_dir of a real config is
	// likely to meet it.
	emulatorData = rehearsalDir + "/.data"
	defaultState = "qaplan.state.json"
)

// checkPath says what is wrong with a path as it stands in a config, nil when
// nothing is.
func checkPath(p string) error {
	scheme, _, isURL := strings.Cut(p, "://")
	switch {
	case isURL:
		return fmt.Errorf("%s:// is no path on a disk of this machine; addresses of buckets are for output_dir, the path of a dataset and the url of backend \"blob\"", scheme)
	case strings.ContainsRune(p, '\\'):
		return errors.New("write paths with forward slashes, like c:/data or data/batch_*.jsonl: they work on every system")
	case strings.ContainsFunc(p, unicode.IsControl):
		return errors.New(`it holds a control character; a backslash in a string, as in "c:\temp", starts an escape sequence: write paths with forward slashes`)
	case strings.HasPrefix(p, "~"):
		return errors.New(`"~" is not expanded by itself: write pathexpand("~/…")`)
	case hasDrive(p) && runtime.GOOS != "windows":
		return fmt.Errorf("it is a path of Windows, and this system is %s: write a path relative to the config file, which works on every system", runtime.GOOS)
	}
	return nil
}

func hasDrive(p string) bool {
	return len(p) >= 2 && p[1] == ':' && (p[0] >= 'a' && p[0] <= 'z' || p[0] >= 'A' && p[0] <= 'Z')
}

// location is a path as the system wants it and as messages show it.
type location struct {
	abs   string
	shown string // relative to the config's folder unless it was written absolute; forward slashes
}

// locate resolves a checked path of the config.
func (l *loader) locate(p string) location {
	native := filepath.FromSlash(p)
	if filepath.IsAbs(native) {
		abs := filepath.Clean(native)
		return location{abs: abs, shown: filepath.ToSlash(abs)}
	}
	shown := path.Clean(filepath.ToSlash(p))
	return location{abs: filepath.Join(l.dir, filepath.FromSlash(shown)), shown: shown}
}

// rehearse moves a relative path below the folder of rehearsals; steps upwards
// become folders named _up, so that nothing leaves it. What is absolute stays.
func (l *loader) rehearse(p string) location {
	if filepath.IsAbs(filepath.FromSlash(p)) {
		return l.locate(p)
	}
	steps := strings.Split(path.Clean(filepath.ToSlash(p)), "/")
	for i, s := range steps {
		if s == ".." {
			steps[i] = "_up"
		}
	}
	return l.locate(path.Join(rehearsalDir, path.Join(steps...)))
}

// path takes a string that is a path, checked but not resolved.
func (r *reader) path(name string) (string, bool) {
	p, expr, ok := r.text(name)
	if !ok {
		return "", false
	}
	if err := checkPath(p); err != nil {
		r.l.errorIn(expr, r.scope, fmt.Sprintf("Invalid path in %q", name), "%q: %s.", p, err)
		return "", false
	}
	return p, true
}
