// Package export_bellwether_driver_driver is what the host calls. It translates between the interface and package
// nmea, which does the work.
package export_bellwether_driver_driver

import (
	"encoding/json"
	"runtime"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"example.com/nmea0183/internal/memory"
	driver "example.com/nmea0183/internal/wit/bellwether_driver_driver"
	types "example.com/nmea0183/internal/wit/bellwether_host_types"
	"example.com/nmea0183/nmea"
)

// maxFrameBytes is well above the 82 bytes of the standard, which many receivers exceed.
const maxFrameBytes = 256

type result = witTypes.Result[driver.Output, driver.Failure]

var metrics = []struct{ name, help string }{
	{nmea.FixQuality, "0 without a fix, 1 with one, 2 with corrections, more for better ones"},
	{nmea.Used, "Satellites that the position is computed from"},
	{nmea.InView, "Satellites in view"},
	{nmea.Dilution, "Horizontal dilution of precision: below 2 is good"},
	{nmea.Latitude, "Latitude, north positive"},
	{nmea.Longitude, "Longitude, east positive"},
	{nmea.Altitude, "Altitude above mean sea level"},
	{nmea.Speed, "Speed over ground"},
}

// Describe says who the driver is. It must always answer the same.
func Describe() driver.Info {
	memory.Collect()
	info := driver.Info{
		About: types.About{
			Name:    "nmea0183",
			Version: "0.1.0",
			Summary: "Satellite receivers that speak NMEA 0183",
			Settings: []types.Setting{{
				Name:    "position",
				Kind:    types.SettingKindBoolean,
				Help:    "Report latitude, longitude and altitude",
				Default: witTypes.Some("true"),
			}},
		},
		Framing:   driver.MakeFramingLines(),
		MaxFrame:  maxFrameBytes,
		BaudRates: []uint32{9600, 38400, 115200, 4800},
		Hints:     []driver.Hint{{Banner: witTypes.Some(`\$G[NPLAB](GGA|RMC|GSV|GSA|GLL|VTG|TXT),`)}},
		Events: []driver.EventKind{
			{Kind: nmea.FixLost, Severity: driver.SeverityWarning, Help: "The receiver had a fix and has lost it"},
			{Kind: nmea.AntennaFault, Severity: driver.SeverityWarning, Help: "The antenna is open or shorted"},
		},
	}
	for _, metric := range metrics {
		info.Metrics = append(info.Metrics,
			driver.Metric{Name: metric.name, Kind: types.MetricKindGauge, Help: metric.help})
	}
	return info
}

// Session is one connection to one receiver.
type Session struct {
	// The bindings use these two.
	pinner runtime.Pinner
	handle int32

	receiver nmea.Receiver
}

// Open begins a session.
func Open(device driver.Device) witTypes.Result[*Session, types.Problem] {
	memory.Collect()
	config := struct {
		Position bool `json:"position"`
	}{Position: true}
	if err := json.Unmarshal([]byte(device.Config), &config); err != nil {
		return witTypes.Err[*Session, types.Problem](types.Problem{Message: "settings do not fit: " + err.Error()})
	}
	session := &Session{receiver: nmea.Receiver{WithPosition: config.Position}}
	return witTypes.Ok[*Session, types.Problem](session)
}

// OnDrop is called when the connection is over.
func (s *Session) OnDrop() {}

// Start has nothing to say: receivers talk by themselves.
func (s *Session) Start(now int64) result {
	memory.Collect()
	return witTypes.Ok[driver.Output, driver.Failure](driver.Output{})
}

// Tick is never asked for.
func (s *Session) Tick(now int64) result {
	memory.Collect()
	return witTypes.Ok[driver.Output, driver.Failure](driver.Output{})
}

// Receive reads sentences. Bad ones are counted; only when there was no good one, the call fails.
func (s *Session) Receive(frames []driver.Frame) result {
	memory.Collect()
	var output driver.Output
	var firstError error
	for _, frame := range frames {
		facts, err := s.receiver.Take(frame.Data)
		if err == nil {
			report(facts, &output)
			continue
		}
		output.Skipped++
		if firstError == nil {
			firstError = err
		}
	}
	if firstError != nil && int(output.Skipped) == len(frames) {
		return witTypes.Err[driver.Output, driver.Failure](driver.MakeFailureBadInput(firstError.Error()))
	}
	return witTypes.Ok[driver.Output, driver.Failure](output)
}

func report(facts nmea.Facts, output *driver.Output) {
	for _, sample := range facts.Samples {
		var labels []types.Label
		if sample.Constellation != "" {
			labels = []types.Label{{Name: "constellation", Value: sample.Constellation}}
		}
		output.Samples = append(output.Samples,
			driver.Sample{Metric: sample.Metric, Labels: labels, Value: sample.Value})
	}
	for _, event := range facts.Events {
		output.Events = append(output.Events,
			driver.Event{Kind: event.Kind, Severity: driver.SeverityWarning, Message: event.Message})
	}
	for _, line := range facts.Logs {
		level := witTypes.None[string]()
		if line.Level != "" {
			level = witTypes.Some(line.Level)
		}
		output.Logs = append(output.Logs, driver.LogLine{Level: level, Message: line.Message})
	}
}
