import unittest

from lines import Banner, Brownout, LogLine, Readings, parse


class Lines(unittest.TestCase):
    def test_reads_what_the_board_says(self):
        cases = [
            (b"temp=41.5 hum=40\r", Readings({"temp": 41.5, "hum": 40.0})),
            (b"hum=-1e1 rssi=weak", Readings({"hum": -10.0})),
            (b"boot model=greenhouse id=a1", Banner({"model": "greenhouse", "id": "a1"})),
            (b"brownout volts=2.9", Brownout({"volts": "2.9"})),
            (b"brownout", Brownout({})),
            (b"", None),
        ]
        for line, want in cases:
            self.assertEqual(parse(line), want, line)

    def test_other_lines_are_the_boards_log(self):
        for line in [b"connected to ssid=home", b"boot", b"ssid=home", b"temp = 41.5", b"1=2"]:
            self.assertEqual(parse(line), LogLine(line.decode()))

    def test_refuses_what_is_no_number(self):
        for text in ["", "nan", "inf", "1_000", "0x10", "1e999", "41,5"]:
            with self.assertRaisesRegex(ValueError, f'temp is "{text}", not a number'):
                parse(f"temp={text}".encode())
        with self.assertRaisesRegex(ValueError, "not UTF-8"):
            parse(b"temp=\xff")


if __name__ == "__main__":
    unittest.main()
