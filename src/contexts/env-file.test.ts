import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { composeConfig } from '../../test/support/compose.ts';
import { describeWith } from '../../test/support/engines.ts';
import { BerthError } from '../core/errors.ts';
import { lookupIn } from './compose/interpolate.ts';
import { parseEnvFile, readEnvFile } from './env-file.ts';

const caller = lookupIn({ HOST: 'caller', SHARED: 'from caller' });

describe('an env file', () => {
  test.each([
    ['A=x', { A: 'x' }],
    ['A = x \t', { A: 'x' }],
    ['A: x', { A: 'x' }],
    ['export A=x', { A: 'x' }],
    ['A=a#b', { A: 'a#b' }],
    ['A=a # b', { A: 'a' }],
    ['# note\n\n  # more\nA=x', { A: 'x' }],
    ['A="x y" # c\nB=1', { A: 'x y', B: '1' }],
    ['A=\'x "y" $B \\n\'', { A: 'x "y" $B \\n' }],
    ['A="first\nsecond"\nB=1', { A: 'first\nsecond', B: '1' }],
    ['A="tab\\tquote\\"end\\\\"', { A: 'tab\tquote"end\\' }],
    ['A="\\$B"', { A: '$B' }],
    ['A="\\0101\\0999\\c"', { A: 'A\\999\\c' }],
    ["A='it\\'s'", { A: "it's" }],
    ['A=\r\nB=x\r\n', { A: '', B: 'x' }],
    ['\ufeffA=x', { A: 'x' }],
    ['A={"k": "v"}', { A: '{"k": "v"}' }],
    ['a.b-c[0]=x', { 'a.b-c[0]': 'x' }],
    ['A=é=1', { A: 'é=1' }],
    ['', {}],
  ])('%j is read as Compose reads it', (text, expected) => {
    expect(readEnvFile(text, caller)).toEqual(expected);
  });

  test('a name alone copies the value of the caller, and nothing when there is none', () => {
    expect(readEnvFile('HOST\nNOBODY\nexport SHARED', caller)).toEqual({
      HOST: 'caller',
      SHARED: 'from caller',
    });
  });

  test('values use the caller first, then earlier lines', () => {
    const text = 'SHARED=own\nA=$SHARED-$HOST\nB="${A}/${NONE:-none}"';

    expect(readEnvFile(text, caller)).toEqual({
      SHARED: 'own',
      A: 'from caller-caller',
      B: 'from caller-caller/none',
    });
  });

  test.each([
    ['A=1\nB C=2', 2, 'the name holds " "'],
    ['A=1\n\n# x\nB="open\n', 4, 'never closed'],
    ['A=${B:?say B}', 1, 'it needs the variable B, which is not set: say B'],
    ['A="x\ny"\nB=${', 3, 'not a valid variable'],
    ['A=1\n=x', 2, 'no name stands before "="'],
    ['<<<<<<< HEAD', 1, 'the name holds "<"'],
  ])('%j is refused with its line', (text, line, part) => {
    const error = thrownBy(() => readEnvFile(text, caller, 'my.env'));

    expect(error.code).toBe('ENV_FILE_INVALID');
    expect(error.message).toContain(`my.env:${line}: `);
    expect(error.message).toContain(part);
  });

  test('what stands before a mistake is kept for those who go on', () => {
    expect(parseEnvFile('A=1\nB="open', caller)).toEqual({
      variables: { A: '1' },
      problem: { line: 2, message: 'the " that opens the value is never closed' },
    });
  });

  test('lines that double each other do not fill the memory', () => {
    const lines = Array.from({ length: 60 }, (_, i) => `A${i + 1}=$A${i}$A${i}`);

    expect(parseEnvFile(`A0=xxxxxxxx\n${lines.join('\n')}`, caller).problem?.message).toContain('1 MiB');
  });

  test.each([
    `A=${' '.repeat(500_000)}x`,
    '#\n'.repeat(500_000),
    'A'.repeat(1_000_000),
    '${A:-'.repeat(200_000),
  ])('a megabyte of one thing takes no time (%#)', { timeout: 2000 }, (text) => {
    expect(parseEnvFile(`B=${text}`, caller)).toBeDefined();
    expect(parseEnvFile(text, caller)).toBeDefined();
  });
});

const scratch = mkdtempSync(join(tmpdir(), 'berth-env-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const NAMES = ['A', 'B', 'SET', 'x.y', 'K_1'];
const name = fc.constantFrom(...NAMES);
const piece = fc.constantFrom(
  ...[
    'x',
    ' ',
    '  ',
    '#',
    ' #',
    '"',
    "'",
    '\\',
    '\\n',
    '\\"',
    "\\'",
    '\\$',
    '\\0101',
    '\\08',
    '\t',
    '\r',
    '=',
    ':',
  ],
  ...['$A', '${A}', '${B:-d}', '${SET-e}', '${K_1:+f}', '$$', '$1', '$', 'é', '{', '}', '-', '/', ','],
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
const value = fc.oneof(
  text,
  text.map((inner) => `"${inner}"`),
  text.map((inner) => `'${inner}'`),
);
const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(name, fc.constantFrom('=', ' = ', ': '), value).map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: name.map((only) => `export ${only}`) },
  { weight: 1, arbitrary: fc.constantFrom('', '# note', '  ', 'B C=1', '=x', '"') },
);
const envFile = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 4 }), fc.constantFrom('\n', '\r\n'))
  .map(([lines, end]) => lines.join(end) + end);

describeWith(['compose'], 'own reading of .env and that of Compose', () => {
  test('agree on generated files, also on which are refused', { timeout: 300_000 }, async () => {
    const seed = Number(process.env.BERTH_TEST_SEED ?? 1);
    const numRuns = Number(process.env.BERTH_TEST_RUNS ?? 100);
    const environment = NAMES.map(
      (variable) => `${variable}=\${${/\./.test(variable) ? 'A' : variable}-unset}`,
    );
    writeFileSync(
      join(scratch, 'compose.yaml'),
      JSON.stringify({ services: { a: { image: 'a', environment } } }),
    );
    const disagreements: unknown[] = [];
    for (const content of fc.sample(envFile, { seed, numRuns })) {
      writeFileSync(join(scratch, '.env'), content);
      const config = await composeConfig(scratch, { SET: 'caller' });
      const { variables, problem } = parseEnvFile(content, lookupIn({ SET: 'caller' }));
      const ours = problem === null ? viewOf({ ...variables, SET: 'caller' }) : 'refused';
      const theirs = typeof config === 'string' ? 'refused' : config.services.a.environment;
      if (JSON.stringify(ours) !== JSON.stringify(theirs))
        disagreements.push({ content, ours, theirs, problem, config });
    }

    expect(disagreements).toEqual([]);
  });
});

function viewOf(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = NAMES.map((variable) => [
    variable,
    variables[/\./.test(variable) ? 'A' : variable] ?? 'unset',
  ]);
  return Object.fromEntries(entries.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

function thrownBy(action: () => unknown): BerthError {
  try {
    action();
  } catch (error) {
    if (error instanceof BerthError) return error;
  }
  throw new Error('Nothing was thrown.');
}
