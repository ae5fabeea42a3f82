package cusum

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"example.com/__NAME__/internal/memory"
)

// heapLimitBytes leaves half of the 64 MiB that README.md asks for to the runtime and to the arguments.
const heapLimitBytes = 32 << 20

// Series of any length and content, with the collector as it runs in the component.
func TestSurvivesSeriesOfAllSizes(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.MaxFloat64, -math.MaxFloat64}
	for call := range 10_000 {
		memory.Collect()
		points := make([]float64, random.IntN(2048))
		for i := range points {
			points[i] = random.NormFloat64()
			if random.IntN(100) == 0 {
				points[i] = odd[random.IntN(len(odd))]
			}
		}
		verdict := Judge(points, DefaultSlack)
		if len(points) < MinPoints && !math.IsNaN(verdict.Score) {
			t.Fatalf("call %d: %d points got the score %v", call, len(points), verdict.Score)
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > heapLimitBytes {
		t.Fatalf("heap has grown to %d bytes", stats.HeapAlloc)
	}
}
