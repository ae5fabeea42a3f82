// Package board reads what the board prints. It knows nothing of the host, so that `go test` runs it natively.
//
//	# __NAME__ id=A1B2C3 fw=1.4.0     banner after a start: who it is
//	temp=41.5 hum=40                  readings
//	panic: stack overflow in net      the firmware died
//	joined network                    anything else without a `=` is its log
package board

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Metric is one quantity that the board measures.
type Metric struct {
	// Key is what the board calls it.
	Key string
	// Name is in Prometheus' manner, with its base unit.
	Name string
	Help string
	// Scale turns the board's unit into the base unit.
	Scale float64
}

// Metrics are all that the board may print.
var Metrics = []Metric{
	{Key: "temp", Name: "device_temperature_celsius", Help: "Temperature at the sensor", Scale: 1},
	{Key: "hum", Name: "device_humidity_ratio", Help: "Relative humidity, 0 to 1", Scale: 0.01},
}

// Sample is one reading in base units.
type Sample struct {
	Metric string
	Value  float64
}

// Identity is what the banner says.
type Identity struct {
	ID, Model, Firmware string
}

// Facts are what one line says: one of them is set, or none for a blank line.
type Facts struct {
	Identity *Identity
	Samples  []Sample
	Panic    string
	Log      string
}

// Parse reads one line. A line with any part that makes no sense is refused as a whole: half a line of a bad
// connection is not to be trusted.
func Parse(line []byte) (Facts, error) {
	text := strings.TrimSpace(strings.ToValidUTF8(string(line), "\uFFFD"))
	if banner, ok := strings.CutPrefix(text, "# "); ok {
		return parseBanner(banner)
	}
	if message, ok := strings.CutPrefix(text, "panic: "); ok {
		return Facts{Panic: message}, nil
	}
	if !strings.Contains(text, "=") {
		return Facts{Log: text}, nil
	}
	return parseReadings(text)
}

func parseBanner(banner string) (Facts, error) {
	var identity Identity
	for _, word := range strings.Fields(banner) {
		key, value, isPair := strings.Cut(word, "=")
		switch {
		case !isPair:
			identity.Model = word
		case key == "id":
			identity.ID = value
		case key == "fw":
			identity.Firmware = value
		}
	}
	if identity.ID == "" {
		return Facts{}, fmt.Errorf("banner without id: %q", banner)
	}
	return Facts{Identity: &identity}, nil
}

func parseReadings(text string) (Facts, error) {
	var samples []Sample
	seen := map[string]bool{}
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		metric, err := metricOf(key)
		if err != nil {
			return Facts{}, err
		}
		if seen[key] {
			return Facts{}, fmt.Errorf("%s is there twice", key)
		}
		seen[key] = true
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return Facts{}, fmt.Errorf("%s is no number: %q", key, value)
		}
		samples = append(samples, Sample{Metric: metric.Name, Value: number * metric.Scale})
	}
	return Facts{Samples: samples}, nil
}

func metricOf(key string) (Metric, error) {
	for _, metric := range Metrics {
		if metric.Key == key {
			return metric, nil
		}
	}
	return Metric{}, fmt.Errorf("unknown reading %q", key)
}
