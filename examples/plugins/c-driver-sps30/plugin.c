/* sps30: Sensirion's SPS30 sensor for particulate matter, at a serial port.
 *
 * The sensor speaks only when it is asked. A session asks for its serial number and version, starts the measurement,
 * and then asks for status and values by turns; each question waits for the answer to the one before it. */
#include <math.h>

#include "guest.h"
#include "json.h"
#include "shdlc.h"

typedef bellwether_host_types_setting_t setting_t;
typedef exports_bellwether_driver_driver_device_t device_t;
typedef exports_bellwether_driver_driver_failure_t failure_t;
typedef exports_bellwether_driver_driver_info_t info_t;
typedef exports_bellwether_driver_driver_instant_t instant_t;
typedef exports_bellwether_driver_driver_output_t output_t;
typedef exports_bellwether_driver_driver_problem_t problem_t;
typedef exports_bellwether_driver_driver_session_t session_t;

/* Micrograms, because every limit for dust is written in them. */
#define MASS "sps30_mass_concentration_micrograms_per_cubic_metre"
#define NUMBER "sps30_number_concentration_per_cubic_centimetre"
#define TYPICAL "sps30_typical_particle_size_micrometres"
#define FAN_FAILURE "fan_failure"
#define LASER_FAILURE "laser_failure"
#define FAN_SPEED "fan_speed"

/* The sensor measures once a second. */
#define MIN_INTERVAL_MS 1000
#define DEFAULT_INTERVAL_MS "10000"
#define ANSWER_TIMEOUT_MS 500
/* Questions without an answer before the connection is given up. */
#define MAX_MISSED 5
/* State of an answer: the command makes no sense now, such as a start while it measures already. */
#define STATE_NOT_ALLOWED 0x43
/* The top bit of a state only says that the status has something to tell. */
#define STATE_MASK 0x7f

/* In the order in which a session asks. */
typedef enum { ASK_SERIAL, ASK_VERSION, ASK_START, ASK_STATUS, ASK_VALUES } question_t;

static const struct {
  uint8_t command, len, data[2];
} questions[] = {
    [ASK_SERIAL] = {0xd0, 1, {0x03}},
    [ASK_VERSION] = {0xd1, 0, {0}},
    [ASK_START] = {0x00, 2, {0x01, 0x03}}, /* with values as floats */
    [ASK_STATUS] = {0xd2, 1, {0x00}},      /* without clearing it */
    [ASK_VALUES] = {0x03, 0, {0}},
};

static const struct {
  uint32_t bit;
  const char *kind, *message;
  uint8_t severity;
} faults[] = {
    {1u << 4, FAN_FAILURE, "the fan does not turn", EXPORTS_BELLWETHER_DRIVER_DRIVER_SEVERITY_CRITICAL},
    {1u << 5, LASER_FAILURE, "the laser's current is out of range", EXPORTS_BELLWETHER_DRIVER_DRIVER_SEVERITY_CRITICAL},
    {1u << 21, FAN_SPEED, "the fan's speed is out of range", EXPORTS_BELLWETHER_DRIVER_DRIVER_SEVERITY_WARNING},
};

static const struct {
  const char *metric, *size;
} values[] = {
    {MASS, "1"},   {MASS, "2.5"}, {MASS, "4"},     {MASS, "10"},   {NUMBER, "0.5"},
    {NUMBER, "1"}, {NUMBER, "2.5"}, {NUMBER, "4"}, {NUMBER, "10"}, {TYPICAL, NULL},
};
#define VALUES (sizeof values / sizeof *values)

struct exports_bellwether_driver_driver_session_t {
  uint32_t interval_ms;
  question_t question;
  bool is_waiting;
  uint32_t missed;
  /* Register of the status as it was seen last, so that a fault is told once. */
  uint32_t status;
  char serial[33];
};

static void ask(session_t *session, output_t *out) {
  uint8_t frame[SHDLC_REQUEST_ROOM];
  question_t question = session->question;
  size_t len = shdlc_write(questions[question].command, questions[question].data, questions[question].len, frame);
  driver_plugin_list_u8_t *write = LIST_ADD(&out->writes);
  text_t copy = text_copy(frame, len);
  write->ptr = copy.ptr;
  write->len = copy.len;
  session->is_waiting = true;
  out->wake.is_some = true;
  out->wake.val = ANSWER_TIMEOUT_MS;
}

/* After an answer: the next question, at once or after a pause. */
static void go_on(session_t *session, output_t *out) {
  bool is_round_over = session->question == ASK_VALUES || session->question == ASK_START;
  session->question = session->question == ASK_VALUES ? ASK_STATUS : session->question + 1;
  session->is_waiting = false;
  session->missed = 0;
  if (!is_round_over) {
    ask(session, out);
    return;
  }
  out->wake.is_some = true;
  out->wake.val = session->interval_ms;
}

