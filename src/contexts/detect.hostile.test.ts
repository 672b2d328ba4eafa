import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { aTree } from '../../test/support/tree.ts';
import { looksLikeDockerfile } from './detect/dockerfile-syntax.ts';
import { visible } from './detect/visible.ts';
import { type DetectOptions, detectContainerContext } from './detect.ts';
import { parseFields } from './jsonc.ts';
import { tiltfileKind, workloadKind } from './kubernetes-files.ts';

const ALONE: DetectOptions = { environment: {}, home: '/nobody' };

/** Every name that some rule reads. */
const NAMES = [
  'compose.yaml',
  'compose.override.yaml',
  '.env',
  'Dockerfile',
  'Dockerfile.dev',
  'Containerfile',
  'Podfile',
  'Tiltfile',
  'web.container',
  'web.network',
  'skaffold.yaml',
  'k8s-config.yaml',
  'pod.yaml',
  'pod.json',
  'podman-compose.yml',
  '.devcontainer.json',
  '.devcontainer/devcontainer.json',
  '.devcontainer/a/devcontainer.json',
  'k8s/web.yaml',
  '.dockerignore',
];

describe('what is no plain file', () => {
  test.each(NAMES)('a FIFO named %s is not waited for', async (name) => {
    const root = aTree({});
    mkdirSync(resolve(root, name, '..'), { recursive: true });
    execFileSync('mkfifo', [join(root, name)]);

    expect(await detectContainerContext(root, ALONE)).toMatchObject({ type: null });
  });

  test('a FIFO named compose.yaml is warned about', async () => {
    const root = aTree({});
    execFileSync('mkfifo', [join(root, 'compose.yaml')]);
    const { warnings } = await detectContainerContext(root, ALONE);

    expect(warnings.join()).toMatch(/compose\.yaml is not a regular file/);
  });

  test('a socket named compose.yaml is no project', async () => {
    const root = aTree({});
    const server = createServer().listen(join(root, 'compose.yaml'));
    onTestFinished(() => void server.close());
    await new Promise((done) => server.once('listening', done));

    expect((await detectContainerContext(root, ALONE)).type).toBeNull();
  });

  test('directories, devices and symlink loops by these names are no projects', async () => {
    for (const target of ['/dev/zero', '/dev/tty', '/no/such/file', '/', 'loop']) {
      const root = aTree({});
      for (const name of NAMES) {
        mkdirSync(resolve(root, name, '..'), { recursive: true });
        symlinkSync(target === 'loop' ? join(root, name) : target, join(root, name));
      }
      symlinkSync(root, join(root, 'again'));

      expect(await detectContainerContext(root, ALONE)).toMatchObject({ type: null });
    }
  });

  test.skipIf(process.getuid?.() === 0)('an unreadable file and directory do not end it', async () => {
    const root = aTree({ Dockerfile: 'FROM x\n', 'k8s/': '' });
    chmodSync(join(root, 'Dockerfile'), 0);
    chmodSync(join(root, 'k8s'), 0);

    const { type, candidates } = await detectContainerContext(root, ALONE);
    expect(type).toBe('docker');
    expect(candidates[0]?.evidence[0]?.rule).toBe('named Dockerfile, but could not be read');
  });

  test.skipIf(process.getuid?.() === 0)(
    'a directory that cannot be listed is not said to be empty',
    async () => {
      const root = aTree({ Dockerfile: 'FROM x\n' });
      chmodSync(root, 0o311);
      onTestFinished(() => chmodSync(root, 0o755));

      const { type, warnings } = await detectContainerContext(root, ALONE);
      expect(type).toBe('docker');
      expect(warnings).toEqual([expect.stringMatching(/cannot be listed \(EACCES\)/)]);
    },
  );
});

