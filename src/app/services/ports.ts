/**
 * Where `serve` serves what needs no port of its own.
 *
 * @module
 */

/** Port of chat and HTTP. */
export const FRONT_DOOR_PORT = 8080;
