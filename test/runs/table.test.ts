import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RUN_POINTS } from '../../src/testing/run-contract.ts';

const page = readFileSync(new URL('../../docs/containers.md', import.meta.url), 'utf8');
const suite = readFileSync(new URL('../../src/testing/run-contract.ts', import.meta.url), 'utf8');
const rows = page
  .split('<!-- contract table -->')[1]
  ?.split('<!-- end')[0]
  ?.trim()
  .split('\n')
  .map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

test('the table in docs/containers.md has every point and every box, all of them held', () => {
  const [head = [], , ...body] = rows ?? [];
  const boxes = ['host', 'docker, own container', 'docker, running container'];
  const more = ['podman, own container', 'podman, running container', 'compose, running service'];

  expect(head).toEqual(['', 'point', ...boxes, ...more]);
  expect(body.map(([number, words]) => [number, words])).toEqual(Object.entries(RUN_POINTS));
  for (const [number, , ...cells] of body) {
    const held = number === '7' ? /^([1-9]\d* ok|–)$/ : /^[1-9]\d* ok$/;
    for (const cell of cells) expect(cell, `point ${number}`).toMatch(held);
  }
});

test('every point has a test, and every test its point', () => {
  const numbers = [...suite.matchAll(/['`](\d+)\. /g)].map(([, number]) => number);

  expect([...new Set(numbers)].sort()).toEqual(Object.keys(RUN_POINTS).sort());
});
