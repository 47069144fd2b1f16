/* beacon NAME SOCKET: a service that says when it began, and then does nothing.
 *
 * Its first act is to read CLOCK_MONOTONIC; "NAME PID NANOSECONDS" goes to the datagram socket.
 * Any signal that is not ignored ends it. Linked statically, so that it starts as fast as a
 * process can and the supervisor's share of the time shows. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **arguments) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  if (count != 3 || strlen(arguments[2]) >= sizeof to.sun_path) return 64;
  strcpy(to.sun_path, arguments[2]);
  char stamp[128];
  int length = snprintf(stamp, sizeof stamp, "%.64s %d %lld", arguments[1], (int)getpid(),
                        now.tv_sec * 1000000000LL + now.tv_nsec);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || sendto(fd, stamp, length, 0, (struct sockaddr *)&to, sizeof to) != length) return 74;
  close(fd);
  for (;;) pause();
}
