package nmea

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func line(body string) []byte { return fmt.Appendf(nil, "$%s*%02X\r", body, checksum(body)) }

func take(t *testing.T, r *Receiver, body string) Facts {
	t.Helper()
	facts, err := r.Take(line(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return facts
}

// The sentence of the manuals, with the checksum that they print.
func TestKnownSentence(t *testing.T) {
	r := Receiver{WithPosition: true}
	facts, err := r.Take([]byte("$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{FixQuality: 1, Used: 8, Dilution: 0.9, Latitude: 48.1173, Longitude: 11.516666666666667,
		Altitude: 545.4}
	for _, sample := range facts.Samples {
		if math.Abs(sample.Value-want[sample.Metric]) > 1e-9 {
			t.Errorf("%s is %v, want %v", sample.Metric, sample.Value, want[sample.Metric])
		}
	}
	if len(facts.Samples) != len(want) {
		t.Errorf("got %+v", facts.Samples)
	}
}

func TestPositionCanBeKeptPrivate(t *testing.T) {
	facts := take(t, &Receiver{}, "GNGGA,123519,4807.038,S,01131.000,W,1,08,0.9,545.4,M,46.9,M,,")
	for _, sample := range facts.Samples {
		if sample.Metric == Latitude || sample.Metric == Longitude || sample.Metric == Altitude {
			t.Errorf("tells %s", sample.Metric)
		}
	}
}

func TestEventsComeOncePerChange(t *testing.T) {
	r := Receiver{}
	lost := "GNGGA,123520,,,,,0,00,99.99,,M,,M,,"
	open := "GNTXT,01,01,00,ANTSTATUS=OPEN"
	bodies := []string{lost, "GNGGA,123521,,,,,1,05,1.1,,M,,M,,", lost, lost, open, open, "GNTXT,01,01,02,ANTSTATUS=OK", open}
	var kinds []string
	for _, body := range bodies {
		for _, event := range take(t, &r, body).Events {
			kinds = append(kinds, event.Kind)
		}
	}
	if got := strings.Join(kinds, " "); got != "fix_lost antenna_fault antenna_fault" {
		t.Errorf("got %s", got)
	}
}

func TestCountsSatellitesOncePerConstellation(t *testing.T) {
	r := Receiver{}
	facts := take(t, &r, "GLGSV,2,1,07,65,48,310,32")
	if len(facts.Samples) != 1 || facts.Samples[0] != (Sample{InView, "glonass", 7}) {
		t.Errorf("got %+v", facts)
	}
	for _, body := range []string{"GLGSV,2,2,07,66,10,010,", "XXGSV,1,1,03", "GPRMC,1,V,,,,,99", "PUBX,00,1"} {
		if facts := take(t, &r, body); len(facts.Samples) != 0 {
			t.Errorf("%s: got %+v", body, facts)
		}
	}
}

func TestRefusesDamagedSentences(t *testing.T) {
	cases := map[string]string{
		"$GPGGA,123519*00":                    "checksum is",
		"$GPGGA,123519":                       "no checksum",
		"$GPGGA,123519*+7":                    "checksum is",
		"PGGA,1*2A":                           "does not begin",
		"$GP\xff":                             "not a text",
		string(line("GPGGA,1,,,,,x,1,1,1,M")): "no number",
		string(line("GPGGA,1,9901.0,N,1.0,E,1,1,1")): "no angle",
		string(line("GPGGA,1,4807.0,Q,1.0,E,1,1,1")): "unknown direction",
		string(line("GPGGA,1")):                      "no fix quality",
		string(line("GP")):                           "unknown address",
		"$*00":                                       "unknown address",
	}
	for text, want := range cases {
		if _, err := (&Receiver{WithPosition: true}).Take([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
