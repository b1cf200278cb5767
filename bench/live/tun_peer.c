/*
 * The least that can answer at a TUN interface: what a stack's speed is measured against. It knows
 * no losses, no timers and no errors, and has one table entry for each port of its only peer.
 *
 *   tun_peer NAME [offload]
 *
 * It makes the interface NAME, says "ready", and is every IPv4 address that packets are sent to. With
 * `offload` the kernel hands over and takes 64 KB segments with partial checksums.
 *
 *   ICMP echo, UDP    sent back
 *   TCP, port 7       sent back
 *   TCP, port 9       counted and acknowledged: once for all packets that were read in one go
 *   TCP, port 19      as many bytes as the window takes, each copied once
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
  ECHO = 7,
  DISCARD = 9,
  CHARGEN = 19,
  BATCH = 64,         /* packets read, or sent, at a time */
  MSS = 1460,         /* at MTU 1500, without TCP options */
  SUPER = 44 * MSS,   /* the largest number of those in one IPv4 packet */
  HEADERS = 40,
  SCALE = 7,
  WINDOW = 1 << 20,   /* less than what the interface's queue holds */
  RETRY = 200,        /* ms without any packet until a source starts over where it was acknowledged */
  FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16,
};

/* In network order, behind one another as on the wire. */
struct ip {
  uint8_t version, tos;
  uint16_t length, id, fragment;
  uint8_t ttl, protocol;
  uint16_t sum;
  uint32_t from, to;
};

struct tcp {
  uint16_t from, to;
  uint32_t seq, ack;
  uint8_t offset, flags;
  uint16_t window, sum, urgent;
  uint8_t options[8];
};

/* A packet, and in front of it what the kernel wants to know if there is offload. */
struct packet {
  uint8_t padding[2]; /* has the IP header start at a multiple of 4 */
  struct virtio_net_hdr virtio;
  struct ip ip;
  uint8_t rest[65536];
};

struct connection {
  uint32_t from, to;    /* addresses of the peer and of this side, in network order */
  uint16_t port, local; /* the same for ports, in host order */
  uint32_t received, acknowledged, sent, window;
  uint8_t scale;
  bool open, due;
};

static struct connection connections[65536];
static struct connection *due[65536];
static unsigned due_count;
static struct connection *source; /* the one that is being sent to */
static struct packet in, out;
static uint8_t content[SUPER];
static bool offload;
static int fd;

/* Adds up 16-bit words, in the machine's order (RFC 1071). */
static uint64_t add(const void *from, size_t length) {
  const uint8_t *bytes = from;
  uint64_t sum = 0, sums[4] = {0};
  for (; length >= 16; length -= 16, bytes += 16) {
    uint32_t words[4];
    memcpy(words, bytes, 16);
    for (int i = 0; i < 4; i++) sums[i] += words[i];
  }
  for (; length >= 2; length -= 2, bytes += 2) {
    uint16_t word;
    memcpy(&word, bytes, 2);
    sum += word;
  }
  if (length > 0) sum += *bytes; /* little-endian, as all that Deno runs on */
  return sum + sums[0] + sums[1] + sums[2] + sums[3];
}

