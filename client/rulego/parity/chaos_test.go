package parity

import (
	"fmt"
	"os"
	"os/exec"
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
	worker  *exec.Cmd
	restart func() *exec.Cmd // Of the worker.
	mark    int
}

func (c *chaos) killWorker() {
	_ = c.worker.Process.Kill()
	_ = c.worker.Wait()
	c.worker = c.restart()
}

func (c *chaos) killGateway() {
	_ = c.gateway.Process.Kill()
	_ = c.gateway.Wait()
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
	c := &chaos{world: newWorld(t, chaosRoute, "slow: {maxAttempts: 100}"), chains: t.TempDir()}
	c.change()
	return c
}

// throughSluice is a gateway with a worker of this module.
func throughSluice(t *testing.T) *chaos {
	c := newChaos(t)
	c.restart = func() *exec.Cmd {
		return c.start(built(t, "sluice-rulego"), "--gateway", c.workers, "--chains", c.chains)
	}
	c.worker = c.restart()
	until(t, "a worker", func() bool { return c.metric("sluice_worker_streams") == 1 })
	return c
}

// inOneProcess is RuleGo with its own endpoint. Its session at the broker lasts.
func inOneProcess(t *testing.T) *chaos {
	c := newChaos(t)
	_ = c.gateway.Process.Kill()
	_ = c.gateway.Wait()
	c.restart = func() *exec.Cmd {
		return c.start(built(t, "inprocess"), "--broker", c.broker, "--chains", c.chains, "--from", "in/slow", "--to", "chain:slow", "--reload")
	}
	c.worker = c.restart()
	until(t, "a subscription", func() bool { // Its own messages come back.
		c.publish("in/slow", 1, `{"n":"probe"}`)
		select {
		case <-c.heard:
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
	return c
}

// lost sends messages while the trouble happens, and returns how many were never answered.
func (c *chaos) lost(count int, happens trouble) int {
	answered := map[string]int{}
	take := func(one received) { answered[strings.TrimPrefix(one.topic, "out/")]++ }
	tokens := make([]paho.Token, 0, count)
	for i := range count {
		tokens = append(tokens, c.client.Publish("in/slow", 1, false, fmt.Sprintf(`{"n":"%d"}`, i)))
		if i%(count/5) == count/10 {
			happens.act(c)
		}
		for more := true; more; {
			select {
			case one := <-c.heard:
				take(one)
			default:
				more = false
			}
		}
		time.Sleep(time.Millisecond) // A device's pace.
	}
	for _, token := range tokens {
		if !token.WaitTimeout(patience) {
			c.t.Fatal("the broker has not taken a message")
		}
	}
	deadline := time.Now().Add(2 * patience)
	for len(answered) < count {
		select {
		case one := <-c.heard:
			take(one)
			continue
		case <-time.After(2 * time.Second):
		}
		// Behind a gateway each answer must come; RuleGo alone has nothing more to say.
		if c.gateway.ProcessState != nil || time.Now().After(deadline) {
			break
		}
	}
	delete(answered, "probe")
	return count - len(answered)
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
			ours := throughSluice(t).lost(messages, happens)
			if ours != 0 {
				t.Errorf("%d of %d messages are lost", ours, messages)
			}
			if strings.Contains(happens.name, "gateway") {
				return // There is none in RuleGo.
			}
			t.Logf("%s: RuleGo in process loses %d of %d", happens.name, inOneProcess(t).lost(messages, happens), messages)
		})
	}
}
