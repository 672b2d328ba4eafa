import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BerthError } from '../core/errors.ts';
import { initProject } from './project-draft.ts';
import { findProjectFile, loadProjectFile, withProjectDefaults } from './project-file.ts';
import { parseProjectFile, projectJsonSchema } from './project-schema.ts';
import { asked, candidate, request, service } from './resolve/made-up.ts';
import { isTrusted, trust } from './trust.ts';

let dir = '';
let home = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-yaml-'));
  home = join(dir, 'state');
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(text: string, path = join(dir, 'berth.yaml')): string {
  writeFileSync(path, text);
  return path;
}

function complaint(text: string): string {
  try {
    parseProjectFile(text, '/p/berth.yaml');
  } catch (error) {
    if (error instanceof BerthError && error.code === 'CONFIG_INVALID') return error.message;
    throw error;
  }
  return 'none';
}

describe('what berth.yaml says', () => {
  test('becomes settings, each with a default', () => {
    const file = parseProjectFile(
      'container: {type: compose, service: web, user: 1000, workdir: /app}\nenv: {PORT: 8080, DEBUG: true}\nprereqs: [npm ci]\nvenv: .venv\n',
      '/p/berth.yaml',
    );
    expect(file).toMatchObject({
      container: { type: 'docker_compose', service: 'web', user: '1000', image: null, start: false },
      workdir: { host: '/p', target: '/app' },
      env: { PORT: '8080', DEBUG: 'true' },
      prereqs: ['npm ci'],
      venv: { kind: 'dir', dir: '.venv' },
    });
  });

  test('may be nothing at all', () => {
    expect(parseProjectFile('', '/p/berth.yaml')).toMatchObject({ container: null, env: {}, prereqs: [] });
    expect(complaint('# only a comment\n')).toBe('none');
  });

  test('that is wrong is answered with file and line', () => {
    expect(complaint('container:\n  servce: web\n')).toBe(
      '/p/berth.yaml:2: unknown key "container.servce"; did you mean "service"?',
    );
    expect(complaint('venv: auto\npriority: 11\n')).toMatch(/^\/p\/berth\.yaml:2: priority: .*10/);
    expect(complaint('container:\n  type: dockr\n')).toMatch(/^\/p\/berth\.yaml:2: container\.type: /);
    expect(complaint('prereqs:\n  - npm ci\n  - 7\n')).toMatch(/^\/p\/berth\.yaml:3: prereqs\.1: /);
    expect(complaint('container: web\n')).toMatch(/^\/p\/berth\.yaml:1: container: /);
    expect(complaint('- a\n')).toMatch(/^\/p\/berth\.yaml:1: the file: /);
    expect(complaint('env:\n  A: 1\n  A: 2\n')).toMatch(/^\/p\/berth\.yaml:3: /);
    expect(complaint('container: {\n')).toMatch(/^\/p\/berth\.yaml:\d: /);
    expect(complaint('env: {"A B": 1}\n')).toMatch(/^\/p\/berth\.yaml:1: /);
  });

  test('cannot grow beyond measure by aliases', () => {
    const bomb = [
      'a0: &a0 [x, x]',
      ...Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}]`),
    ];
    expect(complaint(bomb.join('\n'))).toMatch(/^\/p\/berth\.yaml/);
  });

  test('any text is read or answered with CONFIG_INVALID', () => {
    const piece = fc.constantFrom(
      'container',
      ':',
      ' ',
      '\n',
      '  ',
      '-',
      '{',
      '}',
      '[',
      '&a',
      '*a',
      '"',
      'env',
      '1',
      '!!x',
      '\t',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 20 }),
        (parts) => typeof complaint(parts.join('')) === 'string',
      ),
    );
  });
});

describe('the file that holds for a directory', () => {
  test('is the nearest one upwards, not above the git root', () => {
    mkdirSync(join(dir, 'repo/.git'), { recursive: true });
    mkdirSync(join(dir, 'repo/sub/deep'), { recursive: true });
    write('');
    expect(findProjectFile(join(dir, 'repo/sub/deep'))).toBeNull();
    const own = write('', join(dir, 'repo/berth.yaml'));
    expect(findProjectFile(join(dir, 'repo/sub/deep'))).toBe(own);
    const nearer = write('', join(dir, 'repo/sub/berth.yaml'));
    expect(findProjectFile(join(dir, 'repo/sub/deep'))).toBe(nearer);
  });

  test('that is no regular file is an error, never a hang', async () => {
    mkdirSync(join(dir, 'berth.yaml'));
    await expect(loadProjectFile(dir, home)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('trust', () => {
  const text =
    'container: {service: web, start: true, allow_host: true}\nenv: {LD_PRELOAD: ./x.so}\nprereqs: [./setup]\nvenv: auto\n';

  test('an untrusted file chooses the context and starts nothing', async () => {
    write(text);
    const file = await loadProjectFile(dir, home);
    expect(file).toMatchObject({
      trusted: false,
      container: { service: 'web', start: false, allowHost: false },
      env: {},
      prereqs: [],
      venv: null,
      warnings: [
        `prereqs, env, venv, container.start, container.allow_host of berth.yaml are ignored: you have not trusted the file. Read it, then run \`berth trust ${dir}\`.`,
      ],
    });
  });

  test('an untrusted file that only chooses needs no trust and gives no warning', async () => {
    write('container: {service: web}\n');
    expect((await loadProjectFile(dir, home))?.warnings).toEqual([]);
  });

  test('holds for the very text that was read, and ends with a change of it', async () => {
    const path = write(text);
    trust(home, { path, text });
    expect(await loadProjectFile(dir, home)).toMatchObject({
      trusted: true,
      prereqs: ['./setup'],
      warnings: [],
    });
    write(`${text}# changed\n`);
    expect(await loadProjectFile(dir, home)).toMatchObject({ trusted: false, prereqs: [] });
  });

  test('holds at one path only, however that path is written', () => {
    const path = write(text);
    mkdirSync(join(dir, 'copy'));
    const copy = write(text, join(dir, 'copy/berth.yaml'));
    symlinkSync(dir, join(dir, 'link'));
    trust(home, { path, text });
    expect(isTrusted(home, { path: copy, text })).toBe(false);
    expect(isTrusted(home, { path: join(dir, 'link/berth.yaml'), text })).toBe(true);
  });

  test('is kept in a private file, beside what was trusted before', () => {
    const path = write(text);
    mkdirSync(join(dir, 'copy'));
    const copy = write(text, join(dir, 'copy/berth.yaml'));
    trust(home, { path, text });
    trust(home, { path: copy, text });
    expect(statSync(join(home, 'trust.json')).mode & 0o777).toBe(0o600);
    expect(isTrusted(home, { path, text }) && isTrusted(home, { path: copy, text })).toBe(true);
  });

  test('with a damaged record trusts nothing, and does not overwrite it', () => {
    const path = write(text);
    mkdirSync(home);
    writeFileSync(join(home, 'trust.json'), '{"half');
    expect(isTrusted(home, { path, text })).toBe(false);
    expect(() => trust(home, { path, text })).toThrow(expect.objectContaining({ code: 'BAD_DATA' }));
    expect(readFileSync(join(home, 'trust.json'), 'utf8')).toBe('{"half');
  });
});

