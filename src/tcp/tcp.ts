/**
 * TCP of one stack: its connections, its listeners, and the calls that a user makes
 * (RFC 9293 §3.9.1).
 *
 * @module
 */

import type { Counters } from "../base/counters.ts";
import { Deadlines } from "../base/deadlines.ts";
import type { Env } from "../base/env.ts";
import {
  ErrorKind,
  type ErrorReceiver,
  type Network,
  type TransportError,
} from "../base/network.ts";
import { PortTable } from "../base/port_table.ts";
import { pickPort, PortSet } from "../base/ports.ts";
import type { IpAddress } from "../wire/address.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import { Drop } from "../wire/drop.ts";
import type { Packet } from "../wire/packet.ts";
import { PROTOCOL } from "../wire/protocol.ts";
import { seqAdd, seqDiff, seqGt, seqLt } from "../wire/seq.ts";
import { ACK, checkTcp, checkTcpLength, ECE, RST, SYN } from "../wire/tcp.ts";
import { TcpOptions } from "../wire/tcp_options.ts";
import { arrives, lingerIfNobodyReads, openEarly } from "./arrives.ts";
import { CallError, sendError } from "./calls.ts";
import { ChallengeBudget } from "./challenge.ts";
import { abortConnection, closeConnection } from "./close.ts";
import type { TcpConfig } from "./config.ts";
import { CONGESTION_NAMES, isCongestionName } from "./congestion/registry.ts";
import { type ConnectionOptions, NO_OPTIONS } from "./connection_options.ts";
import { answerEcn, Ecn, grantsEcn } from "./ecn.ts";
import { FastOpenCache, FastOpenServer } from "./fast_open.ts";
import { quotedSeq, quotesFlight, takeError } from "./icmp_errors.ts";
import { IsnGenerator } from "./isn.ts";
import { type TcpInfo, tcpInfo } from "./info.ts";
import { type KeepAliveTimes, setKeepAlive } from "./keep_alive.ts";
import { Listener } from "./listener.ts";
import { openWindow } from "./emit.ts";
import { output, sendAck, sendSyn } from "./output.ts";
import { resetReply, sendSynCookie } from "./replies.ts";
import { DEFAULT_MSS, settleOptions } from "./settle.ts";
import { Segment } from "./segment.ts";
import { pathHasShrunk, resendLong } from "./segment_size.ts";
import { peerHasClosed, State } from "./state.ts";
import { ConnectionTable } from "./table.ts";
import {
  CloseReason,
  type Connection,
  setState,
  Signal,
  signal,
  Tcb,
  type TcpContext,
  type TcpUser,
} from "./tcb.ts";
import {
  MAX_COOKIE_AGE,
  recallEcn,
  recallOptions,
  stampOptions,
  SynCookies,
} from "./syn_cookies.ts";
import { followingIss, type TimeWait, TimeWaits } from "./time_wait.ts";
import { expire } from "./timeout.ts";
import { isUrgent, markUrgent, upToMark, urgentLeft } from "./urgent.ts";
import { schedule, setLinger } from "./timers.ts";

/** How many connections' timers may expire in one poll: programs wait for it to end. */
const MOST_DUE = 1024;

/** Told of every change of a connection's state, before it happens. */
export type StateObserver = (connection: Connection, next: State) => void;

/** Why an active open was refused on our side. */
export const OpenError = { NO_ROUTE: 1, BAD_ADDRESS: 2, IN_USE: 3, NO_PORT: 4 } as const;

/** One of the values of {@linkcode OpenError}. */
export type OpenError = typeof OpenError[keyof typeof OpenError];

