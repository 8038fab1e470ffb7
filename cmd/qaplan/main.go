package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	_ "github.com/qaplan/qaplan/cmd/qaplan/internal/heap" // before what allocates most
)

func main() {
	os.Exit(mainExit(os.Stdout))
}

// mainExit runs qaplan as this process; its results go to stdout.
func mainExit(stdout io.Writer) int {
	// The Google SDK warns through Go's standard logger, in words that are not
	// ours and past --log-level; what it warns of is said in openService.
	log.SetOutput(io.Discard)
	ctx, interrupt := context.WithCancelCause(context.Background())
	defer interrupt(nil)
	var last leaving
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		<-signals
		interrupt(errInterrupted)
		<-signals
		// Whatever is in flight is known from the journal: the next run finds
		// out how it ended.
		last.now()
		os.Exit(exitInterrupted)
	}()
	return run(ctx, os.Args[1:], system{stdin: os.Stdin, stdout: stdout, stderr: os.Stderr, env: os.LookupEnv, last: &last})
}
