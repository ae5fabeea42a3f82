/* __NAME__: posts notifications to a chat service with an HTTP API.
 *
 * One request for each notification: {"channel": "…", "text": "…"} with a bearer token. The token that this plugin
 * sees is a placeholder; the host puts the secret in when the request leaves. */
#include "guest.h"
#include "json.h"

typedef bellwether_host_http_error_t http_error_t;
typedef bellwether_host_http_request_t request_t;
typedef bellwether_host_http_response_t response_t;
typedef bellwether_host_types_setting_t setting_t;
typedef exports_bellwether_receiver_receiver_failure_t failure_t;
typedef exports_bellwether_receiver_receiver_info_t info_t;
typedef exports_bellwether_receiver_receiver_notification_t notification_t;
typedef exports_bellwether_receiver_receiver_receipt_t receipt_t;
typedef receiver_plugin_list_u8_t bytes_t;

#define DEFAULT_URL "https://chat.example.com/api/messages"
#define DEFAULT_TEXT                                          \
  "[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }}" \
  "{{ range .Alerts }}\n- {{ .Annotations.summary }}{{ end }}"
/* The longest text that the service takes; longer ones are cut rather than lost. */
#define MAX_TEXT_BYTES 4000
/* Pause after a 429 without a usable retry-after. */
#define DEFAULT_RETRY_AFTER_MS 30000
/* No server puts off alerts for longer than an hour. */
#define MAX_RETRY_AFTER_S 3600
/* How much of an answer goes into an error's text. */
#define MAX_ERROR_BODY_BYTES 200
#define MAX_RECEIPT_BYTES 1024

/* The settings, checked by the host, with defaults filled in. */
typedef struct {
  text_t api_url, token, channel;
  uint32_t timeout_ms;
} config_t;

static void config_free(config_t *config) {
  receiver_plugin_string_free(&config->api_url);
  receiver_plugin_string_free(&config->token);
  receiver_plugin_string_free(&config->channel);
}

/* Digits of a number without sign, up to `most`; false where there is none. */
static bool read_digits(const uint8_t *at, const uint8_t *end, uint32_t most, uint32_t *value) {
  const uint8_t *begin = at;
  for (*value = 0; at < end && *at >= '0' && *at <= '9'; at++) {
    uint32_t digit = *at - '0';
    *value = *value > (most - digit) / 10 ? most : *value * 10 + digit;
  }
  return at > begin;
}

/* Whatever it returns, the configuration is to be freed. */
static bool config_read(text_t json, config_t *config) {
  json_cursor_t timeout;
  *config = (config_t){0};
  bool is_ok = json_text(json.ptr, json.len, "api_url", &config->api_url);
  is_ok = json_text(json.ptr, json.len, "token", &config->token) && is_ok;
  is_ok = json_text(json.ptr, json.len, "channel", &config->channel) && is_ok;
  is_ok = json_member(json.ptr, json.len, "timeout", &timeout) && is_ok;
  if (!is_ok) return false;
  json_skip_space(&timeout);
  return read_digits(timeout.at, timeout.end, UINT32_MAX, &config->timeout_ms);
}

static bool is_url(text_t text) {
  return (text.len > 8 && memcmp(text.ptr, "https://", 8) == 0) || (text.len > 7 && memcmp(text.ptr, "http://", 7) == 0);
}

static void add_problem(const char *setting, const char *message,
                        exports_bellwether_receiver_receiver_list_problem_t *problems) {
  exports_bellwether_receiver_receiver_problem_t *problem = LIST_ADD(problems);
  problem->setting.is_some = setting != NULL;
  if (setting != NULL) problem->setting.val = text_of(setting);
  problem->message = text_of(message);
}

bool exports_bellwether_receiver_receiver_check(text_t *json,
                                                exports_bellwether_receiver_receiver_list_problem_t *problems) {
  config_t config;
  *problems = (exports_bellwether_receiver_receiver_list_problem_t){0};
  if (!config_read(*json, &config)) {
    add_problem(NULL, "settings do not fit", problems);
  } else {
    if (!is_url(config.api_url)) add_problem("api_url", "must begin with https://", problems);
    if (config.channel.len == 0) add_problem("channel", "is empty", problems);
  }
  config_free(&config);
  receiver_plugin_string_free(json);
  return problems->len == 0;
}

static void put_bytes(const void *bytes, size_t len, bytes_t *out) {
  for (size_t i = 0; i < len; i++) *LIST_ADD(out) = ((const uint8_t *)bytes)[i];
}

static void put(const char *literal, bytes_t *out) { put_bytes(literal, strlen(literal), out); }

