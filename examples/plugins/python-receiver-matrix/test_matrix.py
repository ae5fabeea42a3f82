import json
import unittest

import matrix

SETTINGS = {"homeserver_url": "https://matrix.example.com/", "room_id": "!abc:example.com", "msgtype": "m.text"}


class Matrix(unittest.TestCase):
    def test_escapes_room_and_transaction(self):
        self.assertEqual(
            matrix.send_url(SETTINGS, "a/b c"),
            "https://matrix.example.com/_matrix/client/v3/rooms/%21abc%3Aexample.com"
            "/send/m.room.message/a%2Fb%20c",
        )

    def test_names_each_bad_setting(self):
        self.assertEqual(matrix.problems(SETTINGS), [])
        bad = {"homeserver_url": "matrix.example.com", "room_id": "#alerts:example.com", "msgtype": "text"}
        self.assertEqual([name for name, _ in matrix.problems(bad)], list(bad))

    def test_long_messages_lose_their_html_and_their_end(self):
        message = json.loads(matrix.body("m.text", "ä" * 20_000, "<b>" + "x" * 30_000, False))
        self.assertEqual(list(message), ["msgtype", "body"])
        self.assertLess(len(message["body"].encode()), 28_010)

    def test_says_that_it_is_a_test(self):
        message = json.loads(matrix.body("m.notice", "hot", "<b>hot</b>", True))
        self.assertEqual(message["body"], "This is a test.\nhot")
        self.assertEqual(message["formatted_body"], "<p>This is a test.</p><b>hot</b>")

    def test_reads_how_long_to_wait(self):
        cases = [
            ([("Retry-After", "5")], b'{"retry_after_ms":7000}', 5_000),
            ([], b'{"retry_after_ms":7000}', 7_000),
            ([], b'{"retry_after_ms":true}', 30_000),
            ([("retry-after", "soon")], b"[]", 30_000),
        ]
        for headers, data, want in cases:
            self.assertEqual(matrix.Answer(429, headers, data).retry_after_ms(), want)

    def test_quotes_the_servers_reason(self):
        answer = matrix.Answer(403, [], b'{"errcode":"M_FORBIDDEN","error":"not in the room"}')
        self.assertEqual(str(answer), "HTTP status 403: M_FORBIDDEN not in the room")
        self.assertEqual(str(matrix.Answer(502, [], b"bad gateway")), "HTTP status 502: bad gateway")


if __name__ == "__main__":
    unittest.main()
