package main

import (
	"context"
	"fmt"
	"net/textproto"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/api/types/endpoint"
	"github.com/rulego/rulego/endpoint/impl"
	"github.com/rulego/rulego/engine"
)

// plain is a message as RuleGo's endpoints make them, in and out: headers with the topic, a body, the rule message.
type plain struct {
	headers textproto.MIMEHeader
	body    []byte
	msg     *types.RuleMsg
	err     error
	answer  func() // Of one that goes out.
}

var _ endpoint.Message = (*plain)(nil)

func (m *plain) Body() []byte { return m.body }
func (m *plain) Headers() textproto.MIMEHeader {
	if m.headers == nil {
		m.headers = textproto.MIMEHeader{}
		if m.answer == nil {
			m.headers.Set("topic", m.From())
		}
	}
	return m.headers
}
func (m *plain) From() string              { return "bench/in/0" }
func (m *plain) GetParam(string) string    { return "" }
func (m *plain) SetMsg(msg *types.RuleMsg) { m.msg = msg }
func (m *plain) GetMsg() *types.RuleMsg {
	if m.msg == nil {
		metadata := types.NewMetadata()
		metadata.PutValue("topic", m.From())
		msg := types.NewMsg(0, m.From(), types.JSON, metadata, string(m.body))
		m.msg = &msg
	}
	return m.msg
}
func (m *plain) SetStatusCode(int)  {}
func (m *plain) SetError(err error) { m.err = err }
func (m *plain) GetError() error    { return m.err }
func (m *plain) SetBody(body []byte) {
	m.body = body
	if m.answer != nil {
		m.answer()
	}
}

// measureAlone runs messages through RuleGo's engine and the code of its endpoints, without any network: what is left of
// RuleGo when its MQTT client is taken away. As many messages are under way as sluice-rulego has at most.
func measureAlone(config types.Config, pool *engine.Pool, target, from string, duration time.Duration) error {
	const underWay = 256
	router, _, err := makeRouter(config, pool, "bench/in/#", target, from)
	if err != nil {
		return err
	}
	var host impl.BaseEndpoint
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var answered atomic.Int64
	room := make(chan struct{}, underWay)
	answer := func() {
		answered.Add(1)
		<-room
	}
	payload := make([]byte, 128)
	for i := range payload {
		payload[i] = 'x'
	}
	one := func() {
		room <- struct{}{}
		host.DoProcess(ctx, router, &endpoint.Exchange{In: &plain{body: payload}, Out: &plain{answer: answer}})
	}
	for warm := time.Now(); time.Since(warm) < time.Second; {
		one()
	}
	first, cpu, begun := answered.Load(), cpuTime(), time.Now()
	for time.Since(begun) < duration {
		one()
	}
	count, took, spent := float64(answered.Load()-first), time.Since(begun), cpuTime()-cpu
	fmt.Printf("{\"answered_per_s\": %.0f, \"cpu_us\": %.2f}\n", count/took.Seconds(), float64(spent.Nanoseconds())/1000/count)
	return nil
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
