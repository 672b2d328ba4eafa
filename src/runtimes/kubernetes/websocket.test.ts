import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { Frames, frame, PAYLOAD_BYTES, type Piece } from './websocket.ts';

const hello = (from = 0, to = 5) => Buffer.from('Hello').subarray(from, to);

// source: RFC 6455, 5.7
const WHOLE = Buffer.from('810548656c6c6f', 'hex');
const FRAGMENTS = [Buffer.from('010348656c', 'hex'), Buffer.from('80026c6f', 'hex')];
const PING = Buffer.from('890548656c6c6f', 'hex');
const BYTES_256 = Buffer.concat([Buffer.from('827e0100', 'hex'), Buffer.alloc(256, 1)]);
const BYTES_64K = Buffer.concat([Buffer.from('827f0000000000010000', 'hex'), Buffer.alloc(65_536, 2)]);

test('messages of every length, in fragments and with a ping between, are read wherever they are cut', () => {
  const sent = Buffer.concat([
    WHOLE,
    FRAGMENTS[0] ?? WHOLE,
    PING,
    FRAGMENTS[1] ?? WHOLE,
    BYTES_256,
    BYTES_64K,
    PING,
  ]);
  for (const size of [1, 2, 3, 7, 11, 300, 65_000, sent.length]) {
    const frames = new Frames();
    const pieces: Piece[] = [];
    for (let at = 0; at < sent.length; at += size) pieces.push(...frames.of(sent.subarray(at, at + size)));

    expect(pieces.filter(({ kind }) => kind !== 'data')).toEqual([
      { kind: 'ping', bytes: hello() },
      { kind: 'ping', bytes: hello() },
    ]);
    const all = [hello(), hello(), Buffer.alloc(256, 1), Buffer.alloc(65_536, 2)];
    expect(messages(pieces).map((one) => one.toString('hex'))).toEqual(all.map((one) => one.toString('hex')));
  }
});

test('a message begins with its first byte, also when that comes in a later fragment', () => {
  const empty = Buffer.from('0200', 'hex');
  const last = Buffer.from('800568656c6c6f', 'hex');
  expect([...new Frames().of(Buffer.concat([empty, last, WHOLE]))]).toMatchObject([
    { begins: true, bytes: Buffer.from('hello') },
    { begins: true, bytes: hello() },
  ]);
});

test.each([
  ['masked', '818537fa213d7f9f4d5158'],
  ['of an extension that nobody asked for', 'c10548656c6c6f'],
  ['a control frame that is too long', '897e0100'],
])('what no server may send is an error: %s', (_what, bytes) => {
  expect(() => [...new Frames().of(Buffer.from(bytes, 'hex'))]).toThrow('no WebSocket');
});

test.each([0, 1, 125, 126, 127, PAYLOAD_BYTES])('what is sent in a frame of %i bytes is masked', (size) => {
  const payload = randomBytes(size);
  const bytes = frame('binary', payload);
  expect(bytes[0]).toBe(0x82);
  const masked = 0x80;
  expect((bytes[1] ?? 0) & masked).toBe(masked);
  const short = (bytes[1] ?? 0) & ~masked;
  const head = short === 126 ? 4 : 2;
  expect(short === 126 ? bytes.readUInt16BE(2) : short).toBe(size);
  const mask = bytes.subarray(head, head + 4);
  const body = bytes.subarray(head + 4).map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  expect(Buffer.from(body).equals(payload)).toBe(true);
});

function messages(pieces: readonly Piece[]): readonly Buffer[] {
  const all: Buffer[][] = [];
  for (const piece of pieces) {
    if (piece.kind !== 'data') continue;
    if (piece.begins) all.push([]);
    all.at(-1)?.push(piece.bytes);
  }
  return all.map((parts) => Buffer.concat(parts));
}
