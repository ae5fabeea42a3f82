// Package export_bellwether_detector_functions is what the host calls. It translates between the interface and
// package cusum, which does the work.
package export_bellwether_detector_functions

import (
	"fmt"
	"math"

	witTypes "go.bytecodealliance.org/pkg/wit/types"

	"example.com/__NAME__/cusum"
	"example.com/__NAME__/internal/memory"
	functions "example.com/__NAME__/internal/wit/bellwether_detector_functions"
	types "example.com/__NAME__/internal/wit/bellwether_host_types"
)

const function = "__SNAKE__"

type result = witTypes.Result[functions.Verdicts, functions.Error]

// Describe says who the detector is, and its functions. It must always answer the same.
func Describe() (types.About, []functions.Function) {
	memory.Collect()
	about := types.About{
		Name:    "__NAME__",
		Version: "0.1.0",
		Summary: "Finds lasting shifts of the level that no single point shows",
	}
	slack := functions.Param{
		Name:    "slack",
		Help:    "Standard deviations that a point may lie off without adding to the sum",
		Default: witTypes.Some(cusum.DefaultSlack),
	}
	return about, []functions.Function{{
		Name:      function,
		Help:      "Sum of what lies beyond the usual level, in standard deviations of the window's older half",
		Windows:   1,
		Params:    []functions.Param{slack},
		MinPoints: cusum.MinPoints,
	}}
}

// Evaluate judges each series of the window.
func Evaluate(name string, params []float64, at int64, windows []functions.Matrix) result {
	memory.Collect()
	if name != function {
		return badParam("there is no function %s", name)
	}
	if len(windows) != 1 {
		return badParam("%s takes one window, not %d", function, len(windows))
	}
	slack := cusum.DefaultSlack
	if len(params) > 0 {
		slack = params[0]
	}
	if !(slack >= 0) || math.IsInf(slack, 1) {
		return badParam("slack is %g; it must be a number from 0 up", slack)
	}
	return judgeEach(windows[0], slack)
}

func judgeEach(window functions.Matrix, slack float64) result {
	var verdicts functions.Verdicts
	for i := 0; i+1 < len(window.Offsets); i++ {
		from, to := window.Offsets[i], window.Offsets[i+1]
		if from > to || int(to) > len(window.Values) {
			failed := functions.MakeErrorFailed("the window's offsets do not fit its values")
			return witTypes.Err[functions.Verdicts, functions.Error](failed)
		}
		verdict := cusum.Judge(window.Values[from:to], slack)
		verdicts.Score = append(verdicts.Score, verdict.Score)
		verdicts.Expected = append(verdicts.Expected, verdict.Expected)
		verdicts.Lower = append(verdicts.Lower, verdict.Lower)
		verdicts.Upper = append(verdicts.Upper, verdict.Upper)
	}
	return witTypes.Ok[functions.Verdicts, functions.Error](verdicts)
}

func badParam(format string, args ...any) result {
	return witTypes.Err[functions.Verdicts, functions.Error](functions.MakeErrorBadParam(fmt.Sprintf(format, args...)))
}
