import math
import unittest

from mad import judge


class Mad(unittest.TestCase):
    def test_scores_the_newest_point_against_those_before_it(self):
        score, expected, lower, upper = judge([1, 3, 1, 3, 2 + 1.4826 * 4], 0)
        self.assertAlmostEqual(score, 4)
        self.assertEqual(expected, 2)
        self.assertAlmostEqual(lower, 2 - 3 * 1.4826)
        self.assertAlmostEqual(upper, 2 + 3 * 1.4826)

    def test_old_outlier_does_not_hide_a_new_one(self):
        self.assertGreater(judge([1, 2, 1, 2, 500, 1, 2, 10], 0).score, 3)

    def test_constant_series_scores_zero_until_it_moves(self):
        scores = [judge([5, 5, 5, newest], 0).score for newest in (5, 6, 4)]
        self.assertEqual(scores, [0, math.inf, -math.inf])

    def test_step_of_a_coarse_sensor_is_no_anomaly(self):
        self.assertEqual(judge([5, 5, 5, 5.5], 0.5).score, 1)

    def test_gaps_are_left_out(self):
        gap = math.nan
        self.assertEqual(judge([gap, 5, gap, 5, math.inf, 5.5], 0.5).score, 1)
        for points in ([], [5, 5], [gap, 5, 5], [5, 5, 5, gap]):
            self.assertTrue(math.isnan(judge(points, 0).score), points)


if __name__ == "__main__":
    unittest.main()
