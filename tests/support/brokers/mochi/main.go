// A mochi-mqtt broker for tests: mochi -listen 127.0.0.1:PORT [-store FILE]. Everybody may do everything, save
// subscribe to "refused".
package main

import (
	"flag"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/storage/bolt"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

type permissions struct{ mqtt.HookBase }

func (*permissions) Provides(hook byte) bool {
	return hook == mqtt.OnConnectAuthenticate || hook == mqtt.OnACLCheck
}
func (*permissions) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }
func (*permissions) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	return write || topic != "refused"
}

func main() {
	listen := flag.String("listen", "", "HOST:PORT")
	store := flag.String("store", "", "file for sessions and messages, so that they survive a restart")
	flag.Parse()

	server := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	check(server.AddHook(new(permissions), nil))
	if *store != "" {
		check(server.AddHook(new(bolt.Hook), &bolt.Options{Path: *store}))
	}
	check(server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: *listen})))

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	check(server.Serve())
	<-ended
	check(server.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
