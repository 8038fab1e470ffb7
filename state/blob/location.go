package blob

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The schemes of the addresses of buckets.
const (
	SchemeGCS  = "gs"   // Google Cloud Storage
	SchemeS3   = "s3"   // Amazon S3, and what speaks like it
	SchemeFile = "file" // a folder, such as one on a network disk
)

const (
	// DefaultLease is how long the holder of a lock in a bucket may give no sign
	// of life before another run may take the lock over.
	DefaultLease = time.Minute
	// LeastLease is the least that makes sense: a sign of life is due a few times
	// within it, each over a network.
	LeastLease = 20 * time.Second
)

// Location is a place in a bucket.
type Location struct {
	Scheme string
	// Bucket is the bucket's name; of SchemeFile the absolute folder.
	Bucket string
	// Key is that of an object, or the beginning of those of several. It neither
	// begins nor ends with a slash; "" is the whole bucket.
	Key     string
	Options Options
}

// Options say how a bucket is reached. Credentials are not among them.
type Options struct {
	Region    string // SchemeS3
	Endpoint  string // SchemeS3, SchemeGCS: another server than Amazon's or Google's
	PathStyle bool   // SchemeS3: the bucket stands in the path, not in the name of the host
	Profile   string // SchemeS3: a profile of the shared config files
	Anonymous bool   // SchemeS3, SchemeGCS: no credentials are looked for
}

// IsURL reports whether a text is meant as the address of a bucket and not as a
// path.
func IsURL(s string) bool { return strings.Contains(s, "://") }

// ParseObject reads the address of an object.
func ParseObject(address string) (Location, error) {
	l, err := parse(address)
	if err == nil && l.Scheme == SchemeFile {
		l.Bucket, l.Key = filepath.Dir(l.Bucket), filepath.Base(l.Bucket)
	}
	if err == nil && (l.Key == "" || l.Key == string(filepath.Separator)) {
		err = fmt.Errorf("it names a bucket alone: add the name of an object, such as %s/qaplan.state.json", l)
	}
	return l, err
}

// ParseFolder reads the address of a bucket, or of the objects of a bucket whose
// keys begin alike.
func ParseFolder(address string) (Location, error) { return parse(address) }

func parse(address string) (Location, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Location{}, errors.New("it is no address: expected gs://bucket/path, s3://bucket/path or file:///path")
	}
	switch {
	case u.User != nil:
		return Location{}, errors.New("it holds a user name or a key: credentials come from the environment alone")
	case u.Fragment != "" || strings.HasSuffix(address, "#"):
		return Location{}, errors.New("it has a # in it, which starts no part of an object's name")
	case strings.ContainsFunc(u.Path, unicode.IsControl) || strings.Contains(u.Path, `\`):
		return Location{}, errors.New("it has a control character or a backslash in it")
	}
	l := Location{Scheme: u.Scheme, Bucket: u.Host}
	clean := path.Clean("/" + u.Path)
	l.Key = strings.TrimPrefix(clean, "/")
	switch u.Scheme {
	case SchemeGCS, SchemeS3:
		if u.Host == "" {
			return Location{}, fmt.Errorf("it names no bucket: expected %s://bucket/path", u.Scheme)
		}
		if u.Port() != "" {
			return Location{}, errors.New("a bucket has no port; the address of a server goes into the parameter endpoint")
		}
	case SchemeFile:
		if u.Host != "" && u.Host != "localhost" {
			return Location{}, fmt.Errorf("file addresses begin with three slashes: file:///%s%s", u.Host, u.Path)
		}
		l.Bucket, l.Key = filepath.FromSlash(clean), ""
		if runtime.GOOS == "windows" { // file:///C:/data
			l.Bucket = filepath.FromSlash(strings.TrimPrefix(clean, "/"))
			if filepath.VolumeName(l.Bucket) == "" {
				return Location{}, errors.New("it names no drive: expected file:///C:/path")
			}
		}
	default:
		return Location{}, fmt.Errorf("%s:// is no address that can be used here: there are gs://, s3:// and file:///", u.Scheme)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Location{}, errors.New("what stands behind the ? cannot be read: expected name=value&name=value")
	}
	return l, l.Options.take(u.Scheme, q)
}

// take reads the parameters of an address. Values are not repeated in errors:
// one may be a key that somebody put there.
func (o *Options) take(scheme string, q url.Values) error {
	known := map[string]func(string) error{}
	text := func(p *string) func(string) error {
		return func(v string) error { *p = v; return nil }
	}
	flag := func(p *bool) func(string) error {
		return func(v string) (err error) {
			if *p, err = strconv.ParseBool(v); err != nil {
				return errors.New("expected true or false")
			}
			return nil
		}
	}
	switch scheme {
	case SchemeS3:
		known["region"], known["profile"], known["use_path_style"] = text(&o.Region), text(&o.Profile), flag(&o.PathStyle)
		fallthrough
	case SchemeGCS:
		known["endpoint"], known["anonymous"] = o.endpoint, flag(&o.Anonymous)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		set := known[name]
		switch {
		case set == nil && len(known) == 0:
			return fmt.Errorf("%s:// addresses have no parameters", scheme)
		case set == nil:
			return fmt.Errorf("there is no parameter %q: %s:// addresses have %s", name, scheme, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case len(q[name]) > 1 || q[name][0] == "":
			return fmt.Errorf("the parameter %s has no value, or several", name)
		}
		if err := set(q[name][0]); err != nil {
			return fmt.Errorf("the parameter %s is wrong: %w", name, err)
		}
	}
	return nil
}

func (o *Options) endpoint(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("expected the address of a server, such as https://storage.example.com")
	}
	o.Endpoint = strings.TrimSuffix(v, "/")
	return nil
}

// String is the address without its parameters.
func (l Location) String() string {
	if l.Scheme == SchemeFile {
		p := filepath.ToSlash(filepath.Join(l.Bucket, filepath.FromSlash(l.Key)))
		return "file://" + path.Join("/", p)
	}
	if l.Key == "" {
		return l.Scheme + "://" + l.Bucket
	}
	return l.Scheme + "://" + l.Bucket + "/" + l.Key
}

// Address is the whole address, with its parameters. Parsed again it gives the
// same location.
func (l Location) Address() string {
	q := url.Values{}
	for name, value := range map[string]string{"region": l.Options.Region, "endpoint": l.Options.Endpoint, "profile": l.Options.Profile} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, set := range map[string]bool{"use_path_style": l.Options.PathStyle, "anonymous": l.Options.Anonymous} {
		if set {
			q.Set(name, "true")
		}
	}
	u, err := url.Parse(l.Scheme + ":")
	if err != nil {
		return l.String()
	}
	u.Host, u.Path, u.RawQuery = l.Bucket, "/"+l.Key, q.Encode()
	if l.Scheme == SchemeFile {
		u.Host, u.Path = "", path.Join("/", filepath.ToSlash(l.Bucket), l.Key)
	}
	return u.String()
}

// Join gives the location of what lies below l.
func (l Location) Join(name string) Location {
	l.Key = path.Join(l.Key, name)
	return l
}