describe('defaults of the project', () => {
  const file = parseProjectFile('container: {use: true}\nvenv: auto\n', '/p/berth.yaml');

  test('hold where the user said nothing', () => {
    const filled = withProjectDefaults(request('/p'), file, { container: true, venv: true });
    expect(filled).toMatchObject({ container: { mode: 'auto', allowHost: false }, venv: { kind: 'auto' } });
  });

  test('do not hold against the user', () => {
    const own = request('/p', { container: asked({ name: 'box' }) });
    expect(withProjectDefaults(own, file, { container: false, venv: false })).toEqual(own);
    expect(withProjectDefaults(request('/p'), file, { container: false, venv: true }).container).toBeNull();
  });
});

describe('a draft', () => {
  const detection = {
    dir: '/p',
    root: '/p',
    type: 'docker_compose' as const,
    reason: 'compose.yaml is here.\n# evil: true',
    ambiguous: false,
    candidates: [candidate('docker_compose', '/p/compose.yaml'), candidate('docker', '/p/Dockerfile')],
    warnings: [],
  };

  test('is a valid file that holds what was found', () => {
    const text = initProject(detection, {
      kind: 'chosen',
      service: service('null'),
      reason: 'it is the only one',
      named: false,
      rejected: [{ name: 'db', reason: '' }],
    });
    expect(text).toContain('# it is the only one (others: db)');
    expect(text).toContain('#   docker: Dockerfile');
    expect(parseProjectFile(text, '/p/berth.yaml').container).toMatchObject({
      type: 'docker_compose',
      service: 'null',
    });
  });

  test('leaves a tie to the reader', () => {
    const text = initProject(detection, { kind: 'ambiguous', names: ['web', 'worker'], rejected: [] });
    expect(text).toContain('# These fit equally well: web, worker.');
    expect(parseProjectFile(text, '/p/berth.yaml').container).toMatchObject({ service: null });
  });

  test('of a directory without container files sets nothing', () => {
    const text = initProject({ ...detection, type: null, candidates: [] }, null);
    expect(parseProjectFile(text, '/p/berth.yaml')).toMatchObject({ container: null });
  });

  test('stays valid when every suggestion is taken', () => {
    const text = initProject(detection, { kind: 'ambiguous', names: ['web', 'worker'], rejected: [] });
    const suggestion =
      /^( *)# ((?:env|prereqs|venv|timeout|service|use|user|workdir|start|allow_host):| {2}NODE_ENV| {2}- npm)/gm;
    const filled = text.replaceAll(suggestion, '$1$2');
    expect(parseProjectFile(filled, '/p/berth.yaml')).toMatchObject({
      container: { service: 'web', use: true, start: true },
      env: { NODE_ENV: 'test' },
      prereqs: ['npm ci'],
      venv: { kind: 'auto' },
    });
  });
});

test('berth.schema.json is current: node scripts/schema.mjs', () => {
  const path = new URL('../../berth.schema.json', import.meta.url);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(JSON.parse(JSON.stringify(projectJsonSchema())));
});
