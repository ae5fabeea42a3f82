package nmea

import (
	"fmt"
	"strings"
)

// Names of the metrics.
const (
	FixQuality   = "gnss_fix_quality"
	Used         = "gnss_satellites_used"
	InView       = "gnss_satellites_in_view"
	Dilution     = "gnss_horizontal_dilution_ratio"
	Altitude     = "gnss_altitude_metres"
	Latitude     = "gnss_latitude_degrees"
	Longitude    = "gnss_longitude_degrees"
	Speed        = "gnss_speed_metres_per_second"
	FixLost      = "fix_lost"
	AntennaFault = "antenna_fault"
)

// metresPerSecond is one knot.
const metresPerSecond = 1852.0 / 3600

// constellations by the talker of GSV sentences.
var constellations = map[string]string{
	"GP": "gps", "GL": "glonass", "GA": "galileo", "GB": "beidou", "BD": "beidou", "GQ": "qzss", "GI": "navic",
}

// Sample is one measurement. Constellation is empty where it means nothing.
type Sample struct {
	Metric        string
	Constellation string
	Value         float64
}

// Event is one of FixLost and AntennaFault.
type Event struct {
	Kind, Message string
}

// Log is a line that the receiver prints about itself.
type Log struct {
	Level, Message string
}

// Facts are what one sentence says.
type Facts struct {
	Samples []Sample
	Events  []Event
	Logs    []Log
}

// Receiver remembers, over one connection, what events need.
type Receiver struct {
	// WithPosition reports latitude, longitude and altitude.
	WithPosition bool

	hasFix     bool
	badAntenna bool
}

// Take reads one sentence. Types that say nothing of the receiver's health are passed over.
func (r *Receiver) Take(line []byte) (Facts, error) {
	sentence, err := ParseSentence(line)
	if err != nil {
		return Facts{}, err
	}
	switch sentence.Type {
	case "GGA":
		return r.takeFix(sentence)
	case "RMC":
		return takeSpeed(sentence)
	case "GSV":
		return takeInView(sentence)
	case "TXT":
		return r.takeText(sentence), nil
	}
	return Facts{}, nil
}

// GGA: time, latitude, N/S, longitude, E/W, quality, satellites, dilution, altitude, M, …
func (r *Receiver) takeFix(s Sentence) (Facts, error) {
	quality, ok, err := s.number(5)
	if err != nil {
		return Facts{}, err
	}
	if !ok {
		return Facts{}, fmt.Errorf("GGA: no fix quality")
	}
	facts := Facts{Samples: []Sample{{Metric: FixQuality, Value: quality}}}
	if err := facts.addNumber(s, 6, Used, 1); err != nil {
		return Facts{}, err
	}
	if quality > 0 {
		if err := r.addPosition(s, &facts); err != nil {
			return Facts{}, err
		}
	}
	if r.hasFix && quality == 0 {
		facts.Events = append(facts.Events, Event{Kind: FixLost, Message: "the receiver has lost its fix"})
	}
	r.hasFix = quality > 0
	return facts, nil
}

func (r *Receiver) addPosition(s Sentence, facts *Facts) error {
	if err := facts.addNumber(s, 7, Dilution, 1); err != nil || !r.WithPosition {
		return err
	}
	latitude, hasLatitude, err := s.degrees(1, 90)
	if err != nil {
		return err
	}
	longitude, hasLongitude, err := s.degrees(3, 180)
	if err != nil {
		return err
	}
	if hasLatitude && hasLongitude {
		facts.Samples = append(facts.Samples, Sample{Metric: Latitude, Value: latitude},
			Sample{Metric: Longitude, Value: longitude})
	}
	return facts.addNumber(s, 8, Altitude, 1)
}

// RMC: time, A (valid) or V, latitude, N/S, longitude, E/W, speed in knots, …
func takeSpeed(s Sentence) (Facts, error) {
	var facts Facts
	if s.text(1) != "A" {
		return facts, nil
	}
	err := facts.addNumber(s, 6, Speed, metresPerSecond)
	return facts, err
}

// GSV: number of sentences, which one, satellites in view, …: each constellation repeats its count in each of them,
// so only the first is read.
func takeInView(s Sentence) (Facts, error) {
	constellation, known := constellations[s.Talker]
	if !known || s.text(1) != "1" {
		return Facts{}, nil
	}
	var facts Facts
	err := facts.addNumber(s, 2, InView, 1)
	for i := range facts.Samples {
		facts.Samples[i].Constellation = constellation
	}
	return facts, err
}

// TXT: number of sentences, which one, severity (00 error, 01 warning, 02 notice), text.
func (r *Receiver) takeText(s Sentence) Facts {
	levels := map[string]string{"00": "error", "01": "warning", "02": "info"}
	text := strings.Join(s.Fields[min(3, len(s.Fields)):], ",")
	facts := Facts{Logs: []Log{{Level: levels[s.text(2)], Message: text}}}
	if status, ok := strings.CutPrefix(text, "ANTSTATUS="); ok {
		isBad := status == "SHORT" || status == "OPEN"
		if isBad && !r.badAntenna {
			facts.Events = append(facts.Events, Event{Kind: AntennaFault, Message: "antenna is " + strings.ToLower(status)})
		}
		r.badAntenna = isBad
	}
	return facts
}

// addNumber adds a field as a sample, unless the receiver left it empty.
func (f *Facts) addNumber(s Sentence, place int, metric string, scale float64) error {
	value, ok, err := s.number(place)
	if ok {
		f.Samples = append(f.Samples, Sample{Metric: metric, Value: value * scale})
	}
	return err
}