/** TCP. */
export class Tcp implements TcpContext, ErrorReceiver {
  readonly network: Network;
  readonly counters: Counters;
  readonly config: TcpConfig;
  readonly challenges: ChallengeBudget;
  readonly fastOpens: FastOpenCache;
  #fastOpenServer: FastOpenServer;
  /** Changes nothing but the time it takes: tests switch it off to compare. */
  predicts = true;
  /** For traces. */
  observer: StateObserver | null = null;
  #env: Env;
  #isn: IsnGenerator;
  #cookies: SynCookies;
  /** The options of a SYN, as its cookie has them. */
  #recalled = new TcpOptions();
  #table: ConnectionTable<Tcb>;
  #listeners = new PortTable<Listener>();
  #timeWaits: TimeWaits;
  #deadlines = new Deadlines<Tcb>();
  /** Connections to be looked at when the batch ends. */
  #touched: (Tcb | null)[] = [];
  /** How many these are: an array that is emptied would lose its memory. */
  #touchedCount = 0;
  /** How many of them {@linkcode flush} has looked at. */
  #flushedCount = 0;
  #segment = new Segment();

  /** @throws {RangeError} If the settings name a congestion control that there isn't. */
  constructor(network: Network, counters: Counters, env: Env, config: TcpConfig) {
    if (!isCongestionName(config.congestion)) {
      const names = CONGESTION_NAMES.join(", ");
      throw new RangeError(
        `Unknown congestion control "${config.congestion}": use one of ${names}`,
      );
    }
    this.network = network;
    this.counters = counters;
    this.config = config;
    this.#env = env;
    this.#fastOpenServer = new FastOpenServer(env);
    this.fastOpens = new FastOpenCache(config.fastOpenCache);
    this.challenges = new ChallengeBudget(env, config.challengeLimit);
    this.#isn = new IsnGenerator(env);
    this.#cookies = new SynCookies(env);
    const seed = env.random();
    this.#table = new ConnectionTable(seed);
    this.#timeWaits = new TimeWaits(this, seed);
  }

  /** How many connections there are, those in TIME_WAIT included. */
  get connectionCount(): number {
    return this.#table.size + this.#timeWaits.size;
  }

  /** How many there are that still have something to say to their peer: not in TIME_WAIT. */
  get openCount(): number {
    return this.#table.size;
  }

  /** All connections but those in TIME_WAIT, in no order. */
  connections(): Iterable<Tcb> {
    return this.#table;
  }

  /** What is left of connections in TIME_WAIT, in no order. */
  timeWaits(): Iterable<TimeWait> {
    return this.#timeWaits;
  }

  /** Takes a message that IP has laid open. */
  receive(packet: Packet, now: number): Drop {
    const { view, transportAt: at, end, source, destination } = packet;
    this.counters.tcpReceived++;
    const drop = packet.isVerified
      ? checkTcpLength(view, at, end)
      : checkTcp(view, at, end, pseudoHeaderSum(source, destination, PROTOCOL.TCP, end - at));
    if (drop !== Drop.NONE) return drop;
    if (packet.isGroup) return Drop.TCP_BROADCAST; // MUST-57
    const seg = this.#segment.load(packet);
    this.counters.tcpReceived += seg.segments - 1;
    const tcb = this.#table.find(destination, seg.destinationPort, source, seg.sourcePort);
    if (tcb === null) return this.#arrivesUnconnected(seg, now);
    arrives(tcb, seg, now);
    this.touch(tcb);
    return Drop.NONE;
  }

  /** Takes an ICMP error about a segment (MUST-54). */
  error(error: TransportError, now: number): Drop {
    const { local, localPort, remote, remotePort } = error;
    const tcb = this.#table.find(local, localPort, remote, remotePort);
    if (tcb === null) return Drop.ICMP_UNMATCHED;
    if (!quotesFlight(tcb, error)) return Drop.ICMP_BAD_SEQUENCE;
    if (error.kind !== ErrorKind.TOO_BIG) return takeError(tcb, error);
    const { mtu, length } = error;
    const known = this.network.maxMessage(tcb.remote, now);
    if (!this.network.tooBig(tcb.remote, mtu, length, now)) return Drop.ICMP_BAD_MTU;
    pathHasShrunk(tcb, now);
    // It holds for all connections to there (RFC 1191 §5), which hear of it once: of many segments
    // that were too big each draws an error.
    if (this.network.maxMessage(tcb.remote, now) < known) this.#shrinkAll(remote, now);
    if (quotedSeq(error) === tcb.snd.una) resendLong(tcb); // RFC 1191 §6.4
    this.touch(tcb);
    return Drop.NONE;
  }

