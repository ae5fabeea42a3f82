/* __NAME__: finds a lasting shift of the level that is too small to stand out in any single point (CUSUM).
 *
 * Mean and standard deviation are learned from the older half of a window. Over the newer half it is added up by how
 * much more than `slack` standard deviations the points lie above the mean, and below it. The score is the larger of
 * the two sums, negative for a shift downwards; around 5 is the usual threshold. */
#include <math.h>

#include "guest.h"

typedef exports_bellwether_detector_functions_error_t error_t;
typedef exports_bellwether_detector_functions_matrix_t matrix_t;
typedef exports_bellwether_detector_functions_verdicts_t verdicts_t;

#define FUNCTION "__SNAKE__"
/* Four points to learn from and four to judge. */
#define MIN_POINTS 8
/* Catches shifts of one standard deviation soonest. */
#define DEFAULT_SLACK 0.5

/* What is thought of one series. A score of NaN leaves the series out. */
typedef struct {
  double score, expected, lower, upper;
} verdict_t;

/* Computed around the first point, so that large offsets do not eat the digits and constant series have exactly no
 * deviation. */
static void mean_and_deviation(const double *points, size_t count, double *mean, double *deviation) {
  double offset = 0, variance = 0;
  for (size_t i = 0; i < count; i++) offset += (points[i] - points[0]) / (double)count;
  for (size_t i = 0; i < count; i++) {
    double distance = points[i] - points[0] - offset;
    variance += distance * distance / (double)count;
  }
  *mean = points[0] + offset;
  *deviation = sqrt(variance);
}

static double score(const double *points, size_t count, double mean, double deviation, double slack) {
  if (deviation == 0) {
    /* A series that never moved scores 0 while it stays, and infinity when it leaves. */
    double newest = points[count - 1];
    return newest == mean ? 0 : newest > mean ? INFINITY : -INFINITY;
  }
  double above = 0, below = 0;
  for (size_t i = 0; i < count; i++) {
    double distance = (points[i] - mean) / deviation;
    above = fmax(0, above + distance - slack);
    below = fmax(0, below - distance - slack);
  }
  return above >= below ? above : -below;
}

/* Points that are NaN or infinite are left out; `room` holds as many points as there are. */
static verdict_t judge(const double *points, size_t count, double slack, double *room) {
  size_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    if (isfinite(points[i])) room[kept++] = points[i];
  }
  if (kept < MIN_POINTS) return (verdict_t){NAN, NAN, NAN, NAN};
  double mean, deviation;
  size_t older = kept / 2;
  mean_and_deviation(room, older, &mean, &deviation);
  return (verdict_t){
      .score = score(room + older, kept - older, mean, deviation, slack),
      .expected = mean,
      .lower = mean - slack * deviation,
      .upper = mean + slack * deviation,
  };
}

/* Whether the offsets cut the values into series without going back or beyond the end. */
static bool is_sound(const matrix_t *window) {
  size_t from = 0;
  for (size_t i = 0; i < window->offsets.len; i++) {
    if (window->offsets.ptr[i] < from || window->offsets.ptr[i] > window->values.len) return false;
    from = window->offsets.ptr[i];
  }
  return true;
}

static verdicts_t judge_each(const matrix_t *window, double slack) {
  verdicts_t verdicts = {0};
  double *room = guest_allocate(NULL, window->values.len, sizeof *room);
  for (size_t i = 0; i + 1 < window->offsets.len; i++) {
    size_t from = window->offsets.ptr[i], to = window->offsets.ptr[i + 1];
    verdict_t verdict = judge(window->values.ptr + from, to - from, slack, room);
    *LIST_ADD(&verdicts.score) = verdict.score;
    *LIST_ADD(&verdicts.expected) = verdict.expected;
    *LIST_ADD(&verdicts.lower) = verdict.lower;
    *LIST_ADD(&verdicts.upper) = verdict.upper;
  }
  free(room);
  return verdicts;
}

static bool bad_param(error_t *error, text_t message) {
  error->tag = EXPORTS_BELLWETHER_DETECTOR_FUNCTIONS_ERROR_BAD_PARAM;
  error->val.bad_param = message;
  return false;
}

static bool evaluate(text_t function, double slack, const exports_bellwether_detector_functions_list_matrix_t *windows,
                     verdicts_t *verdicts, error_t *error) {
  if (!text_equals(function, FUNCTION)) {
    return bad_param(error, text_format("there is no function %.*s", TEXT_ARGS(function)));
  }
  if (windows->len != 1) {
    return bad_param(error, text_format(FUNCTION " takes one window, not %zu", windows->len));
  }
  if (!(slack >= 0) || isinf(slack)) {
    return bad_param(error, text_format("slack is %g; it must be a number from 0 up", slack));
  }
  if (!is_sound(&windows->ptr[0])) {
    error->tag = EXPORTS_BELLWETHER_DETECTOR_FUNCTIONS_ERROR_FAILED;
    error->val.failed = text_of("the window's offsets do not fit its values");
    return false;
  }
  *verdicts = judge_each(&windows->ptr[0], slack);
  return true;
}

bool exports_bellwether_detector_functions_evaluate(text_t *function, detector_plugin_list_f64_t *params,
                                                    exports_bellwether_detector_functions_instant_t at,
                                                    exports_bellwether_detector_functions_list_matrix_t *windows,
                                                    verdicts_t *verdicts, error_t *error) {
  (void)at;
  double slack = params->len > 0 ? params->ptr[0] : DEFAULT_SLACK;
  bool is_ok = evaluate(*function, slack, windows, verdicts, error);
  detector_plugin_string_free(function);
  detector_plugin_list_f64_free(params);
  exports_bellwether_detector_functions_list_matrix_free(windows);
  return is_ok;
}

void exports_bellwether_detector_functions_describe(
    exports_bellwether_detector_functions_tuple2_about_list_function_t *description) {
  *description = (exports_bellwether_detector_functions_tuple2_about_list_function_t){0};
  description->f0.name = text_of("__NAME__");
  description->f0.version = text_of("0.1.0");
  description->f0.summary = text_of("Finds lasting shifts of the level that no single point shows");

  exports_bellwether_detector_functions_function_t *function = LIST_ADD(&description->f1);
  function->name = text_of(FUNCTION);
  function->help = text_of("Sum of what lies beyond the usual level, in standard deviations of the window's older half");
  function->windows = 1;
  function->min_points = MIN_POINTS;

  exports_bellwether_detector_functions_param_t *slack = LIST_ADD(&function->params);
  slack->name = text_of("slack");
  slack->help = text_of("Standard deviations that a point may lie off without adding to the sum");
  slack->default_.is_some = true;
  slack->default_.val = DEFAULT_SLACK;
}
