/* Texts and lists as the generated bindings want them.
 *
 * Whatever a function returns, the bindings free: each text and each list that is not empty, with free(). So every text
 * in a result is a copy on the heap, and an error path gives back what it has built with the bindings' own ..._free
 * functions. Arguments belong to the function that gets them, which frees them with the same functions. */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bindings' types are named after the world; the text gets one name here, so that this file serves every kind. */
#if __has_include("driver_plugin.h")
#include "driver_plugin.h"
typedef driver_plugin_string_t text_t;
#elif __has_include("detector_plugin.h")
#include "detector_plugin.h"
typedef detector_plugin_string_t text_t;
#else
#include "receiver_plugin.h"
typedef receiver_plugin_string_t text_t;
#endif

/* A text in C's own form, for printf: printf("%.*s", TEXT_ARGS(text)). */
#define TEXT_ARGS(text) (int)(text).len, (const char *)(text).ptr

/* Memory of at least one byte. Without any left there is nothing sensible to do: the host ends the instance and
 * starts another. */
static inline void *guest_allocate(void *old, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size) abort();
  size_t bytes = count * size;
  void *memory = realloc(old, bytes != 0 ? bytes : 1);
  if (memory == NULL) abort();
  return memory;
}

static inline text_t text_copy(const void *bytes, size_t len) {
  text_t copy = {NULL, 0};
  if (len == 0) return copy;
  copy.ptr = guest_allocate(NULL, len, 1);
  memcpy(copy.ptr, bytes, len);
  copy.len = len;
  return copy;
}

static inline text_t text_of(const char *literal) { return text_copy(literal, strlen(literal)); }

/* Texts from outside, at most `most` bytes of them. A text that is no UTF-8 would end the instance, so that all that is
 * not printable ASCII becomes a question mark. */
static inline text_t text_of_bytes(const uint8_t *bytes, size_t len, size_t most) {
  text_t text = text_copy(bytes, len < most ? len : most);
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e) text.ptr[i] = '?';
  }
  return text;
}

/* As printf. */
__attribute__((format(printf, 1, 2))) static inline text_t text_format(const char *format, ...) {
  text_t text = {NULL, 0};
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  if (len <= 0) return text;
  text.ptr = guest_allocate(NULL, (size_t)len + 1, 1);
  text.len = (size_t)len;
  va_start(arguments, format);
  vsnprintf((char *)text.ptr, text.len + 1, format, arguments);
  va_end(arguments);
  return text;
}

static inline bool text_equals(text_t text, const char *literal) {
  size_t len = strlen(literal);
  return text.len == len && (len == 0 || memcmp(text.ptr, literal, len) == 0);
}

/* Makes room for one entry more, doubling it each time that it is full, and zeroes the new entry: that is an empty
 * text, an empty list, or an option of none. */
static inline void *list_grow(void *entries, size_t len, size_t size) {
  bool is_full = (len & (len - 1)) == 0; /* 0, 1, 2, 4, 8, … */
  if (len > SIZE_MAX / 2) abort();
  if (is_full) entries = guest_allocate(entries, len == 0 ? 1 : 2 * len, size);
  memset((uint8_t *)entries + len * size, 0, size);
  return entries;
}

/* Appends a zeroed entry to a list that was built with LIST_ADD alone, and gives a pointer to it, which is good until
 * the next LIST_ADD. */
#define LIST_ADD(list) \
  ((list)->ptr = list_grow((list)->ptr, (list)->len, sizeof *(list)->ptr), &(list)->ptr[(list)->len++])

#endif
