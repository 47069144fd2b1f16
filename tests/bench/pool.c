/* The floor of a pool: so many tasks over so many workers forked ahead, one socketpair each, so many
 * tasks in flight per worker. A task and its answer are as long as hearken's for an empty task; nothing
 * in them is read, nothing is kept, and nobody could ask how it went. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TASK = 160, ANSWER = 40, MOST = 1024 };
static char room[MOST * TASK];

static void send_all(int to, size_t length) {
  for (size_t sent = 0; sent < length;) {
    ssize_t now = write(to, room, length - sent);
    if (now <= 0) exit(1);
    sent += now;
  }
}

/* Answers each task when it is done, and not together with the next. */
static void work(int line) {
  static char in[MOST * TASK];
  size_t have = 0;
  for (ssize_t got; (got = read(line, in, sizeof in)) > 0;) {
    for (have += got; have >= TASK; have -= TASK) send_all(line, ANSWER);
  }
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  long tasks = atol(argv[1]), workers = atol(argv[2]), ahead = atol(argv[3]);
  if (tasks < 1 || workers < 1 || workers > MOST || ahead < 1 || ahead > MOST) return 2;
  static struct { int line; size_t have; } pool[MOST];
  long sent = 0, done = 0;
  int all = epoll_create1(EPOLL_CLOEXEC);
  for (long i = 0; i < workers; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return 1;
    if (!fork()) {
      for (long j = 0; j < i; j++) close(pool[j].line);
      close(pair[0]);
      work(pair[1]);
    }
    close(pair[1]);
    pool[i].line = pair[0];
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
    if (epoll_ctl(all, EPOLL_CTL_ADD, pair[0], &event)) return 1;
  }
  struct timespec begun, ended;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  for (long i = 0; i < workers; i++) {
    long now = ahead < tasks - sent ? ahead : tasks - sent;
    send_all(pool[i].line, now * TASK);
    sent += now;
  }
  while (done < tasks) {
    struct epoll_event events[64];
    static char in[MOST * ANSWER];
    int ready = epoll_wait(all, events, 64, -1);
    for (int i = 0; i < ready; i++) {
      long which = events[i].data.u64;
      ssize_t got = read(pool[which].line, in, sizeof in);
      if (got <= 0) return 1;
      pool[which].have += got;
      long answers = pool[which].have / ANSWER;
      pool[which].have %= ANSWER;
      done += answers;
      long now = answers < tasks - sent ? answers : tasks - sent;
      send_all(pool[which].line, now * TASK);
      sent += now;
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  struct rusage own;
  getrusage(RUSAGE_SELF, &own);
  double seconds = (ended.tv_sec - begun.tv_sec) + (ended.tv_nsec - begun.tv_nsec) / 1e9;
  double processor = own.ru_utime.tv_sec + own.ru_stime.tv_sec + (own.ru_utime.tv_usec + own.ru_stime.tv_usec) / 1e6;
  printf("{\"count\": %ld, \"seconds\": %.6f, \"processor\": %.6f}\n", tasks, seconds, processor);
}
