import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { formatDuration } from '../core/duration.ts';
import { BerthError, messageOf } from '../core/errors.ts';
import { type Origin, SETTING_NAMES, type Settings } from '../core/settings.ts';
import type { StoreFacts } from '../core/store.ts';
import type { Deps } from './deps.ts';
import { isWorking } from './live-workers.ts';
import { refusalOf } from './services.ts';

/** `berth doctor --json`. */
export interface Diagnosis {
  readonly healthy: boolean;
  readonly version: string;
  readonly checks: readonly Check[];
  readonly settings: readonly SettingRow[];
}

export interface Check {
  readonly name: string;
  /** `missing`: nothing is wrong, but something cannot be used. Only `broken` is unhealthy. */
  readonly state: 'good' | 'missing' | 'broken';
  readonly message: string;
  /** What to do; null where all is good. */
  readonly hint: string | null;
}

export interface SettingRow {
  /** As in a settings file. */
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

/** Check this machine. Looks only: it makes no folder and starts nothing but the engines' own `version`. */
export async function doctor(deps: Deps): Promise<Diagnosis> {
  const settings = await deps.settings(deps.cwd).catch((error: unknown) => brokenSettings(error));
  const checks = [
    nodeCheck(),
    stateCheck(deps.home),
    await databaseCheck(deps, 'check' in settings ? null : settings),
    ...('check' in settings ? [settings.check] : secretsCheck(settings)),
    await workerCheck(deps),
    ...(await engineChecks(deps)),
    ...(await projectCheck(deps)),
  ];
  return {
    healthy: checks.every((check) => check.state !== 'broken'),
    version: deps.version,
    checks,
    settings: [
      { name: 'home', value: deps.home, origin: deps.env.BERTH_HOME ? 'BERTH_HOME' : 'built-in' },
      ...('check' in settings ? [] : settingRows(settings)),
    ],
  };
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  const message = `Node.js ${process.versions.node}`;
  return enough ? good('node', message) : broken('node', message, 'berth needs Node.js 20.19 or newer.');
}

function stateCheck(home: string): Check {
  const made = existsSync(home);
  try {
    accessSync(made ? home : nearestParent(home), constants.W_OK | constants.X_OK);
  } catch (error) {
    return broken(
      'state',
      `The state folder ${home} cannot be written: ${messageOf(error)}`,
      'Check who owns it, or set BERTH_HOME.',
    );
  }
  if (!made) return good('state', `The state folder ${home} will be made at the first task.`);
  if ((statSync(home).mode & 0o077) !== 0) {
    return broken('state', `Others can read the state folder ${home}.`, `chmod 700 '${home}'`);
  }
  return good('state', `The state folder is ${home}.`);
}

function nearestParent(path: string): string {
  const parent = dirname(path);
  return parent === path || existsSync(parent) ? parent : nearestParent(parent);
}

async function databaseCheck(deps: Deps, settings: Settings | null): Promise<Check> {
  try {
    const { sqlite = 'unknown' } = await deps.libraries();
    const isShared = settings !== null && settings.databaseUrl.value !== null;
    // opening would make the folder
    if (!isShared && !existsSync(deps.home)) return good('database', `SQLite ${sqlite}`);
    const store = await deps.store();
    const counts = await store.counts();
    const tasks = `${Object.values(counts).reduce((sum, count) => sum + count, 0)} tasks`;
    return good('database', [...factsOf(await store.facts()), tasks].join(', '));
  } catch (error) {
    return brokenBy('database', error);
  }
}

function factsOf({ engine, version, place, schema, bytes, answerMs, server }: StoreFacts): readonly string[] {
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const tables = `tables of version ${schema}`;
  if (server === null) return [`${ENGINES[engine]} ${version}`, size, tables];
  const { connections, maxConnections, oldestTransactionMs } = server;
  const oldest = oldestTransactionMs === null ? [] : [`oldest transaction ${oldestTransactionMs} ms`];
  return [
    `${ENGINES[engine]} ${version} at ${place}`,
    size,
    tables,
    `answers in ${answerMs.toFixed(1)} ms`,
    `${connections} of ${maxConnections} connections`,
    ...oldest,
  ];
}

const ENGINES = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const;

async function workerCheck(deps: Deps): Promise<Check> {
  if (!existsSync(deps.home)) return missing('worker', 'No worker runs.', 'berth up');
  try {
    const workers = await (await deps.store()).workers();
    const alive = workers.filter((worker) => isWorking(deps, worker));
    if (alive.length === 0) return missing('worker', 'No worker runs.', 'berth up');
    return good('worker', alive.map(({ name, pid }) => `Worker ${name} runs (pid ${pid}).`).join(' '));
  } catch (error) {
    return brokenBy('worker', error);
  }
}

async function engineChecks(deps: Deps): Promise<readonly Check[]> {
  const report = await deps.engines.probe();
  return Object.entries(report).map(([name, { available, version, reason }]) =>
    available
      ? good(name, `${name} ${version ?? ''} answers.`.replace('  ', ' '))
      : missing(name, reason ?? `${name} does not answer.`, null),
  );
}

/** The Compose project of the current directory, if it has one. */
async function projectCheck(deps: Deps): Promise<readonly Check[]> {
  try {
    const list = await deps.contexts.services(deps.cwd, true);
    const refusal = await refusalOf(deps, list);
    const { name } = list.project;
    if (refusal === null) return [good('project', `The files of the Compose project "${name}" can be read.`)];
    return [
      missing(
        'project',
        refusal,
        'berth reads its files all the same: it can enter what runs, and start nothing.',
      ),
    ];
  } catch (error) {
    if (error instanceof BerthError && error.code === 'CONTAINER_NOT_DETECTED') return [];
    return [brokenBy('project', error)];
  }
}

function settingRows(settings: Settings): readonly SettingRow[] {
  return Object.entries(SETTING_NAMES).map(([name, { key }]) => {
    const { value, origin } = settings[name as keyof Settings];
    return { name: key, value: valueText(name, value), origin: originText(origin) };
  });
}

function valueText(name: string, value: string | number | null): string {
  if (value === null) return 'none';
  if (name === 'databaseUrl') return withoutPassword(String(value));
  return typeof value === 'number' && name.endsWith('Ms') ? formatDuration(value) : String(value);
}

function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return 'no URL';
  const url = new URL(text);
  if (url.password !== '') url.password = HIDDEN;
  for (const name of ['password', 'sslpassword']) {
    if (url.searchParams.has(name)) url.searchParams.set(name, HIDDEN);
  }
  return url.href;
}

