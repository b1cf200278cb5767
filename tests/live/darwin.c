/*
 * Darwin's calls for utun, on top of a Linux TUN: what the utun code asks of libSystem, answered the
 * way the XNU kernel answers it. One control socket at a time. What is not here is the C library's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
  DARWIN_PF_SYSTEM = 32,
  DARWIN_SOCK_DGRAM = 2,
  DARWIN_SYSPROTO_CONTROL = 2,
  DARWIN_MSG_DONTWAIT = 0x80,
  DARWIN_UTUN_OPT_IFNAME = 2,
  DARWIN_UTUN_OPT_MAX_PENDING_PACKETS = 16,
  CONTROL_ID = 9,
};
#define DARWIN_FIOCLEX 0x20006601ul
#define DARWIN_CTLIOCGINFO 0xc0644e03ul

static __thread int darwin_errno;
static int control = -1;
static char interface[IFNAMSIZ];

static const struct { int linux_errno, darwin_errno; } ERRNOS[] = {
  { EAGAIN, 35 },     { EMSGSIZE, 40 }, { EPROTOTYPE, 41 }, { ENOTSUP, 45 },
  { EADDRINUSE, 48 }, { ENETDOWN, 50 }, { ENOBUFS, 55 },    { EBADFD, 6 /* ENXIO */ },
};

static int fail(int linux_errno) {
  darwin_errno = linux_errno;
  for (unsigned i = 0; i < sizeof ERRNOS / sizeof ERRNOS[0]; i++)
    if (ERRNOS[i].linux_errno == linux_errno) darwin_errno = ERRNOS[i].darwin_errno;
  return -1;
}

static int result(long value) {
  return value < 0 ? fail(errno) : (int) value;
}

int *__error(void) {
  return &darwin_errno;
}

int socket(int domain, int type, int protocol) {
  if (domain != DARWIN_PF_SYSTEM || protocol != DARWIN_SYSPROTO_CONTROL) return fail(EINVAL);
  if (type != DARWIN_SOCK_DGRAM) return fail(EPROTOTYPE);
  if (control != -1) return fail(EBUSY);
  interface[0] = 0;
  return control = result(syscall(SYS_openat, AT_FDCWD, "/dev/net/tun", O_RDWR | O_NONBLOCK));
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  char *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (request == DARWIN_FIOCLEX) return result(syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC));
  if (request != DARWIN_CTLIOCGINFO || fd != control) return fail(EINVAL);
  uint32_t id = CONTROL_ID;
  if (strncmp(argument + 4, "com.apple.net.utun_control", 96) != 0) return fail(ENOENT);
  memcpy(argument, &id, sizeof id);
  return 0;
}

int connect(int fd, const struct sockaddr *sockaddr, socklen_t length) {
  const uint8_t *address = (const uint8_t *) sockaddr;
  uint32_t id, unit;
  if (fd != control || interface[0] != 0) return fail(EINVAL);
  if (length != 32 || address[0] != 32) return fail(EINVAL);
  if (address[1] != 32 || address[2] != 2 || address[3] != 0) return fail(EINVAL);
  memcpy(&id, address + 4, sizeof id);
  memcpy(&unit, address + 8, sizeof unit);
  if (id != CONTROL_ID) return fail(ENOENT);
  struct ifreq request = { .ifr_flags = (short) (IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL) };
  if (unit == 0) strcpy(request.ifr_name, "utun%d");
  else snprintf(request.ifr_name, IFNAMSIZ, "utun%u", unit - 1);
  if (syscall(SYS_ioctl, fd, TUNSETIFF, &request) < 0) return fail(errno);
  memcpy(interface, request.ifr_name, IFNAMSIZ);
  return 0;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) {
  uint32_t size = strlen(interface) + 1;
  if (fd != control || size == 1 || level != DARWIN_SYSPROTO_CONTROL) return fail(EINVAL);
  if (name != DARWIN_UTUN_OPT_IFNAME || *length < size) return fail(EINVAL);
  memcpy(value, interface, size);
  *length = size;
  return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length) {
  uint32_t packets;
  if (fd != control || level != DARWIN_SYSPROTO_CONTROL) return fail(EINVAL);
  if (name != DARWIN_UTUN_OPT_MAX_PENDING_PACKETS || length != sizeof packets) return fail(EINVAL);
  memcpy(&packets, value, sizeof packets);
  return packets > 0 ? 0 : fail(EINVAL);
}

/* A packet comes with its address family in front, in network order; a short buffer truncates. */
ssize_t recv(int fd, void *buffer, size_t length, int flags) {
  uint8_t *bytes = buffer;
  if (fd != control || flags != DARWIN_MSG_DONTWAIT || length < 5) return fail(EINVAL);
  int got = result(syscall(SYS_read, fd, bytes + 4, length - 4));
  if (got < 0) return got;
  memcpy(bytes, (uint8_t[]) { 0, 0, 0, bytes[4] >> 4 == 6 ? 30 : 2 }, 4);
  return got + 4;
}

ssize_t send(int fd, const void *buffer, size_t length, int flags) {
  const uint8_t *bytes = buffer;
  if (fd != control || flags != DARWIN_MSG_DONTWAIT || length < 5) return fail(EINVAL);
  uint8_t family = bytes[4] >> 4 == 6 ? 30 : 2;
  if (memcmp(bytes, (uint8_t[]) { 0, 0, 0, family }, 4) != 0) return fail(EINVAL);
  int sent = result(syscall(SYS_write, fd, bytes + 4, length - 4));
  return sent < 0 ? sent : sent + 4;
}

int poll(struct pollfd *fds, nfds_t count, int timeout) {
  struct timespec limit = { timeout / 1000, timeout % 1000 * 1000000 };
  return result(syscall(SYS_ppoll, fds, count, timeout < 0 ? 0 : &limit, 0, 0));
}

int pipe(int fds[2]) {
  return result(syscall(SYS_pipe2, fds, 0));
}

ssize_t write(int fd, const void *bytes, size_t length) {
  return result(syscall(SYS_write, fd, bytes, length));
}

int close(int fd) {
  if (fd == control) control = -1;
  return result(syscall(SYS_close, fd));
}