describe('large and hostile files', () => {
  test('a file above 1 MiB is not read', async () => {
    const large = `${'# x\n'.repeat(300_000)}apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n`;
    const root = aTree({ 'pod.yaml': large });

    expect((await detectContainerContext(root, ALONE)).type).toBeNull();
    const compose = await detectContainerContext(aTree({ 'compose.yaml': large }), ALONE);
    expect(compose).toMatchObject({ type: 'docker_compose', ambiguous: false });
    expect(compose.warnings.join()).toMatch(/1 MiB/);
  });

  test('an alias bomb gives a warning within seconds', async () => {
    const lines = Array.from(
      { length: 30 },
      (_, i) => `x-${i + 1}: &a${i + 1} [${'*a'.concat(String(i), ', ').repeat(9)}]`,
    );
    const text = `x-0: &a0 [1]\n${lines.join('\n')}\nservices: {web: {image: x, command: *a30}}\n`;
    const start = performance.now();
    const { type, warnings } = await detectContainerContext(aTree({ 'compose.yaml': text }), ALONE);

    expect(type).toBe('docker_compose');
    expect(warnings).not.toEqual([]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('files that include each other give a warning', async () => {
    const root = aTree({ 'compose.yaml': 'include: [b.yaml]\n', 'b.yaml': 'include: [compose.yaml]\n' });
    const { type, warnings } = await detectContainerContext(root, ALONE);

    expect(type).toBe('docker_compose');
    expect(warnings).not.toEqual([]);
  });

  test('a directory of more entries than are listed still shows its well-known names', async () => {
    const root = aTree({});
    for (let i = 0; i < 5000; i++) writeFileSync(join(root, `a${i}`), '');
    writeFileSync(join(root, 'zz.txt'), '');
    writeFileSync(join(root, 'Dockerfile'), 'FROM x\n');

    expect((await detectContainerContext(root, ALONE)).type).toBe('docker');
  });
});

/** Texts that are nearly what the readers want. */
const PIECES = [
  'services:',
  'web:',
  '  image: x',
  '  build: .',
  'include: [a.yaml]',
  '<<: *a',
  '&a',
  '*a',
  '!reset null',
  '${A:-${B}}',
  'FROM x',
  'RUN <<EOF',
  '\\',
  'ARG A',
  '[Container]',
  '[Match]',
  'apiVersion: v1',
  'kind: Pod',
  'metadata:',
  '  name: x',
  '---',
  '{{',
  '}}',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '//',
  '/*',
  ',',
  ':',
  '"image": "x"',
  '"dockerComposeFile"',
  '"service"',
  'docker_compose(',
  ')',
  'COMPOSE_FILE=x',
  'COMPOSE_FILE=${COMPOSE_FILE}',
  '\0',
  '\ufeff',
  '\ud800',
  '|',
  '>',
  '- ',
  '? ',
  '#',
];
const text = fc.oneof(
  fc
    .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 8 })), {
      maxLength: 30,
    })
    .chain((parts) => fc.constantFrom('\n', ' ', '').map((glue) => parts.join(glue))),
  fc.string({ unit: 'binary', maxLength: 200 }),
);

describe('any text', () => {
  test('10,000 texts neither crash nor hang the readers', () => {
    fc.assert(
      fc.property(text, (content) => {
        looksLikeDockerfile(content);
        workloadKind(content);
        tiltfileKind(content);
        expect(visible(content)).not.toMatch(/[\n\r\u001b]|#[({[]/);
        try {
          const fields = parseFields('x.json', content);
          fields.text('image');
        } catch (error) {
          expect(error).toMatchObject({ code: 'DEVCONTAINER_INVALID' });
        }
      }),
      { numRuns: 10_000 },
    );
  });

  test('300 trees of such files neither crash nor hang it', async () => {
    const tree = fc.dictionary(fc.constantFrom(...NAMES), text, { maxKeys: 8 });
    await fc.assert(
      fc.asyncProperty(tree, async (files) => {
        const { type, candidates, reason } = await detectContainerContext(aTree(files), ALONE);
        expect(type).toBe(candidates[0]?.type ?? null);
        expect(reason).not.toMatch(/\n/);
      }),
      { numRuns: 300 },
    );
  });
});

const STRACE = '/usr/bin/strace';

describe.skipIf(!existsSync(STRACE))('programs', () => {
  test('it starts none, whatever the repository’s configuration says', async () => {
    const out = aTree({}, 'no git');
    const program = join(out, 'detect.mjs');
    const root = aTree({
      'compose.yaml': 'services: {web: {image: x}}\n',
      '.devcontainer/devcontainer.json': '{"image": "x"}',
      '.envrc': 'touch ran\n',
      '.git/HEAD': 'ref: refs/heads/main\n',
      '.git/config': '[core]\n\tfsmonitor = touch ran\n',
    });
    await build({
      stdin: {
        contents: `import { detectContainerContext } from './detect.ts';
          console.log((await detectContainerContext(process.argv[2])).type);`,
        resolveDir: import.meta.dirname,
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      mainFields: ['module', 'main'],
      banner: {
        js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      },
      outfile: program,
    });
    const trace = join(out, 'trace');
    const argv = ['-f', '-e', 'trace=execve,execveat', '-o', trace, process.execPath, program, root];
    const answer = execFileSync(STRACE, argv, { encoding: 'utf8' });
    const starts = execFileSync('grep', ['-c', 'execve', trace], { encoding: 'utf8' }).trim();

    expect(answer.trim()).toBe('devcontainer');
    expect(starts).toBe('1'); // node itself
    expect(existsSync(join(root, 'ran'))).toBe(false);
  });
});
