package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/qaplan/qaplan/state/blob"
)

const (
	defaultSettle      = 15 * time.Minute
	defaultPoll        = 30 * time.Second
	defaultCooldown    = 2 * time.Minute
	defaultParallelism = 4
	maxParallelism     = 64
	// rehearsalPoll is short because the jobs of a rehearsal are.
	rehearsalPoll = time.Second
	// maxSample bounds the sample of a block: what a larger one adds is less than
	// what batches differ by.
	maxSample = 100
	// maxLimit bounds declared limits; more is none.
	maxLimit = 1_000_000_000
	// baseURLVariable is the environment variable that the official SDKs take
	// their base URL from.
	baseURLVariable = "GOOGLE_GEMINI_BASE_URL"
)

// decodeSettings reads the qaplan block.
func (l *loader) decodeSettings(cfg *Config, blocks []*hclsyntax.Block) {
	at, bucket := defaultState, (*Backend)(nil)
	for i, b := range blocks {
		if i > 0 {
			at := b.DefRange()
			l.errorf(&at, "Second qaplan block", "One qaplan block is allowed; the first stands at %s. Put everything into one of them.", place(blocks[0].DefRange()))
		}
		l.check("qaplan", b.Body, grammar{
			attrs:  []string{"required_version"},
			blocks: map[string]int{"backend": 1},
			once:   []string{"backend"},
			hints:  map[string]string{"path": `the path of the state stands in backend "local" { path = … }`},
		})
		for _, backend := range b.Body.Blocks {
			if backend.Type == "backend" && len(backend.Labels) == 1 {
				r := &reader{l: l, body: backend.Body, where: header(backend), scope: l.scope}
				switch backend.Labels[0] {
				case "local":
					if p, ok := r.localBackend(); ok {
						at = p
					}
				case "blob":
					bucket = r.blobBackend(backend)
				default:
					l.errorf(&backend.LabelRanges[0], fmt.Sprintf("Unknown backend %q", backend.Labels[0]),
						"There are two backends: local, and blob for a bucket.%s", didYouMean(backend.Labels[0], []string{"local", "blob"}))
				}
			}
		}
	}
	if cfg.Provider.Kind == ProviderEmulator {
		// A rehearsal never touches the real state, and needs no bucket.
		if bucket != nil {
			at = path.Base(bucket.Shown)
		} else if filepath.IsAbs(filepath.FromSlash(at)) {
			at = filepath.Base(at)
		}
		moved := l.rehearse(at)
		cfg.Backend = Backend{Type: backendLocal, Path: moved.abs, Shown: moved.shown}
		return
	}
	if bucket != nil {
		cfg.Backend = *bucket
		return
	}
	here := l.locate(at)
	cfg.Backend = Backend{Type: backendLocal, Path: here.abs, Shown: here.shown}
}

// The types of backends.
const (
	backendLocal = "local"
	backendBlob  = "blob"
)

func (r *reader) localBackend() (string, bool) {
	r.l.check(r.where, r.body, grammar{
		attrs: []string{"path"},
		hints: map[string]string{"url": `a state in a bucket is backend "blob" { url = … }`, "lease_time": "a local lock ends with its process"},
	})
	p, ok := r.path("path")
	if !ok {
		return "", false
	}
	if info, err := os.Stat(r.l.locate(p).abs); err == nil && info.IsDir() {
		r.l.errorIn(r.body.Attributes["path"].Expr, r.scope, `Invalid value for "path"`, "%q is a folder, and the state is a file: name one in it, such as %q.",
			p, path.Join(p, defaultState))
		return "", false
	}
	return p, true
}

// blobBackend gives nil for what is reported.
func (r *reader) blobBackend(b *hclsyntax.Block) *Backend {
	r.l.check(r.where, r.body, grammar{attrs: []string{"url", "lease_time"}, hints: map[string]string{
		"path": "write url", "bucket": "the bucket stands in url", "key": "the name of the object stands in url",
		"prefix": "the name of the object stands in url", "region": "write url = \"s3://…?region=…\"",
	}})
	at := b.DefRange()
	r.missing("url", `url = "gs://bucket/path/qaplan.state.json"`, at)
	out := &Backend{Type: backendBlob, Lease: blob.DefaultLease}
	if d, ok := r.duration("lease_time", blob.LeastLease); ok {
		out.Lease = d
	}
	address, expr, ok := r.text("url")
	if !ok {
		return nil
	}
	where, err := blob.ParseObject(address)
	if err != nil {
		r.badAddress("url", address, expr, err)
		return nil
	}
	if isFolder(address, where) {
		r.l.errorIn(expr, r.scope, `Invalid value for "url"`, "%s names a folder, and the state is one object in it: write its name too, such as %q.",
			where, where.String()+"/"+defaultState)
		return nil
	}
	out.Bucket, out.Shown = where, where.String()
	return out
}

