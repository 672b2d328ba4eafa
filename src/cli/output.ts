import { BerthError, ERROR_EXITS, messageOf } from '../core/errors.ts';
import { printable } from './text.ts';

/** A stream as Node gives it; tests use a PassThrough. */
export type Sink = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export interface Io {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

/** Everything a command may print. Each call resolves when the reader has taken it. */
export interface Output {
  /** Whether stdout is one JSON value, or one per line. */
  readonly json: boolean;
  /** Columns of the terminal on stdout; null when it is none. */
  readonly columns: number | null;
  readonly color: boolean;
  readonly talks: boolean;
  /** One line of data. */
  line(text: string): Promise<void>;
  /** Bytes as they are. */
  bytes(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void>;
  value(value: unknown): Promise<void>;
  /** For a person who watches, on stderr; silent without a terminal. */
  talk(text: string): Promise<void>;
  /** On stderr, terminal or not. */
  warn(text: string): Promise<void>;
}

export function createOutput(
  io: Io,
  env: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Output {
  // an 'error' event that nobody listens to would end the process; write() reports it as well
  for (const stream of [io.stdout, io.stderr]) stream.on('error', () => undefined);
  const terminal = io.stdout.isTTY === true;
  return {
    json,
    columns: terminal ? (io.stdout.columns ?? 80) : null,
    color: terminal && !env.NO_COLOR && env.TERM !== 'dumb',
    talks: io.stderr.isTTY === true,
    line: (text) => write(io.stdout, `${text}\n`),
    bytes: (stream, bytes) => write(io[stream], bytes),
    value: (value) => write(io.stdout, `${JSON.stringify(value)}\n`),
    talk: async (text) => {
      if (io.stderr.isTTY === true) await write(io.stderr, `${text}\n`);
    },
    warn: (text) => write(io.stderr, `${text}\n`),
  };
}

/** Print an error as every verb does, and answer its exit code. A reader that went away is no error. */
export async function reportError(error: unknown, out: Output, debug: boolean): Promise<number> {
  if (isBrokenPipe(error)) return 0;
  const known = error instanceof BerthError ? error : asBerthError(error);
  try {
    await out.warn(errorLines(known));
    if (debug && error instanceof Error && error.stack) await out.warn(error.stack);
    if (out.json) {
      await out.value({ error: { code: known.code, message: known.message, hint: known.hint } });
    }
  } catch (unwritable) {
    if (!isBrokenPipe(unwritable)) throw unwritable;
  }
  return ERROR_EXITS[known.code];
}

/** `berth: CODE: sentence` and the next step, a line each. */
export function errorLines(error: {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}): string {
  return `berth: ${error.code}: ${printable(error.message)}\n  ${printable(error.hint)}`;
}

function asBerthError(error: unknown): BerthError {
  const errno = error instanceof Error && 'syscall' in error && 'code' in error;
  return errno
    ? new BerthError(`${messageOf(error)}.`, {
        code: 'IO',
        hint: 'Look at the path and its permissions, then try again.',
      })
    : new BerthError(`Something went wrong that berth did not expect: ${messageOf(error)}`, {
        code: 'INTERNAL',
        hint: 'This is a defect of berth; run it again with BERTH_DEBUG=1 and report what it prints.',
      });
}

function isBrokenPipe(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED')
  );
}

function write(stream: Sink, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}
