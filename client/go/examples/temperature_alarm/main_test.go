package main

import (
	"testing"

	"sluice.dev/client/go"
)

func TestReadingsAreAnsweredWithAVerdict(t *testing.T) {
	replies, err := check(&sluice.Message{Topic: "plant/boiler/temp", Payload: []byte(`{"sensor":"boiler","celsius":81.5}`), QoS: 1}, 80)
	if err != nil || len(replies) != 1 || replies[0].Topic != "plant/boiler/reply/alarm" || *replies[0].QoS != 1 ||
		string(replies[0].Payload) != `{"sensor":"boiler","celsius":81.5,"alarm":true,"limit":80}` {
		t.Fatalf("%v, %v", replies, err)
	}
	for _, payload := range []string{"x", "[]", "null", `{"sensor":1,"celsius":2}`, `{"sensor":"a"}`} {
		if _, err := check(&sluice.Message{Payload: []byte(payload)}, 80); sluice.OutcomeOf(err) != sluice.OutcomeReject {
			t.Errorf("%s: %v", payload, err)
		}
	}
}
