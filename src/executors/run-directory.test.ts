import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isAllWritten, readEnd, runFiles } from './run-directory.ts';

test.each([
  ['without a terminal between, the end mark is the last word', false],
  ['over a terminal, output may come behind the end mark', true],
])('%s', (_fact, overTerminal) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-run-'));
  const files = runFiles(folder, '.');
  writeFileSync(files.facts, JSON.stringify({ nonce: 'abc', leash: 'stdin' }));
  writeFileSync(files.err, '\x1eberth abc exit 0\n');
  if (overTerminal) writeFileSync(join(folder, 'in-band.json'), '{}');
  const whileItEnds = isAllWritten(files);
  writeFileSync(files.exit, JSON.stringify(readEnd(files)));
  const inTheEnd = isAllWritten(files);
  rmSync(folder, { recursive: true });

  expect([whileItEnds, inTheEnd]).toEqual([!overTerminal, true]);
});
