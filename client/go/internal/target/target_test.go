package target

import (
	"fmt"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"host": "host 7443 false", "host:1": "host 1 false", "127.0.0.1:65535": "127.0.0.1 65535 true", "::1": "::1 7443 true",
		"[::1]:8": "::1 8 true", "[::1]": "::1 7443 true",
	} {
		got, err := Parse(text)
		if err != nil || fmt.Sprint(got.Host, " ", got.Port, " ", got.Literal) != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":1", "host:", "host:0", "host:65536", "host:x", "[::1", "[::1]x", "a:b:c", "http://host", "[]:1"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q was taken as %+v", text, got)
		}
	}
}

func TestChoose(t *testing.T) {
	both := []string{"192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"}
	name := Target{Host: "h", Port: 1}
	for _, c := range []struct {
		found        []string
		want4, want6 bool
		want         string
	}{
		{both, true, false, "[192.0.2.1:1 192.0.2.2:1]"}, {both, false, true, "[[2001:db8::1]:1]"},
		{both, true, true, "[192.0.2.1:1 192.0.2.2:1 [2001:db8::1]:1]"},
		{[]string{"2001:db8::1"}, true, false, "[[2001:db8::1]:1]"}, {[]string{"192.0.2.1"}, false, true, "[192.0.2.1:1]"},
	} {
		if got, err := Choose(name, c.found, c.want4, c.want6); err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
	for _, found := range [][]string{nil, {"host"}} {
		if got, err := Choose(name, found, true, true); err == nil {
			t.Errorf("%v was taken as %v", found, got)
		}
	}
}
