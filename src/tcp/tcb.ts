/**
 * The transmission control block: all that is known of one connection (RFC 9293 §3.3.1).
 *
 * @module
 */

import { Assembler } from "../base/assembler.ts";
import type { Counters } from "../base/counters.ts";
import type { Timed } from "../base/deadlines.ts";
import type { Network } from "../base/network.ts";
import { RingBuffer } from "../base/ring_buffer.ts";
import type { IpAddress } from "../wire/address.ts";
import { MAX_WINDOW_SCALE } from "../wire/tcp_options.ts";
import type { CongestionControl } from "./congestion/congestion.ts";
import { makeCongestion } from "./congestion/registry.ts";
import type { FastOpen, FastOpenCache } from "./fast_open.ts";
import type { ChallengeBudget } from "./challenge.ts";
import type { TcpConfig } from "./config.ts";
import { type ConnectionOptions, NO_OPTIONS } from "./connection_options.ts";
import { type Ecn, ECN_MASK, type EcnMode } from "./ecn.ts";
import type { KeepAlive } from "./keep_alive.ts";
import type { Listener } from "./listener.ts";
import type { ReceiveTuner } from "./autotune.ts";
import type { Plpmtud } from "./plpmtud.ts";
import type { ProportionalRateReduction } from "./prr.ts";
import { Rack } from "./rack.ts";
import { DeliveryRate } from "./rate.ts";
import { Recovery } from "./recovery.ts";
import { RttEstimator } from "./rtt.ts";
import type { SackReporter } from "./sack.ts";
import { Scoreboard } from "./scoreboard.ts";
import { State } from "./state.ts";
import type { Ends } from "./table.ts";
import type { TimeWait } from "./time_wait.ts";
import { Timestamps } from "./timestamps.ts";
import { Traffic } from "./traffic.ts";
import type { Urgent } from "./urgent.ts";

/** Why a connection is gone. */
export const CloseReason = {
  NONE: 0,
  /** Both sides closed. */
  NORMAL: 1,
  /** The peer reset it. */
  RESET: 2,
  /** The peer refused to open it. */
  REFUSED: 3,
  /** The peer did not answer for too long. */
  TIMED_OUT: 4,
  /** Our side aborted it. */
  ABORTED: 5,
  /** A router said that there is no way to the peer while the connection was being opened. */
  UNREACHABLE: 6,
} as const;

/** One of the values of {@linkcode CloseReason}. */
export type CloseReason = typeof CloseReason[keyof typeof CloseReason];

/** Trouble that does not end a connection (RFC 9293 §3.9.1.8). */
export const SoftError = {
  NONE: 0,
  /** Something was sent four times, and there is no answer: R1 (§3.8.3, SHLD-9). */
  NO_ANSWER: 1,
  /** The peer's network, or the peer, cannot be reached just now, by a router's word. */
  NETWORK_UNREACHABLE: 2,
  HOST_UNREACHABLE: 3,
  /** The peer does not take what is sent, by its own word or a router's. */
  PROTOCOL_UNREACHABLE: 4,
  PORT_UNREACHABLE: 5,
  PROHIBITED: 6,
  /** A segment has run in circles, or come in pieces that did not all arrive. */
  TIME_EXCEEDED: 7,
  /** Somebody did not understand a header. */
  PARAMETER_PROBLEM: 8,
} as const;

/** One of the values of {@linkcode SoftError}. */
export type SoftError = typeof SoftError[keyof typeof SoftError];

/** What a connection tells whoever uses it, once a batch of packets has been worked through. */
export interface TcpUser {
  /** The connection is established. */
  onOpen(): void;
  /** Data waits to be received, or the peer has closed. */
  onReadable(): void;
  /** The send buffer has room. */
  onWritable(): void;
  /** The connection is gone: `tcb.reason` says why. Also told when it enters TIME_WAIT. */
  onClosed(): void;
  /** Something urgent is on its way or has come, or is followed by more. */
  onUrgent?(): void;
  /** There is trouble: `tcb.softError` says what. Not told where it is left out (SHLD-20). */
  onSoftError?(): void;
}

