import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RUN_POINTS } from '../../src/testing/run-contract.ts';

const page = readFileSync(new URL('../../docs/containers.md', import.meta.url), 'utf8');
const suite = ['arriving', 'ends', 'stops', 'traces']
  .map((part) => new URL(`../../src/testing/run-contract-${part}.ts`, import.meta.url))
  .map((file) => readFileSync(file, 'utf8'))
  .join('');
const generated = page.split('<!-- contract table -->')[1]?.split('<!-- end')[0] ?? '';
const [points = [], boxes = []] = generated
  .trim()
  .split('\n\n')
  .map((table) =>
    table.split('\n').map((row) =>
      row
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    ),
  );
const EVERY_WAY = 'queue, tmux, foreground';
const BOXES = [
  ['the host', EVERY_WAY],
  ['docker, own container', EVERY_WAY],
  ['docker, running container', EVERY_WAY],
  ['compose, running service', EVERY_WAY],
  ['podman, own container', EVERY_WAY],
  ['podman, running container', EVERY_WAY],
  ['podman without root, own container', EVERY_WAY],
  ['podman without root, running container', EVERY_WAY],
  ['docker that is podman, own container', 'queue'],
  ['docker that is podman, running container', 'queue'],
  ['docker on podman’s socket, running container', 'queue, foreground'],
  ['docker on podman’s socket, running service', 'queue'],
];

test('the tables in docs/containers.md have every point and every box, all of them held', () => {
  const [head, , ...rows] = boxes;

  expect(points.slice(2)).toEqual(Object.entries(RUN_POINTS));
  expect(head).toEqual(['where', 'started', ...Object.keys(RUN_POINTS)]);
  expect(rows.map(([name, ways]) => [name, ways])).toEqual(BOXES);
  for (const [name, , ...cells] of rows) {
    for (const [at, number] of Object.keys(RUN_POINTS).entries()) {
      const held = number === '7' && /running/.test(name ?? '') ? /^–$/ : /^[1-9]\d* ok$/;
      expect(cells[at], `${name}, point ${number}`).toMatch(held);
    }
  }
});

test('every point has a test, and every test its point', () => {
  const numbers = [...suite.matchAll(/['`](\d+)\. /g)].map(([, number]) => number);

  expect([...new Set(numbers)].sort()).toEqual(Object.keys(RUN_POINTS).sort());
});