static const char *take_serial(session_t *session, const shdlc_answer_t *answer) {
  size_t len = 0;
  while (len < answer->len && answer->data[len] != 0) len++;
  if (len == 0 || len >= sizeof session->serial) return "serial number has a wrong length";
  memcpy(session->serial, answer->data, len);
  session->serial[len] = 0;
  return NULL;
}

static const char *take_version(const session_t *session, const shdlc_answer_t *answer, output_t *out) {
  if (answer->len != 7) return "version has not 7 bytes";
  exports_bellwether_driver_driver_identity_t *identity = &out->identity.val;
  out->identity.is_some = true;
  identity->id.is_some = true;
  identity->id.val = text_of_bytes((const uint8_t *)session->serial, strlen(session->serial), sizeof session->serial);
  identity->model.is_some = true;
  identity->model.val = text_of("SPS30");
  identity->firmware.is_some = true;
  identity->firmware.val = text_format("%u.%u", answer->data[0], answer->data[1]);
  driver_plugin_tuple2_string_string_t *extra = LIST_ADD(&identity->extras);
  extra->f0 = text_of("hardware_revision");
  extra->f1 = text_format("%u", answer->data[3]);
  return NULL;
}

static uint32_t big_endian(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static const char *take_status(session_t *session, const shdlc_answer_t *answer, output_t *out) {
  if (answer->len < 4) return "status has less than 4 bytes";
  uint32_t status = big_endian(answer->data), risen = status & ~session->status;
  session->status = status;
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    if ((risen & faults[i].bit) == 0) continue;
    exports_bellwether_driver_driver_event_t *event = LIST_ADD(&out->events);
    event->kind = text_of(faults[i].kind);
    event->severity = faults[i].severity;
    event->message = text_of(faults[i].message);
  }
  return NULL;
}

