import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Berth } from '../support/berth.ts';
import { type Box, bareBox, runningBox, serviceBox } from '../support/boxes.ts';
import { describeWith, type Engine } from '../support/engines.ts';

const GIGABYTE = 1024 ** 3;
const MOST_MEMORY = 150 * 1024 ** 2;
const BOXES: readonly (readonly [string, readonly Engine[], () => Promise<Box>])[] = [
  ['the host', [], bareBox],
  ['a container of docker', ['docker'], () => runningBox('docker')],
  ['a container of podman', ['podman'], () => runningBox('podman')],
  ['a Compose service', ['docker', 'compose'], serviceBox],
];
const asked = process.env.CI === 'true' || process.env.BERTH_TEST_GIGABYTE !== undefined;

describe.runIf(asked)('1 GiB through a task (in CI, or with BERTH_TEST_GIGABYTE=1)', () => {
  for (const [name, engines, open] of BOXES) {
    describeWith(engines, `in ${name}`, () => {
      test('arrives whole through berth run, even at a slow reader, in less than 150 MiB', async () => {
        const box = await open();
        await using berth = new Berth();
        const child = berth.start([
          'run',
          ...box.options,
          '--',
          'sh',
          '-c',
          `head -c ${GIGABYTE} /dev/zero; exit 3`,
        ]);
        let most = 0;
        let bytes = 0;
        child.stdout?.on('data', (chunk: Buffer) => {
          if (bytes === 0) {
            child.stdout?.pause();
            setTimeout(() => child.stdout?.resume(), 3000);
          }
          bytes += chunk.length;
          most = Math.max(most, peakOf(child.pid));
        });
        const code = await new Promise((resolve) => child.once('close', resolve));
        await box.close();

        expect({ bytes, code }).toEqual({ bytes: GIGABYTE, code: 3 });
        expect(most).toBeGreaterThan(0);
        expect(most).toBeLessThan(MOST_MEMORY);
      }, 300_000);

      test('is on disk whole from the queue, and the worker stays below 150 MiB', async () => {
        const box = await open();
        await using berth = new Berth();
        const pid = await berth.up();
        const line = `head -c ${GIGABYTE} /dev/zero; exit 3`;
        const { id } = await berth.json(['send', ...box.options, '--', 'sh', '-c', line]);
        const shown = () => berth.json(['show', String(id)]);
        for (let state = ''; state !== 'finished'; ) {
          ({ state } = await shown());
        }
        const { exit_code, log } = await shown();
        const most = peakOf(pid);
        await box.close();

        expect({ exit_code, bytes: statSync(log).size }).toEqual({ exit_code: 3, bytes: GIGABYTE });
        expect(most).toBeLessThan(MOST_MEMORY);
      }, 300_000);
    });
  }
});

/** The most memory that a process ever had, in bytes; 0 when it is gone. */
function peakOf(pid: number | undefined): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
