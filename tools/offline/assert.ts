/**
 * Stands in for `@std/assert` where JSR cannot be reached: what this project uses of it.
 *
 * Equality is that of `node:assert`, a little stricter than the original's: `0` and `-0` differ.
 *
 * @module
 */

import { AssertionError as NodeAssertionError } from "node:assert";
import { inspect, isDeepStrictEqual } from "node:util";

/** Thrown when an assertion fails. */
export class AssertionError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

function failure(text: string, msg?: string): AssertionError {
  return new AssertionError(msg ? `${text}: ${msg}` : text);
}

function show(value: unknown): string {
  return inspect(value, { depth: 10, maxArrayLength: 200, maxStringLength: 2000 });
}

/** Asserts that `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** Asserts that `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is false {
  if (expr) throw new AssertionError(msg);
}

/** Asserts that `actual` equals `expected`, deeply. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const difference = new NodeAssertionError({ actual, expected, operator: "deepStrictEqual" });
  throw failure(`Values are not equal${msg ? `: ${msg}` : ""}\n${difference.message}`);
}

/** Asserts that `actual` does not equal `expected`, deeply. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!isDeepStrictEqual(actual, expected)) return;
  throw failure(`Expected actual: ${show(actual)} not to be: ${show(expected)}`, msg);
}

/** Asserts that both are the same value or object, as `Object.is` tells. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  throw failure(`Values are not strictly equal: ${show(actual)} and ${show(expected)}`, msg);
}

/** Asserts that the two are not the same value or object, as `Object.is` tells. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw failure(`Expected "actual" not to be strictly equal to: ${show(actual)}`, msg);
}

/** Asserts that `actual` is neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  throw failure(`Expected actual: "${actual}" to not be null or undefined`, msg);
}

/** Asserts that `actual > expected`. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  throw failure(`Expect ${show(actual)} > ${show(expected)}`, msg);
}

/** Asserts that `actual >= expected`. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual >= expected) return;
  throw failure(`Expect ${show(actual)} >= ${show(expected)}`, msg);
}

/** Asserts that `actual < expected`. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  throw failure(`Expect ${show(actual)} < ${show(expected)}`, msg);
}

/** Asserts that `actual <= expected`. */
export function assertLessOrEqual<T>(actual: T, expected: T, msg?: string): void {
  if (actual <= expected) return;
  throw failure(`Expect ${show(actual)} <= ${show(expected)}`, msg);
}

/** Asserts that two numbers differ by `tolerance` at most: by default 1e-7 of `expected`, or 1e-7 if that is 0. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const margin = tolerance ?? (expected === 0 ? 1e-7 : Math.abs(expected) * 1e-7);
  if (Math.abs(expected - actual) <= margin) return;
  throw failure(`Expected actual: "${actual}" to be close to "${expected}"`, msg);
}

/** Asserts that `actual` contains `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (actual.includes(expected)) return;
  throw failure(`Expected actual: ${show(actual)} to contain: ${show(expected)}`, msg);
}

/** Asserts that `actual` matches the expression. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (expected.test(actual)) return;
  throw failure(`Expected actual: ${show(actual)} to match: ${expected}`, msg);
}

/** Asserts that `actual` does not match the expression. */
export function assertNotMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) return;
  throw failure(`Expected actual: ${show(actual)} to not match: ${expected}`, msg);
}

// deno-lint-ignore no-explicit-any
type ErrorType<E extends Error> = abstract new (...args: any[]) => E;

/** Asserts that `actual` is an instance of the type. */
export function assertInstanceOf<
  // deno-lint-ignore no-explicit-any
  T extends abstract new (...args: any[]) => any,
>(actual: unknown, expectedType: T, msg = ""): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  throw failure(`Expected object to be an instance of "${expectedType.name}"`, msg);
}

/** Asserts that `error` is an error, of that class and with that text in its message if given. */
export function assertIsError<E extends Error = Error>(
  error: unknown,
  errorClass?: ErrorType<E>,
  msgMatches?: string | RegExp,
  msg?: string,
): asserts error is E {
  if (!(error instanceof Error)) {
    throw failure(`Expected "error" to be an Error object, but it is ${show(error)}`, msg);
  }
  if (errorClass && !(error instanceof errorClass)) {
    throw failure(
      `Expected error to be instance of "${errorClass.name}", but was "${error.constructor.name}": ${error.message}`,
      msg,
    );
  }
  const matches = typeof msgMatches === "string"
    ? error.message.includes(msgMatches)
    : msgMatches?.test(error.message) ?? true;
  if (!matches) {
    throw failure(
      `Expected error message to include ${show(msgMatches)}, but got ${show(error.message)}`,
      msg,
    );
  }
}

/** Asserts that `fn` throws, and returns what it throws. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
/** Asserts that `fn` throws an error of that class and with that text in its message, and returns it. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorType<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorType<E> | string,
  msgIncludes?: string,
  msg?: string,
): E | Error | unknown {
  const [errorClass, suffix] = typeof errorClassOrMsg === "string"
    ? [undefined, errorClassOrMsg]
    : [errorClassOrMsg, msg];
  try {
    fn();
  } catch (error) {
    if (errorClass) assertIsError(error, errorClass, msgIncludes, suffix);
    return error;
  }
  throw failure("Expected function to throw", suffix);
}

/** Asserts that the promise of `fn` rejects, and resolves to what it rejects with. */
export function assertRejects(fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
/** Asserts that the promise of `fn` rejects with an error of that class and with that text in its message. */
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorType<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorType<E> | string,
  msgIncludes?: string,
  msg?: string,
): Promise<E | Error | unknown> {
  const [errorClass, suffix] = typeof errorClassOrMsg === "string"
    ? [undefined, errorClassOrMsg]
    : [errorClassOrMsg, msg];
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch (error) {
    // A throw before there is a promise is not a rejection.
    throw failure(`Function throws when expected to reject: ${show(error)}`, suffix);
  }
  try {
    await promise;
  } catch (error) {
    if (errorClass) assertIsError(error, errorClass, msgIncludes, suffix);
    return error;
  }
  throw failure("Expected function to reject", suffix);
}

/** Fails. */
export function fail(msg?: string): never {
  throw failure("Failed assertion", msg);
}

/** Marks what cannot be reached. */
export function unreachable(reason?: string): never {
  throw failure("Unreachable", reason);
}