static double value_at(const shdlc_answer_t *answer, size_t place) {
  uint32_t bits = big_endian(answer->data + 4 * place);
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* No data means that no measurement was done since the last question. */
static const char *take_values(const shdlc_answer_t *answer, output_t *out) {
  if (answer->len == 0) return NULL;
  if (answer->len != 4 * VALUES) return "values have not 40 bytes";
  for (size_t i = 0; i < VALUES; i++) {
    if (!isfinite(value_at(answer, i))) return "value is no number";
  }
  for (size_t i = 0; i < VALUES; i++) {
    exports_bellwether_driver_driver_sample_t *sample = LIST_ADD(&out->samples);
    sample->metric = text_of(values[i].metric);
    sample->value = value_at(answer, i);
    if (values[i].size == NULL) continue;
    bellwether_host_types_label_t *label = LIST_ADD(&sample->labels);
    label->name = text_of("size");
    label->value = text_of(values[i].size);
  }
  return NULL;
}

static const char *take_answer(session_t *session, const shdlc_answer_t *answer, output_t *out) {
  uint8_t state = answer->state & STATE_MASK;
  if (session->question == ASK_START && (state == 0 || state == STATE_NOT_ALLOWED)) return NULL;
  /* Firmware before 2.2 has no status: go on without. */
  if (session->question == ASK_STATUS && state != 0) return NULL;
  if (state != 0) return "the sensor refuses a command";
  switch (session->question) {
    case ASK_SERIAL: return take_serial(session, answer);
    case ASK_VERSION: return take_version(session, answer, out);
    case ASK_STATUS: return take_status(session, answer, out);
    case ASK_VALUES: return take_values(answer, out);
    default: return NULL;
  }
}

/* A bad answer counts as none: the question is asked again when its time is over. */
static const char *take_frame(session_t *session, const uint8_t *bytes, size_t len, output_t *out) {
  shdlc_answer_t answer;
  const char *problem = shdlc_read(bytes, len, &answer);
  if (problem != NULL) return problem;
  if (!session->is_waiting || answer.command != questions[session->question].command) {
    return "answer to a question that was not asked";
  }
  problem = take_answer(session, &answer, out);
  if (problem == NULL) go_on(session, out);
  return problem;
}

bool exports_bellwether_driver_driver_method_session_receive(
    exports_bellwether_driver_driver_borrow_session_t session, exports_bellwether_driver_driver_list_frame_t *frames,
    output_t *out, failure_t *failure) {
  const char *first_problem = NULL;
  *out = (output_t){0};
  for (size_t i = 0; i < frames->len; i++) {
    const char *problem = take_frame(session, frames->ptr[i].data.ptr, frames->ptr[i].data.len, out);
    if (problem == NULL) continue;
    out->skipped++;
    if (first_problem == NULL) first_problem = problem;
  }
  bool is_ok = first_problem == NULL || out->skipped < frames->len;
  exports_bellwether_driver_driver_list_frame_free(frames);
  if (is_ok) return true;
  exports_bellwether_driver_driver_output_free(out);
  failure->tag = EXPORTS_BELLWETHER_DRIVER_DRIVER_FAILURE_BAD_INPUT;
  failure->val.bad_input = text_of(first_problem);
  return false;
}

bool exports_bellwether_driver_driver_method_session_start(
    exports_bellwether_driver_driver_borrow_session_t session, instant_t now, output_t *out, failure_t *failure) {
  (void)now, (void)failure;
  *out = (output_t){0};
  ask(session, out);
  return true;
}

/* Either a pause is over, or an answer has not come. */
bool exports_bellwether_driver_driver_method_session_tick(
    exports_bellwether_driver_driver_borrow_session_t session, instant_t now, output_t *out, failure_t *failure) {
  (void)now;
  *out = (output_t){0};
  if (session->is_waiting) session->missed++;
  if (session->missed >= MAX_MISSED) {
    failure->tag = EXPORTS_BELLWETHER_DRIVER_DRIVER_FAILURE_RESET;
    failure->val.reset = text_of("the sensor does not answer");
    return false;
  }
  ask(session, out);
  return true;
}

static bool read_interval(text_t config, uint32_t *interval_ms) {
  json_cursor_t cursor;
  if (!json_member(config.ptr, config.len, "interval", &cursor)) return false;
  json_skip_space(&cursor);
  uint64_t value = 0;
  for (; cursor.at < cursor.end && *cursor.at >= '0' && *cursor.at <= '9'; cursor.at++) {
    value = value * 10 + (*cursor.at - '0');
    if (value > UINT32_MAX) return false;
  }
  *interval_ms = (uint32_t)value;
  return value >= MIN_INTERVAL_MS;
}

bool exports_bellwether_driver_driver_open(device_t *device, exports_bellwether_driver_driver_own_session_t *opened,
                                           problem_t *problem) {
  uint32_t interval_ms;
  bool is_ok = read_interval(device->config, &interval_ms);
  exports_bellwether_driver_driver_device_free(device);
  if (!is_ok) {
    problem->setting.is_some = true;
    problem->setting.val = text_of("interval");
    problem->message = text_of("must be at least 1s: the sensor measures once a second");
    return false;
  }
  session_t *session = guest_allocate(NULL, 1, sizeof *session);
  *session = (session_t){.interval_ms = interval_ms, .question = ASK_SERIAL};
  *opened = exports_bellwether_driver_driver_session_new(session);
  return true;
}

void exports_bellwether_driver_driver_session_destructor(session_t *session) { free(session); }

static void describe_metric(const char *name, const char *help, info_t *info) {
  exports_bellwether_driver_driver_metric_t *metric = LIST_ADD(&info->metrics);
  metric->name = text_of(name);
  metric->kind = BELLWETHER_HOST_TYPES_METRIC_KIND_GAUGE;
  metric->help = text_of(help);
}

static void describe_events(info_t *info) {
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    exports_bellwether_driver_driver_event_kind_t *event = LIST_ADD(&info->events);
    event->kind = text_of(faults[i].kind);
    event->severity = faults[i].severity;
    event->help = text_format("Raised when %s", faults[i].message);
  }
}

void exports_bellwether_driver_driver_describe(info_t *info) {
  *info = (info_t){0};
  info->about.name = text_of("sps30");
  info->about.version = text_of("0.1.0");
  info->about.summary = text_of("Sensirion SPS30 sensors for particulate matter");

  setting_t *setting = LIST_ADD(&info->about.settings);
  setting->name = text_of("interval");
  setting->kind = BELLWETHER_HOST_TYPES_SETTING_KIND_DURATION;
  setting->help = text_of("Time between two readings, at least 1s");
  setting->default_.is_some = true;
  setting->default_.val = text_of(DEFAULT_INTERVAL_MS);

  info->framing.tag = EXPORTS_BELLWETHER_DRIVER_DRIVER_FRAMING_DELIMITED;
  info->framing.val.delimited = SHDLC_DELIMITER;
  info->max_frame = SHDLC_MAX_FRAME_BYTES;
  *LIST_ADD(&info->baud_rates) = 115200;
  describe_metric(MASS, "Mass of particles up to the size in micrometres", info);
  describe_metric(NUMBER, "Number of particles up to the size in micrometres", info);
  describe_metric(TYPICAL, "Typical size of the particles", info);
  describe_events(info);
}
