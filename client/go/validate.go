package sluice

import (
	"math"
	"os"
	"time"
	"unicode/utf8"

	"sluice.dev/client/go/internal/target"
)

const (
	maxName        = 256  // worker.proto, Hello.
	maxChains      = 1000 // worker.proto, Hello.
	maxConcurrency = 4096
	maxDuration    = 24 * time.Hour // Anything longer is a mistake in the unit.
)

func (o *options) validate() error {
	if len(o.gateways) == 0 {
		return badOption("gateways", "is empty: name at least one HOST:PORT")
	}
	for _, gateway := range o.gateways {
		if _, err := target.Parse(gateway); err != nil {
			return badOption("gateways", "has %q: %v", gateway, err)
		}
	}
	if err := o.validateNames(); err != nil {
		return err
	}
	if o.windowMessages != AutoWindow && (o.windowMessages < 1 || o.windowMessages > math.MaxUint32) {
		return badOption("window_messages", "is %d; allowed are 1 … %d, or AutoWindow", o.windowMessages, uint32(math.MaxUint32))
	}
	if o.windowBytes < 0 {
		return badOption("window_bytes", "is %d; allowed are 0 (no limit) and more", o.windowBytes)
	}
	if o.sendBufferBytes < 0 {
		return badOption("send_buffer_bytes", "is %d; allowed are 0 and more", o.sendBufferBytes)
	}
	if o.concurrency != AutoConcurrency && (o.concurrency < 0 || o.concurrency > maxConcurrency) {
		return badOption("concurrency", "is %d; allowed are 0 … %d, or AutoConcurrency", o.concurrency, maxConcurrency)
	}
	durations := []struct {
		option string
		value  time.Duration
		lowest time.Duration
	}{
		{"lease", o.lease, 0},
		{"resolve_interval", o.resolveInterval, time.Second},
		{"reconnect_first", o.reconnectFirst, time.Millisecond},
		{"reconnect_longest", o.reconnectLongest, o.reconnectFirst},
		{"connect_timeout", o.connectTimeout, time.Millisecond},
		{"drain_timeout", o.drainTimeout, 0},
	}
	for _, d := range durations {
		if d.value < d.lowest || d.value > maxDuration {
			return badOption(d.option, "is %v; allowed are %v … %v", d.value, d.lowest, maxDuration)
		}
	}
	if o.family > AllFamilies {
		return badOption("family", "is %d; allowed are PreferIPv4, PreferIPv6 and AllFamilies", o.family)
	}
	return o.validateSecurity()
}

func (o *options) validateNames() error {
	if len(o.chains) == 0 {
		return badOption("chains", "is empty: name at least one")
	}
	if len(o.chains) > maxChains {
		return badOption("chains", "has %d entries; allowed are %d", len(o.chains), maxChains)
	}
	for _, chain := range o.chains {
		if chain == "" {
			return badOption("chains", "has an empty name")
		}
		if err := checkName("chains", chain); err != nil {
			return err
		}
	}
	if err := checkName("worker_name", o.workerName); err != nil {
		return err
	}
	return checkName("instance", o.instance)
}

func (o *options) validateSecurity() error {
	if o.tokenFile != "" && o.token != nil {
		return badOption("token_file", "is set, and so is a function for tokens; allowed is one of them")
	}
	switch o.security {
	case SecurityPlaintext:
		if o.tls != (TLS{}) {
			return badOption("tls", "is set, but security is SecurityPlaintext")
		}
		return nil
	case SecurityTLS:
	default:
		return badOption("security", "is %d; allowed are SecurityTLS and SecurityPlaintext", o.security)
	}
	if (o.tls.CertFile == "") != (o.tls.KeyFile == "") {
		return badOption("tls", "has only one of CertFile and KeyFile; they go together")
	}
	files := []struct{ option, path string }{
		{"tls.ca_file", o.tls.CAFile}, {"tls.cert_file", o.tls.CertFile}, {"tls.key_file", o.tls.KeyFile},
	}
	for _, f := range files {
		if f.path == "" {
			continue
		}
		file, err := os.Open(f.path)
		if err != nil {
			return badOption(f.option, "cannot be read: %v", err)
		}
		_ = file.Close()
	}
	return nil
}

func checkName(option, name string) error {
	if len(name) > maxName {
		return badOption(option, "has a name of %d bytes; allowed are %d", len(name), maxName)
	}
	if !utf8.ValidString(name) {
		return badOption(option, "has the name %q, which is not UTF-8", name)
	}
	return nil
}