/** What a connection has to tell its user; bits of {@linkcode Tcb.signals}. */
export const Signal = {
  OPEN: 1,
  READABLE: 2,
  WRITABLE: 4,
  CLOSED: 8,
  SOFT_ERROR: 16,
  URGENT: 32,
} as const;

/** What the functions that work on a connection need from around it. */
export interface TcpContext {
  readonly network: Network;
  readonly counters: Counters;
  readonly config: TcpConfig;
  readonly challenges: ChallengeBudget;
  /** Whether common segments take the short way: see `prediction.ts`. */
  readonly predicts: boolean;
  readonly fastOpens: FastOpenCache;
  /** A connection's state is about to change from `connection.state` to `next`. */
  onState(connection: Connection, next: State): void;
  /** Has the context look at the connection when the batch ends. */
  touch(tcb: Tcb): void;
  /** `tcb.deadline` has changed. */
  schedule(tcb: Tcb): void;
  /** The connection is closed: forget it. */
  forget(tcb: Tcb): void;
  /** The connection is in TIME_WAIT: forget it but for `tcb.timeWait`. */
  beginTimeWait(tcb: Tcb, now: number): void;
  /** Ends TIME_WAIT before its time. */
  endTimeWait(timeWait: TimeWait): void;
}

/** A connection as an observer sees it, be it in TIME_WAIT or not. */
export interface Connection {
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly state: State;
}

/** Send sequence variables (RFC 9293 §3.3.1). */
export class SendVariables {
  /** SND.UNA: oldest unacknowledged sequence number. */
  una = 0;
  /** SND.NXT: next sequence number to be sent for the first time. */
  nxt = 0;
  /** SND.WND, in bytes. */
  wnd = 0;
  /** SND.WL1: SEG.SEQ of the last window update. */
  wl1 = 0;
  /** SND.WL2: SEG.ACK of the last window update. */
  wl2 = 0;
  /** ISS. */
  iss = 0;
  /** MAX(SND.WND): the largest window that the peer has offered (§3.8.6.2.1). */
  maxWnd = 0;
}

/** Receive sequence variables (RFC 9293 §3.3.1). */
export class ReceiveVariables {
  /** RCV.NXT: next sequence number expected. */
  nxt = 0;
  /** RCV.WND: what is promised from `nxt` on, in bytes. */
  wnd = 0;
  /** IRS. */
  irs = 0;
  /** Last.ACK.sent: the last ACK field we sent (RFC 7323 §4.3). */
  lastAckSent = 0;
}

/**
 * One connection.
 *
 * Its fields are declared and not made of the constructor's parameters: where a class has one of
 * those, Deno's compiler defines all fields as `undefined` first, and from then on V8 allocates for
 * each time that is stored.
 */
export class Tcb implements Timed, Ends<Tcb> {
  readonly context: TcpContext;
  readonly local: IpAddress;
  readonly localPort: number;
  readonly remote: IpAddress;
  readonly remotePort: number;
  readonly listener: Listener | null;
  /** For the table of connections alone; here, beside the ports, so that looking takes one cache line. */
  hash = 0;
  hashNext: Tcb | null = null;

  state: State = State.CLOSED;
  readonly snd: SendVariables = new SendVariables();
  readonly rcv: ReceiveVariables = new ReceiveVariables();

  /** Eff.snd.MSS: most text in one segment we send, in bytes (RFC 9293 §3.7.1). */
  mss = 0;
  /** Largest segment that the peer takes, options counted with its text, in bytes: its MSS option. */
  peerMss = 0;
  /** User's choice: no segment is larger than this, either way, measured likewise. */
  readonly maxSegment: number;
  /** Whether the link took super-segments and partial checksums when it was asked last. */
  hasOffload = false;
  /** Set as long as the segments are smaller than the peer and the link would take. */
  plpmtud: Plpmtud | null = null;
  readonly sendBuffer: RingBuffer;
  readonly receiveBuffer: RingBuffer;
  /** What of the receive window has arrived out of order. */
  readonly assembler: Assembler = new Assembler();

