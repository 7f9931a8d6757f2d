package values_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"sluice.dev/client/go/sluicev1"
	"sluice.dev/conformance/internal/values"
)

type members = map[string]any

func TestMatch(t *testing.T) {
	got := members{"name": "oven", "count": int64(3), "list": []any{"a", "b"}, "none": nil, "inner": members{"a": 1, "b": 2}}
	for _, c := range []struct {
		name string
		want any
		met  bool
	}{
		{"an equal member", members{"name": "oven"}, true},
		{"another value", members{"name": "kiln"}, false},
		{"a number of another type", members{"count": 3}, true},
		{"members that nobody asked for are anything", members{"inner": members{"a": 1}}, true},
		{"an inner member that differs", members{"inner": members{"a": 2}}, false},
		{"a list", members{"list": []any{"a", "b"}}, true},
		{"a list that is too short", members{"list": []any{"a"}}, false},
		{"within", members{"count": members{"min": 1, "max": 3}}, true},
		{"below", members{"count": members{"min": 4}}, false},
		{"above", members{"count": members{"max": 2}}, false},
		{"has", members{"name": members{"has": "ve"}}, true},
		{"has not", members{"name": members{"has": "x"}}, false},
		{"not", members{"name": members{"not": "kiln"}}, true},
		{"not, but it is", members{"name": members{"not": "oven"}}, false},
		{"absent", members{"none": members{"absent": true}, "other": members{"absent": true}}, true},
		{"absent, but it is there", members{"name": members{"absent": true}}, false},
		{"present, but it is not there", members{"none": members{"absent": false}}, false},
		{"length", members{"list": members{"length": 2}, "name": members{"length": members{"max": 4}}}, true},
		{"another length", members{"list": members{"length": 3}}, false},
		{"one of", members{"name": members{"any": []any{"kiln", "oven"}}}, true},
		{"none of", members{"name": members{"any": []any{"kiln"}}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := values.Match(c.want, got); (err == nil) != c.met {
				t.Errorf("Match(%v) = %v", c.want, err)
			}
		})
	}
}

func TestMessagesAreMadeOfPlainValuesAndBack(t *testing.T) {
	made := &sluicev1.Settle{}
	err := values.ToProto(members{"delivery_id": 7, "outcome": "reject", "replies": []any{members{
		"topic": "a/b", "payload_base64": "AP8=", "qos": 0, "user_properties": []any{[]any{"k", "v"}}, "metadata": members{"m": "n"},
	}}}, made.ProtoReflect())
	if err != nil {
		t.Fatal(err)
	}
	want := &sluicev1.Settle{DeliveryId: 7, Outcome: sluicev1.Outcome_OUTCOME_REJECT, Replies: []*sluicev1.Reply{{
		Topic: "a/b", Payload: []byte{0, 255}, Qos: proto.Uint32(0), Metadata: map[string]string{"m": "n"},
		UserProperties: []*sluicev1.UserProperty{{Name: "k", Value: "v"}},
	}}}
	if !proto.Equal(made, want) {
		t.Errorf("made %v", made)
	}
	plain := values.FromProto(made.ProtoReflect())
	if err := values.Match(members{"outcome": "reject", "replies": []any{members{"qos": 0, "expiry_s": members{"absent": true}, "payload": "\x00\xff"}}}, plain); err != nil {
		t.Error(err)
	}
}

func TestEnumsHaveShortNamesAndUnknownOnesAreNumbers(t *testing.T) {
	for number, name := range map[int32]any{0: "unspecified", 1: "json", 9: int64(9)} {
		plain := values.FromProto((&sluicev1.Delivery{DataType: sluicev1.DataType(number)}).ProtoReflect())
		if plain["data_type"] != name {
			t.Errorf("data_type %d is %v", number, plain["data_type"])
		}
	}
}

func TestAFieldThatDoesNotExistIsAnError(t *testing.T) {
	if err := values.ToProto(members{"topik": "a"}, (&sluicev1.Delivery{}).ProtoReflect()); err == nil {
		t.Error("it was taken")
	}
}
