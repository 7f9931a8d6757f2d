// Sluice-rulego serves a folder of RuleGo's rule chains, unchanged, to Sluice gateways.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/engine"

	sluice "sluice.dev/client/go"
	"sluice.dev/client/rulego"
)

const usage = `Serves RuleGo's rule chains to Sluice gateways: takes messages, runs them through RuleGo's own engine, and hands back
what the chains answer. A changed file is taken up within a second and without losing a message.

  sluice-rulego --gateway 127.0.0.1:7443 --chains ./chains

Flags:
`

// list is a flag that may be repeated.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds what is not empty, cut at commas.
func (l *list) Set(text string) error {
	for _, one := range strings.Split(text, ",") {
		if one != "" {
			*l = append(*l, one)
		}
	}
	return nil
}

type flags struct {
	gateways, endpoints, scripts, admin   list
	adminToken, adminConnection           string
	chains, nodePool, globals, secretKey  string
	onError, name, instance               string
	concurrency                           int
	window                                int64
	caFile, certFile, keyFile, serverName string
	tokenFile                             string
	tls, verbose, version                 bool
}

func parse() *flags {
	f := &flags{}
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	flag.Var(&f.gateways, "gateway", "where gateways are, `HOST:PORT`[,HOST:PORT]; a name stands for all its addresses")
	flag.StringVar(&f.chains, "chains", "", "the `folder` of chains, one to a file that ends in .json")
	flag.Var(&f.endpoints, "endpoints", "a `file` of endpoint DSL whose routers take the messages of the gateway's routes of the same ids; may be repeated")
	flag.Var(&f.admin, "admin", "where the gateways' admin listeners are, `HOST:PORT` or unix:PATH of each: the endpoints' routers become their routes; TLS as for --gateway")
	flag.StringVar(&f.adminToken, "admin-token-file", "", "a `file` with a bearer token for --admin")
	flag.StringVar(&f.adminConnection, "admin-connection", "", "the gateway's connection (a `name`) that these routes are put on (default the only one of its file)")
	flag.StringVar(&f.onError, "on-error", "ack", "what becomes of a message when a node panicked or a failure answered nothing: ack, retry or reject")
	flag.StringVar(&f.nodePool, "node-pool", "", "a `file` of shared nodes, as RuleGo's node_pool loads it")
	flag.StringVar(&f.globals, "globals", "", "a JSON `file` of names and texts: ${global.NAME} in chains")
	flag.StringVar(&f.secretKey, "secret-key-file", "", "a `file` with the key of the chains' secrets")
	flag.Var(&f.scripts, "script", "a JavaScript `file` whose functions all scripts of the chains can call; may be repeated")
	flag.StringVar(&f.name, "name", "sluice-rulego", "what the gateway's logs call this worker")
	flag.StringVar(&f.instance, "instance", "", "which one of them it is (default host name and process id)")
	flag.IntVar(&f.concurrency, "concurrency", 256, "how many messages are in chains at once")
	flag.Int64Var(&f.window, "window", sluice.AutoWindow, "most messages in work at once, per gateway (default by how long chains take)")
	flag.BoolVar(&f.tls, "tls", false, "TLS with the system's certificate authorities; any of the files below means TLS, too")
	flag.StringVar(&f.caFile, "ca-file", "", "PEM `file` to check the gateway's certificate with; without it and --tls: plain text")
	flag.StringVar(&f.certFile, "cert-file", "", "this worker's certificate (a `file`), where the gateway asks for one")
	flag.StringVar(&f.keyFile, "key-file", "", "the key (a `file`) that goes with --cert-file")
	flag.StringVar(&f.serverName, "server-name", "", "the `name` that the gateway's certificate must carry (default its host)")
	flag.StringVar(&f.tokenFile, "token-file", "", "a `file` with a bearer token to show the gateway; read anew for each connection")
	flag.BoolVar(&f.verbose, "debug", false, "log what RuleGo says at its level debug, too")
	flag.BoolVar(&f.version, "version", false, "print version, commit and build, and exit")
	flag.Parse()
	return f
}

