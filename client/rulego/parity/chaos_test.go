package parity

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// slow answers below the topic after 20 ms, so that messages are at work whenever something happens.
func slow(mark int) []byte {
	chain := one{name: "slow", nodes: nodes{{"d", "delay", conf{"delayMs": "20"}}, js("a", fmt.Sprintf("metadata['responseTopic']='out/'+msg.n;msg.mark=%d;", mark))},
		links: links{{"d", success, "a"}}}
	return chain.definition()
}

// trouble is what happens, again and again, while messages flow.
type trouble struct {
	name string
	act  func(*chaos)
}

// chaos is a side under test: RuleGo in process, or a gateway with a worker.
type chaos struct {
	*world
	chains  string
	worker  *process
	restart func() *process // Of the worker.
	answers map[string]bool
	mark    int
}

func (c *chaos) killWorker() {
	c.worker.kill()
	c.worker = c.restart()
}

func (c *chaos) killGateway() {
	c.gateway.kill()
	c.gateway = c.start(program(c.t, "sluice-gateway"), "--config", c.config)
}

func (c *chaos) change() {
	c.mark++
	// As an editor or a ConfigMap does it: whole, or not at all.
	next := filepath.Join(c.chains, ".next")
	if err := os.WriteFile(next, slow(c.mark), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(next, filepath.Join(c.chains, "slow.json")); err != nil {
		c.t.Fatal(err)
	}
}

// built is a program of this module, or the test is skipped.
func built(t *testing.T, name string) string {
	folder := os.Getenv("RULEGO_BIN")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "build", "client", "rulego")
	}
	path, err := filepath.Abs(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not built: client/rulego/dev build", path)
	}
	return path
}

const chaosRoute = `  - {id: slow, connection: plant, from: {path: in/slow, qos: 1}, to: {path: "chain:slow"}}`

func newChaos(t *testing.T) *chaos {
	c := &chaos{world: newWorld(t, chaosRoute, "slow: {maxAttempts: 100}"), chains: t.TempDir(), answers: map[string]bool{}}
	c.change()
	return c
}

// throughSluice is a gateway with a worker of this module.
func throughSluice(t *testing.T) *chaos {
	c := newChaos(t)
	c.restart = func() *process {
		return c.start(built(t, "sluice-rulego"), "--gateway", c.workers, "--chains", c.chains)
	}
	c.worker = c.restart()
	c.worker.says("connected", 1)
	return c
}

// inOneProcess is RuleGo with its own endpoint. Its session at the broker lasts.
func inOneProcess(t *testing.T) *chaos {
	c := newChaos(t)
	c.gateway.kill()
	c.restart = func() *process {
		return c.start(built(t, "inprocess"), "--broker", c.broker, "--chains", c.chains, "--from", "in/slow", "--to", "chain:slow", "--reload")
	}
	c.worker = c.restart()
	// The broker keeps it until there is a subscription.
	if token := c.client.Publish("in/slow", 1, true, `{"n":"probe"}`); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatal("the probe is not taken: ", token.Error())
	}
	c.answered("probe")
	c.client.Publish("in/slow", 1, true, "").Wait() // Forgotten again.
	return c
}

// answered waits for the answer to a message, and notes those that come before it.
func (c *chaos) answered(number string) {
	late := time.After(2 * patience)
	for !c.answers[number] {
		select {
		case one := <-c.heard:
			c.answers[strings.TrimPrefix(one.topic, "out/")] = true
		case <-late:
			c.t.Fatalf("message %q is not answered within %v", number, 2*patience)
		}
	}
}

// lost sends messages while the trouble happens, and returns how many were never answered.
func (c *chaos) lost(count int, happens trouble) (lost int) {
	tokens := make([]paho.Token, 0, count)
	pace := time.NewTicker(time.Millisecond) // A device's.
	defer pace.Stop()
	for i := range count {
		tokens = append(tokens, c.client.Publish("in/slow", 1, false, fmt.Sprintf(`{"n":"%d"}`, i)))
		if i%(count/5) == count/10 {
			happens.act(c)
		}
		<-pace.C
	}
	for _, token := range tokens {
		if !token.WaitTimeout(patience) {
			c.t.Fatal("the broker has not taken a message")
		}
	}
	if c.gateway.ProcessState == nil {
		// Behind a gateway each answer must come.
		for i := range count {
			c.answered(fmt.Sprint(i))
		}
		return 0
	}
	// RuleGo has begun with all that it has before it begins with what comes last, and each takes as long.
	for _, last := range []string{"last", "very last"} {
		c.publish("in/slow", 1, fmt.Sprintf(`{"n":%q}`, last))
		c.answered(last)
	}
	for i := range count {
		if !c.answers[fmt.Sprint(i)] {
			lost++
		}
	}
	return lost
}

func TestWhatRuleGoLosesIsNotLost(t *testing.T) {
	const messages = 1000
	for _, happens := range []trouble{
		{"the worker is killed five times", (*chaos).killWorker},
		{"the gateway is killed five times", (*chaos).killGateway},
		{"the chain is changed five times", (*chaos).change},
	} {
		t.Run(happens.name, func(t *testing.T) {
			t.Parallel()
			throughSluice(t).lost(messages, happens)
			if strings.Contains(happens.name, "gateway") {
				return // There is none in RuleGo.
			}
			t.Logf("%s: RuleGo in process loses %d of %d", happens.name, inOneProcess(t).lost(messages, happens), messages)
		})
	}
}
