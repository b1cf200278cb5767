/*
 * Load for what is measured, through the kernel's sockets. Each prints its result as one line of
 * JSON: rates as bytes or counts and the microseconds that they took, times in microseconds.
 *
 *   load send HOST PORT MS N [MIB] N connections that send, MIB in all at most; counted is what is
 *                                  acknowledged
 *   load receive HOST PORT MS      one that receives
 *   load ping HOST PORT MS GAP     1 byte there and back, again after GAP microseconds
 *   load connect HOST PORT MS N    N at a time: connect, send 1 byte, read to the end, close
 *   load udp HOST PORT MS          datagrams of 1472 bytes there and back, WINDOW of them under way
 *   load idle HOST PORT N          N connections that do nothing, to PORT and those that follow, 4 in
 *                                  all; says "ready" once they are open, and ends with its
 *                                  standard input
 *   load first HOST PROGRAM ...    starts a program, and pings HOST each millisecond until it answers
 *   load serve                     the other end: echo at TCP and UDP port 7, and at
 *                                  5003 one answer to each connection; says "ready"
 *
 * HOST is an address of either family. Of MS milliseconds the first fifth is not counted, unless
 * there is a MIB.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024, SAMPLES = 1 << 20, WINDOW = 64, DATAGRAM = 1472, THREADS = 256,
       PORTS = 4, SHARE = 10000, FIRST_PATIENCE = 10000 /* ms */ };

static union {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
} peer;
static uint64_t most = UINT64_MAX; /* bytes that each connection sends */
static uint64_t warm, end; /* in ns: when counting starts, and when all ends */
static uint8_t content[CHUNK];

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void die(const char *what) {
  perror(what);
  exit(1);
}

static bool set_peer(const char *host, int port) {
  if (inet_pton(AF_INET, host, &peer.v4.sin_addr) == 1) peer.any.sa_family = AF_INET;
  else if (inet_pton(AF_INET6, host, &peer.v6.sin6_addr) == 1) peer.any.sa_family = AF_INET6;
  else return false;
  peer.v4.sin_port = htons(port); /* at the same place in both */
  return true;
}

static int connected_to(int type, int port) {
  typeof(peer) to = peer;
  if (port != 0) to.v4.sin_port = htons(port);
  int fd = socket(peer.any.sa_family, type | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  /* BBR would pace what it sends, and hide what the other end can take. */
  if (type == SOCK_STREAM && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) < 0) {
    die("cubic");
  }
  if (connect(fd, &to.any, sizeof to) < 0) die("connect");
  return fd;
}

static int connected(int type) { return connected_to(type, 0); }

