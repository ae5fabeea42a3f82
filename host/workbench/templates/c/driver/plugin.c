/* __NAME__: a board that sends small binary frames; frame.h says which.
 *
 * One instance serves one connection. Each frame is checked as a whole before anything of it is reported. */
#include "frame.h"
#include "guest.h"
#include "json.h"

typedef bellwether_host_types_setting_t setting_t;
typedef exports_bellwether_driver_driver_device_t device_t;
typedef exports_bellwether_driver_driver_failure_t failure_t;
typedef exports_bellwether_driver_driver_instant_t instant_t;
typedef exports_bellwether_driver_driver_output_t output_t;
typedef exports_bellwether_driver_driver_problem_t problem_t;
typedef exports_bellwether_driver_driver_session_t session_t;

#define TEMPERATURE "device_temperature_celsius"
#define HUMIDITY "device_humidity_ratio"
#define BROWNOUT "brownout"
#define MAX_MESSAGE_BYTES 200

struct exports_bellwether_driver_driver_session_t {
  /* Value of the label `sensor`, out of the settings. */
  text_t sensor;
};

static void add_sample(const session_t *session, const char *metric, double value, output_t *out) {
  exports_bellwether_driver_driver_sample_t *sample = LIST_ADD(&out->samples);
  sample->metric = text_of(metric);
  sample->value = value;
  bellwether_host_types_label_t *label = LIST_ADD(&sample->labels);
  label->name = text_of("sensor");
  label->value = text_copy(session->sensor.ptr, session->sensor.len);
}

static const char *take_reading(const session_t *session, frame_view_t frame, output_t *out) {
  if (frame.len != 4) return "reading has not 4 bytes";
  uint16_t humidity = frame_u16(frame.payload + 2);
  if (humidity > 10000) return "humidity is above 100 %";
  add_sample(session, TEMPERATURE, (int16_t)frame_u16(frame.payload) / 100.0, out);
  add_sample(session, HUMIDITY, humidity / 10000.0, out);
  return NULL;
}

static const char *take_identity(frame_view_t frame, output_t *out) {
  if (frame.len < 7) return "identity has less than 7 bytes";
  if (out->identity.is_some) return "identity is there twice";
  const uint8_t *version = frame.payload + 4;
  exports_bellwether_driver_driver_identity_t *identity = &out->identity.val;
  out->identity.is_some = true;
  identity->id.is_some = true;
  identity->id.val = text_format("%08x", (unsigned)frame_u32(frame.payload));
  identity->firmware.is_some = true;
  identity->firmware.val = text_format("%u.%u.%u", version[0], version[1], version[2]);
  identity->model.is_some = frame.len > 7;
  identity->model.val = text_of_bytes(frame.payload + 7, frame.len - 7, MAX_MESSAGE_BYTES);
  return NULL;
}

static const char *take_brownout(frame_view_t frame, output_t *out) {
  if (frame.len != 2) return "brownout has not 2 bytes";
  exports_bellwether_driver_driver_event_t *event = LIST_ADD(&out->events);
  event->kind = text_of(BROWNOUT);
  event->severity = EXPORTS_BELLWETHER_DRIVER_DRIVER_SEVERITY_WARNING;
  event->message = text_of("supply voltage fell too low");
  bellwether_host_types_label_t *field = LIST_ADD(&event->fields);
  field->name = text_of("millivolts");
  field->value = text_format("%u", frame_u16(frame.payload));
  return NULL;
}

static const char *take_log(frame_view_t frame, output_t *out) {
  static const char *const levels[] = {"error", "warning", "info", "debug"};
  if (frame.len < 1) return "log line has no level";
  uint8_t level = frame.payload[0];
  if (level >= sizeof levels / sizeof *levels) return "log line has an unknown level";
  exports_bellwether_driver_driver_log_line_t *line = LIST_ADD(&out->logs);
  line->level.is_some = true;
  line->level.val = text_of(levels[level]);
  line->message = text_of_bytes(frame.payload + 1, frame.len - 1, MAX_MESSAGE_BYTES);
  return NULL;
}

