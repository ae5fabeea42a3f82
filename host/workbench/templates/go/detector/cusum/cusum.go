// Package cusum finds a lasting shift of the level that is too small to stand out in any single point. It knows
// nothing of the host, so that `go test` runs it natively.
package cusum

import "math"

// MinPoints is how many points a window needs: four to learn from and four to judge.
const MinPoints = 8

// DefaultSlack catches shifts of one standard deviation soonest.
const DefaultSlack = 0.5

// Verdict is what is thought of one series. A score of NaN leaves the series out.
type Verdict struct {
	Score, Expected, Lower, Upper float64
}

// None is the verdict on a series with too few points.
var None = Verdict{Score: math.NaN(), Expected: math.NaN(), Lower: math.NaN(), Upper: math.NaN()}

// Judge learns mean and standard deviation from the older half of the points, and adds up over the newer half by how
// much more than `slack` standard deviations they lie above the mean, and below it. The score is the larger of the
// two sums, negative for a shift downwards; around 5 is the usual threshold. The band is where points add nothing.
//
// Points that are NaN or infinite are left out.
func Judge(points []float64, slack float64) Verdict {
	points = finite(points)
	if len(points) < MinPoints {
		return None
	}
	older, newer := points[:len(points)/2], points[len(points)/2:]
	mean, deviation := meanAndDeviation(older)
	return Verdict{
		Score:    score(newer, mean, deviation, slack),
		Expected: mean,
		Lower:    mean - slack*deviation,
		Upper:    mean + slack*deviation,
	}
}

func finite(points []float64) []float64 {
	kept := make([]float64, 0, len(points))
	for _, point := range points {
		if !math.IsNaN(point) && !math.IsInf(point, 0) {
			kept = append(kept, point)
		}
	}
	return kept
}

// Computed around the first point, so that large offsets do not eat the digits and constant series have exactly no
// deviation.
func meanAndDeviation(points []float64) (mean, deviation float64) {
	origin, count := points[0], float64(len(points))
	for _, point := range points {
		mean += (point - origin) / count
	}
	for _, point := range points {
		deviation += (point - origin - mean) * (point - origin - mean) / count
	}
	return origin + mean, math.Sqrt(deviation)
}

func score(points []float64, mean, deviation, slack float64) float64 {
	if deviation == 0 {
		return scoreOfConstant(points, mean)
	}
	above, below := 0.0, 0.0
	for _, point := range points {
		distance := (point - mean) / deviation
		above = max(0, above+distance-slack)
		below = max(0, below-distance-slack)
	}
	if above >= below {
		return above
	}
	return -below
}

// A series that never moved scores 0 while it stays, and infinity with the sign of the move when it leaves.
func scoreOfConstant(points []float64, level float64) float64 {
	switch newest := points[len(points)-1]; {
	case newest > level:
		return math.Inf(1)
	case newest < level:
		return math.Inf(-1)
	}
	return 0
}
