package sluice

import (
	"context"
	"log/slog"
	"time"
)

// AutoWindow is the default of [WithWindowMessages].
const AutoWindow = -1

// AutoConcurrency is the default of [WithConcurrency].
const AutoConcurrency = -1

// Security says how gateways are spoken to.
type Security uint8

const (
	// SecurityTLS is the default; see [WithTLS].
	SecurityTLS Security = iota
	// SecurityPlaintext: anyone on the way can read and change everything.
	SecurityPlaintext
)

// Family says which addresses of a name that has both kinds are used.
type Family uint8

const (
	// PreferIPv4 uses IPv6 addresses only where there are no others.
	PreferIPv4 Family = iota
	// PreferIPv6 uses IPv4 addresses only where there are no others.
	PreferIPv6
	// AllFamilies gives a replica with an IPv4 and an IPv6 address two streams.
	AllFamilies
)

// TLS names PEM files, read by each connection attempt, so that renewed files are taken up.
type TLS struct {
	// CAFile checks the gateway's certificate. Empty: the system's roots.
	CAFile string
	// CertFile is this worker's certificate, for mutual TLS; goes with KeyFile.
	CertFile string
	KeyFile  string
	// ServerName is what the gateway's certificate must carry. Empty: the host as given to [NewWorker].
	ServerName string
}

// Resolver looks a host name up. It returns IP addresses without ports, at least one, or an error.
type Resolver func(ctx context.Context, host string) ([]string, error)

// TokenSource returns a bearer token for the gateway.
type TokenSource func(ctx context.Context) (string, error)

// Option sets something on a worker. [NewWorker] refuses what is out of range, naming the option.
type Option func(*options)

type options struct {
	gateways         []string
	chains           []string
	workerName       string
	instance         string
	windowMessages   int64
	windowBytes      int64
	concurrency      int
	lease            time.Duration
	security         Security
	tls              TLS
	tokenFile        string
	token            TokenSource
	family           Family
	resolver         Resolver
	resolveInterval  time.Duration
	reconnectFirst   time.Duration
	reconnectLongest time.Duration
	connectTimeout   time.Duration
	drainTimeout     time.Duration
	sendBufferBytes  int64
	onEvent          func(Event)
	onResult         func(Result)
	middleware       []Middleware
}

func defaultOptions() options {
	return options{
		workerName:       "worker",
		windowMessages:   AutoWindow,
		windowBytes:      64 << 20,
		concurrency:      AutoConcurrency,
		resolveInterval:  10 * time.Second,
		reconnectFirst:   100 * time.Millisecond,
		reconnectLongest: 30 * time.Second,
		connectTimeout:   10 * time.Second,
		drainTimeout:     20 * time.Second,
		sendBufferBytes:  16 << 20,
		onEvent:          LogEvents(nil),
	}
}

// WithWorkerName says what kind of worker this is, for people and logs: "worker" by default, at most 256 bytes.
func WithWorkerName(name string) Option { return func(o *options) { o.workerName = name } }

// WithInstance says which one of them this is: "<host name>-<process id>" by default, at most 256 bytes.
func WithInstance(name string) Option { return func(o *options) { o.instance = name } }

// WithWindowMessages says how many messages one stream may have delivered but not settled, 1 … 4,294,967,295. By
// default [AutoWindow]: as many as the handlers get through in 100 ms, by how long they have taken lately, shared by the
// streams that have something to do; never fewer than handlers may run, never more than 1,000 a stream. Fixed, a larger
// one keeps the worker busy over longer distances to the gateway; a smaller one spreads a backlog more evenly over
// workers, and loses less time when this one dies.
func WithWindowMessages(messages int64) Option {
	return func(o *options) { o.windowMessages = messages }
}

// WithWindowBytes says the same in bytes of payload, topic and properties: 64 MiB by default; 0 sets no limit of its
// own. With the window of messages it bounds the memory of this process: so much (and one message larger than that)
// for each stream.
func WithWindowBytes(bytes int64) Option { return func(o *options) { o.windowBytes = bytes } }

// WithConcurrency says how many handlers run at once, over all streams, 0 … 4,096. By default [AutoConcurrency]: as many
// as GOMAXPROCS, at least 4. With 0 handlers run on the goroutine that reads their stream; the fastest for handlers of a
// few microseconds that never wait, but while one waits, its stream does not read.
func WithConcurrency(handlers int) Option { return func(o *options) { o.concurrency = handlers } }

