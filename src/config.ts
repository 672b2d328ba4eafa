import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { closest } from './core/closest.ts';
import type { ClusterPolicy } from './core/cluster.ts';
import { parseDuration } from './core/duration.ts';
import { BerthError, messageOf } from './core/errors.ts';
import { type Origin, SETTING_NAMES, type Setting, type Settings } from './core/settings.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** One value of a settings file, with where it stands. */
export interface FileEntry {
  /** `worker.slots` */
  readonly key: string;
  readonly value: unknown;
  readonly line: number;
}

export interface SettingsFile {
  readonly path: string;
  readonly entries: readonly FileEntry[];
}

interface Rule<T> {
  readonly builtIn: T;
  /** Throws when the text is no such value. */
  parse(name: string, text: string): T;
}

const RULES: { readonly [K in keyof Settings]: Rule<Settings[K]['value']> } = {
  slots: { builtIn: Math.max(4, availableParallelism()), parse: whole(1, 1000) },
  workerName: { builtIn: 'local', parse: plainName },
  timeoutMs: { builtIn: null, parse: durationOrNone },
  graceMs: { builtIn: 10_000, parse: parseDuration },
  retries: { builtIn: 0, parse: whole(0, 100) },
  priority: { builtIn: 5, parse: whole(0, 10) },
  keepDays: { builtIn: 7, parse: whole(0, 36_500) },
  notify: { builtIn: null, parse: (_name, text) => text },
  databaseUrl: { builtIn: null, parse: (_name, text) => text },
};

/**
 * Every setting with where it comes from: built-in, the user's file, the project's file, the environment.
 *
 * @throws {BerthError} `CONFIG_INVALID` with the file and line, or the variable
 */
export async function loadSettings(env: Env, projectFile: SettingsFile | null): Promise<Settings> {
  const userFile = await readUserFile(env);
  const files = [userFile, projectFile].filter((file) => file !== null);
  const readFrom = <K extends keyof Settings>(name: K, from: readonly SettingsFile[]) =>
    settingOf<Settings[K]['value']>({ ...RULES[name], ...SETTING_NAMES[name] }, from, env);
  const read = <K extends keyof Settings>(name: K) => readFrom(name, files);
  const own = userFile === null ? [] : [userFile];
  return {
    slots: read('slots'),
    workerName: read('workerName'),
    timeoutMs: read('timeoutMs'),
    graceMs: read('graceMs'),
    retries: read('retries'),
    priority: read('priority'),
    keepDays: read('keepDays'),
    // it is run by a shell: a project may not choose it
    notify: readFrom('notify', own),
    // it gets every task, and the password stands in it
    databaseUrl: readFrom('databaseUrl', own),
  };
}

/**
 * The database of the queue that machines share, from the environment or the user's own file; null for the file
 * in the state folder. A file without the word is not parsed, so that most verbs read no YAML.
 *
 * @throws {BerthError} `CONFIG_INVALID` with the line
 */
export async function databaseUrl(env: Env): Promise<string | null> {
  if (env.BERTH_DATABASE_URL) return env.BERTH_DATABASE_URL;
  const path = userFilePath(env);
  if (path === null || !existsSync(path) || !readText(path).includes('database')) return null;
  const entry = (await readUserFile(env))?.entries.find(({ key }) => key === SETTING_NAMES.databaseUrl.key);
  return entry === undefined ? null : String(entry.value);
}

/** Path of the user's settings file, whether or not it is there; null without a home. */
export function userFilePath(env: Env): string | null {
  const base = env.XDG_CONFIG_HOME || (env.HOME ? join(env.HOME, '.config') : null);
  return base === null ? null : join(base, 'berth', 'config.yaml');
}

/** The state folder: `$BERTH_HOME`, else `${XDG_STATE_HOME:-~/.local/state}/berth`. */
export function stateFolder(env: Env): string {
  if (env.BERTH_HOME) return env.BERTH_HOME;
  if (env.XDG_STATE_HOME) return join(env.XDG_STATE_HOME, 'berth');
  if (env.HOME) return join(env.HOME, '.local', 'state', 'berth');
  throw new BerthError('There is no place for the state of berth: neither HOME nor BERTH_HOME is set.', {
    code: 'CONFIG_INVALID',
    hint: 'Set BERTH_HOME to a folder of your own.',
  });
}

type NamedRule<T> = Rule<T> & { readonly key: string; readonly variable: string };

const KUBERNETES_KEYS = ['kubernetes.contexts', 'kubernetes.deny_namespaces'] as const;

/**
 * Where tasks may run in Kubernetes: from the user's own file only, so that no project can widen it.
 *
 * @throws {BerthError} `CONFIG_INVALID` with the line
 */
export async function kubernetesPolicy(env: Env): Promise<ClusterPolicy> {
  const file = await readUserFile(env);
  const [contexts, denied] = KUBERNETES_KEYS.map((name) => {
    const entry = file?.entries.find(({ key }) => key === name);
    return entry === undefined ? null : names(`${file?.path}:${entry.line}: ${name}`, entry.value);
  });
  return { contexts: contexts ?? null, denyNamespaces: denied ?? [] };
}

