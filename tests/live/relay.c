/*
 * An impaired line between two network namespaces: a TUN interface in each, and packets that come out
 * of one go into the other, late, one after the other at the line's rate, or not at all.
 *
 *   relay PID NAME PID NAME    joins interface NAME in the namespace of process PID to the other
 *
 * It says "ready" once both interfaces exist. Each line on its standard input sets the line's
 * properties, for both directions, all those left out to none, and empties it; the answer is what it
 * has counted since the last one:
 *
 *   delay MS   rate MBITS   queue BYTES   loss P   every N   burst N   reorder P   held MS
 *   duplicate P   seed N
 *
 * `loss` is the probability that a packet, and the `burst` - 1 behind it, are lost; `every` has every
 * Nth lost, and what is reordered is `held` for that much longer. It ends with its input.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  LARGEST = 2048, /* of all packets; the MTU is 1500 */
  SLOTS = 8192,   /* packets under way in one direction and one lane */
  BATCH = 64,     /* packets read at a time */
};
/* Packets leave on ticks of this length, in ns: fine enough, and fewer turns of the processor. */
#define TICK 100000

struct packet {
  uint64_t due;
  unsigned length;
  unsigned char bytes[LARGEST];
};

/* Packets in the order in which they leave. */
struct lane {
  struct packet *slots;
  unsigned head, count;
};

enum { STRAIGHT, HELD, LANES };

struct direction {
  int in, out;
  struct lane lanes[LANES];
  uint64_t free_at; /* when the line has sent all that it was given */
  unsigned to_lose; /* of a burst */
  uint64_t seen;
};

static struct {
  double delay, rate, queue, loss, every, burst, reorder, held, duplicate, seed;
} line;

static struct {
  uint64_t packets, bytes, lost, queued_out, reordered, duplicated, failed;
} counts;

static uint64_t random_state;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t) t.tv_sec * 1000000000u + t.tv_nsec;
}

/* splitmix64; uniform in [0, 1). */
static double chance(void) {
  uint64_t z = random_state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (double) ((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static int enter(const char *pid, const char *kind) {
  char path[64];
  struct stat own, other;
  snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
  if (stat(path, &own) < 0) return -1;
  snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, kind);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &other) < 0) return -1;
  int result = own.st_ino == other.st_ino ? 0 : setns(fd, 0);
  close(fd);
  return result;
}

static void give(int channel, int fd) {
  char byte = 0;
  union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control = { { 0 } };
  struct iovec data = { &byte, 1 };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space,
                            .msg_controllen = sizeof control.space };
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(channel, &message, 0) < 0) fail("sendmsg");
}

static int take(int channel) {
  char byte;
  int fd = -1;
  union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct iovec data = { &byte, 1 };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space,
                            .msg_controllen = sizeof control.space };
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) <= 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL) memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

/*
 * Opens an interface in the namespaces of another process. A child goes there and hands the descriptor
 * back, because who has entered a user namespace cannot leave it for one beside it.
 */
static int open_tun(const char *pid, const char *name) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) fail("socketpair");
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    if (enter(pid, "user") < 0) fail("enter the user namespace");
    if (enter(pid, "net") < 0) fail("enter the network namespace");
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
    if (fd < 0) fail("open /dev/net/tun");
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL };
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(fd, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
    if (ioctl(fd, TUNSETOFFLOAD, 0) < 0) fail("TUNSETOFFLOAD");
    give(ends[1], fd);
    _exit(0);
  }
  close(ends[1]);
  int fd = take(ends[0]);
  close(ends[0]);
  waitpid(child, NULL, 0);
  if (fd < 0) exit(1);
  return fd;
}

static void put(struct direction *d, int which, uint64_t due, const unsigned char *bytes, unsigned length) {
  struct lane *lane = &d->lanes[which];
  if (lane->count == SLOTS) {
    counts.failed++;
    return;
  }
  struct packet *packet = &lane->slots[(lane->head + lane->count++) % SLOTS];
  packet->due = due;
  packet->length = length;
  memcpy(packet->bytes, bytes, length);
}

/* A packet has come: whether, when and how often it leaves. */
static void arrived(struct direction *d, const unsigned char *bytes, unsigned length, uint64_t now) {
  counts.packets++;
  counts.bytes += length;
  d->seen++;
  if (d->to_lose == 0) {
    if (chance() < line.loss) d->to_lose = line.burst > 1 ? (unsigned) line.burst : 1;
    else if (line.every > 0 && d->seen % (uint64_t) line.every == 0) d->to_lose = 1;
  }
  if (d->to_lose > 0) {
    d->to_lose--;
    counts.lost++;
    return;
  }
  uint64_t sent = now;
  if (line.rate > 0) {
    double ns_per_byte = 8000 / line.rate;
    uint64_t start = d->free_at > now ? d->free_at : now;
    if (line.queue > 0 && (double) (start - now) / ns_per_byte + length > line.queue) {
      counts.queued_out++;
      return;
    }
    sent = d->free_at = start + (uint64_t) (length * ns_per_byte);
  }
  uint64_t due = sent + (uint64_t) (line.delay * 1e6);
  if (chance() < line.duplicate) {
    counts.duplicated++;
    put(d, STRAIGHT, due, bytes, length);
  }
  if (chance() < line.reorder) {
    counts.reordered++;
    put(d, HELD, due + (uint64_t) (line.held * 1e6), bytes, length);
  } else {
    put(d, STRAIGHT, due, bytes, length);
  }
}

