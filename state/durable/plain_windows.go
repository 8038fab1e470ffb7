package durable

import "os"

// Plain is told nowhere but on Unix: looking into a folder has the facts here.
func Plain(*os.File, string) (facts Facts, ok bool) { return Facts{}, false }