const EXCLUDED_SESSIONS = 'sessions.exclude';

/**
 * Names of terminal sessions that berth keeps away from, `*` in them stands for any text: from the user's own
 * file only.
 *
 * @throws {BerthError} `CONFIG_INVALID` with the line
 */
export async function excludedSessions(env: Env): Promise<readonly string[]> {
  const file = await readUserFile(env);
  const entry = file?.entries.find(({ key }) => key === EXCLUDED_SESSIONS);
  return entry === undefined ? [] : names(`${file?.path}:${entry.line}: ${EXCLUDED_SESSIONS}`, entry.value);
}

function names(what: string, value: unknown): readonly string[] {
  const list: unknown = Array.isArray(value) ? value : [value];
  if (Array.isArray(list) && list.every((one) => typeof one === 'string' && one !== '')) return list;
  throw invalid(`${what} is no list of names.`, 'Write it as `[dev, staging-*]`.');
}

function settingOf<T>(rule: NamedRule<T>, files: readonly SettingsFile[], env: Env): Setting<T> {
  const text = env[rule.variable];
  if (text !== undefined && text !== '') {
    const origin: Origin = { kind: 'variable', name: rule.variable };
    return { value: parsed(rule, text, rule.variable), origin };
  }
  for (const file of files.toReversed()) {
    const entry = file.entries.find(({ key }) => key === rule.key);
    if (!entry) continue;
    const origin: Origin = { kind: 'file', path: file.path, line: entry.line };
    return {
      value: parsed(rule, String(entry.value), `${file.path}:${entry.line}: ${rule.key}`),
      origin,
    };
  }
  return { value: rule.builtIn, origin: { kind: 'built-in' } };
}

function parsed<T>(rule: Rule<T>, text: string, name: string): T {
  try {
    return rule.parse(name, text);
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError(error.message, { code: 'CONFIG_INVALID', hint: error.hint });
  }
}

async function readUserFile(env: Env): Promise<SettingsFile | null> {
  const path = userFilePath(env);
  if (path === null || !existsSync(path)) return null;
  const entries = await yamlEntries(path, readText(path));
  for (const entry of entries) rejectUnknown(path, entry);
  return { path, entries };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(`${path} cannot be read: ${messageOf(error)}.`, 'Check its permissions.');
  }
}

/**
 * The scalars of a YAML file by their path, such as `worker.slots`.
 *
 * @throws {BerthError} `CONFIG_INVALID` with the line
 */
export async function yamlEntries(path: string, text: string): Promise<readonly FileEntry[]> {
  const { isMap, isScalar, isSeq, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw invalid(`${path}:${line}:${col}: ${error.message}.`, 'Mend the YAML there, or move the file away.');
  }
  const entries: FileEntry[] = [];
  const visit = (node: unknown, prefix: string): void => {
    if (!isMap(node))
      throw invalid(
        `${path}: expected settings such as "timeout: 30m".`,
        'See `berth doctor` for their names.',
      );
    for (const { key, value } of node.items) {
      if (!isScalar(key))
        throw invalid(`${path}: a key is not a word.`, 'See `berth doctor` for the names of the settings.');
      const name = `${prefix}${key.value}`;
      const { line } = lines.linePos(key.range?.[0] ?? 0);
      if (isMap(value)) visit(value, `${name}.`);
      else if (isSeq(value)) entries.push({ key: name, value: value.toJS(document), line });
      else entries.push({ key: name, value: isScalar(value) ? value.value : value, line });
    }
  };
  if (document.contents !== null) visit(document.contents, '');
  return entries;
}

function rejectUnknown(path: string, { key, line }: FileEntry): void {
  const known: readonly string[] = [
    ...Object.values(SETTING_NAMES).map((names) => names.key),
    ...KUBERNETES_KEYS,
    EXCLUDED_SESSIONS,
  ];
  if (known.includes(key)) return;
  const near = closest(key, known);
  throw invalid(
    `${path}:${line}: there is no setting "${key}".`,
    near === null ? `The settings are ${known.join(', ')}.` : `Did you mean ${near}?`,
  );
}

function invalid(message: string, hint: string): BerthError {
  return new BerthError(message, { code: 'CONFIG_INVALID', hint });
}

function whole(least: number, most: number): (name: string, text: string) => number {
  return (name, text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw invalid(
      `${name} "${text}" is not a whole number from ${least} to ${most}.`,
      `Give a number, such as ${least}.`,
    );
  };
}

function plainName(name: string, text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(text)) return text;
  throw invalid(`${name} "${text}" is not a name.`, 'Use letters, digits, dots, dashes and underscores.');
}

function durationOrNone(name: string, text: string): number | null {
  return text === 'none' || text === 'null' ? null : parseDuration(name, text);
}