// isFolder reports whether an address is written as that of a folder, or is that
// of one on a disk of this machine.
func isFolder(address string, at blob.Location) bool {
	name, _, _ := strings.Cut(address, "?")
	if strings.HasSuffix(name, "/") {
		return true
	}
	if at.Scheme != blob.SchemeFile {
		return false
	}
	info, err := os.Stat(filepath.Join(at.Bucket, at.Key))
	return err == nil && info.IsDir()
}

// decodeProvider reads the provider block; without one the service is Google's.
func (l *loader) decodeProvider(cfg *Config, blocks []*hclsyntax.Block) {
	p := &cfg.Provider
	*p = Provider{
		Kind: ProviderGemini, SettleTime: defaultSettle, PollInterval: defaultPoll, Cooldown: defaultCooldown,
		Rate: Rate{Parallelism: defaultParallelism},
	}
	for i, b := range blocks {
		if i > 0 {
			at := b.DefRange()
			l.errorf(&at, "Second provider block", "One provider block is allowed; the first stands at %s. Remove one of them.", place(blocks[0].DefRange()))
		}
		if len(b.Labels) == 1 {
			l.decodeProviderBlock(p, b)
		}
	}
	if p.Kind == ProviderGemini && p.BaseURL == "" {
		if raw, ok := l.opts.env(baseURLVariable); ok && strings.TrimSpace(raw) != "" {
			u, err := CheckBaseURL(strings.TrimSpace(raw))
			if err != nil {
				l.errorf(nil, "Invalid "+baseURLVariable, "The environment variable %s does not hold a base URL: %s.%s", baseURLVariable, err, withScheme(raw))
				return
			}
			p.BaseURL, p.BaseURLFrom = u, baseURLVariable
		}
	}
}

func (l *loader) decodeProviderBlock(p *Provider, b *hclsyntax.Block) {
	where := header(b)
	r := &reader{l: l, body: b.Body, where: where, scope: l.scope}
	common := []string{"settle_time", "poll_interval", "cooldown", "count_tokens"}
	switch kind := ProviderKind(b.Labels[0]); kind {
	case ProviderGemini:
		hints := insideBlock("rate", rateNames())
		hints["model"], hints["url"] = "the model stands in the batch block", "write base_url"
		hints["project"], hints["location"] = "the project follows from the API key", "the Gemini API has no locations"
		l.check(where, b.Body, grammar{
			attrs: append(common, "base_url"), blocks: map[string]int{"rate": 0}, once: []string{"rate"}, hints: hints,
		})
		l.decodeBaseURL(p, r)
	case ProviderEmulator:
		p.Kind, p.PollInterval = kind, rehearsalPoll
		l.check(where, b.Body, emulatorGrammar(common))
		p.Emulator = l.decodeEmulator(r)
	default:
		l.errorf(&b.LabelRanges[0], fmt.Sprintf("Unknown provider %q", b.Labels[0]),
			"There are two providers: gemini, and emulator for rehearsals.%s", didYouMean(b.Labels[0], []string{"gemini", "emulator"}))
		return
	}
	if d, ok := r.duration("settle_time", time.Second); ok {
		p.SettleTime = d
	}
	if d, ok := r.duration("poll_interval", 100*time.Millisecond); ok {
		p.PollInterval = d
	}
	if d, ok := r.duration("cooldown", 100*time.Millisecond); ok {
		p.Cooldown = d
	}
	p.CountTokens, _ = r.whole("count_tokens", 0, maxSample)
	for _, rate := range b.Body.Blocks {
		if rate.Type == "rate" {
			l.decodeRate(&p.Rate, rate)
		}
	}
}

