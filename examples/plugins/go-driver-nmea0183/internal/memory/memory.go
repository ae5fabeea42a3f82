// Package memory runs the garbage collector at the only times at which it may run in a component.
//
// The host puts arguments into the guest's memory by calling its allocator, and a component must not call out while
// it does so. Go's collector reads the clock, which is such a call, so a collection that begins inside the allocator
// ends the instance with the trap "cannot leave component instance". Switching the collector off is not enough: after
// some forced collections the runtime wants to give memory back whenever the heap grows, and reads the clock again.
//
// So the collector is off, and each exported function begins with Collect. This leans on how the runtime of Go 1.26
// behaves; the stress test beside the logic of this plugin is there to be run again with each new Go.
package memory

import (
	"runtime"
	"runtime/debug"
)

// collectAboveBytes is small against the memory that the host gives to a plugin, and large against one call.
const collectAboveBytes = 8 << 20

func init() { debug.SetGCPercent(-1) }

// Collect must be the first thing that every exported function does.
func Collect() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	if stats.HeapAlloc <= collectAboveBytes {
		return
	}
	debug.SetGCPercent(100)
	runtime.GC()
	debug.SetGCPercent(-1)
}
