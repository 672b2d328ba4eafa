import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { BerthError } from '../../core/errors.ts';
import { findComposeFiles } from './find.ts';
import { readCompose } from './read.ts';

const MEBIBYTE = 1024 * 1024;

/** What reading came to: a number of services, or the sentence of a `BerthError`. */
async function outcome(text: string, env = ''): Promise<number | string> {
  const files = memoryFiles({ '/p/compose.yaml': text, '/p/.env': env, '/p/b.yaml': text });
  try {
    const source = await findComposeFiles('/p', { environment: {}, files });
    if (source === null) return 0;
    return (await readCompose(source, {}, files)).services.length;
  } catch (error) {
    if (error instanceof BerthError && error.code === 'COMPOSE_INVALID') return error.message;
    throw error;
  }
}

const fill = (piece: string, length = MEBIBYTE) => piece.repeat(Math.floor(length / piece.length));
const lines = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join('\n');

/** On a machine that others use too; what a hang would take is hours. */
const PATIENCE_MS = 120_000;

describe('a hostile Compose file ends in seconds and in words', () => {
  test.each([
    ['brackets', fill('['), '200 levels'],
    ['braces', fill('a: {'), '200 levels'],
    ['dashes', fill('- '), '200 levels'],
    ['indentation', lines(1400, (i) => `${' '.repeat(i)}a:`), '200 levels'],
    [
      'an alias bomb',
      `a0: &a0 [x]\n${lines(30, (i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`)}`,
      '300000 values',
    ],
    [
      'a merge bomb',
      `a0: &a0 {x: y}\n${lines(6000, (i) => `a${i + 1}: &a${i + 1} {<<: *a${i}, k${i}: y}`)}`,
      '200 levels',
    ],
    ['commas', `[${fill(',')}`, '250000 tokens'],
    ['documents', fill('---\n'), '250000 tokens'],
    ['directives', fill('%a\n'), '250000 tokens'],
    ['one key again and again', fill('a: 1\n', 100_000), 'stands here twice'],
    [
      'a long chain of extends',
      `services:\n  a0: {image: x}\n${lines(6000, (i) => `  a${i + 1}: {extends: a${i}}`)}`,
      'in a row',
    ],
    [
      'a large service that all extend',
      `services:\n  a0: {image: x, volumes: [${Array.from({ length: 6000 }, (_, i) => `/v${i}`)}]}\n${lines(6000, (i) => `  a${i + 1}: {extends: a0}`)}`,
      '300000 values',
    ],
    ['includes', `include: [${fill('c.yaml,', 200_000)}]`, '300000 values'],
    ['inclusion of itself', 'include: [b.yaml]', 'Files include each other'],
    ['variables that grow', `services: {a: {image: [${fill('"$BIG",', 10_000)}]}}`, '16 MiB'],
  ])('%s', { timeout: PATIENCE_MS }, async (_, text, message) => {
    expect(await outcome(text, `BIG=${'x'.repeat(100_000)}`)).toContain(message);
  });

  test.each([
    ['a value of a megabyte', `services: {a: {image: "${fill('x')}"}}`],
    ['open variables', `services: {a: {image: "${fill('${A:-')}"}}`],
    ['nested variables', `services: {a: {image: "${fill('${A:-', 500_000)}${fill('}', 500_000)}"}}`],
    ['variables in a row', `services: {a: {image: "${fill('${A:-}', 500_000)}${fill('x', 500_000)}"}}`],
    ['colons in a volume', `services: {a: {volumes: ["${fill(':')}"]}}`],
  ])('%s is read', { timeout: PATIENCE_MS }, async (_, text) => {
    expect(await outcome(text)).toBe(1);
  });
});

const fixtures = fileURLToPath(new URL('../../../test/fixtures/compose', import.meta.url));
const samples = readdirSync(fixtures, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(?:ya?ml|env)$/.test(path))
  .map((path) => readFileSync(join(fixtures, path), 'utf8'));

const FRAGMENTS = [
  ...[
    '\n',
    '  ',
    '\t',
    ': ',
    '- ',
    '? ',
    '#',
    '"',
    "'",
    '|',
    '>',
    '&a ',
    '*a',
    '<<: *a',
    '{',
    '}',
    '[',
    ']',
    ',',
    '---\n',
    '...\n',
  ],
  ...[
    '!reset ',
    '!override ',
    '!!str ',
    '!<',
    '%',
    '@',
    '`',
    '\\',
    '\0',
    '\ufeff',
    '\u2028',
    '😀',
    '$',
    '${',
    '${A:-',
    '${A?',
    '}',
    '$$',
  ],
  ...[
    'services:',
    'include: ',
    'extends: ',
    'file: b.yaml',
    'service: a',
    'path: ',
    'volumes: ',
    'build: ',
    'null',
    '~',
    '__proto__: ',
  ],
];

const fragment = fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 8, unit: 'binary' }));
const invented = fc.array(fragment, { maxLength: 60 }).map((parts) => parts.join(''));
const edit = fc.tuple(fc.nat(), fc.nat({ max: 12 }), fragment);
const mutated = fc
  .tuple(fc.constantFrom(...samples), fc.array(edit, { minLength: 1, maxLength: 6 }))
  .map(([sample, edits]) =>
    edits.reduce((text, [at, length, insert]) => {
      const place = at % (text.length + 1);
      return text.slice(0, place) + insert + text.slice(place + length);
    }, sample),
  );

describe('ten thousand invented and damaged files', () => {
  test('each ends in a project or a BerthError, and none takes long', { timeout: 300_000 }, async () => {
    const input = fc.tuple(
      fc.oneof({ weight: 2, arbitrary: mutated }, { weight: 1, arbitrary: invented }),
      fc.oneof(invented, mutated),
    );
    let slowestMs = 0;
    await fc.assert(
      fc.asyncProperty(input, async ([text, env]) => {
        const startMs = performance.now();
        await outcome(text, env);
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
      }),
      { numRuns: 10_000 },
    );

    expect(slowestMs).toBeLessThan(5000);
  });
});
