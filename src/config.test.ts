import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { databaseUrl, loadSettings, stateFolder, yamlEntries } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'berth-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('without files and variables every setting is built in', async () => {
  const settings = await loadSettings({}, null);

  expect(settings.timeoutMs).toEqual({ value: null, origin: { kind: 'built-in' } });
  expect(settings.graceMs.value).toBe(10_000);
});

test('later origins win: user file, project file, environment', async () => {
  const env = withUserFile('worker:\n  slots: 3\ntimeout: 30m\nretries: 1\n');
  const project = {
    path: '/p/berth.yaml',
    entries: await yamlEntries('/p/berth.yaml', '# c\ntimeout: 1h\nretries: 2\n'),
  };

  const settings = await loadSettings({ ...env, BERTH_RETRIES: '3' }, project);

  expect(settings.slots).toMatchObject({ value: 3, origin: { kind: 'file', line: 2 } });
  expect(settings.timeoutMs).toEqual({
    value: 3_600_000,
    origin: { kind: 'file', path: '/p/berth.yaml', line: 2 },
  });
  expect(settings.retries).toEqual({ value: 3, origin: { kind: 'variable', name: 'BERTH_RETRIES' } });
});

test('an empty variable is as good as none', async () => {
  expect((await loadSettings({ BERTH_SLOTS: '' }, null)).slots.origin.kind).toBe('built-in');
});

test.each([
  ['worker:\n  slot: 3\n', ':2: there is no setting "worker.slot"', 'Did you mean worker.slots?'],
  ['timeout: 0\n', ':1: timeout "0" is not a length of time', 'Write it like 90s'],
  ['retries: [1\n', ':2:', 'Mend the YAML there'],
  ['worker:\n  slots: -1\n', ':2: worker.slots "-1" is not a whole number', 'Give a number'],
  ['- a\n', 'expected settings', 'berth doctor'],
])('a settings file with %j is refused with its line', async (text, sentence, hint) => {
  const error = await loadSettings(withUserFile(text), null).catch((error: unknown) => error);

  expect(error).toMatchObject({ code: 'CONFIG_INVALID', exitCode: 78 });
  expect(error).toMatchObject({
    message: expect.stringContaining(sentence),
    hint: expect.stringContaining(hint),
  });
});

test('the database is the one of the environment, then of the user, and never of a project', async () => {
  const env = withUserFile('database:\n  url: postgresql://db.example/queue\n');
  const project = {
    path: '/p/berth.yaml',
    entries: await yamlEntries('/p/berth.yaml', 'database:\n  url: postgresql://evil.example/queue\n'),
  };

  expect(await databaseUrl(env)).toBe('postgresql://db.example/queue');
  expect((await loadSettings(env, project)).databaseUrl).toMatchObject({
    value: 'postgresql://db.example/queue',
    origin: { kind: 'file', line: 2 },
  });
  expect((await loadSettings({}, project)).databaseUrl.value).toBeNull();
  expect(await databaseUrl({ ...env, BERTH_DATABASE_URL: 'postgresql://other/queue' })).toBe(
    'postgresql://other/queue',
  );
  expect(await databaseUrl({})).toBeNull();
});

test('a variable with a wrong value is named', async () => {
  await expect(loadSettings({ BERTH_PRIORITY: '11' }, null)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'BERTH_PRIORITY "11" is not a whole number from 0 to 10.',
  });
});

test('an empty settings file is as good as none', async () => {
  expect((await loadSettings(withUserFile('# nothing yet\n'), null)).slots.origin.kind).toBe('built-in');
});

test('the state folder is BERTH_HOME, then that of XDG, then below the home directory', () => {
  expect(stateFolder({ BERTH_HOME: '/b', XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/b');
  expect(stateFolder({ XDG_STATE_HOME: '/x', HOME: '/h' })).toBe('/x/berth');
  expect(stateFolder({ HOME: '/h' })).toBe('/h/.local/state/berth');
  expect(() => stateFolder({})).toThrow('neither HOME nor BERTH_HOME');
});

function withUserFile(text: string) {
  const home = mkdtempSync(join(folder, 'user-'));
  mkdirSync(join(home, 'berth'));
  writeFileSync(join(home, 'berth', 'config.yaml'), text);
  return { XDG_CONFIG_HOME: home };
}
