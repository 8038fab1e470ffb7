package durable

import "golang.org/x/sys/windows"

// mayAdd opens the folder for what making a file in it takes: access lists are
// read then, and nothing is made.
func mayAdd(dir string) error {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	const addFile = windows.FILE_WRITE_DATA // its name where a folder is meant
	h, err := windows.CreateFile(name, addFile, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return err
	}
	return windows.CloseHandle(h)
}
