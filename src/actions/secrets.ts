import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isSecret, parseSecretReference, secretReference } from '../core/secret.ts';
import type { Task } from '../core/task.ts';

export interface KeptSecrets {
  /** The environment as the database may hold it. */
  readonly env: Readonly<Record<string, string>>;
  /** Undo, when the task was not taken. */
  forget(): Promise<void>;
}

/**
 * Move the secret values of an environment into a file of their own, on disk when this resolves.
 *
 * The same idempotency key and the same values give the same file, so that sending twice gives the same
 * spec; its name is an HMAC under a key of this state folder and tells nothing about the values.
 */
export async function keepSecrets(
  home: string,
  env: Readonly<Record<string, string>>,
  idempotencyKey: string | null,
): Promise<KeptSecrets> {
  if (!holdsSecrets(env)) return { env, forget: async () => undefined };
  const secrets = Object.entries(env).filter(([name, value]) => isSecret(name, value));
  const folder = join(home, 'secrets');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const content = JSON.stringify(Object.fromEntries(secrets.sort(([a], [b]) => (a < b ? -1 : 1))));
  const file =
    idempotencyKey === null ? randomUUID() : await fingerprint(folder, `${idempotencyKey}\0${content}`);
  const path = join(folder, `${file}.json`);
  const isNew = await writeOnce(path, content);
  return {
    env: { ...env, ...Object.fromEntries(secrets.map(([name]) => [name, secretReference({ file, name })])) },
    forget: async () => {
      if (isNew) await rm(path, { force: true });
    },
  };
}

export function holdsSecrets(env: Readonly<Record<string, string>>): boolean {
  return Object.entries(env).some(([name, value]) => isSecret(name, value));
}

/** Names of the secret files that tasks refer to. */
export function secretFiles(tasks: readonly Task[]): ReadonlySet<string> {
  const values = tasks.flatMap((task) => Object.values(task.spec.context.env));
  return new Set(values.flatMap((value) => parseSecretReference(value)?.file ?? []));
}

/**
 * Remove files that no task refers to any more: those of tasks just cleared at once, others (left by a
 * sender that was killed before its commit) when they are an hour old.
 */
export async function sweepSecrets(
  home: string,
  { cleared, inUse, nowMs }: { cleared: ReadonlySet<string>; inUse: ReadonlySet<string>; nowMs: number },
): Promise<void> {
  for (const entry of await secretFolder(home)) {
    const file = entry.replace(/\.json$/, '');
    const path = join(home, 'secrets', entry);
    if (inUse.has(file)) continue;
    if (cleared.has(file) || nowMs - (await stat(path)).mtimeMs > 3_600_000) await rm(path, { force: true });
  }
}

/** Entries of the folder that hold secrets; empty where there is none. */
export async function secretFolder(home: string): Promise<readonly string[]> {
  const entries = await readdir(join(home, 'secrets')).catch(() => []);
  return entries.filter((entry) => entry !== 'key' && !entry.startsWith('key.'));
}

/** False when the file was there before: its name says that it holds the same. */
async function writeOnce(path: string, content: string): Promise<boolean> {
  const isNew = (await stat(path).catch(() => null)) === null;
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(join(path, '..'));
  return isNew;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function fingerprint(folder: string, text: string): Promise<string> {
  return createHmac('sha256', await homeKey(join(folder, 'key')))
    .update(text)
    .digest('hex');
}

/** 32 random bytes, made at the first use; the first of two makers wins. */
async function homeKey(path: string): Promise<Buffer> {
  const known = await readFile(path).catch(() => null);
  if (known?.length === 32) return known;
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(randomBytes(32));
    await file.sync();
  } finally {
    await file.close();
  }
  await link(draft, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(draft);
  return readFile(path);
}