// WithLease says how long a message is kept from other workers after this one has vanished without closing its stream,
// 0 … 24 h. 0, the default: as the chain says. Long handlers need no long lease: leases are extended at their half while
// a handler runs.
func WithLease(lease time.Duration) Option { return func(o *options) { o.lease = lease } }

// WithSecurity chooses between SecurityTLS, the default, and SecurityPlaintext.
func WithSecurity(security Security) Option { return func(o *options) { o.security = security } }

// WithTLS names the files of TLS. Without it the gateway's certificate is checked with the system's roots.
func WithTLS(files TLS) Option { return func(o *options) { o.tls = files } }

// WithTokenFile names a file with a bearer token for the gateway (`workers.auth.jwt`), such as a projected token of
// Kubernetes; blanks and line breaks around it do not count. It is read by each connection attempt, so that a renewed
// token is taken up; a gateway asks for a new connection before the token ends. With SecurityPlaintext anyone on the
// way can take it. None by default; not together with [WithToken].
func WithTokenFile(path string) Option { return func(o *options) { o.tokenFile = path } }

// WithToken gives a function that is asked for the bearer token by each connection attempt, within its time. An error
// is an event, and is tried again like a lost connection. Not together with [WithTokenFile].
func WithToken(source TokenSource) Option { return func(o *options) { o.token = source } }

// WithFamily says which addresses of a name that has both kinds are used: [PreferIPv4] by default.
func WithFamily(family Family) Option { return func(o *options) { o.family = family } }

// WithResolver looks names up in another way than the system's resolver. [WithFamily] chooses among what it returns.
func WithResolver(resolver Resolver) Option { return func(o *options) { o.resolver = resolver } }

// WithResolveInterval says how often names are looked up again, 1 s … 24 h: 10 s by default. New addresses get a stream,
// vanished ones are not dialled again. A name that cannot be found is looked up again after a pause as between
// connection attempts, if that is shorter.
func WithResolveInterval(interval time.Duration) Option {
	return func(o *options) { o.resolveInterval = interval }
}

// WithReconnect sets the pause before a connection is tried again: doubled from the first (1 ms …; 100 ms by default) to
// the longest (… 24 h; 30 s by default), each time held to a random half … whole of itself. What will not mend by itself
// (a rejected identity, an unknown chain) waits the longest at once.
func WithReconnect(first, longest time.Duration) Option {
	return func(o *options) { o.reconnectFirst, o.reconnectLongest = first, longest }
}

// WithConnectTimeout says how long a connection may take from dialling to the gateway's Welcome, 1 ms … 24 h: 10 s by
// default.
func WithConnectTimeout(timeout time.Duration) Option {
	return func(o *options) { o.connectTimeout = timeout }
}

// WithDrainTimeout says how long [Worker.Drain] waits for handlers and for the gateway to take their settles, 0 … 24 h:
// 20 s by default. What is left is delivered again.
func WithDrainTimeout(timeout time.Duration) Option {
	return func(o *options) { o.drainTimeout = timeout }
}

// WithSendBufferBytes says what may wait to be sent on one stream before [Message.Send] waits: replies ahead of their
// settle, in bytes; 16 MiB by default.
func WithSendBufferBytes(bytes int64) Option { return func(o *options) { o.sendBufferBytes = bytes } }

// WithOnEvent gives a function that is called for every event, one at a time, on a goroutine of its own. It may call
// the worker's methods. By default events are logged; see [LogEvents]. Nil ignores them.
func WithOnEvent(listener func(Event)) Option { return func(o *options) { o.onEvent = listener } }

// WithLogger logs events to this logger instead of slog.Default().
func WithLogger(logger *slog.Logger) Option { return WithOnEvent(LogEvents(logger)) }

// WithOnResult gives a function that is called for each result, in order for one stream, on the goroutine that reads
// the stream: it must be quick, and safe for several goroutines. By default results of replies are ignored, and errors
// of items become events.
func WithOnResult(listener func(Result)) Option { return func(o *options) { o.onResult = listener } }

// WithMiddleware puts middleware around the handler, the first outermost. Several calls add up.
func WithMiddleware(middleware ...Middleware) Option {
	return func(o *options) { o.middleware = append(o.middleware, middleware...) }
}
