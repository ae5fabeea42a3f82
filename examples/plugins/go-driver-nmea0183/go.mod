module example.com/nmea0183

go 1.25

require go.bytecodealliance.org/pkg v0.2.1