static void no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Has calls that wait return now and then, so that their callers can look at the time. */
static void set_patience(int fd) {
  struct timeval patience = {.tv_usec = 100000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

static bool waited(ssize_t n) { return n < 0 && (errno == EAGAIN || errno == EINTR); }

/* Ends a connection without a TIME_WAIT, and whatever is under way with it. */
static void reset(int fd) {
  struct linger linger = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

/* What one thread has counted, and when. */
struct count {
  pthread_t thread;
  uint64_t count, took;
};

/* Runs N threads, and prints the sum. */
static void run(void *(*work)(void *), int threads, const char *what) {
  static struct count counts[THREADS];
  uint64_t sum = 0, took = 0;
  for (int i = 0; i < threads; i++) pthread_create(&counts[i].thread, NULL, work, &counts[i]);
  for (int i = 0; i < threads; i++) {
    pthread_join(counts[i].thread, NULL);
    sum += counts[i].count;
    if (counts[i].took > took) took = counts[i].took;
  }
  printf("{\"%s\": %llu, \"us\": %.1f}\n", what, (unsigned long long)sum, took / 1000.0);
}

static uint64_t acknowledged(int fd) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) die("TCP_INFO");
  return info.tcpi_bytes_acked;
}

static void *send_bulk(void *argument) {
  struct count *count = argument;
  int fd = connected(SOCK_STREAM);
  set_patience(fd);
  uint64_t start = 0, before = 0, sent = 0, time;
  while ((time = now()) < end && sent < most) {
    if (start == 0 && time >= warm) {
      start = time;
      before = acknowledged(fd);
    }
    ssize_t n = send(fd, content, CHUNK, 0);
    if (n < 0 && !waited(n)) die("send");
    if (n > 0) sent += n;
  }
  /* What is counted has arrived. */
  for (; sent >= most && acknowledged(fd) < sent && time < end; time = now()) usleep(1000);
  count->count = acknowledged(fd) - before;
  count->took = time - start;
  reset(fd);
  return NULL;
}

static void *receive_bulk(void *argument) {
  struct count *count = argument;
  int fd = connected(SOCK_STREAM);
  set_patience(fd);
  uint64_t start = 0, time;
  while ((time = now()) < end) {
    if (start == 0 && time >= warm) {
      start = time;
      count->count = 0;
    }
    ssize_t n = recv(fd, content, CHUNK, 0);
    if (n == 0 || (n < 0 && !waited(n))) die("recv");
    if (n > 0) count->count += n;
  }
  count->took = time - start;
  reset(fd);
  return NULL;
}

static void *connect_often(void *argument) {
  struct count *count = argument;
  uint64_t start = 0, time;
  char byte = 'x';
  while ((time = now()) < end) {
    if (start == 0 && time >= warm) {
      start = time;
      count->count = 0;
    }
    int fd = connected(SOCK_STREAM);
    set_patience(fd);
    if (send(fd, &byte, 1, 0) != 1) die("send");
    bool answered = false;
    for (;;) {
      ssize_t n = recv(fd, &byte, 1, 0);
      if (n > 0) answered = true;
      else if (n == 0 || !waited(n) || now() > end) break;
    }
    count->count += answered;
    close(fd);
  }
  count->took = time - start;
  return NULL;
}

static int compare(const void *a, const void *b) {
  uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
  return (one > other) - (one < other);
}

static void ping_pong(unsigned gap) {
  static uint32_t samples[SAMPLES];
  size_t count = 0;
  int fd = connected(SOCK_STREAM);
  no_delay(fd);
  set_patience(fd);
  prctl(PR_SET_TIMERSLACK, 1);
  struct timespec pause = {.tv_nsec = gap * 1000};
  char byte = 'x';
  for (uint64_t time; (time = now()) < end && count < SAMPLES;) {
    if (send(fd, &byte, 1, 0) != 1) die("send");
    ssize_t n;
    while (waited(n = recv(fd, &byte, 1, 0)) && now() < end) {}
    if (n != 1) break;
    if (time >= warm) samples[count++] = now() - time;
    if (gap > 0) nanosleep(&pause, NULL);
  }
  if (count == 0) {
    fputs("no answer\n", stderr);
    exit(1);
  }
  qsort(samples, count, sizeof *samples, compare);
  printf("{\"p50\": %.2f, \"p99\": %.2f, \"count\": %zu}\n", samples[count / 2] / 1000.0,
         samples[count * 99 / 100] / 1000.0, count);
  reset(fd);
}

static void *exchange_datagrams(void *argument) {
  struct count *count = argument;
  int fd = connected(SOCK_DGRAM);
  uint64_t start = 0, time;
  int under_way = 0;
  while ((time = now()) < end) {
    if (start == 0 && time >= warm) {
      start = time;
      count->count = 0;
    }
    for (; under_way < WINDOW; under_way++) send(fd, content, DATAGRAM, MSG_DONTWAIT);
    struct pollfd waits = {.fd = fd, .events = POLLIN};
    if (poll(&waits, 1, 20) == 0) under_way = 0; /* what has not come by now is lost */
    while (under_way > 0 && recv(fd, content, CHUNK, MSG_DONTWAIT) > 0) {
      under_way--;
      count->count++;
    }
  }
  count->took = time - start;
  return NULL;
}

/* Opens a share of the connections, says so, and keeps them. */
static void keep_open(int port, int count, int told) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct rlimit limit = {SHARE + 100, SHARE + 100};
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) die("RLIMIT_NOFILE");
  for (int i = 0; i < count; i++) connected_to(SOCK_STREAM, port);
  char byte = 0;
  if (write(told, &byte, 1) != 1) die("write");
  for (;;) pause();
}

/* Processes have only so many descriptors, and the connections to one port only so many ports. */
static void idle(int count) {
  int pipes[2], port = ntohs(peer.v4.sin_port), shares = (count + SHARE - 1) / SHARE;
  if (pipe(pipes) < 0) die("pipe");
  for (int i = 0; i < shares; i++) {
    int share = count / shares + (i < count % shares);
    if (fork() == 0) keep_open(port + i % PORTS, share, pipes[1]);
  }
  close(pipes[1]); /* a share that has failed is the end of the pipe */
  char byte;
  for (int i = 0; i < shares; i++) {
    if (read(pipes[0], &byte, 1) != 1) exit(1);
  }
  puts("ready");
  fflush(stdout);
  while (read(0, &byte, 1) > 0) {}
}

/* The checksum of an echo request that has no data. */
static uint16_t echo_sum(const struct icmphdr *echo) {
  uint32_t sum = htons(echo->type << 8) + echo->un.echo.id + echo->un.echo.sequence;
  sum = (sum & 0xffff) + (sum >> 16);
  return ~(sum + (sum >> 16));
}

