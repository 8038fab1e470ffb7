package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// absIn resolves relative paths from dir, which is not the working folder when
// --config names a file elsewhere.
func absIn(dir string) func(p string) (string, error) {
	return func(p string) (string, error) { return filepath.ToSlash(inDir(dir, p)), nil }
}

func inDir(dir, p string) string {
	native := filepath.FromSlash(p)
	if filepath.IsAbs(native) {
		return filepath.Clean(native)
	}
	return filepath.Join(dir, native)
}

func baseName(p string) (string, error) { return path.Base(filepath.ToSlash(p)), nil }

func dirName(p string) (string, error) { return path.Dir(filepath.ToSlash(p)), nil }

// expandHome puts the user's home folder in the place of a leading ~.
func expandHome(p string) (string, error) {
	rest, ok := strings.CutPrefix(p, "~")
	if !ok {
		return p, nil
	}
	if rest != "" && rest[0] != '/' {
		return "", errors.New("the home folder of another user is not known; write ~/…")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(home) + rest, nil
}

func fileFunc(dir string) function.Function {
	return pathFunc(func(p string) (string, error) {
		src, err := readLimited(inDir(dir, p))
		if err != nil {
			return "", quoteError(p, err)
		}
		if !utf8.Valid(src) {
			return "", quoteError(p, errNotText)
		}
		return string(src), nil
	})
}

func fileSHA256Func(dir string) function.Function {
	return pathFunc(func(p string) (string, error) {
		src, err := readLimited(inDir(dir, p))
		if err != nil {
			return "", quoteError(p, err)
		}
		sum := sha256.Sum256(src)
		return hex.EncodeToString(sum[:]), nil
	})
}

func fileExistsFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p := args[0].AsString()
			info, err := os.Stat(inDir(dir, p))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return cty.False, nil
			case err != nil:
				return cty.NilVal, function.NewArgError(0, quoteError(p, err))
			}
			return cty.BoolVal(info.Mode().IsRegular()), nil
		},
	})
}

// filesetFunc lists the files below a folder that match a pattern, in order.
func filesetFunc(dir string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "pattern", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Set(cty.String)),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			root, pattern := inDir(dir, args[0].AsString()), args[1].AsString()
			if !doublestar.ValidatePattern(pattern) {
				return cty.NilVal, function.NewArgErrorf(1, "%q is no valid pattern", pattern)
			}
			found, err := doublestar.Glob(os.DirFS(root), pattern, doublestar.WithFilesOnly())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, quoteError(args[0].AsString(), err))
			}
			if len(found) == 0 {
				return cty.SetValEmpty(cty.String), nil
			}
			slices.Sort(found)
			values := make([]cty.Value, len(found))
			for i, name := range found {
				values[i] = cty.StringVal(name)
			}
			return cty.SetVal(values), nil
		},
	})
}
