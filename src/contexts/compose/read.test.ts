import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { memoryFiles } from '../../../test/support/memory-files.ts';
import { BerthError } from '../../core/errors.ts';
import { findComposeFiles } from './find.ts';
import { readCompose } from './read.ts';

async function read(
  files: string | Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string>> = {},
) {
  const tree = typeof files === 'string' ? { 'compose.yaml': files } : files;
  const absolute = Object.entries(tree).map(([path, text]) => [join('/p', path), text]);
  const access = memoryFiles(Object.fromEntries(absolute));
  const source = await findComposeFiles('/p', { environment, files: access });
  if (source === null) throw new Error('There is no Compose file.');
  return readCompose(source, environment, access);
}

const nameOf = ({ name }: { name: string }) => name;

describe('what Compose would refuse is still listed, with a warning', () => {
  test.each([
    [
      'a required variable',
      'services: {a: {image: "x:${TAG:?set TAG}"}}',
      'needs the variable TAG, which is not set: set TAG',
    ],
    ['a malformed variable', 'services: {a: {image: "x:${}"}}', 'services.a.image'],
    ['the first file format', 'a: {image: x, command: y}', 'first file format'],
    ['an unknown key of a service', 'services: {a: {image: x, shiny: 1}}', '"shiny" is no key'],
    ['a service without image and build', 'services: {a: {command: x}}', 'neither an image nor a build'],
    ['an empty service', 'services: {a: }', 'Service a is empty'],
    [
      'an unknown dependency',
      'services: {a: {image: x, depends_on: [b]}}',
      'depends on b, which is not there',
    ],
    ['a malformed volume', 'services: {a: {image: x, volumes: ["./a::b"]}}', 'empty part'],
    ['an unknown base', 'services: {a: {image: x, extends: b}}', 'extends "b", which is not in'],
    [
      'a base in a missing file',
      'services: {a: {image: x, extends: {file: b.yml, service: b}}}',
      '/p/b.yml is missing',
    ],
    [
      'a base that would be fetched',
      'services: {a: {image: x, extends: {file: "oci://x/y", service: b}}}',
      'does not fetch',
    ],
    [
      'an include that would be fetched',
      'include: ["https://github.com/a/b.git"]\nservices: {a: {image: x}}',
      'does not fetch',
    ],
    ['a missing include', 'include: [b.yml]\nservices: {a: {image: x}}', '/p/b.yml is missing'],
    [
      'an include that is no list',
      'include: b.yml\nservices: {a: {image: x}}',
      'is no list; Compose refuses that',
    ],
    ['a project name that is none', 'name: "---"\nservices: {a: {image: x}}', 'No project name comes of'],
  ])('%s', async (_, text, warning) => {
    const project = await read(text);

    expect(project.services.map(nameOf)).toEqual(['a']);
    expect(project.warnings.join('\n')).toContain(warning);
  });

  test('a service that is also in an included file stays as it is here', async () => {
    const project = await read({
      'compose.yaml': 'include: [b.yml]\nservices: {a: {image: here}}',
      'b.yml': 'services: {a: {image: there}, b: {image: b}}',
    });

    expect(project.services.map(({ image }) => image)).toEqual(['here', 'b']);
    expect(project.warnings.join()).toContain('Compose refuses that');
  });

  test('a name with a newline or a tmux command is listed, and harmless in the warning', async () => {
    const project = await read('services: {"a\\n#(id)": {image: x}}');

    expect(project.services.map(nameOf)).toEqual(['a\n#(id)']);
    expect(project.warnings.join()).not.toMatch(/\n|#\(/);
  });

  test('an empty file is a project without services', async () => {
    expect(await read('# nothing\n')).toMatchObject({
      services: [],
      warnings: ['/p/compose.yaml is empty.'],
    });
  });
});

describe('a broken file', () => {
  test.each([
    ['services:\n  app:\n   image: "busybox\n  - x\n', '3:11: the quote that opens here is never closed'],
    ['services:\n  a: [b\n', '3:1: '],
    ['services:\n\ta: 1\n', '2:1: '],
    ['services:\n  a: {image: x}\n  a: {image: y}\n', '3:3: the key "a" stands here twice'],
    ['a: b: c\n', '1:4: '],
    ['services: [a]\n', '1:11: `services` is a mapping of names to services, not a list'],
    ['services:\n  a: text\n', '2:6: service "a" is a mapping'],
    ['- a\n', '1:1: a Compose file is a mapping, this is a list'],
    ['services:\n  a: *nothing\n', '2:6: no anchor of this name'],
    ['services:\n  a: &a {x: *a}\n', '2:13: an alias may not stand inside its own anchor'],
    ['services:\n  a: {<<: text}\n', '2:11: << takes a mapping'],
    ['a: 1\n---\nb: "\n', '3:4: the quote'],
  ])('%j is told with line, column and what was expected', async (text, message) => {
    const error = await read(text).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(BerthError);
    expect(error).toMatchObject({ code: 'COMPOSE_INVALID', exitCode: 65 });
    expect(String(error)).toContain(`/p/compose.yaml:${message}`);
  });

  test('services that extend each other are named as a chain', async () => {
    const files = {
      'compose.yaml': 'services: {a: {extends: {file: b.yml, service: b}}}',
      'b.yml': 'services: {b: {extends: {file: compose.yaml, service: a}}}',
    };

    await expect(read(files)).rejects.toThrow(
      'Services extend each other: a in /p/compose.yaml, which extends b in /p/b.yml, which extends a in /p/compose.yaml.',
    );
  });

  test('files that include each other are named as a chain', async () => {
    const files = { 'compose.yaml': 'include: [b.yml]', 'b.yml': 'include: [compose.yaml]' };

    await expect(read(files)).rejects.toThrow(
      'Files include each other: /p/compose.yaml, which includes /p/b.yml, which includes /p/compose.yaml.',
    );
  });
});

describe('profiles, names and values', () => {
  test('a service is on without profiles, or with an active one', async () => {
    const text = 'services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [q]}}';
    const on = async (profiles: string) =>
      (await read(text, { COMPOSE_PROFILES: profiles })).services
        .filter(({ enabled }) => enabled)
        .map(nameOf);

    expect(await on('')).toEqual(['a']);
    expect(await on('p')).toEqual(['a', 'b']);
    expect(await on('*')).toEqual(['a', 'b', 'c']);
  });

  test('COMPOSE_PROJECT_NAME goes before `name:`, that before the directory', async () => {
    const text = 'name: From-${WHAT:-File}\nservices: {a: {image: "$COMPOSE_PROJECT_NAME"}}';

    expect(await read(text, { COMPOSE_PROJECT_NAME: 'caller' })).toMatchObject({
      name: 'caller',
      services: [{ image: 'caller' }],
    });
    expect(await read(text)).toMatchObject({ name: 'from-file', services: [{ image: 'from-file' }] });
    expect(await read('services: {a: {image: x}}')).toMatchObject({ name: 'p' });
  });

  test('numbers stay as they are written', async () => {
    const { services } = await read('services: {a: {image: 1.10, user: 0777, container_name: 0x1F}}');

    expect(services).toMatchObject([{ image: '1.10', user: '0777', containerName: '0x1F' }]);
  });

  test('keys that objects inherit are keys like any other', async () => {
    const { services } = await read('services: {__proto__: {image: x}, constructor: {image: y}}');

    expect(services.map(nameOf)).toEqual(['__proto__', 'constructor']);
  });
});

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const given = process.env.BERTH_FIXTURES ?? resolve(repository, '../shared/fixtures/projects');
const there = existsSync(join(given, 'EXPECTED.json'));

interface Expected {
  readonly name: string;
  readonly compose?: {
    readonly exit_code: number;
    readonly services: string[];
    readonly services_all_profiles: string[];
    readonly project: string;
  };
}

describe.skipIf(!there)(`the given projects${there ? '' : ' [left out: no BERTH_FIXTURES]'}`, () => {
  const text = there ? readFileSync(join(given, 'EXPECTED.json'), 'utf8') : '[]';
  const expected: readonly Expected[] = JSON.parse(text);
  const loaded = expected.filter(({ compose }) => compose?.exit_code === 0);

  test.each(loaded)(
    '$name has the services and the name that Compose gives it',
    async ({ name, compose }) => {
      const source = await findComposeFiles(join(given, name), { environment: {} });
      const project = source && (await readCompose(source, {}));

      expect(project?.name).toBe(compose?.project);
      expect(project?.services.map(nameOf)).toEqual(compose?.services_all_profiles);
      expect(project?.services.filter(({ enabled }) => enabled).map(nameOf)).toEqual(compose?.services);
    },
  );
});
