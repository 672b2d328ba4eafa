import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Berth, until } from '../support/berth.ts';

/** Of one task's output; CI takes a gigabyte (BERTH_TEST_OUTPUT_BYTES). */
const BYTES = Number(process.env.BERTH_TEST_OUTPUT_BYTES ?? 64 * 1024 ** 2);
const MOST_MEMORY = 150 * 1024 ** 2;
const PENDING = 100_000;
const PATIENCE_MS = 600_000;

let berth: Berth;
beforeEach(() => {
  berth = new Berth();
});
afterEach(() => berth[Symbol.asyncDispose]());

test(
  `${PENDING} pending tasks are sent at once, and the queue stays usable with them`,
  async () => {
    const line = JSON.stringify({ command: 'true' });
    writeFileSync(join(berth.home, 'batch.jsonl'), `${line}\n`.repeat(PENDING));

    expect((await berth.run(['send', '--batch', 'batch.jsonl'])).code).toBe(0);
    expect((await berth.json(['status'])).tasks).toMatchObject({ pending: PENDING });
    expect((await berth.json(['list', '--limit', '100'])).length).toBe(100);
    await berth.up('--slots', '1');
    // ahead of all others
    const { code, stdout } = await berth.run(['send', '--priority', '10', '--wait', 'echo first']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('first')]);
    expect((await berth.run(['cancel', String(PENDING)])).code).toBe(0);
    await berth.run(['down']);
    const { finished, pending } = (await berth.json(['status'])).tasks;
    expect(finished + pending).toBeGreaterThan(PENDING - 2);
  },
  PATIENCE_MS,
);

test(
  `${BYTES / 1024 ** 2} MiB of output are kept whole, in little memory, whoever reads them slowly`,
  async () => {
    const worker = await berth.up('--slots', '1');
    const { id } = await berth.json(['send', `head -c ${BYTES} /dev/zero; exit 3`]);
    const reader = berth.start(['logs', '--follow', String(id)]);
    const read = { bytes: 0, memory: 0 };
    reader.stdout?.pause();
    // the task does not wait for who reads along
    expect((await berth.run(['wait', String(id)])).code).toBe(3);
    reader.stdout?.on('data', (bytes: Buffer) => {
      read.bytes += bytes.length;
      read.memory = Math.max(read.memory, peakOf(reader.pid));
    });
    reader.stdout?.resume();
    const code = await new Promise((resolve) => reader.once('close', resolve));

    expect({ code, bytes: read.bytes }).toEqual({ code: 0, bytes: BYTES });
    expect(statSync((await berth.json(['show', String(id)])).log).size).toBe(BYTES);
    for (const memory of [peakOf(worker), read.memory]) {
      expect(memory).toBeGreaterThan(0);
      expect(memory).toBeLessThan(MOST_MEMORY);
    }
  },
  PATIENCE_MS,
);

test('a reader of the log that goes away, or stops reading, leaves the task alone', async () => {
  await berth.up('--slots', '1');
  const gate = join(berth.home, 'gate');
  const { id } = await berth.json([
    'send',
    `head -c 3000000 /dev/zero; until [ -e ${gate} ]; do sleep 0.05; done; echo over`,
  ]);
  const stuck = berth.start(['logs', '--follow', String(id)]);
  const gone = berth.start(['logs', '--follow', String(id)]);
  gone.stdout?.once('data', () => gone.stdout?.destroy());
  stuck.stdout?.once('data', () => stuck.stdout?.pause());
  await until('the task waits', async () => (await berth.json(['show', String(id)])).state === 'running');
  writeFileSync(gate, '');

  expect((await berth.run(['wait', String(id)])).code).toBe(0);
  stuck.kill();
});

/** The most memory that a process ever had, in bytes; 0 when it is gone. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
