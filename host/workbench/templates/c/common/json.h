/* As much of JSON as settings and small answers take: members of one object. Never reads beyond the end,
 * whatever the text is. */
#ifndef JSON_H
#define JSON_H

#include "guest.h"

/* What is left to read. */
typedef struct {
  const uint8_t *at, *end;
} json_cursor_t;

static inline void json_skip_space(json_cursor_t *cursor) {
  while (cursor->at < cursor->end && *cursor->at != 0 && strchr(" \t\r\n", *cursor->at) != NULL) cursor->at++;
}

static inline bool json_take(json_cursor_t *cursor, uint8_t byte) {
  json_skip_space(cursor);
  if (cursor->at == cursor->end || *cursor->at != byte) return false;
  cursor->at++;
  return true;
}

/* Steps over a text and gives what is between its quotes, still escaped. */
static inline bool json_skip_text(json_cursor_t *cursor, json_cursor_t *inside) {
  if (!json_take(cursor, '"')) return false;
  inside->at = cursor->at;
  while (cursor->at < cursor->end && *cursor->at != '"') {
    cursor->at += *cursor->at == '\\' && cursor->end - cursor->at > 1 ? 2 : 1;
  }
  inside->end = cursor->at;
  return json_take(cursor, '"');
}

/* Steps over any value: counts brackets instead of calling itself, so that no depth of nesting fills the stack. */
static inline bool json_skip_value(json_cursor_t *cursor) {
  size_t depth = 0;
  json_cursor_t inside;
  json_skip_space(cursor);
  const uint8_t *begin = cursor->at;
  while (cursor->at < cursor->end) {
    uint8_t byte = *cursor->at;
    if (depth == 0 && (byte == ',' || byte == '}' || byte == ']')) break;
    if (byte == '"') {
      if (!json_skip_text(cursor, &inside)) return false;
      continue;
    }
    if (byte == '{' || byte == '[') depth++;
    if (byte == '}' || byte == ']') depth--;
    cursor->at++;
  }
  return depth == 0 && cursor->at > begin;
}

/* Finds a member of an object; the names of settings need no escapes. */
static inline bool json_member(const uint8_t *bytes, size_t len, const char *name, json_cursor_t *value) {
  json_cursor_t cursor = {bytes, bytes + len}, key;
  if (len == 0 || !json_take(&cursor, '{')) return false;
  do {
    if (!json_skip_text(&cursor, &key) || !json_take(&cursor, ':')) return false;
    *value = cursor;
    size_t key_len = (size_t)(key.end - key.at);
    if (key_len == strlen(name) && memcmp(key.at, name, key_len) == 0) return true;
  } while (json_skip_value(&cursor) && json_take(&cursor, ','));
  return false;
}

static inline bool json_hex4(json_cursor_t *cursor, uint32_t *code) {
  if (cursor->end - cursor->at < 4) return false;
  *code = 0;
  for (int i = 0; i < 4; i++) {
    uint8_t byte = *cursor->at++;
    uint8_t lower = byte | 0x20;
    if (byte >= '0' && byte <= '9') *code = *code << 4 | (byte - '0');
    else if (lower >= 'a' && lower <= 'f') *code = *code << 4 | (lower - 'a' + 10u);
    else return false;
  }
  return true;
}

/* The character of \uXXXX, or of two of them. Half a pair becomes U+FFFD. */
static inline bool json_code(json_cursor_t *cursor, uint32_t *code) {
  if (!json_hex4(cursor, code)) return false;
  if (*code < 0xd800 || *code > 0xdfff) return true;
  json_cursor_t second = *cursor;
  uint32_t low = 0;
  bool is_pair = *code < 0xdc00 && second.end - second.at >= 6 && second.at[0] == '\\' && second.at[1] == 'u';
  second.at += is_pair ? 2 : 0;
  if (is_pair && json_hex4(&second, &low) && low >= 0xdc00 && low <= 0xdfff) {
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    *cursor = second;
  } else {
    *code = 0xfffd;
  }
  return true;
}

static inline size_t json_put_utf8(uint8_t *to, uint32_t code) {
  if (code < 0x80) {
    to[0] = (uint8_t)code;
    return 1;
  }
  static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
  size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = len - 1; i > 0; i--, code >>= 6) to[i] = (uint8_t)(0x80 | (code & 0x3f));
  to[0] = (uint8_t)(first[len] | code);
  return len;
}

/* Takes the escapes out of a text; what it becomes is never longer. */
static inline bool json_unescape(json_cursor_t from, uint8_t *to, size_t *len) {
  static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
  uint32_t code;
  *len = 0;
  while (from.at < from.end) {
    uint8_t byte = *from.at++;
    if (byte != '\\') {
      to[(*len)++] = byte;
      continue;
    }
    if (from.at == from.end) return false;
    byte = *from.at++;
    const char *name = byte != 0 ? strchr(names, byte) : NULL;
    if (name != NULL) to[(*len)++] = (uint8_t)means[name - names];
    else if (byte == 'u' && json_code(&from, &code)) *len += json_put_utf8(to + *len, code);
    else return false;
  }
  return true;
}

/* A member that is a text, as a copy; false where there is none. */
static inline bool json_text(const uint8_t *bytes, size_t len, const char *name, text_t *value) {
  json_cursor_t cursor, inside;
  *value = (text_t){NULL, 0};
  if (!json_member(bytes, len, name, &cursor) || !json_skip_text(&cursor, &inside)) return false;
  size_t room = (size_t)(inside.end - inside.at);
  if (room == 0) return true;
  value->ptr = guest_allocate(NULL, room, 1);
  if (json_unescape(inside, value->ptr, &value->len) && value->len != 0) return true;
  free(value->ptr);
  *value = (text_t){NULL, 0};
  return false;
}

#endif