/* What is inside the quotes of a JSON text. */
static void put_escaped(text_t text, bytes_t *out) {
  for (size_t i = 0; i < text.len; i++) {
    uint8_t byte = text.ptr[i];
    char escape[8];
    if (byte == '"' || byte == '\\') {
      *LIST_ADD(out) = '\\';
      *LIST_ADD(out) = byte;
    } else if (byte == '\n') {
      put("\\n", out);
    } else if (byte < 0x20) {
      snprintf(escape, sizeof escape, "\\u%04x", byte);
      put(escape, out);
    } else {
      *LIST_ADD(out) = byte;
    }
  }
}

/* The beginning of a text, without cutting a character in two. */
static text_t beginning(text_t text, size_t most) {
  if (text.len <= most) return text;
  size_t len = most;
  while (len > 0 && (text.ptr[len] & 0xc0) == 0x80) len--;
  return (text_t){text.ptr, len};
}

static text_t rendered(const notification_t *notification, const char *name) {
  for (size_t i = 0; i < notification->rendered.len; i++) {
    if (text_equals(notification->rendered.ptr[i].f0, name)) return notification->rendered.ptr[i].f1;
  }
  return (text_t){NULL, 0};
}

static bytes_t body_of(const config_t *config, const notification_t *notification) {
  bytes_t body = {0};
  text_t text = rendered(notification, "text");
  put("{\"channel\":\"", &body);
  put_escaped(config->channel, &body);
  put("\",\"text\":\"", &body);
  if (notification->purpose == EXPORTS_BELLWETHER_RECEIVER_RECEIVER_PURPOSE_TEST) put("[test] ", &body);
  put_escaped(beginning(text, MAX_TEXT_BYTES), &body);
  if (text.len > MAX_TEXT_BYTES) put("…", &body);
  put("\"}", &body);
  return body;
}

static void add_header(const char *name, text_t value, request_t *request) {
  receiver_plugin_tuple2_string_string_t *header = LIST_ADD(&request->headers);
  header->f0 = text_of(name);
  header->f1 = value;
}

static request_t request_of(const config_t *config, const notification_t *notification) {
  request_t request = {.method = BELLWETHER_HOST_HTTP_METHOD_POST, .timeout = config->timeout_ms};
  request.url = text_copy(config->api_url.ptr, config->api_url.len);
  add_header("content-type", text_of("application/json"), &request);
  add_header("authorization", text_format("Bearer %.*s", TEXT_ARGS(config->token)), &request);
  text_t key = notification->idempotency_key;
  add_header("idempotency-key", text_copy(key.ptr, key.len), &request);
  request.body = body_of(config, notification);
  return request;
}

/* Dates count as absent: a plugin has no clock to compare them with. */
static uint32_t retry_after_ms(const response_t *response) {
  static const char name[] = "retry-after";
  for (size_t i = 0; i < response->headers.len; i++) {
    text_t key = response->headers.ptr[i].f0, value = response->headers.ptr[i].f1;
    bool is_it = key.len == sizeof name - 1;
    for (size_t at = 0; is_it && at < key.len; at++) is_it = (key.ptr[at] | 0x20) == (name[at] | 0x20);
    uint32_t seconds;
    if (is_it && read_digits(value.ptr, value.ptr + value.len, MAX_RETRY_AFTER_S, &seconds)) return seconds * 1000;
  }
  return DEFAULT_RETRY_AFTER_MS;
}

static text_t describe_response(const response_t *response) {
  text_t start = text_of_bytes(response->body.ptr, response->body.len, MAX_ERROR_BODY_BYTES);
  text_t text = text_format("HTTP status %u%s%.*s", response->status, start.len > 0 ? ": " : "", TEXT_ARGS(start));
  receiver_plugin_string_free(&start);
  return text;
}

/* A text member of the answer, made safe to hand on; empty where there is none. */
static text_t answer_text(const response_t *response, const char *name) {
  text_t raw, safe;
  json_text(response->body.ptr, response->body.len, name, &raw);
  safe = text_of_bytes(raw.ptr, raw.len, MAX_RECEIPT_BYTES);
  receiver_plugin_string_free(&raw);
  return safe;
}

/* The message has been delivered, whatever the body says: without an id in it, the delivery's own key stands for one. */
static void fill_receipt(const response_t *response, text_t key, receipt_t *receipt) {
  *receipt = (receipt_t){0};
  receipt->id = answer_text(response, "id");
  if (receipt->id.len == 0) receipt->id = text_copy(key.ptr, key.len);
  receipt->url.val = answer_text(response, "url");
  receipt->url.is_some = receipt->url.val.len > 0;
}

static bool fail(uint8_t tag, text_t message, failure_t *failure) {
  failure->tag = tag;
  /* All cases but rate-limited and previous-lost hold a text, in the same place. */
  failure->val.retryable = message;
  return false;
}

