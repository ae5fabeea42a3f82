package nmea

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"unicode/utf8"

	"example.com/nmea0183/internal/memory"
)

// heapLimitBytes leaves half of the 64 MiB that README.md asks for to the runtime and to the arguments.
const heapLimitBytes = 32 << 20

// Lines of any length and content, as a loose wire gives them, with the collector as it runs in the component.
func TestSurvivesLinesOfAllSizes(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	receiver := Receiver{WithPosition: true}
	alphabet := []byte("$GNGATXRMCSV,*0123456789.NE\x00\xff\xc3\n")
	for call := range 20_000 {
		memory.Collect()
		line := make([]byte, random.IntN(256))
		for i := range line {
			line[i] = alphabet[random.IntN(len(alphabet))]
		}
		if call%2 == 0 { // every other one with a good checksum, so that the fields are read
			line = fmt.Appendf(nil, "$GN%s*%02X", line, checksum("GN"+string(line)))
		}
		facts, err := receiver.Take(line)
		for _, log := range facts.Logs {
			if err == nil && !utf8.ValidString(log.Message) {
				t.Fatalf("call %d: text that is no UTF-8 out of %q", call, line)
			}
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > heapLimitBytes {
		t.Fatalf("heap has grown to %d bytes", stats.HeapAlloc)
	}
}