func (f *flags) sdk() []sluice.Option {
	options := []sluice.Option{sluice.WithWorkerName(f.name), sluice.WithWindowMessages(f.window)}
	if f.instance != "" {
		options = append(options, sluice.WithInstance(f.instance))
	}
	if f.tls || f.caFile != "" || f.certFile != "" || f.keyFile != "" {
		options = append(options, sluice.WithTLS(sluice.TLS{CAFile: f.caFile, CertFile: f.certFile, KeyFile: f.keyFile, ServerName: f.serverName}))
	} else {
		options = append(options, sluice.WithSecurity(sluice.SecurityPlaintext))
	}
	if f.tokenFile != "" {
		options = append(options, sluice.WithTokenFile(f.tokenFile))
	}
	return options
}

// adminListeners is nil where none is named.
func (f *flags) adminListeners() (*rulego.Admin, error) {
	if len(f.admin) == 0 {
		return nil, nil
	}
	admin := &rulego.Admin{Addresses: f.admin, TokenFile: f.adminToken, Connection: f.adminConnection}
	if !f.tls && f.caFile == "" && f.certFile == "" && f.keyFile == "" {
		return admin, nil
	}
	admin.TLS = &tls.Config{ServerName: f.serverName, MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		text, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, err
		}
		admin.TLS.RootCAs = x509.NewCertPool()
		if !admin.TLS.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", f.caFile)
		}
	}
	if f.certFile != "" || f.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return nil, err
		}
		admin.TLS.Certificates = []tls.Certificate{pair}
	}
	return admin, nil
}

// config is RuleGo's, with what the flags add.
func (f *flags) config(logger types.Logger) (*types.Config, error) {
	config := engine.NewConfig(types.WithDefaultPool(), types.WithLogger(logger))
	if f.globals != "" {
		text, err := os.ReadFile(f.globals)
		if err != nil {
			return nil, err
		}
		var globals map[string]string
		if err := json.Unmarshal(text, &globals); err != nil {
			return nil, fmt.Errorf("%s: %w; an object of texts is expected", f.globals, err)
		}
		config.Properties = types.BuildProperties(globals)
	}
	if f.secretKey != "" {
		key, err := os.ReadFile(f.secretKey)
		if err != nil {
			return nil, err
		}
		config.SecretKey = strings.TrimSpace(string(key))
	}
	for _, path := range f.scripts {
		script, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		config.RegisterUdf(strings.TrimSuffix(filepath.Base(path), ".js"), types.Script{Type: types.Js, Content: string(script)})
	}
	return &config, nil
}

// commit is of what the program is built, and set by ./dev build.
var commit = "unknown"

func run() error {
	f := parse()
	if f.version {
		fmt.Println("sluice-rulego", sluice.Version, "(commit "+commit+", "+runtime.Version()+")")
		return nil
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("%q is no flag; see --help", flag.Arg(0))
	}
	if len(f.gateways) == 0 || f.chains == "" {
		return errors.New("--gateway and --chains are needed; see --help")
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // RuleGo makes some hundred objects a message, of which few live longer.
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	slog.SetDefault(logger)
	config, err := f.config(rulego.EngineLogger(logger))
	if err != nil {
		return err
	}
	admin, err := f.adminListeners()
	if err != nil {
		return err
	}
	worker, err := rulego.New(rulego.Options{
		Admin:    admin,
		Gateways: f.gateways, Chains: f.chains, Endpoints: f.endpoints, NodePool: f.nodePool, OnError: rulego.OnError(f.onError),
		Config: config, Concurrency: f.concurrency, Logger: logger, Worker: f.sdk(),
	})
	if err != nil {
		return err
	}
	return worker.RunUntilSignal()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sluice-rulego:", err)
		os.Exit(1)
	}
}