static bool judge_response(const response_t *response, text_t key, receipt_t *receipt, failure_t *failure) {
  uint16_t status = response->status;
  if (status >= 200 && status < 300) {
    fill_receipt(response, key, receipt);
    return true;
  }
  if (status == 429) {
    failure->tag = EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_RATE_LIMITED;
    failure->val.rate_limited = retry_after_ms(response);
    return false;
  }
  uint8_t tag = EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_PERMANENT;
  if (status == 401 || status == 403) tag = EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_MISCONFIGURED;
  if (status >= 500) tag = EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_RETRYABLE;
  return fail(tag, describe_response(response), failure);
}

/* There was no answer. Only what the operator has to change is not tried again. */
static bool judge_error(const http_error_t *error, failure_t *failure) {
  uint8_t retryable = EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_RETRYABLE;
  uint8_t misconfigured = EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_MISCONFIGURED;
  switch (error->tag) {
    case BELLWETHER_HOST_HTTP_ERROR_DENIED:
      return fail(misconfigured, text_copy(error->val.denied.ptr, error->val.denied.len), failure);
    case BELLWETHER_HOST_HTTP_ERROR_INVALID_REQUEST:
      return fail(misconfigured, text_copy(error->val.invalid_request.ptr, error->val.invalid_request.len), failure);
    case BELLWETHER_HOST_HTTP_ERROR_UNREACHABLE:
      return fail(retryable, text_copy(error->val.unreachable.ptr, error->val.unreachable.len), failure);
    case BELLWETHER_HOST_HTTP_ERROR_TIMEOUT:
      return fail(retryable, text_of("the server did not answer in time"), failure);
    case BELLWETHER_HOST_HTTP_ERROR_RESPONSE_TOO_LARGE:
      return fail(EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_PERMANENT, text_of("the answer is too large"), failure);
    default:
      return fail(retryable, text_of("the request failed"), failure);
  }
}

static bool deliver(request_t *request, text_t key, receipt_t *receipt, failure_t *failure) {
  response_t response;
  http_error_t error;
  bool is_ok;
  if (bellwether_host_http_send(request, &response, &error)) {
    is_ok = judge_response(&response, key, receipt, failure);
    bellwether_host_http_response_free(&response);
  } else {
    is_ok = judge_error(&error, failure);
    bellwether_host_http_error_free(&error);
  }
  return is_ok;
}

bool exports_bellwether_receiver_receiver_notify(text_t *json, notification_t *notification, receipt_t *receipt,
                                                 failure_t *failure) {
  config_t config;
  bool is_ok;
  if (config_read(*json, &config)) {
    request_t request = request_of(&config, notification);
    is_ok = deliver(&request, notification->idempotency_key, receipt, failure);
    bellwether_host_http_request_free(&request);
  } else {
    is_ok = fail(EXPORTS_BELLWETHER_RECEIVER_RECEIVER_FAILURE_MISCONFIGURED, text_of("settings do not fit"), failure);
  }
  config_free(&config);
  receiver_plugin_string_free(json);
  exports_bellwether_receiver_receiver_notification_free(notification);
  return is_ok;
}

static setting_t *describe_setting(const char *name, bellwether_host_types_setting_kind_t kind, const char *help,
                                   info_t *info) {
  setting_t *setting = LIST_ADD(&info->about.settings);
  setting->name = text_of(name);
  setting->kind = kind;
  setting->help = text_of(help);
  return setting;
}

static void set_default(setting_t *setting, const char *json) {
  setting->default_.is_some = true;
  setting->default_.val = text_of(json);
}

static void describe_settings(info_t *info) {
  set_default(describe_setting("api_url", BELLWETHER_HOST_TYPES_SETTING_KIND_TEXT, "Where to post", info),
              "\"" DEFAULT_URL "\"");
  describe_setting("token", BELLWETHER_HOST_TYPES_SETTING_KIND_SECRET, "The bot's access token", info)->required = true;
  describe_setting("channel", BELLWETHER_HOST_TYPES_SETTING_KIND_TEXT, "Channel to post to", info)->required = true;
  set_default(describe_setting("timeout", BELLWETHER_HOST_TYPES_SETTING_KIND_DURATION, "Time for one request", info),
              "10000");
}

void exports_bellwether_receiver_receiver_describe(info_t *info) {
  *info = (info_t){0};
  info->about.name = text_of("__NAME__");
  info->about.version = text_of("0.1.0");
  info->about.summary = text_of("Posts notifications to a chat channel");
  describe_settings(info);
  exports_bellwether_receiver_receiver_template_t *text = LIST_ADD(&info->templates);
  text->name = text_of("text");
  text->default_ = text_of(DEFAULT_TEXT);
  *LIST_ADD(&info->wants_hosts) = text_of("https://chat.example.com");
}