/* Reports what a frame says; gives what is wrong with it, or NULL. */
static const char *take_frame(const session_t *session, const uint8_t *bytes, size_t len, output_t *out) {
  frame_view_t frame;
  const char *problem = frame_open(bytes, len, &frame);
  if (problem != NULL) return problem;
  switch (frame.kind) {
    case 'R': return take_reading(session, frame, out);
    case 'I': return take_identity(frame, out);
    case 'B': return take_brownout(frame, out);
    case 'L': return take_log(frame, out);
    default: return "unknown kind of frame";
  }
}

/* Bad frames are counted; only when there was no good one, the call fails. */
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

/* The board talks by itself: there is nothing to say to it. */
bool exports_bellwether_driver_driver_method_session_start(
    exports_bellwether_driver_driver_borrow_session_t session, instant_t now, output_t *out, failure_t *failure) {
  (void)session, (void)now, (void)failure;
  *out = (output_t){0};
  return true;
}

bool exports_bellwether_driver_driver_method_session_tick(
    exports_bellwether_driver_driver_borrow_session_t session, instant_t now, output_t *out, failure_t *failure) {
  (void)session, (void)now, (void)failure;
  *out = (output_t){0};
  return true;
}

bool exports_bellwether_driver_driver_open(device_t *device, exports_bellwether_driver_driver_own_session_t *opened,
                                           problem_t *problem) {
  text_t sensor;
  bool is_text = json_text(device->config.ptr, device->config.len, "sensor", &sensor);
  exports_bellwether_driver_driver_device_free(device);
  if (!is_text || sensor.len == 0) {
    problem->setting.is_some = true;
    problem->setting.val = text_of("sensor");
    problem->message = text_of("must be a text that is not empty");
    return false;
  }
  session_t *session = guest_allocate(NULL, 1, sizeof *session);
  session->sensor = sensor;
  *opened = exports_bellwether_driver_driver_session_new(session);
  return true;
}

void exports_bellwether_driver_driver_session_destructor(session_t *session) {
  driver_plugin_string_free(&session->sensor);
  free(session);
}

static void describe_metric(const char *name, const char *help, exports_bellwether_driver_driver_info_t *info) {
  exports_bellwether_driver_driver_metric_t *metric = LIST_ADD(&info->metrics);
  metric->name = text_of(name);
  metric->kind = BELLWETHER_HOST_TYPES_METRIC_KIND_GAUGE;
  metric->help = text_of(help);
}

void exports_bellwether_driver_driver_describe(exports_bellwether_driver_driver_info_t *info) {
  *info = (exports_bellwether_driver_driver_info_t){0};
  info->about.name = text_of("__NAME__");
  info->about.version = text_of("0.1.0");
  info->about.summary = text_of("Reads the binary frames of __NAME__");

  setting_t *setting = LIST_ADD(&info->about.settings);
  setting->name = text_of("sensor");
  setting->kind = BELLWETHER_HOST_TYPES_SETTING_KIND_TEXT;
  setting->help = text_of("Value of the label sensor");
  setting->default_.is_some = true;
  setting->default_.val = text_of("\"main\"");

  info->framing.tag = EXPORTS_BELLWETHER_DRIVER_DRIVER_FRAMING_COBS;
  info->max_frame = FRAME_MAX_BYTES;
  *LIST_ADD(&info->baud_rates) = 115200;
  describe_metric(TEMPERATURE, "Temperature at the sensor", info);
  describe_metric(HUMIDITY, "Relative humidity, 0 to 1", info);

  exports_bellwether_driver_driver_event_kind_t *event = LIST_ADD(&info->events);
  event->kind = text_of(BROWNOUT);
  event->severity = EXPORTS_BELLWETHER_DRIVER_DRIVER_SEVERITY_WARNING;
  event->help = text_of("The supply voltage fell too low");
}
