package sluice

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"sluice.dev/client/go/internal/target"
	"sluice.dev/client/go/sluicev1"
)

// frameCodec hands frames through as they are encoded. A *frame is written, a *[]byte is read: into memory of its own,
// since messages keep views of it.
type frameCodec struct{}

func (frameCodec) Name() string { return "proto" }

func (frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	return *v.(*mem.BufferSlice), nil
}

func (frameCodec) Unmarshal(data mem.BufferSlice, v any) error {
	into := make([]byte, data.Len())
	data.CopyTo(into)
	*v.(*[]byte) = into
	return nil
}

const (
	// Large, so that neither many small messages nor a large one wait for the other side's permission; what comes is
	// bounded by the protocol's window. It also spares the pings by which gRPC would find such a number out.
	http2Window = 4 << 20
	// Of the socket: a system call moves as much.
	socketBuffer = 128 << 10
)

// dial makes a connection that one stream has for itself. Nothing is connected before the first call.
func dial(o *options, address target.Address) (*grpc.ClientConn, error) {
	dialOptions := []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(frameCodec{}),
			// A frame over the limit would end the stream, and the gateway says only later how large they can be.
			grpc.MaxCallRecvMsgSize(math.MaxInt), grpc.MaxCallSendMsgSize(math.MaxInt)),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithIdleTimeout(0),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: o.connectTimeout}),
		grpc.WithInitialWindowSize(http2Window),
		grpc.WithInitialConnWindowSize(2 * http2Window),
		grpc.WithReadBufferSize(socketBuffer),
		grpc.WithWriteBufferSize(socketBuffer),
		grpc.WithUserAgent(sdk),
	}
	if o.security == SecurityPlaintext {
		dialOptions = append(dialOptions, grpc.WithTransportCredentials(insecure.NewCredentials()))
	} else {
		config, err := tlsConfig(o, address)
		if err != nil {
			return nil, err
		}
		// The address is dialled by number, the certificate is checked against the name.
		authority := config.ServerName
		if strings.Contains(authority, ":") {
			// An IPv6 address stands in brackets there, and gRPC takes it out of them for the check.
			authority = net.JoinHostPort(authority, strconv.Itoa(int(address.Port)))
			config.ServerName = ""
		}
		dialOptions = append(dialOptions, grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithAuthority(authority))
	}
	return grpc.NewClient("passthrough:///"+address.String(), dialOptions...)
}

func tlsConfig(o *options, address target.Address) (*tls.Config, error) {
	config := &tls.Config{ServerName: address.Host, MinVersion: tls.VersionTLS12}
	if o.tls.ServerName != "" {
		config.ServerName = o.tls.ServerName
	}
	if o.tls.CAFile != "" {
		roots, err := readFile(o.tls.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(roots) {
			return nil, status.Error(codes.Unavailable, o.tls.CAFile+" holds no certificate in PEM")
		}
	}
	if o.tls.CertFile != "" {
		chain, err := readFile(o.tls.CertFile)
		if err != nil {
			return nil, err
		}
		key, err := readFile(o.tls.KeyFile)
		if err != nil {
			return nil, err
		}
		certificate, err := tls.X509KeyPair(chain, key)
		if err != nil {
			// The error tells of the form only, never what the key is.
			return nil, status.Errorf(codes.Unavailable, "%s and %s: %v", o.tls.CertFile, o.tls.KeyFile, err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

func readFile(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, status.Errorf(codes.Unavailable, "cannot read %s: %v", path, err)
	}
	if len(content) == 0 {
		return nil, status.Error(codes.Unavailable, path+" is empty")
	}
	return content, nil
}

// authorize puts the token, if there is one, into the call's metadata.
func authorize(ctx context.Context, o *options) (context.Context, error) {
	var token, from string
	switch {
	case o.token != nil:
		var err error
		if token, err = askForToken(ctx, o.token); err != nil {
			return nil, status.Errorf(codes.Unavailable, "no token: %v", err)
		}
		from = "the function for tokens"
	case o.tokenFile != "":
		content, err := readFile(o.tokenFile)
		if err != nil {
			return nil, err
		}
		token, from = string(bytes.TrimSpace(content)), o.tokenFile
	default:
		return ctx, nil
	}
	token = strings.TrimSpace(token)
	if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, status.Error(codes.Unavailable, from+" gave no token, or more than one")
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token), nil
}

func askForToken(ctx context.Context, source TokenSource) (token string, err error) {
	defer recoverAs(&err, "the function for tokens")
	return source(ctx)
}

// recoverAs makes an error of a panic in the user's functions and in the SDK's own tasks: nothing dies silently.
func recoverAs(err *error, where string) {
	if value := recover(); value != nil {
		*err = status.Error(codes.Internal, fmt.Sprintf("panic in %s: %v", where, value))
	}
}

// openStream connects, and opens the one call of a connection.
func openStream(ctx context.Context, conn *grpc.ClientConn) (grpc.ClientStream, error) {
	return conn.NewStream(ctx, &sluicev1.WorkerService_ServiceDesc.Streams[0], sluicev1.WorkerService_Work_FullMethodName)
}
