package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxConfig bounds config and variable files, in bytes: what is larger is some
// other file.
const maxConfig = 32 << 20

var (
	errFolder = errors.New("it is a folder")
	errNoFile = errors.New("it is no regular file")
)

// readLimited reads a config or variable file.
func readLimited(path string) ([]byte, error) { return readUpTo(path, maxConfig) }

// readUpTo reads a regular file of at most limit bytes.
func readUpTo(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errFolder
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile // reading a pipe could wait for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(src)) > limit {
		return nil, fmt.Errorf("it is larger than %d MB", limit>>20)
	}
	return src, nil
}

// cause gives the reason without the operation and the path, which the message
// around it names in its own way.
func cause(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the file does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not read it"
	}
	return err.Error()
}

// readConfig reads the config file, or says why that is not possible and what
// to do.
func (l *loader) readConfig(path string) ([]byte, bool) {
	src, err := readLimited(path)
	switch {
	case errors.Is(err, errFolder):
		l.errorf(nil, fmt.Sprintf("%s is a folder", l.name),
			"--config takes a file. To work in that folder, write -C %s.", l.name)
		return nil, false
	case err != nil && fileAbove(path) != "":
		l.errorf(nil, fmt.Sprintf("No config file %s", l.name),
			"%s is a file. -C takes a folder; a config file is named with --config.", fileAbove(path))
		return nil, false
	case errors.Is(err, fs.ErrNotExist):
		l.errorf(nil, fmt.Sprintf("No config file %s", l.name), "%s", l.whereElse())
		return nil, false
	case err != nil:
		l.errorf(nil, fmt.Sprintf("Cannot read the config file %s", l.name), "%s.", upperFirst(cause(err)))
		return nil, false
	}
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".json" {
		l.errorf(nil, fmt.Sprintf("%s is a JSON file", l.name), "The config is written in HCL, in a file whose name ends in .hcl; a JSON form is not supported.")
		return nil, false
	} else if ext != ".hcl" {
		l.errorf(nil, fmt.Sprintf("%s is no config file", l.name), "The name of a config file ends in .hcl, like %s.", DefaultFile)
		return nil, false
	}
	return src, true
}

// fileAbove gives the file that stands where path needs a folder, "" when none
// does. Systems tell the one from the other in different ways, or not at all.
func fileAbove(path string) string {
	for at := filepath.Dir(path); ; at = filepath.Dir(at) {
		switch info, err := os.Stat(at); {
		case err == nil && !info.IsDir():
			return filepath.ToSlash(at)
		case err == nil, filepath.Dir(at) == at:
			return ""
		}
	}
}

// whereElse tells what is there instead of the config file.
func (l *loader) whereElse() string {
	const otherwise = "Run qaplan in the folder that holds it, or name the folder with -C DIR or the file with --config FILE."
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Sprintf("The folder %s does not exist or cannot be read. %s", filepath.ToSlash(l.dir), otherwise)
	}
	var found []string
	for _, e := range entries {
		if name := e.Name(); !e.IsDir() && (strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")) && len(found) < 5 {
			found = append(found, name)
		}
	}
	if len(found) > 0 {
		return fmt.Sprintf("The folder %s holds %s. %s", filepath.ToSlash(l.dir), strings.Join(found, ", "), otherwise)
	}
	return fmt.Sprintf("The folder %s holds no .hcl file. %s In a folder with JSONL files qaplan init writes one.", filepath.ToSlash(l.dir), otherwise)
}

// bom starts some files that were written on Windows.
var bom = []byte("\xef\xbb\xbf")

// checkText refuses what cannot be HCL at all, and would only make puzzling
// syntax errors.
func (l *loader) checkText(f *sourceFile) bool {
	switch text := bytes.TrimSpace(bytes.TrimPrefix(f.text, bom)); {
	case bytes.HasPrefix(f.text, []byte("\xff\xfe")) || bytes.HasPrefix(f.text, []byte("\xfe\xff")):
		l.errorf(f.span(0, 0), "The file is UTF-16", "Save it as UTF-8.")
	case bytes.IndexByte(text, 0) >= 0:
		i := bytes.IndexByte(f.text, 0)
		l.errorf(f.span(i, i+1), "The file is no text", "It holds a zero byte.")
	case bytes.HasPrefix(text, []byte("{")):
		i := bytes.IndexByte(f.text, '{')
		l.errorf(f.span(i, i+1), "The file looks like JSON", "The config is written in HCL, such as batch \"NAME\" { … }; a JSON form is not supported.")
	case !utf8.Valid(f.text):
		i := invalidAt(f.text)
		l.errorf(f.span(i, i+1), "The file is not valid UTF-8", "The marked byte belongs to no character. Save the file as UTF-8.")
	default:
		return true
	}
	return false
}

func invalidAt(text []byte) int {
	for i := 0; i < len(text); {
		c, n := utf8.DecodeRune(text[i:])
		if c == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(text)
}
