import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Wire } from './wire.ts';

/** The connection of an API server that speaks WebSocket (RFC 6455) from here on; no extensions are asked for. */
export interface Upgraded {
  readonly socket: Socket;
  /** The subprotocol that the server chose. */
  readonly protocol: string;
}

// until then nobody holds the leash: no cancel and no time limit is heard
const ANSWER_TIMEOUT_MS = 3_000;

/** @returns null where the server, or something on the way, would not have it */
export function upgrade(wire: Wire, path: string, protocols: readonly string[]): Promise<Upgraded | null> {
  const key = randomBytes(16).toString('base64');
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Protocol': protocols.join(', '),
  };
  // not a signal with a timeout: that would end the connection later, too
  const late = new AbortController();
  const deadline = setTimeout(() => late.abort(), ANSWER_TIMEOUT_MS);
  const asked = new Promise<Upgraded | null>((resolve) => {
    const request = wire.request({ method: 'GET', path, headers, signal: late.signal }, (refusal) => {
      refusal.on('error', () => {}).resume();
      resolve(null);
    });
    request.on('error', () => resolve(null));
    request.on('upgrade', (answer, socket: Socket, first: Buffer) => {
      socket.on('error', () => {}); // told by what reads from it
      const protocol = answer.headers['sec-websocket-protocol'] ?? '';
      const isOurs = answer.headers['sec-websocket-accept'] === proofOf(key) && protocols.includes(protocol);
      if (first.length > 0) socket.unshift(first);
      if (!isOurs) socket.destroy();
      resolve(isOurs ? { socket, protocol } : null);
    });
    request.end();
  });
  return asked.finally(() => clearTimeout(deadline));
}

function proofOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

const CONTINUATION = 0;
const OPCODES = { binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Of a longer payload many frames are made. */
export const PAYLOAD_BYTES = 32_768;

/** A whole message in one frame, masked as a client must. @param payload  at most `PAYLOAD_BYTES` */
export function frame(kind: keyof typeof OPCODES, payload: Uint8Array): Buffer {
  const mask = randomBytes(4);
  const isLong = payload.length >= LENGTH_16;
  const head = isLong ? 4 : 2;
  const bytes = Buffer.allocUnsafe(head + mask.length + payload.length);
  bytes.writeUInt8(FINAL | OPCODES[kind], 0);
  bytes.writeUInt8(MASKED | (isLong ? LENGTH_16 : payload.length), 1);
  if (isLong) bytes.writeUInt16BE(payload.length, 2);
  mask.copy(bytes, head);
  const body = bytes.subarray(head + mask.length);
  for (let at = 0; at < payload.length; at++) body[at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
  return bytes;
}

const FINAL = 0x80;
const RESERVED = 0x70;
const OPCODE = 0x0f;
const CONTROL = 0x08;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

export type Piece =
  /** Of a message, which may come in many. */
  | { readonly kind: 'data'; readonly begins: boolean; readonly bytes: Buffer }
  | { readonly kind: 'close' | 'ping' | 'pong'; readonly bytes: Buffer };

/** What a server sends, piece by piece as it comes: no message is held until it is whole. */
export class Frames {
  private held: Buffer = Buffer.alloc(0);
  private left = 0;
  private begins = false;

  /** @throws {Error} for what no server may send */
  *of(chunk: Buffer): Generator<Piece> {
    let rest = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = Buffer.alloc(0);
    while (rest.length > 0) {
      if (this.left === 0) {
        const head = headOf(rest);
        const isWhole = head !== null && (!head.isControl || rest.length >= head.bytes + head.length);
        if (!isWhole) {
          this.held = rest;
          return;
        }
        rest = rest.subarray(head.bytes);
        if (head.isControl) {
          yield { kind: controlOf(head.opcode), bytes: rest.subarray(0, head.length) };
          rest = rest.subarray(head.length);
          continue;
        }
        this.begins ||= head.opcode !== CONTINUATION;
        this.left = head.length;
      }
      const bytes = rest.subarray(0, this.left);
      rest = rest.subarray(bytes.length);
      this.left -= bytes.length;
      if (bytes.length === 0) continue;
      yield { kind: 'data', begins: this.begins, bytes };
      this.begins = false;
    }
  }
}

interface Head {
  readonly opcode: number;
  readonly isControl: boolean;
  /** Of the head itself. */
  readonly bytes: number;
  /** Of what follows it. */
  readonly length: number;
}

/** Null where it is not whole yet. */
function headOf(bytes: Buffer): Head | null {
  if (bytes.length < 2) return null;
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)];
  const opcode = first & OPCODE;
  const isControl = (opcode & CONTROL) !== 0;
  const short = second & ~MASKED;
  const isBroken = (first & RESERVED) !== 0 || (second & MASKED) !== 0;
  if (isBroken || (isControl && short >= LENGTH_16)) throw new Error('This is no WebSocket.');
  if (short < LENGTH_16) return { opcode, isControl, bytes: 2, length: short };
  const size = short === LENGTH_64 ? 10 : 4;
  if (bytes.length < size) return null;
  const length = size === 4 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  return { opcode, isControl, bytes: size, length };
}

function controlOf(opcode: number): 'close' | 'ping' | 'pong' {
  if (opcode === OPCODES.ping) return 'ping';
  return opcode === OPCODES.pong ? 'pong' : 'close';
}
