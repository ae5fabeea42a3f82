package cusum

import (
	"math"
	"testing"
)

func TestAddsUpASmallShift(t *testing.T) {
	got := Judge([]float64{1, 3, 1, 3, 2, 3, 4, 5}, DefaultSlack)
	want := Verdict{Score: 4.5, Expected: 2, Lower: 1.5, Upper: 2.5}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if down := Judge([]float64{1, 3, 1, 3, 2, 1, 0, -1}, DefaultSlack); down.Score != -4.5 {
		t.Errorf("downwards: got %v", down.Score)
	}
}

func TestConstantSeriesScoresZeroUntilItMoves(t *testing.T) {
	for newest, want := range map[float64]float64{0.1: 0, 0.2: math.Inf(1), 0: math.Inf(-1)} {
		got := Judge([]float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, newest}, DefaultSlack)
		if got.Score != want {
			t.Errorf("newest %v: got %v, want %v", newest, got.Score, want)
		}
	}
}

func TestPointsThatAreNoNumbersAreLeftOut(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	got := Judge([]float64{1, nan, 3, 1, 3, inf, 2, 3, 4, 5, -inf}, DefaultSlack)
	if got.Score != 4.5 {
		t.Errorf("got %+v", got)
	}
	if short := Judge([]float64{1, 2, 3, 4, 5, 6, 7, nan}, DefaultSlack); !math.IsNaN(short.Score) {
		t.Errorf("seven points are too few, got %+v", short)
	}
	if empty := Judge(nil, DefaultSlack); !math.IsNaN(empty.Score) {
		t.Errorf("got %+v for nothing", empty)
	}
}
