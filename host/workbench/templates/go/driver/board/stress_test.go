package board

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"unicode/utf8"

	"example.com/__NAME__/internal/memory"
)

// heapLimitBytes leaves half of the 64 MiB that README.md asks for to the runtime and to the arguments.
const heapLimitBytes = 32 << 20

// Lines of any length and content, as a loose wire gives them, with the collector as it runs in the component.
func TestSurvivesLinesOfAllSizes(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	alphabet := []byte("temp=hum 41.5#:panic\x00\xff\xc3\n")
	for call := range 20_000 {
		memory.Collect()
		line := make([]byte, random.IntN(4096))
		for i := range line {
			line[i] = alphabet[random.IntN(len(alphabet))]
		}
		if facts, err := Parse(line); err == nil && !utf8.ValidString(facts.Log+facts.Panic) {
			t.Fatalf("call %d: text that is no UTF-8 out of %q", call, line)
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > heapLimitBytes {
		t.Fatalf("heap has grown to %d bytes", stats.HeapAlloc)
	}
}
