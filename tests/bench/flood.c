/* Progress as fast as it can be said, one write a frame.
 *   flood FRAMES   with HEARKEN_FD: a worker of a pool that answers every task with so many frames
 *   flood FRAMES   without: the floor; a child says as many to a reader that only counts bytes */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NUMBER "\xce\0\0\0\0"
static const char hello[] = "\0\0\0\x2b\x92\x01\x84\xa8protocol\x92\x01\x01\xa3sdk\xa7" "bench/1\xa8language\xa1" "c\xa3pid\x01";
static const char ready[] = "\0\0\0\x0c\x92\x02\x81\xa7" "credits\x01";
static const char accepted[] = "\0\0\0\x0f\x92\x03\x81\xa6handle" NUMBER;
static const char result[] = "\0\0\0\x0f\x92\x07\x81\xa6handle" NUMBER;
static const char progress[] = "\0\0\0\x24\x92\x04\x83\xa6handle" NUMBER "\xa4" "done" NUMBER "\xa5total" NUMBER;
enum { HANDLE = 15, DONE = 25, TOTAL = 36, PROGRESS = sizeof progress - 1 };

static void put(char *at, uint32_t number) {
  for (int i = 0; i < 4; i++) at[i] = number >> (24 - 8 * i);
}

static void say(int line, const char *frame, size_t length) {
  if (write(line, frame, length) != (ssize_t)length) exit(1);
}

static void say_about(int line, const char *frame, size_t length, uint32_t handle) {
  char one[64];
  memcpy(one, frame, length);
  put(one + HANDLE, handle);
  say(line, one, length);
}

static void flood(int line, uint32_t handle, uint32_t frames) {
  char one[sizeof progress];
  memcpy(one, progress, sizeof progress);
  put(one + HANDLE, handle);
  put(one + TOTAL, frames);
  for (uint32_t done = 0; done < frames; done++) {
    put(one + DONE, done);
    say(line, one, PROGRESS);
  }
}

static void read_all(int line, uint8_t *to, size_t length) {
  for (size_t have = 0; have < length;) {
    ssize_t got = read(line, to + have, length - have);
    if (got <= 0) exit(0);
    have += got;
  }
}

/* The handle is the first field of a task. */
static uint32_t handle_of(const uint8_t *body) {
  const uint8_t *at = body + 3 + sizeof "handle";
  int bytes = *at == 0xcc ? 1 : *at == 0xcd ? 2 : *at == 0xce ? 4 : 0;
  uint32_t handle = bytes ? 0 : *at;
  for (int i = 1; i <= bytes; i++) handle = handle << 8 | at[i];
  return handle;
}

static void work(int line, uint32_t frames) {
  enum { TASK = 34, DRAIN = 36 };
  static uint8_t body[1 << 16];
  say(line, hello, sizeof hello - 1);
  say(line, ready, sizeof ready - 1);
  for (;;) {
    uint8_t head[4];
    read_all(line, head, 4);
    uint32_t length = (uint32_t)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
    if (length > sizeof body) exit(1);
    read_all(line, body, length);
    if (body[1] == DRAIN) exit(0);
    if (body[1] != TASK) continue;
    uint32_t handle = handle_of(body);
    say_about(line, accepted, sizeof accepted - 1, handle);
    flood(line, handle, frames);
    say_about(line, result, sizeof result - 1, handle);
  }
}

int main(int argc, char **argv) {
  long frames = argc == 2 ? atol(argv[1]) : 0;
  if (frames < 1) return 2;
  const char *number = getenv("HEARKEN_FD");
  if (number) work(atoi(number), frames);
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return 1;
  struct timespec begun, ended;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  if (!fork()) {
    flood(pair[1], 1, frames);
    _exit(0);
  }
  close(pair[1]);
  char room[8192];
  for (long bytes = 0; bytes < frames * PROGRESS;) {
    ssize_t got = read(pair[0], room, sizeof room);
    if (got <= 0) return 1;
    bytes += got;
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  double seconds = (ended.tv_sec - begun.tv_sec) + (ended.tv_nsec - begun.tv_nsec) / 1e9;
  double processor = own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  printf("{\"count\": %ld, \"seconds\": %.6f, \"processor\": %.6f}\n", frames, seconds, processor);
}