  /** The user has closed: a FIN follows the last byte of the send buffer. */
  finQueued = false;
  /** The FIN has been sent, at `snd.nxt - 1`. */
  finSent = false;
  /** The peer's FIN has been seen, at {@linkcode peerFin}, maybe ahead of missing data. */
  peerFinSeen = false;
  peerFin = 0;
  /** The user will not receive any more: text that still comes is answered with a RST. */
  receiveClosed = false;

  readonly rtt: RttEstimator;
  /** When this is acknowledged, the next round-trip time goes into the estimate. */
  rttRound = 0;
  /** When the SYN was sent, if once; else -1: its round trip can't be told (Karn). */
  synSentAt = -1;

  /** What is in flight. */
  readonly board: Scoreboard = new Scoreboard();
  readonly recovery: Recovery = new Recovery();
  readonly rack: Rack = new Rack();
  /** In fast recovery. */
  prr: ProportionalRateReduction | null = null;
  readonly rate: DeliveryRate = new DeliveryRate();
  /** May be replaced until the connection is established. */
  congestion: CongestionControl;
  /** SND.NXT when the congestion window last held something back. */
  limitedAt = 0;
  /** When pacing lets the next segment go. */
  paceNext = 0;
  /** Retransmission timeouts since something was last acknowledged. */
  timeouts = 0;
  /** When what had to be sent again was sent for the first time; -1: nothing had to. */
  troubleSince = -1;
  /** How long that may last: R2 (RFC 9293 §3.8.3, MUST-21), in milliseconds. */
  userTimeout: number;
  /** When text was last sent, or the connection was established. */
  textSentAt = 0;

  /** Whether both sides offered to scale windows, and by how much each does (RFC 7323 §2). */
  scales = false;
  sendScale = 0;
  receiveScale: number;
  /** Whether both sides take SACK (RFC 2018 §2). */
  sackPermitted = false;
  /** Null until something has come out of order, or twice. */
  sack: SackReporter | null = null;
  readonly timestamps: Timestamps = new Timestamps();
  /** Whether the buffers grow with the path; not if the user has set their sizes. */
  tunesReceive: boolean;
  tunesSend: boolean;
  /** Null until the first text arrives. */
  receiveTuner: ReceiveTuner | null = null;

  readonly traffic: Traffic = new Traffic();

  /** Segments with text received and not acknowledged yet. */
  unackedSegments = 0;
  /** An acknowledgement is due when the batch ends. */
  ackNow = false;
  /** When a challenge ACK was last sent. */
  challengedAt = -Infinity;

  /** User's choice: send small segments at once (RFC 9293 §3.7.4, MUST-17). */
  noDelay = false;
  /** User's choice: hold back segments that are not full. */
  corked = false;
  /** How long the end of the connection may take once the user is through with it, in ms; -1: any. */
  linger = -1;
  /** Null unless something urgent was sent or received. */
  urgent: Urgent | null = null;
  /** Null when it is off, as it is by default (MUST-25). */
  keepAlive: KeepAlive | null = null;
  /** The last trouble there was. */
  softError: SoftError = SoftError.NONE;
  /** User's choice: the Diffserv field, in the upper six bits; the lower two are 0 (MUST-48). */
  tos: number;
  /** User's choice: time to live of segments; 0: the default of IP. */
  ttl: number;
  /** The last Diffserv field received, placed likewise (MAY-9). */
  receivedTos = 0;
  readonly ecnMode: EcnMode;
  /** Null unless both sides have agreed on it. */
  ecn: Ecn | null = null;

  /** Deadlines, in milliseconds; `Infinity` when off. */
  retransmitAt = Infinity;
  /** Tail loss probe. */
  probeAt = Infinity;
  /** RACK's reordering timer. */
  reorderAt = Infinity;
  paceAt = Infinity;
  persistAt = Infinity;
  /** How often the persist timer has expired in a row. */
  persistCount = 0;
  delayedAckAt = Infinity;
  /** When the user is through: end of FIN_WAIT_2, or of what `linger` allows. */
  lingerAt = Infinity;
  keepAliveAt = Infinity;
  /** When what is corked goes out all the same. */
  corkAt = Infinity;
  /** When larger segments are tried again. */
  pmtuRaiseAt = Infinity;
  deadline = Infinity;
  heapIndex = -1;

