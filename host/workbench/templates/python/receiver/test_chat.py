import json
import unittest

import chat


class Chat(unittest.TestCase):
    def test_urls_may_end_with_a_slash(self):
        for url in ("https://chat.example.com", "https://chat.example.com/"):
            self.assertEqual(chat.post_url(url), "https://chat.example.com/api/v4/posts")
            self.assertEqual(chat.link(url, "p1"), "https://chat.example.com/_redirect/pl/p1")

    def test_refuses_what_is_no_url(self):
        self.assertIsNone(chat.problem_with_url("https://chat.example.com"))
        self.assertIn("chat.example.com", chat.problem_with_url("chat.example.com"))

    def test_cuts_long_texts(self):
        message = json.loads(chat.body("c1", "ä" * 20000))["message"]
        self.assertEqual(len(message), chat.MAX_TEXT_CHARS)
        self.assertTrue(message.endswith("…"))

    def test_takes_only_the_services_own_answer_for_a_post(self):
        self.assertEqual(chat.post_id(b'{"id":"p1"}'), "p1")
        for answer in (b"", b"<html>", b"[]", b"{}", b'{"id":7}', b"\xff"):
            self.assertIsNone(chat.post_id(answer), answer)

    def test_waits_as_long_as_the_server_says(self):
        cases = [("5", 5_000), (" 7 ", 7_000), ("999999999999", 3_600_000), ("soon", 30_000), ("", 30_000)]
        for value, want in cases:
            self.assertEqual(chat.retry_after_ms([("Retry-After", value)]), want, value)
        self.assertEqual(chat.retry_after_ms([]), 30_000)

    def test_quotes_the_beginning_of_an_answer(self):
        self.assertEqual(chat.describe_answer(400, b" no such channel "), "HTTP status 400: no such channel")
        self.assertEqual(chat.describe_answer(502, b""), "HTTP status 502")


if __name__ == "__main__":
    unittest.main()
