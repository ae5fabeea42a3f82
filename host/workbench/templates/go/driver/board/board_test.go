package board

import (
	"reflect"
	"strings"
	"testing"
)

func TestReadsEachKindOfLine(t *testing.T) {
	cases := map[string]Facts{
		"# my-board id=A1B2C3 fw=1.4.0": {Identity: &Identity{ID: "A1B2C3", Model: "my-board", Firmware: "1.4.0"}},
		"temp=41.5 hum=40": {Samples: []Sample{
			{Metric: "device_temperature_celsius", Value: 41.5}, {Metric: "device_humidity_ratio", Value: 0.4}}},
		"panic: out of stack": {Panic: "out of stack"},
		"joined network":      {Log: "joined network"},
		"caf\xe9":             {Log: "caf\uFFFD"},
		"   ":                 {},
		"\ttemp=-4e1 \r":      {Samples: []Sample{{Metric: "device_temperature_celsius", Value: -40}}},
	}
	for line, want := range cases {
		got, err := Parse([]byte(line))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v; want %+v", line, got, err, want)
		}
	}
}

func TestRefusesDamagedLines(t *testing.T) {
	cases := map[string]string{
		"temp=":               "no number",
		"temp=4x":             "no number",
		"temp=NaN":            "no number",
		"temp=1e999":          "no number",
		"temp=41.5 mep=40":    "unknown reading",
		"temp=41.5 40":        "unknown reading",
		"temp=1 temp=2":       "twice",
		"# my-board fw=1.4.0": "without id",
	}
	for line, want := range cases {
		if _, err := Parse([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
}