func didYouMean(got string, words []string) string {
	if best := nearest(got, words); best != "" {
		return fmt.Sprintf(" Did you mean %q?", best)
	}
	return ""
}

func rateNames() []string {
	return []string{"requests_per_minute", "creates_per_minute", "parallelism", "max_active_jobs", "max_enqueued_tokens"}
}

func (l *loader) decodeRate(rate *Rate, b *hclsyntax.Block) {
	l.check("rate", b.Body, grammar{
		attrs: rateNames(),
		hints: map[string]string{"enqueued_tokens": "write max_enqueued_tokens", "max_cost": "it stands inside a batch block", "count_tokens": "it stands beside rate { … }"},
	})
	r := &reader{l: l, body: b.Body, where: "rate", scope: l.scope}
	for name, field := range map[string]*int{
		"requests_per_minute": &rate.RequestsPerMinute,
		"creates_per_minute":  &rate.CreatesPerMinute,
		"max_active_jobs":     &rate.MaxActiveJobs,
	} {
		if n, ok := r.whole(name, 1, maxLimit); ok {
			*field = n
		}
	}
	if n, ok := r.whole("parallelism", 1, maxParallelism); ok {
		rate.Parallelism = n
	}
	r.enqueuedTokens(rate)
}

func (l *loader) decodeBaseURL(p *Provider, r *reader) {
	text, expr, ok := r.text("base_url")
	if !ok {
		return
	}
	u, err := CheckBaseURL(text)
	if err != nil {
		if strings.ContainsAny(text, "@?#") { // what follows, or stands before it, may be a secret
			l.keepSecret(expr.Range())
		}
		l.errorIn(expr, r.scope, `Invalid value for "base_url"`, "base_url must be an address such as \"https://generativelanguage.googleapis.com\": %s.%s", err, withScheme(text))
		return
	}
	p.BaseURL = u
	if parsed, err := url.Parse(u); err == nil && parsed.Scheme == "http" && !loopback(parsed.Hostname()) {
		l.diags = append(l.diags, &hcl.Diagnostic{
			Severity: hcl.DiagWarning, Summary: "The API key would travel unencrypted",
			Detail:  "base_url starts with http:// and leads to another machine: whoever stands in between can read the key. Use https://.",
			Subject: expr.Range().Ptr(), Expression: expr, EvalContext: r.scope,
		})
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// withScheme suggests what an address without a scheme most likely stands for,
// where it holds nothing that may be a secret: " Did you mean …?", or "".
func withScheme(text string) string {
	text = strings.TrimSpace(text)
	host, _, _ := strings.Cut(text, "/")
	if strings.Contains(text, "://") || !isHost(host) || holdsKey(text) {
		return ""
	}
	name, _, _ := strings.Cut(host, ":")
	scheme := "https"
	if loopback(name) {
		scheme = "http"
	}
	u, err := CheckBaseURL(scheme + "://" + text)
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", u)
}

// isHost: a name or an address with an optional port. It needs a dot, a port or to
// be localhost, so that no other word is taken for one.
func isHost(s string) bool {
	return regexp.MustCompile(`^(localhost|[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)+|[0-9A-Za-z-]+:[0-9]+)(:[0-9]+)?$`).MatchString(s)
}

// namesVersion reports whether a path ends with a version of the API. A plain /v1
// may be where a gateway has its own.
func namesVersion(path string) bool {
	return regexp.MustCompile(`/v[0-9]+(alpha|beta)[0-9]*/*$`).MatchString(path)
}

// CheckBaseURL gives the address of a service without a slash at its end, or
// says why it is none. The error never repeats the address, which may hold a
// secret.
func CheckBaseURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("it is no valid URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", fmt.Errorf("it must start with https:// or http://")
	case u.Host == "" || u.Hostname() == "":
		return "", fmt.Errorf("the host is missing")
	case u.User != nil:
		return "", fmt.Errorf("it must not hold a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fmt.Errorf("it must end before any ? or #; keys come from GOOGLE_API_KEY or GEMINI_API_KEY")
	case namesVersion(u.Path):
		return "", fmt.Errorf("leave the version of the API out of base_url: it is added to every call, so that %s would stand there twice", path.Base(strings.TrimRight(u.Path, "/")))
	}
	u.Host = strings.ToLower(u.Host)
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u.String(), nil
}