  user: TcpUser = NO_USER;
  /** Bits of {@linkcode Signal}. */
  signals = 0;
  reason: CloseReason = CloseReason.NONE;
  /** The context will look at it when the batch ends. */
  touched = false;

  /** Until the connection is established, where Fast Open is wanted (RFC 7413). */
  fastOpen: FastOpen | null = null;
  /** What is left of it once it has entered TIME_WAIT. */
  timeWait: TimeWait | null = null;
  /**
   * The connection between the same ends that is in TIME_WAIT still, and ends when this one is
   * established: its SYN may turn out to be an old duplicate (RFC 9293 §3.6.1, MAY-2).
   */
  follows: TimeWait | null = null;

  /**
   * @param listener Where it came from, for a passive open; `null` for an active one (MUST-11).
   */
  constructor(
    context: TcpContext,
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    listener: Listener | null,
    options: ConnectionOptions = listener?.options ?? NO_OPTIONS,
  ) {
    this.context = context;
    this.local = local;
    this.localPort = localPort;
    this.remote = remote;
    this.remotePort = remotePort;
    this.listener = listener;
    const { config } = context;
    const receiveBuffer = options.receiveBuffer ?? config.receiveBuffer;
    this.sendBuffer = new RingBuffer(options.sendBuffer ?? config.sendBuffer);
    this.receiveBuffer = new RingBuffer(receiveBuffer);
    this.tunesSend = options.sendBuffer === undefined;
    this.tunesReceive = options.receiveBuffer === undefined;
    this.rtt = new RttEstimator(config.minRto);
    this.congestion = makeCongestion(options.congestion ?? config.congestion);
    this.tos = (options.tos ?? 0) & ~ECN_MASK;
    this.ecnMode = options.ecn ?? config.ecn;
    this.maxSegment = options.maxSegment ?? MAX_SEGMENT;
    this.ttl = options.ttl ?? config.ttl;
    this.userTimeout = config.userTimeout;
    this.receiveScale = config.windowScaling ? scaleFor(config.receiveBufferMax) : 0;
    this.rcv.wnd = receiveBuffer;
  }

  /** Sequence number behind the last byte that the user has given, where the FIN goes. */
  get sendEnd(): number {
    return (this.dataStart + this.sendBuffer.length) >>> 0;
  }

  /** Sequence number of the first byte in the send buffer. */
  get dataStart(): number {
    return this.state <= State.SYN_RECEIVED ? (this.snd.iss + 1) >>> 0 : this.snd.una;
  }

  /** Bytes sent and not acknowledged, SYN and FIN counted. */
  get flight(): number {
    return (this.snd.nxt - this.snd.una) >>> 0;
  }
}

/** Larger than any segment. */
const MAX_SEGMENT = 0xffff;

/** Largest window that fits the header without scaling. */
export const MAX_WINDOW = 0xffff;

/** The smallest shift with which a window of `bytes` fits the header (RFC 7323 §2.3). */
export function scaleFor(bytes: number): number {
  let shift = 0;
  while (shift < MAX_WINDOW_SCALE && MAX_WINDOW * 2 ** shift < bytes) shift++;
  return shift;
}

/** A user that doesn't care: of connections that nobody has accepted yet. */
export const NO_USER: TcpUser = {
  onOpen() {},
  onReadable() {},
  onWritable() {},
  onClosed() {},
};

/** Changes the state, and says so. */
export function setState(tcb: Tcb, next: State): void {
  tcb.context.onState(tcb, next);
  tcb.state = next;
}

/** Has the user told of something when the batch ends. */
export function signal(tcb: Tcb, bit: number): void {
  tcb.signals |= bit;
  tcb.context.touch(tcb);
}

/** Tells the user of trouble that does not end the connection (MUST-47). */
export function softError(tcb: Tcb, error: SoftError): void {
  tcb.softError = error;
  signal(tcb, Signal.SOFT_ERROR);
}
