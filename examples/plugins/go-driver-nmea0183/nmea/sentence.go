// Package nmea reads NMEA 0183 sentences of satellite receivers. It knows nothing of the host, so that `go test` runs
// it natively.
package nmea

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Sentence is one line whose checksum is right.
type Sentence struct {
	// Talker is who speaks: GP, GL, GA, GB, GN; empty for a maker's own sentences.
	Talker string
	// Type is what it is about: GGA, RMC, or PUBX and such for a maker's own.
	Type   string
	Fields []string
}

// maxFields is beyond what any sentence has.
const maxFields = 64

// ParseSentence checks form and checksum. A sentence without a checksum is refused: it cannot be trusted.
func ParseSentence(line []byte) (Sentence, error) {
	text := strings.TrimSpace(string(line))
	for _, c := range []byte(text) {
		if c < 0x20 || c > 0x7e {
			return Sentence{}, errors.New("not a text")
		}
	}
	if !strings.HasPrefix(text, "$") {
		return Sentence{}, fmt.Errorf("does not begin with $: %.20q", text)
	}
	body, sum, found := strings.Cut(text[1:], "*")
	if !found {
		return Sentence{}, errors.New("has no checksum")
	}
	if want, err := strconv.ParseUint(sum, 16, 8); err != nil || len(sum) != 2 || byte(want) != checksum(body) {
		return Sentence{}, fmt.Errorf("checksum is %02X, the sentence says %.8q", checksum(body), sum)
	}
	fields := strings.Split(body, ",")
	if len(fields) > maxFields {
		return Sentence{}, fmt.Errorf("has %d fields", len(fields))
	}
	return addressed(fields[0], fields[1:])
}

func addressed(address string, fields []string) (Sentence, error) {
	switch {
	case strings.HasPrefix(address, "P"):
		return Sentence{Type: address, Fields: fields}, nil
	case len(address) == 5:
		return Sentence{Talker: address[:2], Type: address[2:], Fields: fields}, nil
	}
	return Sentence{}, fmt.Errorf("unknown address %q", address)
}

func checksum(body string) byte {
	var sum byte
	for _, c := range []byte(body) {
		sum ^= c
	}
	return sum
}

// text gives a field by its place, empty where the sentence ends before it.
func (s Sentence) text(place int) string {
	if place < len(s.Fields) {
		return s.Fields[place]
	}
	return ""
}

// number gives a field as a number; ok is false for an empty field, which says that the receiver does not know.
func (s Sentence) number(place int) (value float64, ok bool, err error) {
	text := s.text(place)
	if text == "" {
		return 0, false, nil
	}
	value, err = strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, false, fmt.Errorf("%s: field %d is no number: %q", s.Type, place+1, text)
	}
	return value, true, nil
}

// degrees reads an angle as ddmm.mmmm with its direction in the next field; `most` is 90 or 180.
func (s Sentence) degrees(place int, most float64) (value float64, ok bool, err error) {
	raw, ok, err := s.number(place)
	if !ok || err != nil {
		return 0, false, err
	}
	whole := math.Floor(raw / 100)
	value = whole + (raw-whole*100)/60
	switch s.text(place + 1) {
	case "N", "E":
	case "S", "W":
		value = -value
	default:
		return 0, false, fmt.Errorf("%s: unknown direction %q", s.Type, s.text(place+1))
	}
	if raw < 0 || math.Abs(value) > most {
		return 0, false, fmt.Errorf("%s: %q is no angle", s.Type, s.text(place))
	}
	return value, true, nil
}
