package chat

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"unicode/utf8"

	"example.com/__NAME__/internal/memory"
)

// heapLimitBytes leaves half of the 64 MiB that README.md asks for to the runtime and to the arguments.
const heapLimitBytes = 32 << 20

// Texts and answers of any length and content, with the collector as it runs in the component.
func TestSurvivesAnswersOfAllSizes(t *testing.T) {
	const seed = 1
	random := rand.New(rand.NewPCG(seed, seed))
	noise := func(most int) []byte {
		bytes := make([]byte, random.IntN(most))
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		return bytes
	}
	for call := range 2_000 {
		memory.Collect()
		config := Config{Channel: "ops"}
		body, err := config.Body(Message{Text: string(noise(32 << 10))})
		if err != nil || !utf8.Valid(body) {
			t.Fatalf("call %d: body is no JSON: %v", call, err)
		}
		status := uint16(random.IntN(600))
		if _, failure := Judge(status, nil, noise(32<<10), message); failure != nil && !utf8.ValidString(failure.Message) {
			t.Fatalf("call %d: text that is no UTF-8", call)
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc > heapLimitBytes {
		t.Fatalf("heap has grown to %d bytes", stats.HeapAlloc)
	}
}
