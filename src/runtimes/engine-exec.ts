import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import type { Spawned } from '../core/host.ts';
import { answerOf, dockerSocket, requestText, statusOf } from './engine-socket.ts';
import type { Box } from './enter.ts';

/**
 * Enters a container over the Docker engine's own socket: what `docker exec --interactive` does, without the 20 ms
 * and the CPU time that starting a client takes. The connection is the leash: when this process dies it closes, and
 * the engine closes stdin.
 *
 * @param argv  program and arguments, in the container's own environment and directory
 * @returns     null where the engine is not docker on a socket of this machine, or would not make the exec: its client
 *              then says why, in its own words
 */
export async function openExec({ engine, id, user }: Box, argv: readonly string[]): Promise<Spawned | null> {
  const socketPath = engine === 'docker' ? dockerSocket(process.env) : null;
  if (socketPath === null) return null;
  const streams = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: false };
  const body = JSON.stringify({ ...streams, Cmd: argv, ...(user !== null && { User: user }) });
  const path = `/containers/${id}/exec`;
  const made = await answerOf(socketPath, { method: 'POST', path, body }).catch(() => null);
  const exec = (made as { readonly Id?: string } | null)?.Id;
  return exec === undefined ? null : started(socketPath, exec);
}

function started(socketPath: string, exec: string): Spawned {
  const body = JSON.stringify({ Detach: false, Tty: false });
  // its stdin may end long before its output does
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n';
  socket.write(requestText('1.1', { method: 'POST', path: `/exec/${exec}/start`, body }, upgrade));
  const stdin = new PassThrough();
  const output = { stdout: new PassThrough(), stderr: new PassThrough() };
  socket.on('error', () => {}); // told by what reads from it
  let killed = false;
  const unknown = () => CUT_OFF;
  const ended = readStreams(socket, { stdin, ...output })
    .finally(() => {
      output.stdout.end();
      output.stderr.end();
      socket.destroy();
    })
    .then((begun) => (begun ? codeOf(socketPath, exec) : REFUSED), unknown)
    .then((code) => (killed ? { code: null, signal: 'SIGKILL' } : { code, signal: null }));
  return {
    pid: 0,
    stdin,
    ...output,
    ended,
    kill: () => {
      killed = true;
      socket.destroy();
    },
    release: () => {
      output.stdout.destroy();
      output.stderr.destroy();
    },
    unref: () => void socket.unref(),
  };
}

/** As the engine's client says that nothing answers it any more, and that it was not let in. */
const CUT_OFF = 255;
const REFUSED = 1;

interface Streams {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

/**
 * Passes both ways until the engine ends the connection. @returns whether it let us in; rejects when the connection
 * was cut
 */
async function readStreams(socket: Socket, { stdin, stdout, stderr }: Streams): Promise<boolean> {
  let head: Buffer | null = Buffer.alloc(0);
  const frames = new Frames();
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let bytes = chunk;
    if (head !== null) {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) continue;
      const status = statusOf(head);
      if (status !== 101 && status !== 200) {
        stderr.write(`Error response from daemon: ${reasonOf(head.subarray(end + 4), status)}\n`);
        return false;
      }
      bytes = head.subarray(end + 4);
      head = null;
      // what is sent before the engine has upgraded the connection may be lost
      stdin.pipe(socket);
    }
    for (const { stream, bytes: piece } of frames.of(bytes)) {
      const taker = stream === STDERR ? stderr : stdout;
      // a reader that let go gets no more, and does not hold up the other stream
      if (!taker.write(piece) && !taker.destroyed) await once(taker, 'drain').catch(() => {});
    }
  }
  if (head !== null) throw new Error('the engine closed the connection');
  return true;
}

/** A refusal is short, so it comes in one piece. */
function reasonOf(body: Buffer, status: number): string {
  try {
    return (JSON.parse(body.toString()) as { readonly message: string }).message;
  } catch {
    return `it answered ${status}`;
  }
}

const STDERR = 2;
const HEADER_BYTES = 8;

/** Pieces of the engine's multiplexed stream: a byte that names the stream, three of 0, a length, and as many bytes. */
class Frames {
  private header = Buffer.alloc(0);
  private stream = 0;
  private left = 0;

  *of(chunk: Buffer): Generator<{ readonly stream: number; readonly bytes: Buffer }> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.left === 0) {
        const missing = HEADER_BYTES - this.header.length;
        this.header = Buffer.concat([this.header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.header.length < HEADER_BYTES) return;
        this.stream = this.header.readUInt8(0);
        this.left = this.header.readUInt32BE(4);
        this.header = Buffer.alloc(0);
      }
      const bytes = rest.subarray(0, this.left);
      rest = rest.subarray(bytes.length);
      this.left -= bytes.length;
      if (bytes.length > 0) yield { stream: this.stream, bytes };
    }
  }
}

/** The program's exit code, as the engine knows it. */
async function codeOf(socketPath: string, exec: string): Promise<number | null> {
  const question = { method: 'GET', path: `/exec/${exec}/json`, body: '' } as const;
  const found = await answerOf(socketPath, question).catch(() => null);
  // a new engine knows of no such exec
  return found === null ? CUT_OFF : (found as { readonly ExitCode: number | null }).ExitCode;
}