static bool is_answer(int fd, uint16_t id) {
  struct { struct iphdr ip; struct icmphdr echo; } packet;
  while (recv(fd, &packet, sizeof packet, MSG_DONTWAIT) >= (ssize_t)sizeof packet) {
    const struct icmphdr *echo = &packet.echo; /* the kernel's own packets have no IP options */
    if (echo->type == ICMP_ECHOREPLY && echo->un.echo.id == id) return true;
  }
  return false;
}

/* From exec to the first answered ping. */
static void first_answer(char **program) {
  int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
  if (fd < 0) die("socket");
  struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = getpid()};
  prctl(PR_SET_TIMERSLACK, 1);
  uint64_t start = now(), last = start + FIRST_PATIENCE * 1000000ull, time = start;
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int none = open("/dev/null", O_RDWR);
    dup2(none, 0);
    dup2(none, 1);
    execvp(program[0], program);
    die(program[0]);
  }
  bool answered = false;
  while (!answered && time < last) {
    echo.un.echo.sequence++;
    echo.checksum = 0;
    echo.checksum = echo_sum(&echo);
    /* Fails until there is a way to it. */
    sendto(fd, &echo, sizeof echo, 0, &peer.any, sizeof peer.v4);
    struct pollfd waits = {.fd = fd, .events = POLLIN};
    struct timespec pause = {.tv_nsec = 1000000};
    ppoll(&waits, 1, &pause, NULL);
    answered = is_answer(fd, echo.un.echo.id);
    time = now();
  }
  kill(child, SIGTERM);
  waitpid(child, NULL, 0);
  if (!answered) {
    fputs("no answer\n", stderr);
    exit(1);
  }
  printf("{\"us\": %.1f}\n", (time - start) / 1000.0);
}

static int bound(int type, int port) {
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (type == SOCK_STREAM && listen(fd, 511) < 0) die("listen");
  return fd;
}

static void *answer_echo(void *argument) {
  int fd = (intptr_t)argument;
  char bytes[4096];
  no_delay(fd);
  for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, 0)) > 0;) {
    if (send(fd, bytes, n, MSG_NOSIGNAL) < 0) break;
  }
  close(fd);
  return NULL;
}

static void *serve_echo(void *argument) {
  int listener = (intptr_t)argument;
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
    pthread_t thread;
    pthread_create(&thread, NULL, answer_echo, (void *)(intptr_t)fd);
    pthread_detach(thread);
  }
  return NULL;
}

static void *serve_short(void *argument) {
  int listener = (intptr_t)argument;
  char byte;
  for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
    if (recv(fd, &byte, 1, 0) == 1) send(fd, &byte, 1, MSG_NOSIGNAL);
  }
  return NULL;
}

static void serve(void) {
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, serve_echo, (void *)(intptr_t)bound(SOCK_STREAM, 7));
  pthread_create(&threads[1], NULL, serve_short, (void *)(intptr_t)bound(SOCK_STREAM, 5003));
  int fd = bound(SOCK_DGRAM, 7);
  puts("ready");
  fflush(stdout);
  struct sockaddr_in from;
  for (;;) {
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, content, CHUNK, 0, (struct sockaddr *)&from, &length);
    if (n >= 0) sendto(fd, content, n, 0, (struct sockaddr *)&from, length);
  }
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "serve") == 0) serve();
  bool is_first = strcmp(what, "first") == 0;
  if (argc < 5 && !(is_first && argc == 4)) return 2;
  if (!set_peer(argv[2], atoi(argv[3]))) return 2;
  if (is_first) {
    first_answer(argv + 3);
    return 0;
  }
  uint64_t start = now(), length = atoi(argv[4]) * 1000000ull;
  warm = start + length / 5;
  end = start + length;
  int last = argc > 5 ? atoi(argv[5]) : 1;
  if (last > THREADS) return 2;
  if (argc > 6) {
    most = atoi(argv[6]) * (1ull << 20) / last;
    warm = start;
  }
  if (strcmp(what, "send") == 0) run(send_bulk, last, "bytes");
  else if (strcmp(what, "receive") == 0) run(receive_bulk, 1, "bytes");
  else if (strcmp(what, "ping") == 0) ping_pong(last);
  else if (strcmp(what, "connect") == 0) run(connect_often, last, "count");
  else if (strcmp(what, "udp") == 0) run(exchange_datagrams, 1, "count");
  else if (strcmp(what, "idle") == 0) idle(atoi(argv[4]));
  else return 2;
}
