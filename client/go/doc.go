// Package sluice is a rule-chain worker: it takes MQTT messages from Sluice gateways, and answers each with what a
// [Handler] makes of it.
//
//	worker, err := sluice.NewWorker([]string{"sluice.example:7443"}, []string{"temperature"},
//		func(ctx context.Context, m *sluice.Message) (sluice.Replies, error) {
//			return sluice.Replies{{Topic: "plant/reply", Payload: m.Payload, QoS: sluice.QoS(1)}}, nil
//		}, sluice.WithTLS(sluice.TLS{CAFile: "/etc/sluice/ca.pem"}))
//	if err != nil {
//		log.Fatal(err)
//	}
//	if err := worker.RunUntilSignal(context.Background()); err != nil {
//		log.Fatal(err)
//	}
//
// A worker keeps one stream to every address behind every gateway's name, and connects again when one is lost. A
// message that came in at QoS 1 or 2 is delivered at least once: after a lost stream or lease it comes again, with the
// same [Message.MessageID].
//
// Package sluicetest has a gateway for tests of handlers and workers, in the test's own process. The module
// sluice.dev/client/go/sluiceotel traces messages with OpenTelemetry.
package sluice
