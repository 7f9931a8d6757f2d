// Command temperature_alarm watches temperatures: each sensor reading is answered with a verdict.
//
//	plant/boiler/temp         {"sensor":"boiler","celsius":81.5}
//	plant/boiler/reply/alarm  {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"sluice.dev/client/go"
)

const about = `Watches temperatures: takes sensor readings from Sluice gateways and answers each with a verdict.
A reading {"sensor":"boiler","celsius":81.5} on plant/boiler/temp is answered on plant/boiler/reply/alarm
with {"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}, at the reading's own QoS. What is no such
reading goes to the gateway's dead letters. Ctrl-C or SIGTERM lets what is in work finish first.

  temperature-alarm --gateway 127.0.0.1:7443 --chain temperature

`

// alarmTopic of "plant/boiler/temp" is "plant/boiler/reply/alarm"; a topic of one level gets the reply below itself.
func alarmTopic(topic string) string {
	if slash := strings.LastIndexByte(topic, '/'); slash >= 0 {
		topic = topic[:slash]
	}
	return topic + "/reply/alarm"
}

func check(m *sluice.Message, limit float64) (sluice.Replies, error) {
	var reading map[string]any
	if err := json.Unmarshal(m.Payload, &reading); err != nil || reading == nil {
		return nil, sluice.Reject("the payload is not a JSON object")
	}
	sensor, ok := reading["sensor"].(string)
	if !ok {
		return nil, sluice.Reject(`"sensor" must be a string`)
	}
	celsius, ok := reading["celsius"].(float64)
	if !ok {
		return nil, sluice.Reject(`"celsius" must be a number`)
	}
	verdict, err := json.Marshal(struct {
		Sensor  string  `json:"sensor"`
		Celsius float64 `json:"celsius"`
		Alarm   bool    `json:"alarm"`
		Limit   float64 `json:"limit"`
	}{sensor, celsius, celsius > limit, limit})
	if err != nil {
		return nil, err
	}
	return sluice.Replies{{Topic: alarmTopic(m.Topic), Payload: verdict, QoS: &m.QoS}}, nil
}

// list is a flag that may be repeated, and takes several values with commas between.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, strings.Split(value, ",")...)
	return nil
}

func run(arguments []string) error {
	var gateways, chains list
	var files sluice.TLS
	flags := flag.NewFlagSet("temperature-alarm", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), about)
		flags.PrintDefaults()
	}
	flags.Var(&gateways, "gateway", "where gateways are: `HOST:PORT`[,HOST:PORT]; a name stands for all its addresses")
	flags.Var(&chains, "chain", "serve the chain of this `NAME`; may be repeated")
	name := flags.String("name", "temperature-alarm", "what the gateway's logs call this worker")
	window := flags.Int64("window", sluice.AutoWindow, "most messages in work at once, per gateway; -1: by how long the handler takes")
	concurrency := flags.Int("concurrency", sluice.AutoConcurrency,
		"handlers that run at once; 0 runs them on the connection's own goroutine; -1: the CPUs, at least 4")
	flags.StringVar(&files.CAFile, "ca-file", "", "PEM `FILE` to check the gateway's certificate with; without it: plain text")
	flags.StringVar(&files.CertFile, "cert-file", "", "`FILE` with this worker's certificate, where the gateway asks for one")
	flags.StringVar(&files.KeyFile, "key-file", "", "`FILE` with the key that goes with --cert-file")
	tokenFile := flags.String("token-file", "", "`FILE` with a bearer token to show the gateway; read anew for each connection")
	limit := flags.Float64("limit", 80, "raise the alarm above this many degrees Celsius")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q (see --help)", flags.Arg(0))
	}

	security := sluice.SecurityTLS
	if files == (sluice.TLS{}) {
		security = sluice.SecurityPlaintext
	}
	worker, err := sluice.NewWorker(gateways, chains,
		func(_ context.Context, m *sluice.Message) (sluice.Replies, error) { return check(m, *limit) },
		sluice.WithWorkerName(*name), sluice.WithWindowMessages(*window), sluice.WithConcurrency(*concurrency),
		sluice.WithSecurity(security), sluice.WithTLS(files), sluice.WithTokenFile(*tokenFile))
	if err != nil {
		return err
	}
	return worker.RunUntilSignal(context.Background())
}

func main() {
	switch err := run(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintf(os.Stderr, "temperature-alarm: %v\n", err)
		os.Exit(1)
	}
}
