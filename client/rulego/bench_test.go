package rulego

import (
	"context"
	"strings"
	"testing"

	"github.com/rulego/rulego/api/types"
)

const native = `{"ruleChain":{"id":"c"},"metadata":{"nodes":[{"id":"to","type":"metadataTransform","configuration":{"mapping":{"responseTopic":"'out'"}}}]}}`

var payload = []byte(strings.Repeat("x", 128))

// What RuleGo's engine takes for a message by itself.
func BenchmarkEngine(b *testing.B) {
	w := served(b, Ack, native)
	chain, _ := w.pool.Get("c")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			chain.OnMsgAndWait(types.NewMsgFromBytes(0, "t", types.TEXT, types.NewMetadata(), payload), types.WithOnEnd(func(types.RuleContext, types.RuleMsg, error, string) {}))
		}
	})
}

// What it takes with all that this package adds.
func BenchmarkHandle(b *testing.B) {
	w := served(b, Ack, native)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m := message()
			m.Payload = payload
			if replies, err := w.handle(context.Background(), m); err != nil || len(replies) != 1 {
				b.Error(replies, err)
			}
		}
	})
}