static uint16_t fold(uint64_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

static void put(struct packet *packet, size_t length) {
  size_t prefix = offload ? sizeof packet->virtio : 0;
  const uint8_t *start = (const uint8_t *)packet + offsetof(struct packet, ip) - prefix;
  if (write(fd, start, prefix + length) < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EIO) {
    perror("write");
    _exit(1);
  }
}

/* Sends a segment whose text, if there is any, is behind the headers already. */
static void segment(struct connection *c, uint32_t seq, int flags, int options, size_t text) {
  struct tcp *tcp = (struct tcp *)out.rest;
  size_t header = 20 + options, length = 20 + header + text;
  out.ip = (struct ip){.version = 0x45, .length = htons(length), .fragment = htons(0x4000), .ttl = 64,
                       .protocol = IPPROTO_TCP, .from = c->to, .to = c->from};
  out.ip.sum = ~fold(add(&out.ip, 20));
  tcp->from = htons(c->local);
  tcp->to = htons(c->port);
  tcp->seq = htonl(seq);
  tcp->ack = htonl(c->received);
  tcp->offset = header << 2;
  tcp->flags = flags;
  tcp->window = htons(flags & SYN ? 65535 : WINDOW >> SCALE);
  tcp->sum = tcp->urgent = 0;
  uint64_t pseudo = add(&out.ip.from, 8) + htons(IPPROTO_TCP) + htons(header + text);
  memset(&out.virtio, 0, sizeof out.virtio);
  if (offload) {
    tcp->sum = fold(pseudo);
    out.virtio.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    out.virtio.csum_start = 20;
    out.virtio.csum_offset = 16;
    if (text > MSS) {
      out.virtio.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
      out.virtio.gso_size = MSS;
      out.virtio.hdr_len = HEADERS;
    }
  } else {
    tcp->sum = ~fold(pseudo + add(tcp, header + text));
  }
  c->due = false;
  put(&out, length);
}

static void acknowledge(struct connection *c) { segment(c, c->sent, ACK, 0, 0); }

static void wants_ack(struct connection *c) {
  if (c->due) return;
  c->due = true;
  due[due_count++] = c;
}

/* The peer's window scale; what else it offers is not used. */
static int scale_of(const uint8_t *options, size_t length) {
  for (size_t i = 0; i < length && options[i] != 0;) {
    if (options[i] == 1) {
      i++;
      continue;
    }
    if (i + 2 >= length || options[i + 1] < 2) break;
    if (options[i] == 3) return options[i + 2];
    i += options[i + 1];
  }
  return 0;
}

static void accept_syn(struct connection *c, const struct tcp *tcp, size_t header) {
  *c = (struct connection){.from = in.ip.from, .to = in.ip.to, .port = ntohs(tcp->from),
                           .local = ntohs(tcp->to), .received = ntohl(tcp->seq) + 1, .sent = 1,
                           .acknowledged = 1, .scale = scale_of(tcp->options, header - 20),
                           .open = true};
  struct tcp *answer = (struct tcp *)out.rest;
  memcpy(answer->options, (uint8_t[]){2, 4, MSS >> 8, MSS & 0xff, 1, 3, 3, SCALE}, 8);
  segment(c, 0, SYN | ACK, 8, 0);
}

static void receive_tcp(size_t length) {
  const struct tcp *tcp = (const struct tcp *)in.rest;
  if (length < 40) return;
  size_t header = (tcp->offset >> 4) * 4, text = length - 20 - header;
  if (header < 20 || length < 20 + header) return;
  struct connection *c = &connections[ntohs(tcp->from)];
  if (tcp->flags & SYN) {
    accept_syn(c, tcp, header);
    return;
  }
  if (!c->open || c->local != ntohs(tcp->to)) return;
  if (tcp->flags & RST) {
    c->open = false;
    if (source == c) source = NULL;
    return;
  }
  if (ntohl(tcp->seq) != c->received) { /* says what is missing */
    if (text > 0) acknowledge(c);
    return;
  }
  uint32_t ack = ntohl(tcp->ack);
  if ((int32_t)(ack - c->acknowledged) >= 0) c->acknowledged = ack;
  c->window = (uint32_t)ntohs(tcp->window) << c->scale;
  c->received += text;
  if (tcp->flags & FIN) {
    c->received++;
    c->open = false;
    if (source == c) source = NULL;
    segment(c, c->sent, FIN | ACK, 0, 0);
  } else if (c->local == ECHO && text > 0) {
    memcpy(out.rest + 20, in.rest + header, text);
    segment(c, c->sent, ACK | PSH, 0, text);
    c->sent += text;
  } else if (c->local == CHARGEN) {
    source = c;
  } else if (text > 0) {
    wants_ack(c);
  }
}

static void send_back(size_t length) {
  uint32_t from = in.ip.from;
  in.ip.from = in.ip.to;
  in.ip.to = from;
  put(&in, length);
}

static void receive(size_t length) {
  if (length < 28 || in.ip.version != 0x45 || ntohs(in.ip.length) != length) return;
  uint16_t *words = (uint16_t *)in.rest;
  if (in.ip.protocol == IPPROTO_TCP) {
    receive_tcp(length);
  } else if (in.ip.protocol == IPPROTO_UDP && ntohs(words[1]) == ECHO) {
    uint16_t port = words[0]; /* all that the checksum covers stays */
    words[0] = words[1];
    words[1] = port;
    send_back(length);
  } else if (in.ip.protocol == IPPROTO_ICMP && in.rest[0] == 8) {
    in.rest[0] = 0;
    words[1] = fold((uint64_t)words[1] + htons(0x0800)); /* RFC 1624: 8 less in the first word */
    send_back(length);
  }
}

/* Sends what the window takes, a batch at most; returns whether there is more. */
static bool send_some(struct connection *c) {
  size_t most = offload ? SUPER : MSS;
  for (int i = 0; i < BATCH; i++) {
    uint32_t room = c->window - (c->sent - c->acknowledged);
    if ((int32_t)room < MSS) return false;
    size_t text = room < most ? room - room % MSS : most;
    memcpy(out.rest + 20, content, text);
    segment(c, c->sent, ACK, 0, text);
    c->sent += text;
  }
  return true;
}

static int open_tun(const char *name) {
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0)};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  unsigned features = offload ? TUN_F_CSUM | TUN_F_TSO4 : 0;
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0 || ioctl(tun, TUNSETOFFLOAD, features) < 0) {
    perror(name);
    _exit(1);
  }
  return tun;
}

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc < 2) return 2;
  offload = argc > 2 && strcmp(argv[2], "offload") == 0;
  fd = open_tun(argv[1]);
  puts("ready");
  fflush(stdout);
  size_t prefix = offload ? sizeof in.virtio : 0;
  size_t skipped = offsetof(struct packet, ip) - prefix;
  bool more = false;
  for (;;) {
    struct pollfd waits = {.fd = fd, .events = POLLIN};
    int ready = poll(&waits, 1, more ? 0 : source != NULL ? RETRY : -1);
    if (ready == 0 && !more && source != NULL) source->sent = source->acknowledged;
    for (int i = 0; i < BATCH; i++) {
      ssize_t n = read(fd, (uint8_t *)&in + skipped, sizeof in - skipped);
      if (n < 0) break;
      receive(n - prefix);
    }
    for (unsigned i = 0; i < due_count; i++) {
      if (due[i]->due && due[i]->open) acknowledge(due[i]);
      due[i]->due = false;
    }
    due_count = 0;
    more = source != NULL && send_some(source);
  }
}
