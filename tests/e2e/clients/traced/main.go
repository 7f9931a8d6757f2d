// A worker on the Go SDK with sluiceotel: answers each message with its payload, and tells a collector of its spans.
//
//	worker HOST:PORT COLLECTOR_HOST:PORT
package main

import (
	"context"
	"log"
	"os"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"

	"sluice.dev/client/go"
	"sluice.dev/client/go/sluiceotel"
)

func run() error {
	ctx := context.Background()
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(os.Args[2]), otlptracehttp.WithInsecure())
	if err != nil {
		return err
	}
	provider := trace.NewTracerProvider(
		trace.WithBatcher(exporter, trace.WithBatchTimeout(100*time.Millisecond)),
		trace.WithResource(resource.NewSchemaless(attribute.String("service.name", "worker"))))
	defer func() { _ = provider.Shutdown(ctx) }()
	answer := func(_ context.Context, m *sluice.Message) (sluice.Replies, error) {
		return sluice.Replies{{Topic: "out", Payload: m.Payload, QoS: &m.QoS}}, nil
	}
	worker, err := sluice.NewWorker([]string{os.Args[1]}, []string{"c"}, answer,
		sluice.WithSecurity(sluice.SecurityPlaintext),
		sluice.WithMiddleware(sluiceotel.Middleware(sluiceotel.WithTracerProvider(provider), sluiceotel.WithReplies())))
	if err != nil {
		return err
	}
	return worker.RunUntilSignal(ctx)
}

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
