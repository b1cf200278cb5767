/**
 * Counts of one connection.
 *
 * @module
 */

/** Segments, and bytes of text, since the connection began. */
export class Traffic {
  segmentsReceived = 0;
  segmentsSent = 0;
  /** Received in order, each byte once. */
  bytesReceived = 0;
  /** Sent, with what was sent again. */
  bytesSent = 0;
  bytesAcknowledged = 0;
  segmentsRetransmitted = 0;
  bytesRetransmitted = 0;
}
