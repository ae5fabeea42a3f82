// Package export_bellwether_driver_driver is what the host calls. It translates between the interface and package
// board, which does the work.
package export_bellwether_driver_driver

import (
	"encoding/json"
	"runtime"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"example.com/__NAME__/board"
	"example.com/__NAME__/internal/memory"
	driver "example.com/__NAME__/internal/wit/bellwether_driver_driver"
	types "example.com/__NAME__/internal/wit/bellwether_host_types"
)

const (
	maxFrameBytes = 4096
	panicKind     = "panic"
)

type result = witTypes.Result[driver.Output, driver.Failure]

// Describe says who the driver is. It must always answer the same.
func Describe() driver.Info {
	memory.Collect()
	info := driver.Info{
		About: types.About{
			Name:    "__NAME__",
			Version: "0.1.0",
			Summary: "Reads the lines that __NAME__ prints",
			Settings: []types.Setting{{
				Name:    "sensor",
				Kind:    types.SettingKindText,
				Help:    "Value of the label sensor",
				Default: witTypes.Some(`"main"`),
			}},
		},
		Framing:   driver.MakeFramingLines(),
		MaxFrame:  maxFrameBytes,
		BaudRates: []uint32{115200},
		Events:    []driver.EventKind{{Kind: panicKind, Severity: driver.SeverityCritical, Help: "The firmware died"}},
	}
	for _, metric := range board.Metrics {
		info.Metrics = append(info.Metrics,
			driver.Metric{Name: metric.Name, Kind: types.MetricKindGauge, Help: metric.Help})
	}
	return info
}

// Session is one connection to one device.
type Session struct {
	// The bindings use these two.
	pinner runtime.Pinner
	handle int32

	labels []types.Label
}

// Open begins a session.
func Open(device driver.Device) witTypes.Result[*Session, types.Problem] {
	memory.Collect()
	var config struct {
		Sensor string `json:"sensor"`
	}
	err := json.Unmarshal([]byte(device.Config), &config)
	if err != nil || config.Sensor == "" {
		problem := types.Problem{Setting: witTypes.Some("sensor"), Message: "must be a text that is not empty"}
		return witTypes.Err[*Session, types.Problem](problem)
	}
	session := &Session{labels: []types.Label{{Name: "sensor", Value: config.Sensor}}}
	return witTypes.Ok[*Session, types.Problem](session)
}

// OnDrop is called when the connection is over.
func (s *Session) OnDrop() {}

// Start has nothing to say: the board talks by itself.
func (s *Session) Start(now int64) result {
	memory.Collect()
	return witTypes.Ok[driver.Output, driver.Failure](driver.Output{})
}

// Tick is never asked for.
func (s *Session) Tick(now int64) result {
	memory.Collect()
	return witTypes.Ok[driver.Output, driver.Failure](driver.Output{})
}

// Receive reads frames. Bad ones are counted; only when there was no good one, the call fails.
func (s *Session) Receive(frames []driver.Frame) result {
	memory.Collect()
	var output driver.Output
	var firstError error
	for _, frame := range frames {
		facts, err := board.Parse(frame.Data)
		if err == nil {
			s.report(facts, &output)
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

func (s *Session) report(facts board.Facts, output *driver.Output) {
	for _, sample := range facts.Samples {
		output.Samples = append(output.Samples,
			driver.Sample{Metric: sample.Metric, Labels: s.labels, Value: sample.Value})
	}
	if facts.Identity != nil {
		output.Identity = witTypes.Some(identity(*facts.Identity))
	}
	if facts.Panic != "" {
		output.Events = append(output.Events,
			driver.Event{Kind: panicKind, Severity: driver.SeverityCritical, Message: facts.Panic})
	}
	if facts.Log != "" {
		output.Logs = append(output.Logs, driver.LogLine{Message: facts.Log})
	}
}

func identity(said board.Identity) driver.Identity {
	return driver.Identity{Id: option(said.ID), Model: option(said.Model), Firmware: option(said.Firmware)}
}

func option(text string) witTypes.Option[string] {
	if text == "" {
		return witTypes.None[string]()
	}
	return witTypes.Some(text)
}
