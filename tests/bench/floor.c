/* floor N BEACON SOCKET: the least that keeps N programs running.
 *
 * Starts each with vfork and exec, and starts again what wait() returns. No logs, no policy, no
 * control, no knowledge of what became of an exec: what every supervisor is measured against. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIDS = 1 << 22 }; /* PID_MAX_LIMIT: every number the kernel can give */

static int slot_of[PIDS];

static void start(int slot, char *program, char *socket) {
  char name[16];
  snprintf(name, sizeof name, "b%d", slot);
  char *arguments[] = {program, name, socket, NULL};
  pid_t pid = vfork();
  if (pid == 0) {
    execv(program, arguments);
    _exit(127);
  }
  if (pid < 0) {
    perror("vfork");
    exit(71);
  }
  slot_of[pid] = slot;
}

int main(int count, char **arguments) {
  if (count != 4) return 64;
  int services = atoi(arguments[1]);
  for (int slot = 0; slot < services; slot++) start(slot, arguments[2], arguments[3]);
  for (pid_t pid; (pid = wait(NULL)) > 0;) start(slot_of[pid], arguments[2], arguments[3]);
  return 0;
}
