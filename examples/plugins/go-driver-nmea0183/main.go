// Makes the component. What the host calls is in the package whose name begins with export_; the generated code that
// calls it comes in here.
package main

import _ "example.com/nmea0183/internal/wit/wit_exports"

func main() {}
