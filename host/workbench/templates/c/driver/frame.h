/* The frames of the board, after the host has decoded COBS. Numbers are little-endian.
 *
 *   'R' reading    i16 hundredths of a degree Celsius, u16 hundredths of a percent of humidity
 *   'I' identity   u32 serial number, u8 major, u8 minor, u8 patch, model as text
 *   'B' brownout   u16 lowest supply voltage in millivolts
 *   'L' log        u8 level (0 error, 1 warning, 2 info, 3 debug), message as text
 *
 * and at the end of each a u16: CRC-16/CCITT-FALSE of all before it. */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_CRC_BYTES 2
#define FRAME_MAX_BYTES 256

/* What is between the kind and the checksum. */
typedef struct {
  uint8_t kind;
  const uint8_t *payload;
  size_t len;
} frame_view_t;

static inline uint16_t frame_u16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

static inline uint32_t frame_u32(const uint8_t *at) {
  return (uint32_t)frame_u16(at) | (uint32_t)frame_u16(at + 2) << 16;
}

static inline uint16_t frame_crc(const uint8_t *bytes, size_t len) {
  uint16_t crc = 0xffff;
  for (size_t i = 0; i < len; i++) {
    crc ^= (uint16_t)(bytes[i] << 8);
    for (int bit = 0; bit < 8; bit++) crc = (uint16_t)(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
  }
  return crc;
}

/* Looks into a frame; gives what is wrong with it, or NULL. */
static inline const char *frame_open(const uint8_t *bytes, size_t len, frame_view_t *view) {
  if (len < 1 + FRAME_CRC_BYTES) return "frame is too short";
  if (frame_crc(bytes, len - FRAME_CRC_BYTES) != frame_u16(bytes + len - FRAME_CRC_BYTES)) {
    return "checksum does not match";
  }
  *view = (frame_view_t){bytes[0], bytes + 1, len - 1 - FRAME_CRC_BYTES};
  return NULL;
}

#endif