  #shrinkAll(remote: IpAddress, now: number): void {
    for (const tcb of this.#table) if (tcb.remote.equals(remote)) pathHasShrunk(tcb, now);
  }

  /**
   * A segment of no connection but maybe one in TIME_WAIT: for a port in LISTEN (§3.10.7.2), or in
   * CLOSED (§3.10.7.1).
   */
  #arrivesUnconnected(seg: Segment, now: number): Drop {
    const { source, destination } = seg.packet;
    const listener = this.#listeners.find(destination, seg.destinationPort);
    const old = this.#timeWaits.find(destination, seg.destinationPort, source, seg.sourcePort);
    if (old !== null) {
      if (listener === undefined || !old.allows(seg, this.config.timestamps)) {
        return this.#timeWaits.arrives(old, seg, now);
      }
      // A cookie's number could lie among the old ones, so this one has to wait for room.
      if (listener.isHalfOpenFull) return Drop.TCP_LISTEN_OVERFLOW;
    }
    if (listener === undefined) {
      resetReply(this, seg);
      return Drop.TCP_NO_CONNECTION;
    }
    // First, check for a RST; second, for an ACK; third, for a SYN
    if ((seg.flags & RST) !== 0) return Drop.TCP_BAD_RESET;
    if ((seg.flags & ACK) !== 0) return this.#arrivesAck(listener, seg, now);
    if ((seg.flags & SYN) === 0) return Drop.TCP_NO_CONNECTION;
    if (listener.isFull) return Drop.TCP_LISTEN_OVERFLOW;
    if (!listener.isHalfOpenFull) this.#passiveOpen(listener, seg, now, old);
    else if (this.config.synCookies) this.#sendCookie(listener, seg, now);
    else return Drop.TCP_LISTEN_OVERFLOW;
    return Drop.NONE;
  }

  /** An ACK in LISTEN is one too many, unless it brings a cookie back. */
  #arrivesAck(listener: Listener, seg: Segment, now: number): Drop {
    if ((seg.flags & SYN) === 0 && now <= listener.cookiesUntil) {
      // The peer takes the connection for established, and will ask again (RFC 4987 §3.6).
      if (listener.isFull) return Drop.TCP_LISTEN_OVERFLOW;
      const mss = this.#cookies.check(seg, now);
      if (mss !== 0) {
        this.#acceptCookie(listener, seg, mss, now);
        return Drop.NONE;
      }
      this.counters.tcpSynCookiesRejected++;
    }
    resetReply(this, seg);
    return Drop.TCP_BAD_ACK;
  }

  /** Answers a SYN for which there is no room. */
  #sendCookie(listener: Listener, seg: Segment, now: number): void {
    const { config } = this;
    const { options, packet: { source, destination } } = seg;
    let stamp = -1;
    let flags = 0;
    if (config.timestamps && options.timestamps) {
      this.#isn.next(destination, seg.destinationPort, source, seg.sourcePort, now);
      const ecn = grantsEcn(listener.options.ecn ?? config.ecn, seg);
      if (ecn) flags = ECE;
      stamp = stampOptions(
        (Math.floor(now) + this.#isn.timestampOffset) >>> 0,
        config.windowScaling ? options.windowScale : -1,
        config.sack && options.sackPermitted,
        ecn,
      );
    }
    listener.cookiesUntil = now + MAX_COOKIE_AGE;
    const iss = this.#cookies.make(seg, options.mss || DEFAULT_MSS[source.family], now);
    sendSynCookie(this, seg, iss, stamp, flags, listener.options);
  }

  /** Makes the connection that a cookie tells of, and works its first segment through it. */
  #acceptCookie(listener: Listener, seg: Segment, mss: number, now: number): void {
    const tcb = this.#newPassive(listener, seg);
    const { snd, rcv } = tcb;
    recallOptions(this.#recalled, mss, seg.options);
    rcv.irs = seqAdd(seg.seq, -1);
    rcv.nxt = seg.seq;
    settleOptions(tcb, this.#recalled, now);
    if (recallEcn(seg.options)) tcb.ecn = new Ecn();
    this.#isn.next(tcb.local, tcb.localPort, tcb.remote, tcb.remotePort, now);
    tcb.timestamps.offset = this.#isn.timestampOffset;
    snd.iss = snd.una = seqAdd(seg.ack, -1);
    snd.nxt = seg.ack;
    seg.options.timestampEcho = 0; // holds no time that could be measured by
    this.#table.add(tcb);
    tcb.state = State.LISTEN;
    setState(tcb, State.SYN_RECEIVED);
    listener.opening.add(tcb);
    this.counters.tcpSynCookiesAccepted++;
    this.counters.tcpPassiveOpens++;
    arrives(tcb, seg, now);
    this.touch(tcb);
  }

  #newPassive(listener: Listener, seg: Segment): Tcb {
    const { source, destination } = seg.packet;
    return new Tcb(
      this,
      listener.keep(destination),
      seg.destinationPort,
      source.clone(),
      seg.sourcePort,
      listener,
    );
  }

  #passiveOpen(listener: Listener, seg: Segment, now: number, follows: TimeWait | null): void {
    const tcb = this.#newPassive(listener, seg);
    tcb.follows = follows;
    tcb.rcv.irs = seg.seq;
    tcb.rcv.nxt = seqAdd(seg.seq, 1);
    settleOptions(tcb, seg.options, now);
    answerEcn(tcb, seg);
    tcb.state = State.LISTEN;
    const { fastOpenServer, fastOpenPending } = this.config;
    if (fastOpenServer && seg.options.fastOpenLength >= 0) {
      this.#fastOpenServer.onSyn(tcb, listener, seg, fastOpenPending, now);
    }
    this.#start(tcb, State.SYN_RECEIVED, now);
    listener.opening.add(tcb);
    this.counters.tcpPassiveOpens++;
    if (tcb.fastOpen?.isEarly) openEarly(tcb, listener, seg, now);
  }

  /** Sends the first SYN of a connection. */
  #start(tcb: Tcb, state: State, now: number): void {
    const { snd, follows } = tcb;
    snd.iss = this.#isn.next(tcb.local, tcb.localPort, tcb.remote, tcb.remotePort, now);
    tcb.timestamps.offset = this.#isn.timestampOffset;
    if (follows !== null) {
      this.counters.tcpTimeWaitsReused++;
      const least = followingIss(follows);
      if (seqLt(snd.iss, least)) snd.iss = least;
    }
    snd.una = snd.iss;
    snd.nxt = seqAdd(snd.iss, 1);
    this.#table.add(tcb);
    setState(tcb, state);
    tcb.synSentAt = now;
    sendSyn(tcb, now);
  }

  /**
   * Passive OPEN (§3.9.1.1).
   *
   * @param address `null` for all of ours.
   * @param port 0 for every port that no other listener has.
   * @param backlog Most connections that wait to be accepted.
   * @param onAcceptable Called when one more can be accepted.
   * @returns `undefined` if another listener has this address and port.
   */
  listen(
    address: IpAddress | null,
    port: number,
    backlog: number,
    onAcceptable: () => void,
  ): Listener | undefined {
    const listener = new Listener(address, port, backlog, onAcceptable);
    return this.#listeners.add(listener) ? listener : undefined;
  }

  /** Stops listening; connections that nobody has accepted are reset. */
  unlisten(listener: Listener, now: number): void {
    this.#listeners.remove(listener);
    const waiting = [...listener.opening].filter((tcb) => !tcb.fastOpen?.isEarly);
    for (const tcb of [...waiting, ...listener.queue]) this.abort(tcb, now);
    listener.queue.length = 0;
  }

  /** A port that no listener and no connection uses, unpredictable (RFC 6056); 0 when none is. */
  freePort(): number {
    const used = new PortSet();
    for (const tcb of this.#table) used.add(tcb.localPort);
    for (const timeWait of this.#timeWaits) used.add(timeWait.localPort);
    return pickPort(this.#env, (port) => !this.#listeners.has(port) && !used.has(port));
  }

  /**
   * Active OPEN (§3.9.1.1): sends a SYN.
   *
   * @param localPort 0 for an ephemeral one.
   * @param local `null` to have IP choose (MUST-44).
   * @param options What is to be otherwise than the stack's settings say.
   */
  open(
    remote: IpAddress,
    remotePort: number,
    local: IpAddress | null,
    localPort: number,
    user: TcpUser,
    now: number,
    options: ConnectionOptions = NO_OPTIONS,
  ): Tcb | OpenError {
    if (remote.isMulticast || remote.isBroadcast || remote.isUnspecified || remotePort === 0) {
      return OpenError.BAD_ADDRESS; // MUST-46
    }
    const own = local ?? this.network.sourceFor(remote);
    if (own === undefined) return OpenError.NO_ROUTE;
    const mayFollow = this.config.reuseTimeWait && this.config.timestamps;
    const reuses = options.reuseAddress ?? false;
    const isFree = (port: number) => {
      if (this.#table.find(own, port, remote, remotePort) !== null) return false;
      const old = this.#timeWaits.find(own, port, remote, remotePort);
      return old === null || reuses || (mayFollow && old.allowsOpen(now));
    };
    const port = localPort !== 0 ? localPort : pickPort(this.#env, isFree);
    if (port === 0) return OpenError.NO_PORT;
    if (!isFree(port)) return OpenError.IN_USE;
    const tcb = new Tcb(this, own, port, remote, remotePort, null, options);
    tcb.user = user;
    if (options.fastOpen !== undefined) {
      tcb.sendBuffer.write(options.fastOpen, 0, options.fastOpen.length);
      if (this.config.fastOpenClient) tcb.fastOpen = this.fastOpens.prepare(tcb, now);
    }
    tcb.follows = this.#timeWaits.find(own, port, remote, remotePort);
    this.#start(tcb, State.SYN_SENT, now);
    this.counters.tcpActiveOpens++;
    return tcb;
  }

  /**
   * SEND (§3.9.1.2): queues as much of `bytes` as there is room for, and sends what may go.
   *
   * @returns How many bytes were taken; if none, `sendError` says why.
   */
  send(tcb: Tcb, bytes: Uint8Array, now: number): number {
    if (sendError(tcb) !== CallError.NONE) return 0;
    const taken = tcb.sendBuffer.write(bytes, 0, bytes.length);
    if (taken > 0) output(tcb, now);
    return taken;
  }

  /**
   * The same, but nothing is sent before {@linkcode flush}: what is written until then shares
   * segments, and so does a FIN.
   *
   * @returns How many bytes were taken.
   */
  queue(tcb: Tcb, bytes: Uint8Array): number {
    if (sendError(tcb) !== CallError.NONE) return 0;
    const taken = tcb.sendBuffer.write(bytes, 0, bytes.length);
    if (taken > 0) this.touch(tcb);
    return taken;
  }

  /**
   * SEND with its URGENT flag (§3.9.1.2): as {@linkcode send}, and the peer is told at once that
   * what comes up to the last of these bytes is urgent, whether its window lets it come or not. For
   * applications that have always done so; new ones should not (SHLD-13).
   *
   * @returns How many bytes were taken.
   */
  sendUrgent(tcb: Tcb, bytes: Uint8Array, now: number): number {
    if (sendError(tcb) !== CallError.NONE) return 0;
    const taken = tcb.sendBuffer.write(bytes, 0, bytes.length);
    if (taken === 0) return 0;
    markUrgent(tcb);
    output(tcb, now);
    if (isUrgent(tcb) && tcb.state >= State.ESTABLISHED) sendAck(tcb, now);
    return taken;
  }

  /**
   * FLUSH (§3.9.1.7): forgets what was queued and not sent yet.
   *
   * @returns How many bytes that were.
   */
  discard(tcb: Tcb): number {
    if (tcb.state === State.CLOSED) return 0;
    const sent = seqDiff(tcb.snd.nxt, tcb.dataStart) - (tcb.finSent ? 1 : 0);
    const { length } = tcb.sendBuffer;
    const kept = Math.min(Math.max(0, sent), length);
    tcb.sendBuffer.truncate(kept);
    const { urgent } = tcb;
    if (urgent !== null && seqGt(urgent.sendUp, tcb.sendEnd)) urgent.sendUp = tcb.sendEnd;
    if (kept < length) signal(tcb, Signal.WRITABLE);
    return length - kept;
  }

  /** How many bytes are left to receive of what is urgent (MUST-33); 0: nothing is. */
  urgentLeft(tcb: Tcb): number {
    return urgentLeft(tcb);
  }

  /** STATUS (§3.9.1.5): all that can be told of a connection, of one that is closed too. */
  info(tcb: Tcb, now: number): TcpInfo {
    return tcpInfo(tcb, now);
  }

  /**
   * RECEIVE (§3.9.1.3): moves what has arrived into `target`.
   *
   * It does not cross the end of what is urgent.
   *
   * @returns How many bytes; 0 when nothing waits: {@linkcode isAtEnd} tells whether more can come.
   */
  receiveText(tcb: Tcb, target: Uint8Array, now: number): number {
    const n = tcb.receiveBuffer.read(tcb.urgent === null ? target : upToMark(tcb, target));
    if (n > 0 && tcb.receiveTuner !== null) tcb.receiveTuner.onTaken(tcb, n, now);
    if (n > 0 && openWindow(tcb) && tcb.state >= State.ESTABLISHED && !peerHasClosed(tcb.state)) {
      tcb.ackNow = true;
      this.touch(tcb);
    }
    return n;
  }

  /** Whether everything that the peer sent has been received, and it has closed. */
  isAtEnd(tcb: Tcb): boolean {
    return tcb.receiveBuffer.length === 0 &&
      (peerHasClosed(tcb.state) || tcb.reason === CloseReason.NORMAL);
  }

  /**
   * CLOSE (§3.9.1.4) of our sending side: a FIN follows what has been queued. Receiving goes on.
   */
  close(tcb: Tcb, now: number): void {
    if (tcb.finQueued) return;
    switch (tcb.state) {
      case State.SYN_SENT:
        closeConnection(tcb, CloseReason.ABORTED);
        return;
      case State.SYN_RECEIVED: // waits for ESTABLISHED
        tcb.finQueued = true;
        return;
      case State.ESTABLISHED:
        setState(tcb, State.FIN_WAIT_1);
        break;
      case State.CLOSE_WAIT:
        setState(tcb, State.LAST_ACK);
        break;
      default:
        return;
    }
    tcb.finQueued = true;
    output(tcb, now);
  }

  /**
   * The user is through with the connection: {@linkcode close}, and nothing more will be received.
   * Text that was not received, or still comes, resets it, behind what may be sent of what was
   * queued: the peer must not take it for delivered (§3.6.1, SHLD-3). If `tcb.linger` says so, the
   * connection is reset when it has not come to its end in that time, or at once.
   */
  release(tcb: Tcb, now: number): void {
    tcb.receiveClosed = true;
    if (tcb.state === State.TIME_WAIT) { // has to last (MUST-13), and the peer is through with it
      tcb.receiveBuffer.clear();
      return;
    }
    if (tcb.linger === 0) {
      this.abort(tcb, now);
      return;
    }
    if (tcb.receiveBuffer.length > 0 && tcb.state !== State.CLOSED) {
      output(tcb, now);
      this.abort(tcb, now);
      return;
    }
    this.close(tcb, now);
    lingerIfNobodyReads(tcb, now);
    const isEnding = tcb.state !== State.CLOSED && tcb.state !== State.FIN_WAIT_2;
    if (tcb.linger > 0 && isEnding) setLinger(tcb, now + tcb.linger);
  }

  /** ABORT (§3.9.1.5): ends the connection at once. */
  abort(tcb: Tcb, now: number): void {
    if (tcb.timeWait !== null) {
      tcb.receiveBuffer.clear();
      this.#timeWaits.end(tcb.timeWait);
    } else if (tcb.state !== State.CLOSED) {
      abortConnection(tcb, CloseReason.ABORTED, now);
    }
  }

  /** How long text may stay unacknowledged, in milliseconds: R2, 100 s or more (MUST-21, SHLD-11). */
  setUserTimeout(tcb: Tcb, timeout: number): void {
    tcb.userTimeout = timeout;
    if (tcb.state !== State.CLOSED) schedule(tcb);
  }

  /** Switches keep-alive on, counting from now, or off with `null` (MUST-24). */
  setKeepAlive(tcb: Tcb, times: KeepAliveTimes | null, now: number): void {
    setKeepAlive(tcb, times, now);
  }

  /** Holds back segments that are not full, 200 ms at most, or does so no longer. */
  setCork(tcb: Tcb, corked: boolean, now: number): void {
    tcb.corked = corked;
    if (corked) return;
    tcb.corkAt = Infinity;
    if (tcb.state !== State.CLOSED) output(tcb, now);
  }

  /**
   * Does what is due: timers that have expired. Of very many that expire at once, some are left for
   * the next call, which {@linkcode nextDeadline} says to be due.
   */
  poll(now: number): void {
    this.#timeWaits.poll(now, MOST_DUE);
    for (let i = 0; i < MOST_DUE; i++) {
      const tcb = this.#deadlines.due(now);
      if (tcb === undefined) return;
      expire(tcb, now);
    }
  }

  /**
   * When {@linkcode poll} has something to do next, in milliseconds; `Infinity`: nothing. At once,
   * while something waits for {@linkcode flush}.
   */
  nextDeadline(): number {
    if (this.#touchedCount > 0) return -Infinity;
    return Math.min(this.#deadlines.next(), this.#timeWaits.nextDeadline());
  }

  /**
   * Tells users what happened; what they do about it is sent by {@linkcode flush}, with what the
   * segments caused. But who is told of a connection has it: its peer hears of it before.
   */
  tell(now: number): void {
    for (let i = this.#flushedCount; i < this.#touchedCount; i++) {
      const tcb = this.#touched[i]!;
      if (tcb.signals === 0) continue;
      if ((tcb.signals & Signal.OPEN) !== 0 && tcb.state !== State.CLOSED) output(tcb, now);
      this.#tell(tcb);
    }
  }

  /** Ends a batch: users are told what happened, then what they and the segments caused is sent. */
  flush(now: number): void {
    // The list may grow meanwhile: a user's call can touch other connections. If a user throws, the
    // next call goes on behind that one.
    while (this.#flushedCount < this.#touchedCount) {
      const tcb = this.#touched[this.#flushedCount]!;
      this.#touched[this.#flushedCount++] = null;
      tcb.touched = false;
      if (tcb.signals !== 0) this.#tell(tcb);
      if (tcb.state !== State.CLOSED) output(tcb, now);
    }
    this.#touchedCount = this.#flushedCount = 0;
  }

  #tell(tcb: Tcb): void {
    const { signals, user } = tcb;
    tcb.signals = 0;
    if ((signals & Signal.OPEN) !== 0) {
      user.onOpen();
      if (tcb.listener !== null) tcb.listener.onAcceptable();
    }
    if ((signals & Signal.URGENT) !== 0) user.onUrgent?.();
    if ((signals & Signal.READABLE) !== 0) user.onReadable();
    if ((signals & Signal.WRITABLE) !== 0) user.onWritable();
    if ((signals & Signal.SOFT_ERROR) !== 0) user.onSoftError?.();
    if ((signals & Signal.CLOSED) !== 0) user.onClosed();
  }

  onState(connection: Connection, next: State): void {
    if (this.observer !== null) this.observer(connection, next);
  }

  touch(tcb: Tcb): void {
    if (tcb.touched) return;
    tcb.touched = true;
    this.#touched[this.#touchedCount++] = tcb;
  }

  schedule(tcb: Tcb): void {
    this.#deadlines.update(tcb);
  }

  forget(tcb: Tcb): void {
    this.#table.remove(tcb);
    this.#deadlines.remove(tcb);
  }

  beginTimeWait(tcb: Tcb, now: number): void {
    this.forget(tcb);
    tcb.timeWait = this.#timeWaits.add(tcb, now);
  }

  endTimeWait(timeWait: TimeWait): void {
    this.#timeWaits.end(timeWait);
  }
}
