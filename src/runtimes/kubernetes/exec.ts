import type { Socket } from 'node:net';
import { PassThrough, Transform } from 'node:stream';
import type { PodTarget } from '../../core/cluster.ts';
import type { Spawned } from '../../core/host.ts';
import { podsPath } from './cluster.ts';
import { Frames, frame, PAYLOAD_BYTES, type Piece, type Upgraded, upgrade } from './websocket.ts';
import type { Wire } from './wire.ts';

/**
 * Enters a container of a pod over a connection of our own to the API server: what `kubectl exec --stdin` does, without
 * the 50 ms that starting it takes. The connection is the leash: when this process dies it closes, and the kubelet
 * closes stdin. Before version 5 of the protocol stdin has no other end, so that ending it ends the output, too.
 *
 * @returns  null where only kubectl can speak to this cluster, or where the program was refused: kubectl then says why,
 *           in its own words
 */
export async function openExec(
  wire: Wire,
  target: PodTarget,
  argv: readonly string[],
): Promise<Spawned | null> {
  if (wire.kind !== 'direct') return null;
  const upgraded = await upgrade(wire, pathOf(target, argv), [V5, V4]);
  return upgraded && entered(upgraded);
}

const V5 = 'v5.channel.k8s.io';
const V4 = 'v4.channel.k8s.io';

function pathOf(target: PodTarget, argv: readonly string[]): string {
  const query = new URLSearchParams({ stdin: 'true', stdout: 'true', stderr: 'true', tty: 'false' });
  if (target.container !== '') query.set('container', target.container);
  for (const word of argv) query.append('command', word);
  return `/api/v1${podsPath(target)}/${encodeURIComponent(target.pod)}/exec?${query}`;
}

/** The first byte of a message. Source: k8s.io/apimachinery, `remotecommand` */
const CHANNELS = { stdin: 0, stdout: 1, stderr: 2, error: 3, close: 255 } as const;

const PING_EVERY_MS = 5_000;

function entered({ socket, protocol }: Upgraded): Spawned {
  const stdin = intoFrames();
  const output = { stdout: new PassThrough(), stderr: new PassThrough() };
  // as kubectl: what is between may end a connection on which nothing is said
  const pings = setInterval(() => socket.writable && socket.write(frame('ping', NOTHING)), PING_EVERY_MS);
  pings.unref();
  stdin.pipe(socket, { end: false });
  stdin.once('end', () => {
    if (protocol === V5) socket.write(frame('binary', Buffer.of(CHANNELS.close, CHANNELS.stdin)));
    else socket.end(frame('close', NOTHING));
  });
  let killed = false;
  const ended = readChannels(socket, output)
    .then(endOf)
    .catch(() => CUT_OFF)
    .then(({ code, words }) => {
      clearInterval(pings);
      socket.destroy();
      output.stdout.end();
      output.stderr.end(words);
      return killed ? { code: null, signal: 'SIGKILL' } : { code, signal: null };
    });
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

const NOTHING = Buffer.alloc(0);

/** Takes what a program reads, gives what is sent. */
function intoFrames(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const channel = Buffer.of(CHANNELS.stdin);
      for (let at = 0; at < chunk.length; at += PAYLOAD_BYTES - 1) {
        const piece = chunk.subarray(at, at + PAYLOAD_BYTES - 1);
        this.push(frame('binary', Buffer.concat([channel, piece])));
      }
      done();
    },
  });
}

interface Output {
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

/**
 * Passes the output on until the server ends the connection; rejects when it was cut.
 *
 * @returns  what came on the error channel: a `Status` as JSON, or nothing
 */
async function readChannels(socket: Socket, { stdout, stderr }: Output): Promise<string> {
  const frames = new Frames();
  const status: Buffer[] = [];
  let channel = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    for (const piece of frames.of(chunk)) {
      if (piece.kind !== 'data') {
        answer(socket, piece);
        continue;
      }
      if (piece.begins) channel = piece.bytes.readUInt8(0);
      const bytes = piece.begins ? piece.bytes.subarray(1) : piece.bytes;
      if (bytes.length === 0) continue;
      if (channel === CHANNELS.error) status.push(bytes);
      if (channel === CHANNELS.stdout) await pass(stdout, bytes);
      if (channel === CHANNELS.stderr) await pass(stderr, bytes);
    }
  }
  return Buffer.concat(status).toString();
}

function answer(socket: Socket, { kind, bytes }: Piece): void {
  if (!socket.writable) return;
  if (kind === 'ping') socket.write(frame('pong', bytes));
  if (kind === 'close') socket.end(frame('close', bytes));
}

/** A reader that let go gets no more, and does not hold up the other stream. */
function pass(taker: PassThrough, bytes: Buffer): Promise<void> | null {
  if (taker.destroyed || taker.write(bytes)) return null;
  return new Promise((resolve) => {
    const go = () => {
      taker.off('drain', go).off('close', go);
      resolve();
    };
    taker.on('drain', go).on('close', go);
  });
}

interface ExecEnd {
  readonly code: number;
  /** For stderr, as kubectl says it. */
  readonly words: string;
}

/** kubectl has no other code for a failure of its own. */
const CUT_OFF: ExecEnd = { code: 1, words: '' };

interface Status {
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** As kubectl understands it. Source: client-go, `errorDecoderV4` */
function endOf(words: string): ExecEnd {
  if (words === '') return CUT_OFF;
  const status: Status = JSON.parse(words);
  if (status.status === 'Success') return { code: 0, words: '' };
  const exitCode = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message;
  if (status.reason === 'NonZeroExitCode' && exitCode !== undefined)
    return { code: Number(exitCode), words: '' };
  return { code: 1, words: `error: ${status.message ?? 'the program could not be started'}\n` };
}