/* Reads what waits; returns whether more may. */
static int read_some(struct direction *d, uint64_t now) {
  unsigned char bytes[LARGEST];
  for (int i = 0; i < BATCH; i++) {
    ssize_t length = read(d->in, bytes, sizeof bytes);
    if (length > 0) arrived(d, bytes, (unsigned) length, now);
    else if (length < 0 && errno == EINTR) continue;
    else return 0; /* nothing waits; or the interface is down */
  }
  return 1;
}

/* Writes what is due; returns when the next is. */
static uint64_t write_due(struct direction *d, uint64_t now) {
  uint64_t next = UINT64_MAX;
  for (int i = 0; i < LANES; i++) {
    struct lane *lane = &d->lanes[i];
    for (; lane->count > 0; lane->count--) {
      struct packet *packet = &lane->slots[lane->head];
      if (packet->due > now) {
        if (packet->due < next) next = packet->due;
        break;
      }
      if (write(d->out, packet->bytes, packet->length) < 0) counts.failed++;
      lane->head = (lane->head + 1) % SLOTS;
    }
  }
  return next;
}

static int set(const char *name, double value) {
  static const struct { const char *name; double *at; } PROPERTIES[] = {
    { "delay", &line.delay },     { "rate", &line.rate },       { "queue", &line.queue },
    { "loss", &line.loss },       { "every", &line.every },     { "burst", &line.burst },
    { "reorder", &line.reorder }, { "held", &line.held },       { "duplicate", &line.duplicate },
    { "seed", &line.seed },
  };
  for (unsigned i = 0; i < sizeof PROPERTIES / sizeof PROPERTIES[0]; i++) {
    if (strcmp(PROPERTIES[i].name, name) != 0) continue;
    *PROPERTIES[i].at = value;
    return 0;
  }
  fprintf(stderr, "no property %s\n", name);
  return -1;
}

/* Takes one line of input; returns -1 at its end. */
static int command(struct direction *directions) {
  char text[512];
  if (fgets(text, sizeof text, stdin) == NULL) return -1;
  memset(&line, 0, sizeof line);
  char *rest = text, *name;
  while ((name = strtok_r(rest, " \n", &rest)) != NULL) {
    char *value = strtok_r(rest, " \n", &rest);
    if (value == NULL || set(name, atof(value)) < 0) return -1;
  }
  random_state = (uint64_t) line.seed;
  for (int i = 0; i < 2; i++) {
    struct direction *d = &directions[i];
    d->lanes[STRAIGHT].count = d->lanes[HELD].count = 0;
    d->free_at = d->to_lose = d->seen = 0;
  }
  printf("{\"packets\":%lu,\"bytes\":%lu,\"lost\":%lu,\"overflowed\":%lu,\"reordered\":%lu,"
         "\"duplicated\":%lu,\"failed\":%lu}\n",
         counts.packets, counts.bytes, counts.lost, counts.queued_out, counts.reordered,
         counts.duplicated, counts.failed);
  memset(&counts, 0, sizeof counts);
  return 0;
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: relay PID NAME PID NAME\n");
    return 2;
  }
  int a = open_tun(argv[1], argv[2]);
  int b = open_tun(argv[3], argv[4]);
  struct direction directions[2] = { { .in = a, .out = b }, { .in = b, .out = a } };
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < LANES; j++) {
      directions[i].lanes[j].slots = malloc(SLOTS * sizeof(struct packet));
      if (directions[i].lanes[j].slots == NULL) fail("malloc");
    }
  prctl(PR_SET_TIMERSLACK, 1ul);
  setvbuf(stdin, NULL, _IONBF, 0);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("ready\n");
  for (;;) {
    uint64_t now = now_ns();
    int more = read_some(&directions[0], now) | read_some(&directions[1], now);
    uint64_t one = write_due(&directions[0], now), other = write_due(&directions[1], now);
    uint64_t next = one < other ? one : other;
    struct pollfd fds[3] = { { a, POLLIN, 0 }, { b, POLLIN, 0 }, { 0, POLLIN, 0 } };
    struct timespec wait = { 0, 0 }, *until = &wait;
    if (next == UINT64_MAX && !more) {
      until = NULL;
    } else if (!more) {
      next += TICK - next % TICK;
      uint64_t left = next > now ? next - now : 0;
      wait.tv_sec = (time_t) (left / 1000000000u);
      wait.tv_nsec = (long) (left % 1000000000u);
    }
    if (ppoll(fds, 3, until, NULL) < 0 && errno != EINTR) fail("ppoll");
    if (((fds[0].revents | fds[1].revents) & POLLERR) != 0) return 0; /* a namespace has gone */
    if (fds[2].revents != 0 && command(directions) < 0) return 0;
  }
}
