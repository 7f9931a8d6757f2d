// Package rulego runs RuleGo's rule chains, unchanged, behind a Sluice gateway: it takes messages from gateways, runs
// them through RuleGo's own engine, and hands what the chains answer back as replies.
//
//	worker, err := rulego.New(rulego.Options{
//		Gateways: []string{"gateway.example:7443"},
//		Chains:   "/etc/rulego/chains",
//	})
//	if err != nil {
//		log.Fatal(err)
//	}
//	err = worker.RunUntilSignal()
//
// The program sluice-rulego (cmd/sluice-rulego) is this with flags. The package is for programs that bring nodes,
// processors or functions of their own: register them with RuleGo as always, before [New].
//
// # What becomes of a message
//
// A chain that ran is an ACK, and what its end branches answered is published with it, in the order in which they
// ended. A chain that could not run (it is being reloaded, or not loaded) is a RETRY. A node that panicked, or a
// failure that nothing answered, is what [Options.OnError] says.
//
// Where an answer goes and with which QoS say the metadata "responseTopic" and "responseQos" of the message at the
// branch's end, or the headers of the same name that a processor has set. Without a topic nothing is published.
package rulego
