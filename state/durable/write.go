package durable

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// WriteFile replaces the file at path by what write writes, or leaves
// everything as it was. The writer that write gets is buffered; perm is masked
// by the process's umask as always. A symbolic link at path is replaced, not
// followed.
//
// When only the very last step fails, the sync of the folder, the new content
// is in place and whole, but a power cut may bring the former one back.
func WriteFile(path string, perm os.FileMode, write func(io.Writer) error) error {
	return Replace(OS{}, path, perm, write)
}

// Replace is [WriteFile] on any file system.
func Replace(fs FS, path string, perm os.FileMode, write func(io.Writer) error) error {
	temp := filepath.Join(filepath.Dir(path), tempPrefix(path)+randomHex())
	f, err := fs.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	open, made := true, true
	defer func() { // also when write panics
		if open {
			f.Close()
		}
		if made {
			fs.Remove(temp)
		}
	}()

	w := bufio.NewWriterSize(io.NewOffsetWriter(f, 0), 64<<10)
	if err := write(w); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	open = false
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fs.Rename(temp, path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	made = false
	if err := fs.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// RemoveTemps removes what killed calls of [WriteFile] for path left behind.
// The caller must know that nobody is writing path.
func RemoveTemps(path string) error {
	prefix := tempPrefix(path)
	return removeTemps(filepath.Dir(path), func(e os.DirEntry) bool {
		return strings.HasPrefix(e.Name(), prefix) && len(e.Name()) == len(prefix)+randomLen
	})
}

// RemoveOldTemps removes what killed calls of [WriteFile] left behind in dir, as far as
// it was not written to for so long. The caller must know that nobody is writing it.
func RemoveOldTemps(dir string, age time.Duration) error {
	return removeTemps(dir, func(e os.DirEntry) bool {
		info, err := e.Info()
		return err == nil && time.Since(info.ModTime()) >= age
	})
}

func removeTemps(dir string, which func(os.DirEntry) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove temporary files: %w", err)
	}
	for _, e := range entries {
		if !isTemp(e.Name()) || !e.Type().IsRegular() || !which(e) {
			continue
		}
		if err := (OS{}).Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove temporary files: %w", err)
		}
	}
	return nil
}

// isTemp tells names that [WriteFile] gives to the files that it writes to.
func isTemp(name string) bool {
	at := strings.LastIndex(name, tempMark)
	if at < 1 || name[0] != '.' {
		return false
	}
	random, err := hex.DecodeString(name[at+len(tempMark):])
	return err == nil && len(random) == randomLen/2
}

const (
	tempMark  = ".tmp-"
	randomLen = 16
)

func randomHex() string {
	var b [randomLen / 2]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// tempPrefix is hidden, and short enough that the random part still fits into
// the 255 bytes that file systems allow for a name.
func tempPrefix(path string) string {
	base := filepath.Base(path)
	if len(base) > 200 {
		base = fmt.Sprintf("%s-%08x", base[:180], crc32.ChecksumIEEE([]byte(base)))
	}
	return "." + base + tempMark
}

// MkdirAll is os.MkdirAll, and makes the new folders' names durable.
func MkdirAll(path string, perm os.FileMode) error {
	path = filepath.Clean(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(path); parent != path {
		if err := MkdirAll(parent, perm); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, perm); err != nil {
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil // somebody else was faster
		}
		return fmt.Errorf("make folder: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}
