package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/qaplan/qaplan/config"
	"github.com/qaplan/qaplan/planner/apply"
	"github.com/qaplan/qaplan/provider/emulator"
	"github.com/qaplan/qaplan/provider/gemini"
	"github.com/qaplan/qaplan/state"
)

// keyVariables are where the API key is looked for, in this order.
func keyVariables() []string { return []string{"GOOGLE_API_KEY", "GEMINI_API_KEY"} }

// service is the provider of a config, ready to be asked.
type service struct {
	id      state.Identity
	baseURL string
	key     string
	server  *server // of the embedded emulator
	client  *gemini.Client
}

// openService finds out which service a config names and, for a rehearsal,
// starts it. Nothing is sent.
func (a *app) openService(cfg *config.Config) (*service, error) {
	if cfg.Provider.Kind == config.ProviderEmulator {
		return embed(cfg.Provider.Emulator)
	}
	key := ""
	for _, name := range keyVariables() {
		switch value, _ := a.env(name); {
		case key == "":
			key = value
		case value != "" && value != key:
			a.log().Info("two API keys are set: GOOGLE_API_KEY is used, GEMINI_API_KEY is not")
		}
	}
	if key == "" {
		return nil, errors.New("no API key: set GEMINI_API_KEY (or GOOGLE_API_KEY, which goes first); keys are made at https://aistudio.google.com/apikey")
	}
	return &service{id: geminiIdentity(cfg), baseURL: cfg.Provider.BaseURL, key: key}, nil
}

// geminiIdentity names the real service in the state; its base URL is part of
// it, spelled out even where it is Google's own.
func geminiIdentity(cfg *config.Config) state.Identity {
	base := cfg.Provider.BaseURL
	if base == "" {
		base = gemini.DefaultBaseURL
	}
	return state.Identity{Kind: "gemini", BaseURL: strings.TrimSuffix(base, "/")}
}

// connect makes the client; every request of it passes the gate.
func (s *service) connect(ctx context.Context, a *app, gate *apply.Gate) error {
	c, err := gemini.New(ctx, gemini.Options{
		APIKey: s.key, BaseURL: s.baseURL, UserAgent: "qaplan/" + version, Admit: gate.Admit, Log: a.log(),
	})
	if err != nil {
		return fmt.Errorf("connect to the service: %w", err)
	}
	s.client = c
	return nil
}

func (s *service) close() error {
	if s.client != nil {
		s.client.Close()
	}
	if s.server != nil {
		return s.server.close()
	}
	return nil
}

// embed starts the emulator for the life of one command.
func embed(e *config.Emulator) (*service, error) {
	srv, err := serve(emulatorConfig(e), "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &service{
		id:      state.Identity{Kind: "emulator", ID: srv.emulator.ID()},
		baseURL: srv.url(), key: "rehearsal", server: srv,
	}, nil
}

// checkFault says what is wrong with a fault of a config.
func checkFault(f config.Fault) error {
	if known := emulator.FaultNames(); !slices.Contains(known, f.Name) {
		words := fmt.Sprintf("there is no fault %q", f.Name)
		if near := didYouMean(f.Name, known); near != "" {
			return fmt.Errorf("%s. %s", words, near)
		}
		return fmt.Errorf("%s. The names are in qaplan emulator --help", words)
	}
	return emulator.Fault(f).Check()
}

// checkHistory says what is wrong with the history of a rehearsal that has not
// begun, and on which line.
func checkHistory(e *config.Emulator) (line int, err error) {
	err = emulatorConfig(e).CheckHistory()
	if wrong, ok := errors.AsType[*emulator.HistoryError](err); ok {
		return wrong.Line, wrong.Err
	}
	return 0, err
}

func emulatorConfig(e *config.Emulator) emulator.Config {
	faults := make([]emulator.Fault, len(e.Faults))
	for i, f := range e.Faults {
		faults[i] = emulator.Fault(f)
	}
	return emulator.Config{
		Dir:       e.DataDir,
		History:   e.History,
		Rate:      e.ClockRate,
		QueueTime: emulator.Span{Min: e.QueueTime.Min, Max: e.QueueTime.Max},
		RunTime:   emulator.Span{Min: e.RunTime.Min, Max: e.RunTime.Max},
		Models:    e.Models,
		PageSize:  e.PageSize,
		Quota: emulator.Quota{
			ActiveJobs: e.Quota.MaxActiveJobs, CreatesPerMinute: e.Quota.CreatesPerMinute,
			RequestsPerMinute: e.Quota.RequestsPerMinute, FileBytes: e.Quota.FileBytes, StorageBytes: e.Quota.StorageBytes,
			EnqueuedTokens: e.Quota.EnqueuedTokens, ReleaseDelay: e.Quota.ReleaseDelay,
			CreatesPerDay: e.Quota.CreatesPerDay, NamedRefusals: e.Quota.NamedRefusals,
			Burst: e.Quota.Burst, BurstPause: emulator.Span(e.Quota.BurstPause),
		},
		Rows: emulator.RowFaults{
			ErrorShare: e.Rows.Error, TruncatedShare: e.Rows.Truncated, BlockedShare: e.Rows.Blocked,
			EmptyShare: e.Rows.Empty, MissingShare: e.Rows.Missing, DuplicatedShare: e.Rows.Duplicated,
			InvalidShare: e.Rows.Invalid, SwappedShare: e.Rows.Swapped,
		},
		RefuseCamelCase: e.RefuseCamelCase,
		Faults:          faults,
	}
}

// server is an emulator that listens.
type server struct {
	emulator *emulator.Server
	http     *http.Server
	listener net.Listener
	ended    chan error
}

// serve opens the emulator's data folder and listens.
func serve(cfg emulator.Config, address string) (*server, error) {
	em, err := emulator.New(cfg)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the emulator: %w", err), em.Close())
	}
	s := &server{
		emulator: em, listener: l, ended: make(chan error, 1),
		// No time limit on bodies: uploads may be large and clients slow.
		http: &http.Server{Handler: em, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute},
	}
	go func() { s.ended <- s.http.Serve(l) }()
	return s, nil
}

// url is an address that reaches the server from this machine: a server that
// listens on every address is reached by none of the name 0.0.0.0.
func (s *server) url() string {
	at := s.listener.Addr().String()
	if tcp, ok := s.listener.Addr().(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		at = net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return "http://" + at
}

// shutdownTime is how long calls in flight may take to end.
const shutdownTime = 5 * time.Second

// close lets calls in flight end, then releases the data folder.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close() // somebody keeps a call open; it is a rehearsal
	}
	if served := <-s.ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err = errors.Join(err, s.emulator.Close()); err != nil {
		return fmt.Errorf("stop the emulator: %w", err)
	}
	return nil
}
