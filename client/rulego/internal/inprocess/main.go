// Inprocess is RuleGo as it is without Sluice: its own MQTT endpoint and engine in one process, with the chains of a
// folder. Tests and benchmarks measure package rulego beside it.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/builtin/processor"
	"github.com/rulego/rulego/endpoint/impl"
	"github.com/rulego/rulego/endpoint/mqtt"
	"github.com/rulego/rulego/engine"

	"sluice.dev/client/rulego"
)

func run() error {
	broker := flag.String("broker", "127.0.0.1:1883", "HOST:PORT")
	folder := flag.String("chains", "", "folder of chains")
	filter := flag.String("from", "#", "topic filter")
	target := flag.String("to", "", "chain:ID")
	from := flag.String("from-processors", "", "of the router's from, cut at commas")
	qos := flag.Int("qos", 1, "of the subscription")
	wait := flag.Bool("wait", false, "one message after the other, acknowledged after the chain")
	alone := flag.Duration("alone", 0, "for so long: no broker, messages are made here; prints what one costs")
	reload := flag.Bool("reload", false, "take up changed files, as RuleGo's own programs do: ReloadSelf")
	flag.Parse()

	config := engine.NewConfig(types.WithDefaultPool())
	config.Logger = rulego.EngineLogger(slog.New(slog.DiscardHandler))
	pool := engine.NewPool()
	if err := pool.Load(*folder, engine.WithConfig(config)); err != nil {
		return err
	}
	if *alone > 0 {
		return measureAlone(config, pool, *target, *from, *alone)
	}
	own := &mqtt.Endpoint{}
	if err := own.Init(config, types.Configuration{"server": *broker, "qos": *qos, "clientId": "rulego", "cleanSession": false}); err != nil {
		return err
	}
	router, to, err := makeRouter(config, pool, *filter, *target, *from)
	if err != nil {
		return err
	}
	if *wait {
		to.Wait()
	}
	if _, err := own.AddRouter(router); err != nil {
		return err
	}
	if err := own.Start(); err != nil {
		return err
	}
	fmt.Println("ready")
	if *reload {
		go follow(*folder, pool)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
	return nil
}

func makeRouter(config types.Config, pool *engine.Pool, filter, target, from string) (endpoint.Router, endpoint.To, error) {
	router := impl.NewRouter(endpoint.RouterOptions.WithRuleGo(pool), endpoint.RouterOptions.WithRuleConfig(config))
	source := router.From(filter)
	for _, name := range strings.FieldsFunc(from, func(r rune) bool { return r == ',' }) {
		process, ok := processor.InBuiltins.Get(name)
		if !ok {
			return nil, nil, fmt.Errorf("no processor %s", name)
		}
		source.Process(process)
	}
	to := source.To(target)
	for _, name := range []string{"metadataToHeaders", "responseToBody"} {
		process, _ := processor.OutBuiltins.Get(name)
		to.Process(process)
	}
	return router, to, nil
}

// follow reloads chains whose files have changed.
func follow(folder string, pool *engine.Pool) {
	seen := map[string]time.Time{}
	for range time.Tick(100 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
		for _, path := range files {
			info, err := os.Stat(path)
			if err != nil || info.ModTime().Equal(seen[path]) {
				continue
			}
			_, again := seen[path]
			seen[path] = info.ModTime()
			text, err := os.ReadFile(path)
			if err != nil || !again {
				continue
			}
			if chain, ok := pool.Get(strings.TrimSuffix(filepath.Base(path), ".json")); ok {
				_ = chain.ReloadSelf(text)
			}
		}
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "inprocess:", err)
		os.Exit(1)
	}
}
