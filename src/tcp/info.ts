/**
 * What can be told of a connection: STATUS (RFC 9293 §3.9.1.5), and more, much as Linux's
 * `TCP_INFO` has it.
 *
 * @module
 */

import { stateOf } from "./calls.ts";
import { Phase } from "./recovery.ts";
import { State, STATE_NAMES } from "./state.ts";
import { SoftError, type Tcb } from "./tcb.ts";
import { giveUpAt } from "./timers.ts";
import { urgentLeft } from "./urgent.ts";

/** A connection at one moment. Times in milliseconds, lengths in bytes, rates in bytes per second. */
export interface TcpInfo {
  /** The state, as RFC 9293 §3.3.2 names it: `ESTABLISHED`. */
  state: keyof typeof State;
  /** The last trouble there was: `NONE`, or the name of a soft error. */
  softError: keyof typeof SoftError;

  /** Smoothed round-trip time; 0 before the first measurement. */
  rtt: number;
  /** Its variation. */
  rttVariation: number;
  /** Smallest round-trip time of late; 0 before the first measurement. */
  minRtt: number;
  /** Retransmission timeout, with its back-off. */
  rto: number;

  /** Name of the congestion control: `cubic`. */
  congestion: string;
  /** What it does at the moment. */
  phase: "slow start" | "congestion avoidance" | "fast recovery" | "loss recovery";
  /** Congestion window. */
  cwnd: number;
  /** Slow start threshold; `Infinity` before the first loss. */
  ssthresh: number;
  /** As fast as pacing lets segments go; `Infinity` without pacing. */
  pacingRate: number;
  /** As fast as text has lately been delivered; 0 before the first measurement. */
  deliveryRate: number;
  /** Whether that was all there was to send. */
  appLimited: boolean;

  /** Believed to be in the network. */
  inFlight: number;
  /** Sent, and not acknowledged cumulatively. */
  unacked: number;
  /** Of that: what the peer has out of order. */
  sacked: number;
  /** Of that: what is taken for lost. */
  lost: number;
  /** Of that: what was sent again, and may still be in the network. */
  retransmitted: number;
  /** Retransmission timeouts since something was last acknowledged. */
  timeouts: number;
  /** Delivered on the whole, by SACK too; SYN and FIN are counted. */
  delivered: number;

  /** Most text in a segment that is sent. */
  mss: number;
  /** The window that the peer offers. */
  sendWindow: number;
  /** The window that is offered to the peer. */
  receiveWindow: number;
  /** Urgent text that waits to be received, with what is in front of it. */
  urgent: number;

  /** What both sides have agreed on. */
  options: {
    sack: boolean;
    timestamps: boolean;
    ecn: boolean;
    /** By how many bits windows are shifted in what is sent to us, and by us; null: not scaled. */
    windowScale: { send: number; receive: number } | null;
  };
  /** Diffserv field of what is sent, and of what was received last, in the upper six bits. */
  tos: { send: number; receive: number };
  /** Time to live of what is sent; 0: the default of IP. */
  ttl: number;

  /** Counts since the connection began, of segments and of bytes of text. */
  traffic: {
    segmentsSent: number;
    segmentsReceived: number;
    segmentsRetransmitted: number;
    bytesSent: number;
    bytesReceived: number;
    bytesAcknowledged: number;
    bytesRetransmitted: number;
  };

  /** Bytes that the buffers hold, and could hold. */
  buffers: {
    send: { length: number; capacity: number };
    receive: { length: number; capacity: number };
    /** Ranges that have arrived ahead of missing text. */
    outOfOrder: number;
  };

  /** In how many milliseconds each timer expires; those that don't run are left out. */
  timers: {
    retransmission?: number;
    tailLossProbe?: number;
    reordering?: number;
    pacing?: number;
    persist?: number;
    delayedAck?: number;
    keepAlive?: number;
    cork?: number;
    userTimeout?: number;
    linger?: number;
  };
}

/** What can be told of a connection at `now`. */
export function tcpInfo(tcb: Tcb, now: number): TcpInfo {
  const { board, congestion, rack, rate, rtt, snd, rcv, traffic } = tcb;
  return {
    state: STATE_NAMES[stateOf(tcb)]!,
    softError: nameOf(SoftError, tcb.softError),
    rtt: rtt.srtt,
    rttVariation: rtt.rttvar,
    minRtt: rack.minRtt === Infinity ? 0 : rack.minRtt,
    rto: rtt.rto,
    congestion: congestion.name,
    phase: phaseOf(tcb),
    cwnd: congestion.cwnd,
    ssthresh: congestion.ssthresh,
    pacingRate: congestion.pacingRate * 1000,
    deliveryRate: rate.rate * 1000,
    appLimited: rate.appLimitedUntil > 0,
    inFlight: board.pipe,
    unacked: tcb.state === State.CLOSED ? 0 : tcb.flight,
    sacked: board.sacked,
    lost: board.lost,
    retransmitted: board.resent,
    timeouts: tcb.timeouts,
    delivered: rate.delivered,
    mss: tcb.mss,
    sendWindow: snd.wnd,
    receiveWindow: rcv.wnd,
    urgent: urgentLeft(tcb),
    options: {
      sack: tcb.sackPermitted,
      timestamps: tcb.timestamps.enabled,
      ecn: tcb.ecn !== null,
      windowScale: tcb.scales ? { send: tcb.sendScale, receive: tcb.receiveScale } : null,
    },
    tos: { send: tcb.tos, receive: tcb.receivedTos },
    ttl: tcb.ttl,
    traffic: { ...traffic },
    buffers: {
      send: { length: tcb.sendBuffer.length, capacity: tcb.sendBuffer.capacity },
      receive: { length: tcb.receiveBuffer.length, capacity: tcb.receiveBuffer.capacity },
      outOfOrder: tcb.assembler.count,
    },
    timers: timersOf(tcb, now),
  };
}

function phaseOf(tcb: Tcb): TcpInfo["phase"] {
  if (tcb.recovery.phase === Phase.RECOVERY) return "fast recovery";
  if (tcb.recovery.phase === Phase.LOSS) return "loss recovery";
  return tcb.congestion.cwnd < tcb.congestion.ssthresh ? "slow start" : "congestion avoidance";
}

function timersOf(tcb: Tcb, now: number): TcpInfo["timers"] {
  const times: Required<TcpInfo["timers"]> = {
    retransmission: tcb.retransmitAt,
    tailLossProbe: tcb.probeAt,
    reordering: tcb.reorderAt,
    pacing: tcb.paceAt,
    persist: tcb.persistAt,
    delayedAck: tcb.delayedAckAt,
    keepAlive: tcb.keepAliveAt,
    cork: tcb.corkAt,
    userTimeout: giveUpAt(tcb),
    linger: tcb.lingerAt,
  };
  const running = Object.entries(times).filter(([, at]) => at !== Infinity);
  return Object.fromEntries(running.map(([name, at]) => [name, Math.max(0, at - now)]));
}

function nameOf<T extends Readonly<Record<string, number>>>(names: T, value: number): keyof T {
  return Object.keys(names).find((name) => names[name] === value)!;
}
