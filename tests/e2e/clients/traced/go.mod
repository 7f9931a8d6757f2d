module sluice.dev/tests/clients/traced

go 1.26.0

require (
	go.opentelemetry.io/otel v1.47.0
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.47.0
	go.opentelemetry.io/otel/sdk v1.47.0
	sluice.dev/client/go v0.1.0
	sluice.dev/client/go/sluiceotel v0.1.0
)

replace sluice.dev/client/go => ../../../../client/go

replace sluice.dev/client/go/sluiceotel => ../../../../client/go/sluiceotel
