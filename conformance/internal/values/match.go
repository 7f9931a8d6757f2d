// Package values turns protocol messages into plain values and back, and compares them with what a case says.
package values

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// Match tells whether got holds what want says; nil: it does. A map in want names the members to look at; the others may be
// anything. A list must have the same length. These maps with one or more of the members min, max, has, not, absent, length, any
// are tests of one value:
//
//	{min: 1, max: 5}    a number within
//	{has: "text"}       a string with the text in it
//	{not: VALUE}        anything else
//	{absent: true}      no such member, or null
//	{length: N}         a string or list of this length; or a test of it
//	{any: [VALUE…]}     one of these
func Match(want, got any) error { return match("", want, got) }

var tests = map[string]bool{"min": true, "max": true, "has": true, "not": true, "absent": true, "length": true, "any": true}

func isTest(m map[string]any) bool {
	for name := range m {
		if !tests[name] {
			return false
		}
	}
	return len(m) > 0
}

func fail(path string, format string, arguments ...any) error {
	if path == "" {
		path = "it"
	}
	return fmt.Errorf("%s %s", strings.TrimPrefix(path, "."), fmt.Sprintf(format, arguments...))
}

func match(path string, want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		if isTest(want) {
			return test(path, want, got)
		}
		members, ok := got.(map[string]any)
		if !ok {
			if len(want) == 0 {
				return nil
			}
			return fail(path, "should have members, but is %s", Show(got))
		}
		for _, name := range sortedKeys(want) {
			if err := match(path+"."+name, want[name], members[name]); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok && got != nil {
			return fail(path, "should be a list, but is %s", Show(got))
		}
		if len(list) != len(want) {
			return fail(path, "should have %d elements, but has %d: %s", len(want), len(list), Show(got))
		}
		for i := range want {
			if err := match(fmt.Sprintf("%s[%d]", path, i), want[i], list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if equal(want, got) {
		return nil
	}
	return fail(path, "should be %s, but is %s", Show(want), Show(got))
}

func test(path string, want map[string]any, got any) error {
	for name, operand := range want {
		switch name {
		case "min", "max":
			limit, _ := Number(operand)
			number, ok := Number(got)
			if !ok {
				return fail(path, "should be a number, but is %s", Show(got))
			}
			if name == "min" && number < limit {
				return fail(path, "should be at least %s, but is %s", Show(operand), Show(got))
			}
			if name == "max" && number > limit {
				return fail(path, "should be at most %s, but is %s", Show(operand), Show(got))
			}
		case "has":
			text, _ := got.(string)
			if !strings.Contains(text, fmt.Sprint(operand)) {
				return fail(path, "should contain %s, but is %s", Show(operand), Show(got))
			}
		case "not":
			if match(path, operand, got) == nil {
				return fail(path, "must not be %s", Show(got))
			}
		case "absent":
			if (got == nil) != (operand == true) {
				return fail(path, "is %s", Show(got))
			}
		case "length":
			length := 0
			switch got := got.(type) {
			case string:
				length = len(got)
			case []any:
				length = len(got)
			}
			if err := match(path+"'s length", operand, length); err != nil {
				return err
			}
		case "any":
			met := false
			for _, one := range operand.([]any) {
				met = met || match(path, one, got) == nil
			}
			if !met {
				return fail(path, "should be one of %s, but is %s", Show(operand), Show(got))
			}
		}
	}
	return nil
}

func equal(want, got any) bool {
	if a, ok := Number(want); ok {
		b, ok := Number(got)
		return ok && a == b
	}
	return reflect.DeepEqual(want, got)
}

// Number returns a number of any type; values of the protocol that tests use stay below 2^53.
func Number(value any) (float64, bool) {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return float64(v.Int()), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return float64(v.Uint()), true
	case reflect.Float32, reflect.Float64:
		return v.Float(), true
	}
	return 0, false
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

const shownBytes = 400

// Show writes a value for people, on one line, and not all of a long one.
func Show(value any) string {
	if m, ok := value.(map[string]any); value == nil || ok && len(m) == 0 {
		return ""
	}
	encoded, err := json.Marshal(shorten(value))
	if err != nil {
		return fmt.Sprint(value)
	}
	text := string(encoded)
	if len(text) > 3*shownBytes {
		text = text[:3*shownBytes] + "…"
	}
	return text
}

func shorten(value any) any {
	switch value := value.(type) {
	case string:
		if len(value) > shownBytes {
			return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(value[:40], "?"), len(value))
		}
		return value
	case []any:
		if len(value) > 8 {
			short := make([]any, 0, 9)
			for _, one := range value[:8] {
				short = append(short, shorten(one))
			}
			return append(short, fmt.Sprintf("… (%d in all)", len(value)))
		}
		short := make([]any, 0, len(value))
		for _, one := range value {
			short = append(short, shorten(one))
		}
		return short
	case map[string]any:
		short := make(map[string]any, len(value))
		for name, one := range value {
			short[name] = shorten(one)
		}
		return short
	}
	return value
}

// Base64 decodes a member that holds bytes.
func Base64(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }
