/* Frames of Sensirion's SHDLC, between bytes of 0x7e, which the host takes away.
 *
 *   to the sensor     address, command, length, data, checksum
 *   from the sensor   address, command, state, length, data, checksum
 *
 * 0x7e, 0x7d, 0x11 and 0x13 inside a frame are sent as 0x7d and the byte with its sixth bit turned over. The checksum
 * is the complement of the sum of all before it. */
#ifndef SHDLC_H
#define SHDLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHDLC_DELIMITER 0x7e
#define SHDLC_ESCAPE 0x7d
#define SHDLC_TURNED_BIT 0x20
#define SHDLC_HEAD_BYTES 4
#define SHDLC_MAX_DATA_BYTES 255
/* Every byte may be sent as two. */
#define SHDLC_MAX_FRAME_BYTES (2 * (SHDLC_HEAD_BYTES + SHDLC_MAX_DATA_BYTES + 1))

/* An answer of the sensor. */
typedef struct {
  uint8_t command, state;
  uint8_t data[SHDLC_MAX_DATA_BYTES];
  size_t len;
} shdlc_answer_t;

static inline uint8_t shdlc_checksum(const uint8_t *bytes, size_t len) {
  uint8_t sum = 0;
  for (size_t i = 0; i < len; i++) sum = (uint8_t)(sum + bytes[i]);
  return (uint8_t)~sum;
}

/* Takes escapes out; gives the number of bytes, or 0 where they do not fit or the last one is missing. */
static inline size_t shdlc_unescape(const uint8_t *from, size_t from_len, uint8_t *to, size_t room) {
  size_t len = 0;
  for (size_t i = 0; i < from_len; i++) {
    uint8_t byte = from[i];
    if (byte == SHDLC_ESCAPE) {
      if (++i == from_len) return 0;
      byte = from[i] ^ SHDLC_TURNED_BIT;
    }
    if (len == room) return 0;
    to[len++] = byte;
  }
  return len;
}

/* Reads an answer; gives what is wrong with it, or NULL. */
static inline const char *shdlc_read(const uint8_t *frame, size_t frame_len, shdlc_answer_t *answer) {
  uint8_t bytes[SHDLC_HEAD_BYTES + SHDLC_MAX_DATA_BYTES + 1];
  size_t len = shdlc_unescape(frame, frame_len, bytes, sizeof bytes);
  if (len < SHDLC_HEAD_BYTES + 1) return "frame is too short or badly escaped";
  if (shdlc_checksum(bytes, len - 1) != bytes[len - 1]) return "checksum does not match";
  if (bytes[3] != len - SHDLC_HEAD_BYTES - 1) return "length does not match";
  answer->command = bytes[1];
  answer->state = bytes[2];
  answer->len = bytes[3];
  for (size_t i = 0; i < answer->len; i++) answer->data[i] = bytes[SHDLC_HEAD_BYTES + i];
  return NULL;
}

static inline size_t shdlc_put(uint8_t byte, uint8_t *to) {
  bool is_special = byte == SHDLC_DELIMITER || byte == SHDLC_ESCAPE || byte == 0x11 || byte == 0x13;
  if (!is_special) {
    to[0] = byte;
    return 1;
  }
  to[0] = SHDLC_ESCAPE;
  to[1] = byte ^ SHDLC_TURNED_BIT;
  return 2;
}

/* Writes a request to address 0 with at most 8 bytes of data; `to` has room for 2 + 2 * (3 + 8 + 1) bytes. */
#define SHDLC_REQUEST_ROOM 26
static inline size_t shdlc_write(uint8_t command, const uint8_t *data, uint8_t data_len, uint8_t *to) {
  uint8_t bytes[3 + 8 + 1] = {0, command, data_len};
  size_t len = 3, written = 0;
  for (uint8_t i = 0; i < data_len && i < 8; i++) bytes[len++] = data[i];
  bytes[len] = shdlc_checksum(bytes, len);
  to[written++] = SHDLC_DELIMITER;
  for (size_t i = 0; i <= len; i++) written += shdlc_put(bytes[i], to + written);
  to[written++] = SHDLC_DELIMITER;
  return written;
}

#endif