const HIDDEN = '***';

/** A file with a password in it is for its owner's eyes. */
function secretsCheck({ databaseUrl: { value, origin } }: Settings): readonly Check[] {
  if (value === null || origin.kind !== 'file' || !withoutPassword(value).includes(HIDDEN)) return [];
  if ((statSync(origin.path).mode & 0o077) === 0) return [];
  const message = `Others can read ${origin.path}, which has the password of the database.`;
  return [broken('settings', message, `chmod 600 '${origin.path}'`)];
}

function originText(origin: Origin): string {
  switch (origin.kind) {
    case 'built-in':
      return 'built-in';
    case 'file':
      return origin.line === null ? origin.path : `${origin.path}:${origin.line}`;
    case 'variable':
    case 'flag':
      return origin.name;
  }
}

function brokenSettings(error: unknown): { readonly check: Check } {
  return { check: brokenBy('settings', error) };
}

function brokenBy(name: string, error: unknown): Check {
  return broken(name, messageOf(error), error instanceof BerthError ? error.hint : null);
}

function good(name: string, message: string): Check {
  return { name, state: 'good', message, hint: null };
}

function missing(name: string, message: string, hint: string | null): Check {
  return { name, state: 'missing', message, hint };
}

function broken(name: string, message: string, hint: string | null): Check {
  return { name, state: 'broken', message, hint };
}
