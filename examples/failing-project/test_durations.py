"""`python3 -m unittest`, in this directory."""

import unittest

from durations import seconds


class Durations(unittest.TestCase):
    """What `seconds` promises."""

    def test_seconds(self) -> None:
        """One unit."""
        self.assertEqual(seconds("90s"), 90)

    def test_minutes(self) -> None:
        """Another."""
        self.assertEqual(seconds("15m"), 900)

    def test_hours_and_minutes(self) -> None:
        """Several at once."""
        self.assertEqual(seconds("1h30m"), 5400)

    def test_nonsense(self) -> None:
        """No duration at all."""
        for text in ("", "h", "1h 30m", "-1s", "1d"):
            with self.subTest(text), self.assertRaises(ValueError):
                seconds(text)


if __name__ == "__main__":
    unittest.main()
